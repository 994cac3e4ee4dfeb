//! One stream: bytes between the tunnel and an upstream, both ways, and the count of what was handed to the upstream.
//!
//! The stream ends when the upstream's side does: writing stops there and then, and the trailers carry the count, so
//! that the gateway knows whether a request may be sent again. An end that was a failure is marked as one.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use adit_tunnel::protocol;
use adit_tunnel::target::{MalformedHead, Offer, OpenFailure, OpenReason, Target};
use bytes::{Buf, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;

use crate::upstream::{UpstreamConnection, UpstreamDialler};

/// Bytes read at a time while answers are small.
const SMALLEST_READ: usize = 8 * 1024;

/// Bytes read at a time while a stream keeps them coming: fewer system calls for bulk. The tunnel's largest frame.
const LARGEST_READ: usize = 256 * 1024;

/// How long to wait for the gateway to let go of a stream that has ended, so that its end is not cut off by a reset.
const LINGER: Duration = Duration::from_secs(2);

/// Serves one stream from its head to its end.
pub(crate) async fn serve(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, dialler: &UpstreamDialler) {
    let asked = Instant::now();
    // Boxed: the stream outlives its dialling, and needs no room for it.
    let dialled = Box::pin(open(&request, dialler)).await;
    let connected_in = HeaderValue::from(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
    let upstream = match dialled {
        Ok(upstream) => upstream,
        Err(failure) => {
            tracing::debug!(%failure, "a stream was not opened");
            let mut answer = failure.to_response();
            answer.headers_mut().insert(protocol::CONNECTED_IN, connected_in);
            // An error means that the gateway is no longer interested.
            let _ = respond.send_response(answer, true);
            return;
        }
    };
    let mut answer = opened(&upstream);
    answer.headers_mut().insert(protocol::CONNECTED_IN, connected_in);
    let Ok(send) = respond.send_response(answer, false) else { return };
    let mut relay = Relay::new(upstream, request.into_body(), send);
    let end = std::future::poll_fn(|cx| relay.poll(cx)).await;
    if let Some(receive) = relay.finish(end) {
        let _ = timeout(LINGER, let_go(receive)).await;
    }
}

/// Waits until the gateway lets go.
async fn let_go(mut receive: RecvStream) {
    while let Some(Ok(bytes)) = receive.data().await {
        let _ = receive.flow_control().release_capacity(bytes.len());
    }
}

async fn open(request: &Request<RecvStream>, dialler: &UpstreamDialler) -> Result<UpstreamConnection, OpenFailure> {
    let malformed = |malformed: MalformedHead| OpenFailure::new(OpenReason::Malformed, malformed);
    let target = Target::from_head(request.headers()).map_err(malformed)?;
    let offer = Offer::from_head(request.headers()).map_err(malformed)?;
    dialler.check(request.headers(), &target)?;
    dialler.dial(&target, offer).await
}

/// The answer that a stream is open, with what was negotiated.
fn opened(upstream: &UpstreamConnection) -> Response<()> {
    let mut answer = Response::new(());
    if let Some(alpn) = upstream.alpn().and_then(|alpn| HeaderValue::from_bytes(alpn).ok()) {
        answer.headers_mut().insert(protocol::ALPN, alpn);
    }
    if let Some(ends) = upstream.certificate_ends() {
        answer.headers_mut().insert(protocol::CERTIFICATE_ENDS, HeaderValue::from(ends));
    }
    answer
}

/// How a stream came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The upstream closed its side.
    UpstreamClosed,
    /// The upstream's side broke.
    UpstreamBroke,
    /// The gateway let go.
    GatewayGone,
}

/// What is done with bytes for the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// All was written; the upstream is being told so.
    ShuttingDown,
    /// Nothing more is written: all was, or the upstream takes no more.
    Done,
}

struct Relay {
    upstream: UpstreamConnection,
    receive: RecvStream,
    send: SendStream<Bytes>,
    to_upstream: Bytes,
    writing: Writing,
    unflushed: bool,
    delivered: u64,
    from_upstream: BytesMut,
    read_size: usize,
}

thread_local! {
    /// Room for small reads, which the streams of a thread share: one that waits for its upstream has none.
    static SMALL_ROOM: Cell<BytesMut> = Cell::default();
    /// Likewise for large ones.
    static LARGE_ROOM: Cell<BytesMut> = Cell::default();
}

impl Relay {
    fn new(upstream: UpstreamConnection, receive: RecvStream, send: SendStream<Bytes>) -> Self {
        Self {
            upstream,
            receive,
            send,
            to_upstream: Bytes::new(),
            writing: Writing::Open,
            unflushed: false,
            delivered: 0,
            from_upstream: BytesMut::new(),
            read_size: SMALLEST_READ,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // Reading first: an upstream that has closed already is handed nothing more, and the request that was meant for
        // it can be sent again.
        if let Poll::Ready(end) = self.poll_from_upstream(cx) {
            return Poll::Ready(end);
        }
        self.poll_to_upstream(cx)
    }

    /// Hands over what the gateway sends, until there is no more of it.
    fn poll_to_upstream(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // A gateway that lets go is noticed here, also while the upstream takes nothing.
        if self.send.poll_reset(cx).is_ready() {
            return Poll::Ready(End::GatewayGone);
        }
        while self.writing != Writing::Done {
            if let Err(end) = ready!(self.poll_write_step(cx)) {
                return Poll::Ready(end);
            }
        }
        Poll::Pending
    }

    /// One step of writing; an error means that the gateway is gone.
    fn poll_write_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.writing == Writing::ShuttingDown {
            // An upstream that cannot be told is gone, which reading will show.
            let _ = ready!(Pin::new(&mut self.upstream).poll_shutdown(cx));
            self.writing = Writing::Done;
        } else if !self.to_upstream.is_empty() {
            match ready!(Pin::new(&mut self.upstream).poll_write(cx, &self.to_upstream)) {
                Ok(0) => self.writing = Writing::Done,
                Err(_) => {
                    self.delivered += self.upstream.of_failed_write(self.to_upstream.len()) as u64;
                    self.writing = Writing::Done;
                }
                Ok(count) => {
                    self.delivered += count as u64;
                    self.to_upstream.advance(count);
                    self.unflushed = true;
                }
            }
        } else {
            match self.receive.poll_data(cx) {
                Poll::Ready(Some(Ok(bytes))) => {
                    let _ = self.receive.flow_control().release_capacity(bytes.len());
                    self.to_upstream = bytes;
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(End::GatewayGone)),
                Poll::Ready(None) => self.writing = Writing::ShuttingDown,
                Poll::Pending => {
                    if self.unflushed && ready!(Pin::new(&mut self.upstream).poll_flush(cx)).is_ok() {
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what the upstream says, as the gateway takes it.
    fn poll_from_upstream(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            while !self.from_upstream.is_empty() {
                self.send.reserve_capacity(self.from_upstream.len());
                let capacity = self.send.capacity();
                if capacity == 0 {
                    match ready!(self.send.poll_capacity(cx)) {
                        Some(Ok(_)) => continue,
                        _ => return Poll::Ready(End::GatewayGone),
                    }
                }
                let part = self.from_upstream.split_to(capacity.min(self.from_upstream.len())).freeze();
                if self.send.send_data(part, false).is_err() {
                    return Poll::Ready(End::GatewayGone);
                }
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) => return Poll::Ready(End::UpstreamClosed),
                Ok(_) => {}
                Err(_) => return Poll::Ready(End::UpstreamBroke),
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let small = self.read_size == SMALLEST_READ;
        let spare = if small { &SMALL_ROOM } else { &LARGE_ROOM };
        let mut room = spare.take();
        if room.capacity() < self.read_size / 2 {
            room.reserve(self.read_size);
        }
        let polled = poll_read_buf(Pin::new(&mut self.upstream), cx, &mut room);
        // While nothing comes, the stream keeps no hold of the room: an empty part would keep all of it.
        self.from_upstream = if polled.is_ready() { room.split() } else { BytesMut::new() };
        spare.set(room);
        let count = ready!(polled)?;
        self.read_size = if count >= self.read_size / 2 {
            (self.read_size * 2).min(LARGEST_READ)
        } else {
            (self.read_size / 2).max(SMALLEST_READ)
        };
        Poll::Ready(Ok(count))
    }

    /// Ends the stream with the count; the gateway is to let go first of what is given.
    fn finish(mut self, end: End) -> Option<RecvStream> {
        if end == End::GatewayGone {
            return None;
        }
        let mut trailers = HeaderMap::with_capacity(2);
        trailers.insert(protocol::DELIVERED, HeaderValue::from(self.delivered));
        if end == End::UpstreamBroke {
            trailers.insert(protocol::BROKEN, HeaderValue::from_static("1"));
        }
        self.send.send_trailers(trailers).ok()?;
        Some(self.receive)
    }
}

#[cfg(test)]
mod tests;
