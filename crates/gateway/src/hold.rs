//! A body that its client holds back until it is asked for it (`Expect: 100-continue`): the question goes on to the
//! upstream, and nothing of the body is taken before the answer. Taking it is what tells the client to go on.
//!
//! An upstream that knows no such question never answers it, so after a while the body is taken all the same (RFC 9110,
//! section 10.1.1).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use http::header::EXPECT;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
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
    word: Arc<Mutex<Word>>,
    patience: Pin<Box<Sleep>>,
}

#[derive(Debug, Default)]
struct Word {
    given: bool,
    waiting: Option<Waker>,
}

impl Hold {
    /// The wait begins.
    pub(crate) fn begin() -> Box<Self> {
        Box::new(Self { word: Arc::default(), patience: Box::pin(sleep(limits::CONTINUE)) })
    }

    /// Has an attempt over HTTP/1.1 ask, and its upstream's word end the wait.
    pub(crate) fn ask<B>(&mut self, request: &mut Request<B>) {
        self.ask_in(request.headers_mut());
        let word = Arc::clone(&self.word);
        hyper::ext::on_informational(request, move |said| {
            if said.status() == StatusCode::CONTINUE {
                give(&word);
            }
        });
    }

    /// Has an attempt with this head ask; whoever hears the answer [says so](Self::go_on).
    pub(crate) fn ask_in(&mut self, head: &mut HeaderMap) {
        self.patience.as_mut().reset(Instant::now() + limits::CONTINUE);
        head.insert(EXPECT, CONTINUE.clone());
    }

    /// The upstream wants the body.
    pub(crate) fn go_on(&self) {
        give(&self.word);
    }

    /// Ready when the body is wanted, or the upstream has been silent for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut word = self.word.lock().unwrap_or_else(PoisonError::into_inner);
            if word.given {
                return Poll::Ready(());
            }
            word.waiting = Some(cx.waker().clone());
        }
        self.patience.as_mut().poll(cx)
    }
}

fn give(word: &Mutex<Word>) {
    let mut word = word.lock().unwrap_or_else(PoisonError::into_inner);
    word.given = true;
    if let Some(waiting) = word.waiting.take() {
        waiting.wake();
    }
}
