//! What ends a request that may not go on: its session was ended or its time is over, the user is not assigned any more, the
//! application requires something else by now, or is not there any more. Whoever sent it, signed in or not.
//!
//! Each core looks a few times a second whether the directory or what was ended has changed; then every leash of the core asks
//! the very function that granted the request; and likewise whether a session has reached its end. Nothing is asked while
//! nothing changes, and a request that waits for nothing pays two comparisons: what waits is noted in a place that the core
//! keeps.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use adit_core::ApplicationId;
use adit_core::access::{self, AccessRequest, Who};
use adit_identity::Session;
use http::uri::PathAndQuery;
use tokio::time::{MissedTickBehavior, interval};

use super::gate::Visitor;
use super::{nobody, now};
use crate::core::Core;
use crate::failure::Failure;
use crate::reason::Reason;

/// How often a core looks: with the time that a change takes to get here, what was ended is over within a second.
const LOOK: Duration = Duration::from_millis(250);

/// Tells the leashes of a core that something has changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// How often something has.
    count: Cell<u64>,
    /// When the core looked last, in milliseconds since 1970.
    looked: Cell<u64>,
    waiting: RefCell<Waiting>,
}

/// Who waits, each in a place of its own.
#[derive(Debug, Default)]
struct Waiting {
    places: Vec<Option<Waits>>,
    free: Vec<usize>,
    /// No session of theirs ends before that, in milliseconds since 1970.
    soonest: Option<u64>,
}

/// One who waits, and when the session ends.
#[derive(Debug)]
struct Waits {
    waker: Waker,
    ends: Option<u64>,
}

impl Changes {
    /// Has everybody who waits ask again.
    fn tell(&self) {
        self.count.set(self.count.get() + 1);
        self.wake(|_| true);
    }

    /// Has those ask again whose sessions have reached their end.
    fn tell_ended(&self, now: u64) {
        self.looked.set(now);
        if self.waiting.borrow().soonest.is_some_and(|soonest| soonest <= now) {
            self.wake(|waits| waits.ends.is_some_and(|ends| ends <= now));
        }
    }

    fn wake(&self, is_told: impl Fn(&Waits) -> bool) {
        let mut waiting = self.waiting.borrow_mut();
        let told = waiting.places.iter_mut().filter_map(|place| place.take_if(|waits| is_told(waits)));
        let told: Vec<Waits> = told.collect();
        waiting.soonest = waiting.places.iter().flatten().filter_map(|waits| waits.ends).min();
        drop(waiting);
        told.into_iter().for_each(|waits| waits.waker.wake());
    }

    /// Has `waker` woken by the next change, and when a session `ends`. The place is its owner's until [`Self::leave`].
    fn wait(&self, place: &mut Option<usize>, waker: &Waker, ends: Option<u64>) {
        let mut waiting = self.waiting.borrow_mut();
        let number = *place.get_or_insert_with(|| waiting.take_place());
        let replaced = match waiting.places.get_mut(number) {
            Some(Some(held)) if held.waker.will_wake(waker) => None,
            Some(held) => held.replace(Waits { waker: waker.clone(), ends }),
            None => None,
        };
        waiting.soonest = waiting.soonest.into_iter().chain(ends).min();
        drop(waiting);
        // What it belongs to may be dropped with it, which comes back here.
        drop(replaced);
    }

    fn leave(&self, place: usize) {
        let mut waiting = self.waiting.borrow_mut();
        let held = waiting.places.get_mut(place).and_then(Option::take);
        waiting.free.push(place);
        drop(waiting);
        drop(held);
    }
}

impl Waiting {
    fn take_place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }
}

/// Looks for changes as long as the core lives.
pub(crate) async fn look(core: Rc<Core>) {
    let known = || {
        let ended = core.shared.sign_in.as_ref().map(|sign_in| sign_in.ended.load_full());
        (Arc::clone(&core.serving().snapshot), ended)
    };
    let (mut snapshot, mut ended) = known();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let (new_snapshot, new_ended) = known();
        let is_same = new_snapshot.has_content_of(&snapshot)
            && new_ended.as_ref().map(Arc::as_ptr) == ended.as_ref().map(Arc::as_ptr);
        (snapshot, ended) = (new_snapshot, new_ended);
        if !is_same {
            core.changes.tell();
        }
        core.changes.tell_ended(now());
    }
}

/// What one request depends on, as long as anything of it is under way.
pub(crate) struct Leash {
    core: Rc<Core>,
    /// Nobody where the application is open to everybody.
    visitor: Option<Box<Visitor>>,
    application: ApplicationId,
    host: Rc<str>,
    path: PathAndQuery,
    /// The changes of the core that it has looked at.
    seen: u64,
    /// When the session ends, in milliseconds since 1970.
    ends: Option<u64>,
    /// Where the core finds what waits, once something does.
    place: Option<usize>,
    is_over: bool,
}

impl std::fmt::Debug for Leash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leash").field("application", &self.application).finish_non_exhaustive()
    }
}

impl Leash {
    /// The leash of a request that was granted a moment ago: the core has done nothing else since.
    pub(crate) fn new(
        core: &Rc<Core>,
        visitor: Option<Visitor>,
        application: ApplicationId,
        host: &Rc<str>,
        path: PathAndQuery,
    ) -> Self {
        let limits = core.shared.sign_in.as_ref().map(|sign_in| sign_in.limits);
        Self {
            core: Rc::clone(core),
            ends: limits.zip(visitor.as_ref()).map(|(limits, visitor)| limits.end_of(&visitor.session)),
            visitor: visitor.map(Box::new),
            application,
            host: Rc::clone(host),
            path,
            seen: core.changes.count.get(),
            place: None,
            is_over: false,
        }
    }

    /// Who has signed in.
    pub(crate) fn visitor(&self) -> Option<&Visitor> {
        self.visitor.as_deref()
    }

    /// Whether the request may not go on, asked of what does not wait.
    pub(crate) fn is_over(&mut self) -> bool {
        let count = self.core.changes.count.get();
        let has_changed = std::mem::replace(&mut self.seen, count) != count;
        if has_changed || self.ends.is_some_and(|ends| ends <= self.core.changes.looked.get()) {
            self.is_over |= self.asked().is_err();
        }
        self.is_over
    }

    /// Ready once the request may not go on.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_over() {
            return Poll::Ready(());
        }
        self.core.changes.wait(&mut self.place, cx.waker(), self.ends);
        Poll::Pending
    }

    /// Completes once the request may not go on. May be dropped and called again.
    pub(crate) async fn ended(&mut self) {
        poll_fn(|cx| self.poll_ended(cx)).await;
    }

    /// What is said where nothing of an answer has gone out when it ended.
    pub(crate) fn failure(&self) -> Failure {
        self.asked().err().unwrap_or_else(|| Failure::new(Reason::SignInRequired, "the session ended meanwhile"))
    }

    /// Whether the request would be granted at this moment.
    fn asked(&self) -> Result<(), Failure> {
        let over = || Failure::new(Reason::SignInRequired, "the session ended meanwhile");
        let who = match &self.visitor {
            None => nobody(&self.core),
            Some(visitor) => {
                let sign_in = self.core.shared.sign_in.as_ref().ok_or_else(over)?;
                // What is open is in use: only requests are measured by the time without one.
                let in_use = Session { seen: now(), ..Session::clone(&visitor.session) };
                if !sign_in.counts(&self.core, &in_use, Some(self.application), now()) {
                    return Err(over());
                }
                Who::Principal(visitor.principal())
            }
        };
        let serving = self.core.serving();
        let asked = AccessRequest { host: &self.host, path: self.path.path() };
        let grant = access::decide_for(&serving.snapshot, asked, who)?;
        match grant.application().id == self.application {
            true => Ok(()),
            false => Err(Failure::new(Reason::NotPublished, "another application is published there by now")),
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.core.changes.leave(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::task::noop_waker;

    use super::*;

    #[test]
    fn places_of_those_who_wait_are_used_again_and_nobody_is_woken_twice() {
        let changes = Changes::default();
        let (waker, mut places) = (noop_waker(), [None; 3]);
        for place in &mut places {
            changes.wait(place, &waker, None);
            changes.wait(place, &waker, None);
        }
        assert_eq!(places, [Some(0), Some(1), Some(2)]);
        changes.leave(1);
        let mut again = None;
        changes.wait(&mut again, &waker, None);
        assert_eq!((again, changes.waiting.borrow().places.len()), (Some(1), 3));
        changes.tell();
        assert!(changes.waiting.borrow().places.iter().all(Option::is_none));
        assert_eq!(changes.count.get(), 1);
    }

    #[test]
    fn who_has_reached_the_end_of_a_session_is_woken_and_nobody_else() {
        let changes = Changes::default();
        let (waker, mut places) = (noop_waker(), [None; 4]);
        for (place, ends) in places.iter_mut().zip([Some(300), Some(100), None, Some(200)]) {
            changes.wait(place, &waker, ends);
        }
        let left = || changes.waiting.borrow().places.iter().flatten().count();
        for (now, still_there) in [(99, 4), (100, 3), (199, 3), (250, 2), (10_000, 1)] {
            changes.tell_ended(now);
            assert_eq!(left(), still_there, "at {now}");
        }
        assert_eq!((changes.waiting.borrow().soonest, changes.count.get()), (None, 0));
    }
}
