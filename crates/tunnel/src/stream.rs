//! The gateway's end of one stream: a byte stream to an upstream, and an account of what became of it.
//!
//! Writes need not wait for the connector's answer: the first bytes follow the head at once. The account
//! ([`StreamAccount`]) outlives the stream, because what it says decides whether a failed request may be sent again:
//! the connector ends each stream with the number of bytes it handed to the upstream.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::protocol;
use crate::target::{Offer, OpenFailure, Shown, Target};
use crate::unread::{UnreadHere, UnreadOfStream};

/// Stands for "the connector did not say".
const NOT_TOLD: u64 = u64::MAX;

/// What became of a stream.
#[derive(Debug)]
pub struct StreamAccount {
    written: AtomicU64,
    delivered: AtomicU64,
    refused_by_tunnel: AtomicBool,
    opened: AtomicBool,
    failure: OnceLock<OpenFailure>,
    timing: OnceLock<OpenTiming>,
}

/// How long it took until the connector answered.
#[derive(Debug, Clone, Copy)]
struct OpenTiming {
    asked: Instant,
    answered: Duration,
    /// What of it was connecting to the upstream, if the connector says so.
    connected: Option<Duration>,
    /// When the upstream's certificate ends, if it showed one and the connector says so.
    certificate_ends: Option<i64>,
}

impl Default for StreamAccount {
    fn default() -> Self {
        Self {
            written: AtomicU64::new(0),
            delivered: AtomicU64::new(NOT_TOLD),
            refused_by_tunnel: AtomicBool::new(false),
            opened: AtomicBool::new(false),
            failure: OnceLock::new(),
            timing: OnceLock::new(),
        }
    }
}

impl StreamAccount {
    /// Bytes that were given to the stream so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether it is certain that no byte beyond the first `offset` reached the upstream: the connector said so, or it
    /// never opened the stream.
    #[must_use]
    pub fn nothing_reached_beyond(&self, offset: u64) -> bool {
        if self.refused_by_tunnel.load(Ordering::Relaxed) || self.failure.get().is_some() {
            return true;
        }
        let delivered = self.delivered.load(Ordering::Relaxed);
        delivered != NOT_TOLD && delivered <= offset
    }

    /// Why the connector did not open the stream, if that is what happened.
    #[must_use]
    pub fn failure(&self) -> Option<&OpenFailure> {
        self.failure.get()
    }

    /// Whether the connector said how the stream ended; if not, the tunnel itself was lost.
    #[must_use]
    pub fn ended_in_order(&self) -> bool {
        self.failure.get().is_some() || self.delivered.load(Ordering::Relaxed) != NOT_TOLD
    }

    /// Whether the connector reported that the upstream accepted the connection.
    #[must_use]
    pub fn opened(&self) -> bool {
        self.opened.load(Ordering::Relaxed)
    }

    /// When the connector reported that the upstream accepted the connection, if it has.
    #[must_use]
    pub fn opened_at(&self) -> Option<Instant> {
        self.timing.get().filter(|_| self.opened()).map(|timing| timing.asked + timing.answered)
    }

    /// How long the connector's answer took, if it has come.
    #[must_use]
    pub fn opened_after(&self) -> Option<Duration> {
        self.timing.get().map(|timing| timing.answered)
    }

    /// How long the connector took to connect to the upstream, if it said so.
    #[must_use]
    pub fn connected_in(&self) -> Option<Duration> {
        self.timing.get()?.connected
    }

    /// When the upstream's certificate ends, in seconds since 1970, if it showed one and the connector said so.
    #[must_use]
    pub fn certificate_ends(&self) -> Option<i64> {
        self.timing.get()?.certificate_ends
    }

    fn record_answer(&self, asked: Instant, headers: &HeaderMap) {
        let told = headers.get(protocol::CONNECTED_IN).and_then(|value| value.to_str().ok()?.parse().ok());
        let ends = headers.get(protocol::CERTIFICATE_ENDS).and_then(|value| value.to_str().ok()?.parse().ok());
        // Set once: a stream is answered once.
        let _ = self.timing.set(OpenTiming {
            asked,
            answered: asked.elapsed(),
            connected: told.map(Duration::from_micros),
            certificate_ends: ends,
        });
    }

    fn record_trailers(&self, trailers: &HeaderMap) {
        let told = trailers.get(protocol::DELIVERED).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(delivered) = told {
            self.delivered.store(delivered, Ordering::Relaxed);
        }
    }

    fn record_error(&self, error: &h2::Error) {
        if was_not_processed(error) {
            self.refused_by_tunnel.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether the other end says that it has not looked at the stream: it refused it (RFC 9113, section 8.7), or it is
/// beyond the last stream of an orderly GOAWAY (section 6.8). The latter happens to streams that cross the GOAWAY on its
/// way. A GOAWAY with an error ends streams that were processed as well, so it proves nothing.
fn was_not_processed(error: &h2::Error) -> bool {
    let beyond_goaway = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
    beyond_goaway || error.reason() == Some(Reason::REFUSED_STREAM)
}

/// One stream, gateway side.
pub struct TunnelStream {
    send: SendStream<Bytes>,
    receiving: Receiving,
    unread: Bytes,
    /// How many bytes the frame has of which `unread` is the rest. They are the reader's once all of it is.
    frame: usize,
    waiting: Option<UnreadOfStream>,
    http2: bool,
    asked: Instant,
    account: Arc<StreamAccount>,
}

impl std::fmt::Debug for TunnelStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunnelStream").field("account", &self.account).finish_non_exhaustive()
    }
}

enum Receiving {
    Opening(ResponseFuture),
    Open(RecvStream),
    Ended,
}

/// Opens a stream to `target` on a connection that is ready for one.
///
/// # Errors
/// What HTTP/2 reports when the connection cannot take another stream; nothing was sent then.
pub fn open(
    connection: &mut h2::client::SendRequest<Bytes>,
    target: &Target,
    offer: Offer,
    shown: &Shown,
    asked: Instant,
) -> Result<TunnelStream, h2::Error> {
    let head = target.to_request(offer, shown).map_err(|_| h2::Error::from(Reason::INTERNAL_ERROR))?;
    let (answer, send) = connection.send_request(head, false)?;
    let receiving = Receiving::Opening(answer);
    let (unread, account) = (Bytes::new(), Arc::default());
    Ok(TunnelStream { send, receiving, unread, frame: 0, waiting: None, http2: false, asked, account })
}

impl TunnelStream {
    /// Counts what waits to be read of the stream, from its beginning.
    #[must_use]
    pub fn counted(mut self, here: &UnreadHere) -> Self {
        self.waiting = Some(here.of_stream(self.send.stream_id().as_u32()));
        self
    }

    /// The account of this stream; it stays readable when the stream is gone.
    #[must_use]
    pub fn account(&self) -> Arc<StreamAccount> {
        Arc::clone(&self.account)
    }

    /// Waits until the connector has opened the stream; whether TLS with the upstream agreed on HTTP/2. Nothing has to
    /// wait for it where that is known.
    ///
    /// # Errors
    /// The stream was not opened, as the account says, or the tunnel was lost.
    pub async fn negotiated_http2(&mut self) -> io::Result<bool> {
        poll_fn(|cx| self.poll_opening(cx)).await?;
        Ok(self.http2)
    }

    fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Receiving::Opening(answer) = &mut self.receiving else { return Poll::Ready(Ok(())) };
        match ready!(Pin::new(answer).poll(cx)) {
            Ok(answer) if answer.status() == StatusCode::OK => {
                self.account.record_answer(self.asked, answer.headers());
                self.account.opened.store(true, Ordering::Relaxed);
                self.http2 = answer.headers().get(protocol::ALPN).is_some_and(|word| word == Offer::Http2.as_str());
                self.receiving = Receiving::Open(answer.into_body());
                Poll::Ready(Ok(()))
            }
            Ok(answer) => Poll::Ready(Err(self.refused(answer.headers()))),
            Err(error) => Poll::Ready(Err(self.fail(error))),
        }
    }

    fn fail(&mut self, error: h2::Error) -> io::Error {
        self.account.record_error(&error);
        self.receiving = Receiving::Ended;
        io::Error::new(io::ErrorKind::ConnectionReset, error)
    }

    fn refused(&mut self, headers: &HeaderMap) -> io::Error {
        self.account.record_answer(self.asked, headers);
        let failure = OpenFailure::from_head(headers);
        let error = io::Error::new(io::ErrorKind::ConnectionRefused, failure.to_string());
        let _ = self.account.failure.set(failure);
        self.receiving = Receiving::Ended;
        error
    }

    /// Sends as much of the buffers as the windows allow, as one part.
    fn poll_send(&mut self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let whole = buffers.iter().map(|buffer| buffer.len()).sum();
        let length = ready!(self.poll_room(cx, whole))?;
        self.send.send_data(gathered(buffers, length), false).map_err(broken)?;
        self.account.written.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(Ok(length))
    }

    /// Waits until some of `whole` bytes may be sent; gives how many.
    fn poll_room(&mut self, cx: &mut Context<'_>, whole: usize) -> Poll<io::Result<usize>> {
        self.send.reserve_capacity(whole);
        while self.send.capacity() == 0 {
            match ready!(self.send.poll_capacity(cx)) {
                Some(capacity) => _ = capacity.map_err(broken)?,
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        Poll::Ready(Ok(self.send.capacity().min(whole)))
    }

    /// Receives until there is something unread (`true`) or the stream has ended (`false`).
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if !self.unread.is_empty() {
                return Poll::Ready(Ok(true));
            }
            self.let_next_come();
            match &mut self.receiving {
                Receiving::Opening(_) => ready!(self.poll_opening(cx))?,
                Receiving::Open(body) => match ready!(body.poll_data(cx)) {
                    Some(Ok(bytes)) => {
                        self.frame = bytes.len();
                        self.unread = bytes;
                    }
                    Some(Err(error)) => return Poll::Ready(Err(self.fail(error))),
                    None => match ready!(body.poll_trailers(cx)) {
                        Ok(trailers) => {
                            let trailers = trailers.unwrap_or_default();
                            self.account.record_trailers(&trailers);
                            self.receiving = Receiving::Ended;
                            if trailers.contains_key(protocol::BROKEN) {
                                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                            }
                        }
                        Err(error) => return Poll::Ready(Err(self.fail(error))),
                    },
                },
                Receiving::Ended => return Poll::Ready(Ok(false)),
            }
        }
    }
}

impl TunnelStream {
    /// Receives what comes next, as it came and without a copy; nothing at the end of the stream. As much may come again
    /// once this is called anew, or with [`Self::let_next_come`].
    ///
    /// # Errors
    /// The stream was not opened or broke, as the account says.
    pub fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        ready!(self.poll_fill(cx))?;
        Poll::Ready(Ok(std::mem::take(&mut self.unread)))
    }

    /// Sends `part` without a copy, as the windows allow; what is left of it is to be sent when they allow more.
    ///
    /// # Errors
    /// The stream has ended.
    pub fn poll_send_part(&mut self, cx: &mut Context<'_>, part: &mut Bytes) -> Poll<io::Result<()>> {
        while !part.is_empty() {
            let length = ready!(self.poll_room(cx, part.len()))?;
            self.send.send_data(part.split_to(length), false).map_err(broken)?;
            self.account.written.fetch_add(length as u64, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing more is sent.
    pub fn finish(&mut self) {
        // An error means that the stream is closed already, which is what was wanted.
        let _ = self.send.send_data(Bytes::new(), true);
    }

    /// What was received last is done with: as much may come again.
    pub fn let_next_come(&mut self) {
        // It is not, while a part of it was not read.
        if !self.unread.is_empty() {
            return;
        }
        let taken = std::mem::take(&mut self.frame);
        if let (true, Receiving::Open(body)) = (taken > 0, &mut self.receiving) {
            let _ = body.flow_control().release_capacity(taken);
            if let Some(waiting) = &self.waiting {
                waiting.taken(taken);
            }
        }
    }
}

fn broken(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}

/// The first `length` bytes of the buffers, copied once.
fn gathered(buffers: &[IoSlice<'_>], length: usize) -> Bytes {
    let mut part = BytesMut::with_capacity(length);
    for buffer in buffers {
        let left = length - part.len();
        part.extend_from_slice(buffer.get(..left).unwrap_or(buffer));
    }
    part.freeze()
}

impl AsyncRead for TunnelStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if ready!(stream.poll_fill(cx))? {
            let length = stream.unread.len().min(buffer.remaining());
            if let Some(part) = stream.unread.get(..length) {
                buffer.put_slice(part);
            }
            stream.unread.advance(length);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buffer)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let sent = ready!(stream.poll_send(cx, buffers));
        if sent.is_err() {
            // How the stream ended has already arrived: the account must know it before the failure is judged.
            let _ = stream.poll_fill(cx);
        }
        Poll::Ready(sent)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().finish();
        Poll::Ready(Ok(()))
    }
}
