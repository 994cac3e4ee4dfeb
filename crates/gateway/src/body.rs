//! Bodies: what the gateway answers with, what it returns to the pool when a body ends, and what is recorded then.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::arriving::Arriving;
use crate::pace::{BodyError, Pace};
use crate::pool::Lease;
use crate::record::{Outcome, Record};
use crate::sign_in::leash::Leash;
use crate::trailers;
use crate::translate::{Passing, RestoredBody, TranslatedBody};

/// The body of an answer to a client, and the record of its request, which is written when the body is gone.
#[derive(Debug)]
pub(crate) struct GatewayBody {
    content: Content,
    record: Option<Box<Record>>,
    /// What ends it early, if it is an application's.
    leash: Option<Leash>,
}

#[derive(Debug)]
enum Content {
    /// The gateway's own words.
    Own(Full<Bytes>),
    /// An upstream's, streamed.
    Upstream(UpstreamBody),
    /// An upstream's, of which a part was read before.
    Restored(Box<RestoredBody>),
    /// An upstream's, with its links translated.
    Translated(Box<TranslatedBody>),
}

impl GatewayBody {
    pub(crate) fn full(text: impl Into<Bytes>) -> Self {
        Self { content: Content::Own(Full::new(text.into())), record: None, leash: None }
    }

    pub(crate) fn passing(body: Passing) -> Self {
        let content = match body {
            Passing::Untouched(body) => Content::Upstream(body),
            Passing::Restored(body) => Content::Restored(body),
            Passing::Translated(body) => Content::Translated(body),
        };
        Self { content, record: None, leash: None }
    }

    /// Takes the upstream's body out, if it is one that nothing was done with.
    pub(crate) fn take_upstream(&mut self) -> Option<UpstreamBody> {
        if !matches!(self.content, Content::Upstream(_)) {
            return None;
        }
        match std::mem::replace(&mut self.content, Content::Own(Full::default())) {
            Content::Upstream(body) => Some(body),
            _ => None,
        }
    }

    pub(crate) fn empty() -> Self {
        Self::full(Bytes::new())
    }

    pub(crate) const fn of_upstream(body: UpstreamBody) -> Self {
        Self { content: Content::Upstream(body), record: None, leash: None }
    }

    /// The same body, of the request that `record` is about.
    pub(crate) fn recorded(mut self, record: Box<Record>) -> Self {
        self.record = Some(record);
        self
    }

    /// The same body, which ends when its request may not go on.
    pub(crate) fn held_by(mut self, leash: Leash) -> Self {
        if !self.content.is_over() {
            self.leash = Some(leash);
        }
        self
    }

    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.leash.as_mut().is_some_and(Leash::is_over) {
            return self.cut();
        }
        let polled = self.content.poll_frame(cx);
        if polled.is_pending() && self.leash.as_mut().is_some_and(|leash| leash.poll_ended(cx).is_ready()) {
            return self.cut();
        }
        polled
    }

    fn cut(&mut self) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.leash = None;
        self.content = Content::Own(Full::default());
        if let Some(record) = &mut self.record {
            record.ended(Outcome::SessionEnded);
        }
        Poll::Ready(Some(Err(BodyError::SessionEnded)))
    }

    fn note(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, BodyError>>>) {
        let Some(record) = &mut self.record else { return };
        match polled {
            Poll::Ready(Some(Ok(frame))) => record.count_sent(frame.data_ref().map_or(0, Bytes::len) as u64),
            Poll::Ready(Some(Err(_))) => record.broke_off(),
            Poll::Ready(None) => record.ended(Outcome::Complete),
            Poll::Pending => {}
        }
    }
}

impl Content {
    fn is_over(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
            Self::Restored(body) => body.is_end_stream(),
            Self::Translated(body) => body.is_end_stream(),
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Upstream(body) => body.poll_frame(cx),
            Self::Restored(body) => body.poll_frame(cx),
            Self::Translated(body) => body.poll_frame(cx),
        }
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.get_mut();
        let polled = body.poll_content(cx);
        body.note(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(body) => body.size_hint(),
            Content::Upstream(body) => body.incoming.size_hint(),
            Content::Restored(..) | Content::Translated(_) => SizeHint::default(),
        }
    }
}

impl Drop for GatewayBody {
    fn drop(&mut self) {
        // The server does not poll a body again once its announced length was sent.
        let ended = self.is_end_stream();
        if let Some(record) = self.record.as_mut().filter(|_| ended) {
            record.ended(Outcome::Complete);
        }
    }
}

/// An upstream's body, and the lease of the connection it comes over. The connection returns to its pool only when the
/// body was read to its end; a body that is dropped early takes its connection with it.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    incoming: Arriving,
    lease: Option<Lease>,
    /// What is left of its time, if that is limited.
    pace: Option<Box<Pace>>,
}

impl UpstreamBody {
    pub(crate) const fn new(incoming: Arriving, lease: Lease, pace: Option<Box<Pace>>) -> Self {
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
