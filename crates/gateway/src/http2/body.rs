//! The body of a message that comes over a stream of HTTP/2, and its trailers.
//!
//! What is taken is given back to the windows at once: whoever reads decides how fast that is.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;

use crate::framing::head::digits;

/// A body on its way.
#[derive(Debug)]
pub(crate) struct Http2Body {
    stream: RecvStream,
    /// What is left of the length that was announced.
    left: Option<u64>,
    data_ended: bool,
    /// Tells that it is wanted, as soon as it is: its sender waits to be asked.
    wanted: Option<oneshot::Sender<()>>,
    is_answer: bool,
}

impl Http2Body {
    /// The body of a request with this head.
    pub(crate) fn of_request(stream: RecvStream, head: &HeaderMap) -> Self {
        Self::new(stream, head, false)
    }

    /// The body of an answer with this head.
    pub(crate) fn of_answer(stream: RecvStream, head: &HeaderMap) -> Self {
        Self::new(stream, head, true)
    }

    fn new(stream: RecvStream, head: &HeaderMap, is_answer: bool) -> Self {
        let announced = length(head);
        let left = if announced.is_none() && stream.is_end_stream() { Some(0) } else { announced };
        Self { stream, left, data_ended: false, wanted: None, is_answer }
    }

    /// Has `wanted` told when somebody begins to read.
    pub(crate) fn ask_by(&mut self, wanted: oneshot::Sender<()>) {
        self.wanted = Some(wanted);
    }

    /// A reset without an error ends an answer without one (RFC 9113, section 8.1). Where that had not ended, its guard has
    /// made an error of it. A request that ends so was cut, as is whatever the end of its connection ends.
    fn unless_orderly(&self, error: h2::Error) -> Option<Result<Frame<Bytes>, h2::Error>> {
        let is_reset = error.is_reset() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
        (!self.is_answer || !is_reset).then_some(Err(error))
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let polled = ready!(self.stream.poll_data(cx));
        if let Some(Ok(data)) = &polled {
            // An error means that the stream has ended.
            let _ = self.stream.flow_control().release_capacity(data.len());
            self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        }
        Poll::Ready(polled)
    }
}

/// The length that a head announces. The frame library has compared several, and compares it with what comes.
fn length(head: &HeaderMap) -> Option<u64> {
    digits(head.get(CONTENT_LENGTH)?.as_bytes())
}

impl Body for Http2Body {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let body = self.get_mut();
        if let Some(wanted) = body.wanted.take() {
            // An error means that the request was given up.
            let _ = wanted.send(());
        }
        if !body.data_ended {
            match ready!(body.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Err(error)) => return Poll::Ready(body.unless_orderly(error)),
                None => body.data_ended = true,
            }
        }
        match ready!(body.stream.poll_trailers(cx)) {
            Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Err(error) => Poll::Ready(body.unless_orderly(error)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
