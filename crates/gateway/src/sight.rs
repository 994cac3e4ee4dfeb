//! An application as one connector sees it: how long answers take through it, and whether it reaches the upstream.
//!
//! Everything here comes from requests that were served anyway, and is kept in atomics that all cores share: a request
//! finds them by a binary search and writes only when there is something new. Moments are counted in milliseconds since
//! the gateway's start, and may wrap: what is older than 24 days may look young once.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_core::connector::ConnectorIdentity;
use adit_core::id::ConnectorId;
use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::limits;

/// What moments are counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment, in milliseconds since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u32);

impl Moment {
    /// Of `instant`.
    pub(crate) fn at(instant: Instant) -> Self {
        let millis = instant.saturating_duration_since(*START).as_millis();
        Self(u32::try_from(millis & u128::from(u32::MAX)).unwrap_or_default())
    }

    /// The number itself.
    pub(crate) const fn millis(self) -> u32 {
        self.0
    }

    /// Milliseconds since `earlier`; none if that is later.
    pub(crate) const fn since(self, earlier: u32) -> u32 {
        let elapsed = self.0.wrapping_sub(earlier);
        if elapsed > u32::MAX / 2 { 0 } else { elapsed }
    }
}

/// Two numbers that change together.
#[derive(Debug, Default)]
struct Pair(AtomicU64);

impl Pair {
    fn read(&self) -> (u32, u32) {
        let [a, b, c, d, e, f, g, h] = self.0.load(Ordering::Relaxed).to_be_bytes();
        (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
    }

    fn write(&self, first: u32, second: u32) {
        self.0.store(u64::from(first) << 32 | u64::from(second), Ordering::Relaxed);
    }
}

/// One application through one connector.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    /// Microseconds, and when they were measured. Zero: nothing was.
    latency: Pair,
    /// How often in a row the upstream could not be reached, and until when the connector is passed over.
    unreached: Pair,
}

impl Sight {
    /// An answer began after `latency`: a longer one counts at once, shorter ones by and by.
    pub(crate) fn answered(&self, latency: Duration, now: Moment) {
        self.measured(latency, now);
        if self.unreached.read().0 > 0 {
            self.unreached.write(0, 0);
        }
    }

    /// No answer began for so long.
    pub(crate) fn measured(&self, latency: Duration, now: Moment) {
        let new = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX).max(1);
        let (known, measured) = self.latency.read();
        let elapsed = now.since(measured);
        if new >= known {
            self.latency.write(new, now.0);
        } else if elapsed >= limits::LATENCY_STEP {
            // Not more often: a halving time in steps of a millisecond would be lost in rounding, and cores that serve
            // many requests would write to the same place all the time.
            self.latency.write(new + decayed(known - new, elapsed), now.0);
        }
    }

    /// How long answers took lately. What was not measured again fades, so that it is.
    pub(crate) fn latency(&self, now: Moment) -> Option<Duration> {
        let (known, measured) = self.latency.read();
        (known > 0).then(|| Duration::from_micros(u64::from(decayed(known, now.since(measured)))))
    }

    /// The connector could not connect to the upstream: it is passed over for a while, longer each time.
    pub(crate) fn not_reached(&self, now: Moment) {
        let (times, until) = self.unreached.read();
        // Requests that failed together count once.
        if times > 0 && is_before(now, until) {
            return;
        }
        let pause = limits::UNREACHED_PAUSE.saturating_mul(1 << times.min(8)).min(limits::UNREACHED_LONGEST);
        let pause = u32::try_from(pause.as_millis()).unwrap_or(u32::MAX);
        self.unreached.write(times.saturating_add(1), now.0.wrapping_add(pause));
    }

    /// Whether the connector is passed over, where there is another.
    pub(crate) fn is_failing(&self, now: Moment) -> bool {
        let (times, until) = self.unreached.read();
        times > 0 && is_before(now, until)
    }
}

/// Whether `now` is before `until`, where both are near each other.
fn is_before(now: Moment, until: u32) -> bool {
    let left = until.wrapping_sub(now.0);
    left > 0 && left < u32::MAX / 2
}

/// What is left of `value` after so many milliseconds: half after each [`limits::LATENCY_HALVED`], and about as
/// much of that between.
fn decayed(value: u32, elapsed: u32) -> u32 {
    let (halvings, rest) = (elapsed / limits::LATENCY_HALVED, elapsed % limits::LATENCY_HALVED);
    let halved = u64::from(value.checked_shr(halvings).unwrap_or_default());
    // 2^-x is near 1 - 0.672 x + 0.172 x^2 for x in 0..1, so that many short steps fade as one long one does.
    let part = u64::from(rest) * 1024 / u64::from(limits::LATENCY_HALVED);
    let left = (1024 * 1024 + 176 * part * part / 1024) - 688 * part;
    u32::try_from(halved * left / (1024 * 1024)).unwrap_or(u32::MAX)
}

/// One application through every connector that it was sent through, by identity.
#[derive(Debug, Default)]
pub(crate) struct Sights(ArcSwap<Vec<(ConnectorIdentity, Arc<Sight>)>>);

impl Sights {
    /// What is known of the application through `connector`.
    pub(crate) fn find(&self, connector: ConnectorIdentity) -> Option<Arc<Sight>> {
        let known = self.0.load();
        let index = known.binary_search_by_key(&connector, |(identity, _)| *identity).ok()?;
        known.get(index).map(|(_, sight)| Arc::clone(sight))
    }

    /// The same for the connector's latest registration.
    pub(crate) fn of_connector(&self, connector: ConnectorId) -> Option<Arc<Sight>> {
        let known = self.0.load();
        let own = known.iter().rev().find(|(identity, _)| identity.connector == connector);
        own.map(|(_, sight)| Arc::clone(sight))
    }

    /// The same without a hold of it.
    pub(crate) fn seen<T>(&self, connector: ConnectorIdentity, look: impl FnOnce(&Sight) -> T) -> Option<T> {
        let known = self.0.load();
        let index = known.binary_search_by_key(&connector, |(identity, _)| *identity).ok()?;
        known.get(index).map(|(_, sight)| look(sight))
    }

    /// The same, made where there is none; those that `still` does not know go. `None` beyond
    /// [`limits::SIGHTS`].
    pub(crate) fn through(
        &self,
        connector: ConnectorIdentity,
        still: impl Fn(ConnectorIdentity) -> bool,
    ) -> Option<Arc<Sight>> {
        if let Some(sight) = self.find(connector) {
            return Some(sight);
        }
        self.0.rcu(|known| {
            let mut kept: Vec<_> = known.iter().filter(|(identity, _)| still(*identity)).cloned().collect();
            if let Err(index) = kept.binary_search_by_key(&connector, |(identity, _)| *identity)
                && kept.len() < limits::SIGHTS
            {
                kept.insert(index, (connector, Arc::default()));
            }
            kept
        });
        self.find(connector)
    }
}

#[cfg(test)]
mod tests {
    use adit_core::connector::KeyGeneration;
    use uuid::Uuid;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    const fn at(millis: u32) -> Moment {
        Moment(millis)
    }

    fn identity(number: u128) -> ConnectorIdentity {
        ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(number)), generation: KeyGeneration(1) }
    }

    #[test]
    fn a_longer_latency_counts_at_once_and_shorter_ones_by_and_by() {
        let sight = Sight::default();
        assert_eq!(sight.latency(at(0)), None);
        sight.answered(MS * 10, at(1000));
        sight.answered(MS * 90, at(1001));
        assert_eq!(sight.latency(at(1001)), Some(MS * 90));
        let halved = limits::LATENCY_HALVED;
        for step in 1..=halved / limits::LATENCY_STEP {
            sight.answered(MS * 10, at(1001 + step * limits::LATENCY_STEP));
        }
        let latency = sight.latency(at(1001 + halved)).unwrap();
        assert!((MS * 46..MS * 54).contains(&latency), "half of the difference is left, not {latency:?}");
    }

    #[test]
    fn many_quick_answers_within_a_moment_change_nothing_and_are_not_lost_for_ever() {
        let sight = Sight::default();
        sight.answered(MS * 90, at(0));
        for now in 0..limits::LATENCY_HALVED {
            sight.answered(MS, at(now));
        }
        assert!(sight.latency(at(limits::LATENCY_HALVED)).unwrap() < MS * 52);
    }

    #[test]
    fn what_is_not_measured_again_fades() {
        let sight = Sight::default();
        sight.measured(MS * 80, at(u32::MAX - 10));
        let later = |halvings: u32| at((halvings * limits::LATENCY_HALVED).wrapping_sub(11));
        assert_eq!(sight.latency(later(1)), Some(MS * 40));
        assert_eq!(sight.latency(later(3)), Some(MS * 10), "also where the moments wrap");
        assert_eq!(sight.latency(later(40)), Some(Duration::ZERO));
    }

    #[test]
    fn a_connector_that_does_not_reach_the_upstream_is_passed_over_for_longer_each_time() {
        let sight = Sight::default();
        let pause = u32::try_from(limits::UNREACHED_PAUSE.as_millis()).unwrap();
        sight.not_reached(at(0));
        sight.not_reached(at(1));
        assert!(sight.is_failing(at(pause - 1)) && !sight.is_failing(at(pause)), "what failed together counts once");
        sight.not_reached(at(pause));
        assert!(sight.is_failing(at(pause + 2 * pause - 1)) && !sight.is_failing(at(pause + 2 * pause)));
        sight.answered(MS, at(pause + 1));
        assert!(!sight.is_failing(at(pause + 1)), "an answer ends it");
        for round in 0..40 {
            sight.not_reached(at(100_000 * round));
        }
        let longest = u32::try_from(limits::UNREACHED_LONGEST.as_millis()).unwrap();
        assert!(!sight.is_failing(at(100_000 * 39 + longest)));
    }

    #[test]
    fn each_connector_has_a_sight_of_its_own_while_the_directory_knows_it() {
        let sights = Sights::default();
        let first = sights.through(identity(2), |_| true).unwrap();
        first.answered(MS, at(5));
        assert!(Arc::ptr_eq(&first, &sights.through(identity(2), |_| true).unwrap()));
        let _second = sights.through(identity(1), |_| true).unwrap();
        assert_eq!(sights.seen(identity(2), |sight| sight.latency(at(5))), Some(Some(MS)));
        let _third = sights.through(identity(3), |known| known != identity(2)).unwrap();
        assert!(sights.find(identity(2)).is_none() && sights.find(identity(1)).is_some());
    }

    #[test]
    fn there_are_no_more_sights_than_the_limit() {
        let sights = Sights::default();
        let all = (0..limits::SIGHTS as u128 + 5).filter_map(|number| sights.through(identity(number), |_| true));
        assert_eq!(all.count(), limits::SIGHTS);
    }
}
