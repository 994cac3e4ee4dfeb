//! A body that its client holds back until it is asked for it (`Expect: 100-continue`): the question goes on to the
//! upstream, and nothing of the body is taken before the answer. Taking it is what tells the client to go on.
//!
//! An upstream that knows no such question never answers it, so after a while the body is taken all the same (RFC 9110,
//! section 10.1.1).

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http::header::EXPECT;
use http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits;

/// What a request asks for that holds its body back.
pub(crate) static CONTINUE: HeaderValue = HeaderValue::from_static("100-continue");

/// Whether the client waits to be asked.
pub(crate) fn is_held(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(CONTINUE.as_bytes()))
}

/// A wait for the upstream's word.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The word was given.
    given: bool,
    waiting: Option<Waker>,
    patience: Pin<Box<Sleep>>,
}

impl Hold {
    /// The wait begins.
    pub(crate) fn begin() -> Box<Self> {
        Box::new(Self { given: false, waiting: None, patience: Box::pin(sleep(limits::CONTINUE)) })
    }

    /// An attempt asks, from now on; whoever hears the answer [says so](Self::go_on).
    pub(crate) fn ask(&mut self) {
        self.patience.as_mut().reset(Instant::now() + limits::CONTINUE);
    }

    /// The upstream wants the body.
    pub(crate) fn go_on(&mut self) {
        self.given = true;
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Ready when the body is wanted, or the upstream has been silent for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.given {
            return Poll::Ready(());
        }
        self.waiting = Some(cx.waker().clone());
        self.patience.as_mut().poll(cx)
    }
}
