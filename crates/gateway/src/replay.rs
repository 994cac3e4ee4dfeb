//! A request's body that can be sent again as long as no more than 64 KiB of it were taken.
//!
//! An attempt takes a [`RequestBody`]; the part it was given is kept beside it, so that the next attempt starts from
//! the first byte. One attempt is under way at a time.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::arriving::{Arriving, Broken};
use crate::framing::patience::{Awaited, ReadPatience};
use crate::hold::{self, Hold};
use crate::limits::ClientLimits;
use crate::sign_on::SignOnFields;
use crate::{limits, trailers};

/// What a kept part counts for at least.
const SMALLEST_PART: usize = 64;

/// The body of a request, across attempts.
#[derive(Debug, Clone)]
pub(crate) enum ReplayBody {
    /// There is none.
    Empty,
    /// There is one.
    Kept(Rc<RefCell<Kept>>),
}

#[derive(Debug)]
pub(crate) struct Kept {
    /// `None` once the upstream has answered without it.
    incoming: Option<Arriving>,
    /// The client waits to be asked for it.
    hold: Option<Box<Hold>>,
    /// What clients cannot say in trailers either.
    withheld: Option<Arc<SignOnFields>>,
    /// With a client that must keep a pace on this stream; over HTTP/1.1, the guard of the connection has it.
    patience: Option<Box<ReadPatience>>,
    whole: SizeHint,
    parts: Vec<Part>,
    /// The latest attempt: what is left of an earlier one takes nothing more.
    attempt: usize,
    bytes: usize,
    received: Rc<Received>,
    /// More was taken than is kept.
    overflowed: bool,
    ended: bool,
    too_slow: bool,
    moved: Instant,
}

/// What a client has sent of a body; whoever records the request looks here when it has ended.
#[derive(Debug, Default)]
pub(crate) struct Received {
    bytes: Cell<u64>,
    broken: Cell<bool>,
}

impl Received {
    /// So many bytes more have come.
    pub(crate) fn count(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    /// How many bytes have come.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Whether it broke off or was not valid.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken.get()
    }
}

#[derive(Debug, Clone)]
enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Part {
    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(bytes) => Frame::data(bytes),
            Self::Trailers(trailers) => Frame::trailers(trailers),
        }
    }
}

impl ReplayBody {
    /// The body of a request with this head, to an application whose upstream is told so of who asks.
    pub(crate) fn new(incoming: Arriving, head: &HeaderMap, withheld: Option<&Arc<SignOnFields>>) -> Self {
        if incoming.is_end_stream() {
            return Self::Empty;
        }
        let whole = incoming.size_hint();
        Self::Kept(Rc::new(RefCell::new(Kept {
            incoming: Some(incoming),
            hold: hold::is_held(head).then(Hold::begin),
            withheld: withheld.cloned(),
            patience: None,
            whole,
            parts: Vec::new(),
            attempt: 0,
            bytes: 0,
            received: Rc::default(),
            overflowed: false,
            ended: false,
            too_slow: false,
            moved: Instant::now(),
        })))
    }

    /// A body of which these parts have come already, and no more will until somebody ends it.
    #[cfg(test)]
    pub(crate) fn of_parts(parts: Vec<Frame<Bytes>>, length: Option<u64>, ended: bool) -> Self {
        let part = |frame: Frame<Bytes>| match frame.into_data() {
            Ok(bytes) => Part::Data(bytes),
            Err(frame) => Part::Trailers(frame.into_trailers().unwrap_or_default()),
        };
        Self::Kept(Rc::new(RefCell::new(Kept {
            incoming: None,
            hold: None,
            withheld: None,
            patience: None,
            whole: length.map_or_else(SizeHint::default, SizeHint::with_exact),
            parts: parts.into_iter().map(part).collect(),
            attempt: 0,
            bytes: 0,
            received: Rc::default(),
            overflowed: false,
            ended,
            too_slow: false,
            moved: Instant::now(),
        })))
    }

    /// The body for one attempt, from the first byte.
    pub(crate) fn attempt(&self) -> RequestBody {
        match self {
            Self::Empty => RequestBody::Empty,
            Self::Kept(kept) => {
                kept.borrow_mut().attempt += 1;
                let attempt = kept.borrow().attempt;
                RequestBody::Replayed { kept: Rc::clone(kept), attempt, position: 0 }
            }
        }
    }

    /// The client must keep its pace from now on.
    pub(crate) fn demand_pace(&self, limits: ClientLimits) {
        if let Self::Kept(kept) = self {
            kept.borrow_mut().patience = Some(Box::new(ReadPatience::new(limits)));
        }
    }

    /// Whether an attempt that begins now is to ask its upstream whether the body is wanted, as the client waits for that.
    pub(crate) fn asks(&self) -> bool {
        let Self::Kept(kept) = self else { return false };
        let mut kept = kept.borrow_mut();
        let Some(hold) = &mut kept.hold else { return false };
        hold.ask();
        true
    }

    /// The upstream wants the body.
    pub(crate) fn go_on(&self) {
        if let Self::Kept(kept) = self
            && let Some(hold) = &mut kept.borrow_mut().hold
        {
            hold.go_on();
        }
    }

    /// The upstream has answered: a body that is still held back is not wanted. Whether that was so.
    pub(crate) fn refuse_if_held(&self) -> bool {
        let Self::Kept(kept) = self else { return false };
        let mut kept = kept.borrow_mut();
        if kept.hold.is_none() {
            return false;
        }
        // The client's connection learns of it by this, and takes the body for unread.
        kept.incoming = None;
        true
    }

    /// What the client has sent of it, also later. `None` if there is no body.
    pub(crate) fn received(&self) -> Option<Rc<Received>> {
        match self {
            Self::Empty => None,
            Self::Kept(kept) => Some(Rc::clone(&kept.borrow().received)),
        }
    }

    /// Whether the whole body can be sent once more.
    pub(crate) fn is_replayable(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Kept(kept) => !kept.borrow().overflowed,
        }
    }

    /// Whether the client's side of the body failed.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self, Self::Kept(kept) if kept.borrow().received.is_broken())
    }

    /// Whether it failed because the client did not keep its pace.
    pub(crate) fn is_too_slow(&self) -> bool {
        matches!(self, Self::Kept(kept) if kept.borrow().too_slow)
    }

    /// When the body last moved; `None` if there is none. The upstream's time to answer starts here.
    pub(crate) fn moved(&self) -> Option<Instant> {
        match self {
            Self::Empty => None,
            Self::Kept(kept) => Some(kept.borrow().moved),
        }
    }
}

impl Kept {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(hold) = &mut self.hold {
            ready!(hold.poll(cx));
            self.hold = None;
        }
        // Without it, the connection that waits here is closed when the answer is over.
        let Some(incoming) = &mut self.incoming else { return Poll::Pending };
        let polled = Pin::new(incoming).poll_frame(cx);
        let frame = match polled {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => {
                self.received.broken.set(true);
                return Poll::Ready(Some(Err(error.into())));
            }
            Poll::Pending => return self.poll_waiting(cx).map(Some),
            Poll::Ready(None) => {
                self.ended = true;
                return Poll::Ready(None);
            }
        };
        self.moved = Instant::now();
        let part = match frame.into_data() {
            Ok(bytes) => {
                if let Some(patience) = &mut self.patience {
                    patience.received(bytes.len());
                }
                Part::Data(bytes)
            }
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                trailers::clean_request(&mut trailers);
                if let Some(withheld) = &self.withheld {
                    withheld.withhold(&mut trailers);
                }
                Part::Trailers(trailers)
            }
        };
        self.keep(&part);
        Poll::Ready(Some(Ok(part)))
    }

    /// Nothing has come: waits for the client, for as long as it may take.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<Part, BodyError>> {
        let Some(patience) = &mut self.patience else { return Poll::Pending };
        ready!(patience.poll_waiting(cx, Awaited::Body));
        self.received.broken.set(true);
        self.too_slow = true;
        Poll::Ready(Err(BodyError::TooSlow))
    }

    fn keep(&mut self, part: &Part) {
        if let Part::Data(bytes) = part {
            self.received.count(bytes.len() as u64);
            // Each part costs something beside its bytes: a body of single bytes must not become a list without end.
            self.bytes += bytes.len().max(SMALLEST_PART);
        }
        if self.bytes > limits::REPLAY_BYTES {
            self.overflowed = true;
            self.parts = Vec::new();
        }
        if !self.overflowed {
            self.parts.push(part.clone());
        }
    }
}

/// Why the client's body ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the client's body broke")]
    Broken(#[from] Broken),
    #[error("the client's body came too slowly")]
    TooSlow,
}

/// The body of one attempt.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Replayed { kept: Rc<RefCell<Kept>>, attempt: usize, position: usize },
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self::Replayed { kept, attempt, position } = self.get_mut() else { return Poll::Ready(None) };
        let mut kept = kept.borrow_mut();
        if kept.attempt != *attempt {
            // Its stream is at an end, and will be told so.
            return Poll::Pending;
        }
        if let Some(part) = kept.parts.get(*position) {
            *position += 1;
            return Poll::Ready(Some(Ok(part.clone().into_frame())));
        }
        let next = ready!(kept.poll_next(cx));
        *position += 1;
        Poll::Ready(next.map(|part| part.map(Part::into_frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Replayed { kept, position, .. } => {
                let kept = kept.borrow();
                let sent_all = *position >= kept.parts.len();
                sent_all && (kept.ended || (*position > 0 && kept.incoming.as_ref().is_some_and(Body::is_end_stream)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Replayed { kept, .. } => kept.borrow().whole,
        }
    }
}
