//! Bodies: what the gateway answers with, and what it returns to the pool when a body ends.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::pace::{BodyError, Pace};
use crate::pool::Lease;
use crate::trailers;
use crate::translate::{Passing, TranslatedBody};

/// The body of an answer to a client.
#[derive(Debug)]
pub(crate) enum GatewayBody {
    /// The gateway's own words.
    Own(Full<Bytes>),
    /// An upstream's, streamed.
    Upstream(UpstreamBody),
    /// An upstream's, of which a part was read before.
    Restored(VecDeque<Frame<Bytes>>, UpstreamBody),
    /// An upstream's, with its links translated.
    Translated(Box<TranslatedBody>),
}

impl GatewayBody {
    pub(crate) fn full(text: impl Into<Bytes>) -> Self {
        Self::Own(Full::new(text.into()))
    }

    pub(crate) fn passing(body: Passing) -> Self {
        match body {
            Passing::Untouched(body) => Self::Upstream(body),
            Passing::Restored(parts, body) => Self::Restored(parts, body),
            Passing::Translated(body) => Self::Translated(body),
        }
    }

    pub(crate) fn empty() -> Self {
        Self::full(Bytes::new())
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Upstream(body) => body.poll_frame(cx),
            Self::Restored(parts, body) => match parts.pop_front() {
                Some(part) => Poll::Ready(Some(Ok(part))),
                None => body.poll_frame(cx),
            },
            Self::Translated(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
            Self::Restored(parts, body) => parts.is_empty() && body.is_end_stream(),
            Self::Translated(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Upstream(body) => body.incoming.size_hint(),
            Self::Restored(..) | Self::Translated(_) => SizeHint::default(),
        }
    }
}

/// An upstream's body, and the lease of the connection it comes over. The connection returns to its pool only when the
/// body was read to its end; a body that is dropped early takes its connection with it.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    incoming: Incoming,
    lease: Option<Lease>,
    /// What is left of its time, if that is limited.
    pace: Option<Box<Pace>>,
}

impl UpstreamBody {
    pub(crate) const fn new(incoming: Incoming, lease: Lease, pace: Option<Box<Pace>>) -> Self {
        Self { incoming, lease: Some(lease), pace }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx).map_ok(trailers::clean_response);
        if matches!(polled, Poll::Ready(None)) {
            self.give_back();
            return Poll::Ready(None);
        }
        let Some(pace) = &mut self.pace else { return polled.map_err(BodyError::Broken) };
        match polled {
            Poll::Ready(Some(frame)) => Poll::Ready(Some(pace.moved().and(frame.map_err(BodyError::Broken)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => pace.poll_over(cx).map(|over| Some(Err(over))),
        }
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        // The server does not poll a body again once its announced length was sent.
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }
}
