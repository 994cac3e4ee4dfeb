//! HTTP/2 over TLS as the tunnel's carrier: settings of both ends.
//!
//! The connection window is never the limit: when it is smaller than (stalled streams x stream window), a few slow
//! readers stop every other user of the connector. Windows and frames are fixed here and not adaptive, because the
//! adaptive mode of the libraries has deadlocked; only readers that do not read make a gateway's windows smaller
//! ([`crate::unread`]).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{PingPong, RecvStream, client, server};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::joined::Joined;

/// Bytes that one stream may have under way, each way: 20 MB/s at 50 ms of round trip.
pub(crate) const STREAM_WINDOW: u32 = 1 << 20;

/// The same for answers while too much waits for readers that do not read: what a page has, 1.3 MB/s at 50 ms.
pub(crate) const STREAM_WINDOW_IN_NEED: u32 = 64 * 1024;

/// Bytes that a connection may have under way: the largest that HTTP/2 allows (RFC 9113, section 6.9.1), which is
/// to say no limit beside the streams' own.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// Largest frame: few system calls for bulk (h2 flushes each frame before it takes the next), yet short enough that
/// small answers slip between. Only a stream that keeps its reads full fills it.
const LARGEST_FRAME: u32 = 256 * 1024;

/// Bytes that one stream may have waiting for the socket: a frame on its way and the next.
const SEND_BUFFER: usize = 512 * 1024;

/// Bytes that TLS takes at a time: a frame with its head, so that it leaves with one system call.
const TLS_BUFFER: usize = LARGEST_FRAME as usize + 16 * 1024;

/// Streams per connection that a connector serves: above it the gateway waits or takes another connection.
const MOST_STREAMS: u32 = 4096;

/// Streams that the gateway may reset before the connector has looked at them. The library's default (20) guards a
/// server against strangers; here it would let browsers that disconnect in numbers end the tunnel for everybody.
const MOST_EARLY_RESETS: usize = MOST_STREAMS as usize;

/// Streams that an end still knows after it has reset them, for frames of theirs that are under way. What comes for others
/// is answered with one more reset. The library ends a connection after so many of those in all, a thousand by default: then
/// users who leave while answers flow would end a tunnel. Both ends are ours, and signed in: that count is off.
const REMEMBERED_RESETS: usize = 1024;

/// Heads inside a tunnel are a few short fields.
const LARGEST_HEAD: u32 = 16 * 1024;

/// Lets TLS take a whole frame at a time; both ends call it on their session before HTTP/2 starts.
pub fn take_whole_frames<Data>(session: &mut rustls::ConnectionCommon<Data>) {
    session.set_buffer_limit(Some(TLS_BUFFER));
}

/// The gateway's end, which is to be polled until it ends.
#[derive(Debug)]
pub struct GatewayEnd<I: AsyncRead + AsyncWrite + Unpin> {
    connection: client::Connection<Joined<I>, Bytes>,
    joined: Joined<I>,
}

/// A stream that the gateway opened: its head with what the gateway sends, and how it is answered.
pub type Accepted = (Request<RecvStream>, server::SendResponse<Bytes>);

/// The connector's end, which is driven by [`Self::accept`].
#[derive(Debug)]
pub struct ConnectorEnd<I> {
    connection: server::Connection<Joined<I>, Bytes>,
    joined: Joined<I>,
}

/// Starts the gateway's end on an accepted connection.
///
/// # Errors
/// What the HTTP/2 handshake reports.
pub async fn gateway_end<I>(io: I) -> Result<(client::SendRequest<Bytes>, GatewayEnd<I>), h2::Error>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let joined = Joined::new(io);
    let (requests, connection) = client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(LARGEST_FRAME)
        .max_header_list_size(LARGEST_HEAD)
        .max_send_buffer_size(SEND_BUFFER)
        .enable_push(false)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(None)
        .handshake(joined.clone())
        .await?;
    Ok((requests, GatewayEnd { connection, joined }))
}

/// Starts the connector's end on the connection it dialled.
///
/// # Errors
/// What the HTTP/2 handshake reports.
pub async fn connector_end<I>(io: I) -> Result<ConnectorEnd<I>, h2::Error>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let joined = Joined::new(io);
    let connection = server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(LARGEST_FRAME)
        .max_header_list_size(LARGEST_HEAD)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(MOST_STREAMS)
        .max_pending_accept_reset_streams(MOST_EARLY_RESETS)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(None)
        .handshake(joined.clone())
        .await?;
    Ok(ConnectorEnd { connection, joined })
}

impl<I: AsyncRead + AsyncWrite + Unpin> GatewayEnd<I> {
    /// Asks for signs of life; `None` after the first call.
    pub fn ping_pong(&mut self) -> Option<PingPong> {
        self.connection.ping_pong()
    }

    /// Has all streams have this window for what they receive; `false` while the other end has not taken note of the last
    /// change.
    pub(crate) fn set_window(&mut self, window: u32) -> bool {
        self.connection.set_initial_window_size(window).is_ok()
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Future for GatewayEnd<I> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let end = self.get_mut();
        let polled = Pin::new(&mut end.connection).poll(cx);
        let left = end.joined.poll_leave(cx);
        match (polled, left) {
            (Poll::Ready(ended), _) => Poll::Ready(ended.map_err(io::Error::other)),
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Pending, _) => Poll::Pending,
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> ConnectorEnd<I> {
    /// Asks for signs of life; `None` after the first call.
    pub fn ping_pong(&mut self) -> Option<PingPong> {
        self.connection.ping_pong()
    }

    /// Takes no new streams and ends with the last one.
    pub fn graceful_shutdown(&mut self) {
        self.connection.graceful_shutdown();
    }

    /// The next stream; `None` when the connection has ended. Nothing moves unless this is polled. A call that is
    /// dropped loses nothing.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn accept(&mut self) -> Option<io::Result<Accepted>> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted>>> {
        let polled = self.connection.poll_accept(cx);
        let left = self.joined.poll_leave(cx);
        match (polled, left) {
            (Poll::Ready(accepted), _) => Poll::Ready(accepted.map(|stream| stream.map_err(io::Error::other))),
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Some(Err(error))),
            (Poll::Pending, _) => Poll::Pending,
        }
    }
}
