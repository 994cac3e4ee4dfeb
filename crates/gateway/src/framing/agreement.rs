//! What the guard of a client's connection and the HTTP library tell each other, and whether they agree.
//!
//! The guard counts the heads that it lets through, the service counts the requests that the library makes of them. A
//! request that the guard does not know of means that the library saw a head where the guard saw something else, or
//! that the guard refused what came and put a request of its own in its place.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::time::sleep;

use super::head::{Framing, RequestHead};
use super::refusal::Refusal;

/// Shared by a guard and the service of its connection, on one core: the library asks that what an upgrade may carry
/// away can be sent to another, which is why these are atomics, and never changed at the same time.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    passed: AtomicU64,
    seen: AtomicU64,
    under_way: AtomicU32,
    /// Of the head that was let through last.
    framing: AtomicU64,
    /// Whether a body is on its way to the guard.
    receives: AtomicBool,
    asked_to_switch: AtomicBool,
    /// Whether the connection ends with the next answer.
    takes_leave: AtomicBool,
    /// Whether the client is to be told something before its answer, and that is not written yet.
    tells: AtomicBool,
    rare: Mutex<Rare>,
}

/// What most connections never need.
#[derive(Debug, Default)]
struct Rare {
    refused: Option<Refusal>,
    /// What became of the last wish for another protocol.
    switched: bool,
    guard: Option<Waker>,
    /// What the client is to be told before its answer: heads of interim answers.
    interim: Vec<u8>,
    /// Who waits until that is written.
    teller: Option<Waker>,
}

/// What became of a wish for another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Asked,
    Agreed,
    Declined,
}

impl Agreement {
    /// The guard lets a head through.
    pub(super) fn pass(&self, head: RequestHead) {
        self.passed.store(self.passed.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.framing.store(as_number(head.framing), Ordering::Relaxed);
        self.receives.store(head.framing != Framing::None, Ordering::Relaxed);
        if head.upgrade {
            self.asked_to_switch.store(true, Ordering::Relaxed);
        }
    }

    /// The guard has seen the end of a body.
    pub(super) fn body_ended(&self) {
        self.receives.store(false, Ordering::Relaxed);
    }

    /// Whether some of a request's body is still to come. Answered now, it is not waited for: the connection ends.
    pub(crate) fn receives(&self) -> bool {
        let is_last = self.seen.load(Ordering::Relaxed) >= self.passed.load(Ordering::Relaxed);
        is_last && self.receives.load(Ordering::Relaxed)
    }

    /// The guard lets nothing more through, and says why in the next answer.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.rare(|rare| rare.refused = Some(refusal));
    }

    /// What became of the wish for another protocol; whoever asks while it is open is woken once it is known.
    pub(super) fn switch(&self, cx: &Context<'_>) -> Switch {
        let open = self.asked_to_switch.load(Ordering::Relaxed);
        self.rare(|rare| {
            if open {
                rare.guard = Some(cx.waker().clone());
            }
            match (open, rare.switched) {
                (true, _) => Switch::Asked,
                (false, true) => Switch::Agreed,
                (false, false) => Switch::Declined,
            }
        })
    }

    /// Counts a request of a connection that has no guard to agree with.
    pub(crate) fn count(self: &Arc<Self>) -> UnderWay {
        self.seen.store(self.seen.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.under_way.store(self.under_way.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Waits until there was nothing to do for `time`, or up to half as long again.
    pub(crate) async fn idle_for(&self, time: Duration) {
        let mut seen = None;
        loop {
            sleep(time / 2).await;
            let idle = !self.is_busy();
            let last = seen.replace((self.seen.load(Ordering::Relaxed), idle));
            if idle && last == seen {
                return;
            }
        }
    }

    /// The next answer shall be the connection's last.
    pub(crate) fn takes_leave(&self) {
        self.takes_leave.store(true, Ordering::Relaxed);
    }

    /// Whether the next answer is the connection's last.
    pub(crate) fn is_last_answer(&self) -> bool {
        self.takes_leave.load(Ordering::Relaxed)
    }

    /// Whether a request was begun whose answer is not all sent.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// The library has made a request. It is under way until the value is dropped.
    ///
    /// # Errors
    /// Why it must be answered with a refusal, and the connection be closed.
    pub(crate) fn begin(self: &Arc<Self>, request: &Request<impl Body>) -> Result<UnderWay, Refusal> {
        let under_way = self.count();
        let (seen, passed) = (self.seen.load(Ordering::Relaxed), self.passed.load(Ordering::Relaxed));
        if seen > passed {
            return Err(self.rare(|rare| rare.refused).unwrap_or(Refusal::Disagreement));
        }
        // Of a request that was followed by others in one read, the guard has forgotten the framing.
        if seen == passed && framing_of(request.body()) != self.framing.load(Ordering::Relaxed) {
            return Err(Refusal::Disagreement);
        }
        Ok(under_way)
    }

    /// A request is answered; with it, a wish for another protocol.
    pub(crate) fn answered(&self, status: StatusCode) {
        let all_seen = self.seen.load(Ordering::Relaxed) >= self.passed.load(Ordering::Relaxed);
        if !self.asked_to_switch.load(Ordering::Relaxed) || !all_seen {
            return;
        }
        self.asked_to_switch.store(false, Ordering::Relaxed);
        let guard = self.rare(|rare| {
            rare.switched = status == StatusCode::SWITCHING_PROTOCOLS;
            rare.guard.take()
        });
        if let Some(guard) = guard {
            guard.wake();
        }
    }

    /// Has the client told the head of an interim answer. The service that says so holds its answer back until that is
    /// [written](Self::poll_told).
    pub(crate) fn tell(&self, head: &[u8]) {
        self.rare(|rare| rare.interim.extend_from_slice(head));
        self.tells.store(true, Ordering::Relaxed);
    }

    /// Ready when all that the client is to be told before its answer is written.
    pub(crate) fn poll_told(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.tells() {
            return Poll::Ready(());
        }
        self.rare(|rare| rare.teller = Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Whether there is something to tell.
    pub(super) fn tells(&self) -> bool {
        self.tells.load(Ordering::Relaxed)
    }

    /// What there is to tell.
    pub(super) fn take_interim(&self) -> Vec<u8> {
        self.rare(|rare| std::mem::take(&mut rare.interim))
    }

    /// All of it was written.
    pub(super) fn told(&self) {
        self.tells.store(false, Ordering::Relaxed);
        if let Some(teller) = self.rare(|rare| rare.teller.take()) {
            teller.wake();
        }
    }

    fn rare<T>(&self, with: impl FnOnce(&mut Rare) -> T) -> T {
        with(&mut self.rare.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A number for each framing of a request; no length is that long.
const CHUNKED: u64 = u64::MAX;

const fn as_number(framing: Framing) -> u64 {
    match framing {
        Framing::None => 0,
        Framing::Length(length) => length,
        Framing::Chunked | Framing::UntilClose => CHUNKED,
    }
}

/// The framing that the library sees.
fn framing_of(body: &impl Body) -> u64 {
    body.size_hint().exact().unwrap_or(CHUNKED)
}

/// A request is under way as long as this lives.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Agreement>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let others = self.0.under_way.load(Ordering::Relaxed).saturating_sub(1);
        self.0.under_way.store(others, Ordering::Relaxed);
    }
}

/// The body of an answer, whose request is under way until all of it was sent.
#[derive(Debug)]
pub(crate) struct UntilSent<B> {
    body: B,
    _under_way: Option<UnderWay>,
}

impl<B> UntilSent<B> {
    pub(crate) const fn new(body: B, under_way: Option<UnderWay>) -> Self {
        Self { body, _under_way: under_way }
    }
}

impl<B: Body + Unpin> Body for UntilSent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    fn head(framing: Framing) -> RequestHead {
        RequestHead { framing, upgrade: false }
    }

    #[test]
    fn a_request_that_the_guard_did_not_let_through_is_refused() {
        let agreement = Arc::<Agreement>::default();
        agreement.pass(head(Framing::None));
        let request = Request::new(Empty::<bytes::Bytes>::new());
        assert!(agreement.begin(&request).is_ok());
        assert_eq!(agreement.begin(&request).err(), Some(Refusal::Disagreement));
        agreement.refuse(Refusal::BareLineFeed);
        assert_eq!(agreement.begin(&request).err(), Some(Refusal::BareLineFeed));
    }

    #[test]
    fn a_request_that_the_library_frames_otherwise_is_refused() {
        let agreement = Arc::<Agreement>::default();
        agreement.pass(head(Framing::Length(4)));
        let request = Request::new(Full::new(bytes::Bytes::from_static(b"hello")));
        assert_eq!(agreement.begin(&request).err(), Some(Refusal::Disagreement));
        agreement.pass(head(Framing::Length(5)));
        let under_way = agreement.begin(&request).unwrap();
        assert!(agreement.is_busy());
        drop(under_way);
        assert!(!agreement.is_busy());
    }
}
