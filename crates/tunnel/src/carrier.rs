//! HTTP/2 over TLS as the tunnel's carrier: settings of both ends.
//!
//! The connection window is never the limit: when it is smaller than (stalled streams x stream window), a few slow
//! readers stop every other user of the connector. Windows and frames are fixed here and not adaptive, because the
//! adaptive mode of the libraries has deadlocked.

use bytes::Bytes;
use h2::{client, server};
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes that one stream may have under way, each way: 20 MB/s at 50 ms of round trip.
const STREAM_WINDOW: u32 = 1 << 20;

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

/// Starts the gateway's end on an accepted connection.
///
/// # Errors
/// What the HTTP/2 handshake reports.
pub async fn gateway_end<I>(io: I) -> Result<(client::SendRequest<Bytes>, client::Connection<I, Bytes>), h2::Error>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(LARGEST_FRAME)
        .max_header_list_size(LARGEST_HEAD)
        .max_send_buffer_size(SEND_BUFFER)
        .enable_push(false)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(None)
        .handshake(io)
        .await
}

/// Starts the connector's end on the connection it dialled.
///
/// # Errors
/// What the HTTP/2 handshake reports.
pub async fn connector_end<I>(io: I) -> Result<server::Connection<I, Bytes>, h2::Error>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(LARGEST_FRAME)
        .max_header_list_size(LARGEST_HEAD)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(MOST_STREAMS)
        .max_pending_accept_reset_streams(MOST_EARLY_RESETS)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(None)
        .handshake(io)
        .await
}
