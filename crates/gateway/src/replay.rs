//! A request's body that can be sent again as long as no more than 64 KiB of it were taken.
//!
//! An attempt takes a [`RequestBody`]; the part it was given is kept beside it, so that the next attempt starts from
//! the first byte. One attempt is under way at a time.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::limits;

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
    incoming: Incoming,
    whole: SizeHint,
    parts: Vec<Part>,
    bytes: usize,
    /// More was taken than is kept.
    overflowed: bool,
    ended: bool,
    broken: bool,
    moved: Instant,
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
    pub(crate) fn new(incoming: Incoming) -> Self {
        if incoming.is_end_stream() {
            return Self::Empty;
        }
        let whole = incoming.size_hint();
        Self::Kept(Rc::new(RefCell::new(Kept {
            incoming,
            whole,
            parts: Vec::new(),
            bytes: 0,
            overflowed: false,
            ended: false,
            broken: false,
            moved: Instant::now(),
        })))
    }

    /// The body for one attempt, from the first byte.
    pub(crate) fn attempt(&self) -> RequestBody {
        match self {
            Self::Empty => RequestBody::Empty,
            Self::Kept(kept) => RequestBody::Replayed { kept: Rc::clone(kept), position: 0 },
        }
    }

    /// Whether there is a body, and its length was not announced.
    pub(crate) fn has_unknown_length(&self) -> bool {
        matches!(self, Self::Kept(kept) if kept.borrow().whole.exact().is_none())
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
        matches!(self, Self::Kept(kept) if kept.borrow().broken)
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
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, hyper::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.broken = true;
                return Poll::Ready(Some(Err(error)));
            }
            None => {
                self.ended = true;
                return Poll::Ready(None);
            }
        };
        self.moved = Instant::now();
        let part = match frame.into_data() {
            Ok(bytes) => Part::Data(bytes),
            Err(frame) => Part::Trailers(frame.into_trailers().unwrap_or_default()),
        };
        self.keep(&part);
        Poll::Ready(Some(Ok(part)))
    }

    fn keep(&mut self, part: &Part) {
        if let Part::Data(bytes) = part {
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

/// The body of one attempt.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Replayed { kept: Rc<RefCell<Kept>>, position: usize },
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Replayed { kept, position } = self.get_mut() else { return Poll::Ready(None) };
        let mut kept = kept.borrow_mut();
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
            Self::Replayed { kept, position } => {
                let kept = kept.borrow();
                let sent_all = *position >= kept.parts.len();
                sent_all && (kept.ended || (*position > 0 && kept.incoming.is_end_stream()))
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
