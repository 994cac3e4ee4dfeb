//! Requests under which tunnels were lost, one after the other: a request that crashes connectors, or whose answer does,
//! would walk through the group if it were sent again each time.
//!
//! What is asked for is known by a fingerprint: method, application and path. Most that are lost with a tunnel only happened
//! to be there: they are answered when they are sent again, and forgotten. This is touched only where a tunnel was lost
//! under a request, and when such a request is answered after all.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use adit_core::id::ApplicationId;
use http::Method;
use tokio::time::Instant;

use crate::limits;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

/// How often tunnels were lost under one, one after the other.
#[derive(Debug)]
struct Lost {
    since: Instant,
    last: Instant,
    times: usize,
}

impl Lost {
    const fn none(now: Instant) -> Self {
        Self { since: now, last: now, times: 0 }
    }

    fn counts(&self, now: Instant) -> bool {
        now.duration_since(self.since) < limits::LOSSES_WITHIN
    }
}

/// All of them, on all cores.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Drawn at the start, so that nobody can ask for what has the fingerprint of something else.
    hasher: RandomState,
    known: Mutex<HashMap<Fingerprint, Lost>>,
}

impl Losses {
    /// The fingerprint of a request; the query is not part of it, which often is another one each time.
    pub(crate) fn fingerprint(&self, method: &Method, application: ApplicationId, path: &str) -> Fingerprint {
        Fingerprint(self.hasher.hash_one((method, application, path)))
    }

    /// A tunnel was lost under the request, which had been sent at `begun`. Whether it may be sent again as far as this goes.
    pub(crate) fn lost(&self, request: Fingerprint, begun: Instant, now: Instant) -> bool {
        let mut known = self.known();
        if known.len() >= limits::LOSSES_KNOWN && !known.contains_key(&request) {
            known.retain(|_, lost| lost.counts(now));
            if known.len() >= limits::LOSSES_KNOWN {
                return true;
            }
        }
        let lost = known.entry(request).or_insert_with(|| Lost::none(now));
        if !lost.counts(now) {
            *lost = Lost::none(now);
        }
        // What was under way when the last one was lost was not sent after it: several may be lost at once, by a network.
        if lost.times == 0 || begun > lost.last {
            (lost.times, lost.last) = (lost.times + 1, now);
        }
        lost.times < limits::LOSSES_OF_A_REQUEST
    }

    /// The request was answered after all: it is not what the tunnels were lost by.
    pub(crate) fn answered(&self, request: Fingerprint) {
        self.known().remove(&request);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Fingerprint, Lost>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    /// A loss under what was sent just before it.
    fn lost(losses: &Losses, request: Fingerprint, at: Instant) -> bool {
        losses.lost(request, at, at + Duration::from_millis(1))
    }

    fn request(losses: &Losses, path: &str) -> Fingerprint {
        losses.fingerprint(&Method::GET, ApplicationId::new(Uuid::from_u128(1)), path)
    }

    #[test]
    fn a_request_under_which_three_tunnels_were_lost_within_a_minute_is_not_sent_again() {
        let (losses, start) = (Losses::default(), Instant::now());
        let own = request(&losses, "/poison");
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(lost(&losses, own, after(0)) && lost(&losses, own, after(1)));
        assert!(!lost(&losses, own, after(2)) && !lost(&losses, own, after(3)));
        assert!(lost(&losses, request(&losses, "/other"), after(3)));
        assert!(lost(&losses, own, start + limits::LOSSES_WITHIN), "a minute later it begins anew");
    }

    #[test]
    fn requests_that_were_under_way_when_several_tunnels_were_lost_at_once_are_all_sent_again() {
        let (losses, begun) = (Losses::default(), Instant::now());
        let own = request(&losses, "/items");
        for millis in 100..200 {
            assert!(losses.lost(own, begun, begun + Duration::from_millis(millis)));
        }
    }

    #[test]
    fn one_that_is_answered_after_all_is_innocent() {
        let (losses, now) = (Losses::default(), Instant::now());
        let own = request(&losses, "/");
        for second in 0..100 {
            assert!(
                lost(&losses, own, now + Duration::from_secs(second)),
                "whatever happens to the connectors meanwhile"
            );
            losses.answered(own);
        }
    }

    #[test]
    fn there_are_no_more_than_the_limit_and_old_ones_make_room() {
        let (losses, now) = (Losses::default(), Instant::now());
        for number in 0..limits::LOSSES_KNOWN + 10 {
            assert!(lost(&losses, request(&losses, &format!("/{number}")), now));
        }
        assert_eq!(losses.known().len(), limits::LOSSES_KNOWN);
        let own = request(&losses, "/new");
        let often = |from| (0..9).all(|second| lost(&losses, own, from + Duration::from_secs(second)));
        assert!(often(now), "it is not known");
        assert!(!often(now + limits::LOSSES_WITHIN + Duration::from_secs(1)));
        assert_eq!(losses.known().len(), 1);
    }
}
