//! When what changed among the tunnels is compiled: at once, but for no more than a tenth of the time.
//!
//! Compiling costs what there are connectors: for some hundred it takes a moment, and nothing ever waits. For ten thousand
//! that come back in the same seconds, compiling at each of them would take all the time there is.

use std::time::Duration;

use tokio::time::Instant;

/// How many times as long as a compilation took is left between it and the next.
const PAUSE: u32 = 9;

/// The longest pause: a compilation that took long because its thread had to wait says nothing of the next.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// When it was compiled last, and whether something waits.
#[derive(Debug, Default)]
pub(super) struct Compilations {
    /// The end of the pause.
    not_before: Option<Instant>,
    is_waiting: bool,
}

impl Compilations {
    /// Something changed; whether it is compiled at once. If not, it waits until [`Self::not_before`].
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.not_before.is_none_or(|at| at <= now);
        self.is_waiting = !is_due;
        is_due
    }

    /// A compilation that began then has ended: nothing waits any more.
    pub(super) fn compiled(&mut self, begun: Instant, ended: Instant) {
        let took: Duration = ended.duration_since(begun);
        self.not_before = ended.checked_add(took.saturating_mul(PAUSE).min(LONGEST_PAUSE));
        self.is_waiting = false;
    }

    /// When what waits is compiled, if something does.
    pub(super) fn due(&self) -> Option<Instant> {
        self.not_before.filter(|_| self.is_waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_done_for_a_tenth_of_the_time_and_nothing_is_forgotten() {
        let (mut compilations, start) = (Compilations::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(compilations.is_due(start));
        compilations.compiled(start, at(10));
        assert_eq!(compilations.due(), None, "nothing has changed since");
        assert!(!compilations.is_due(at(99)));
        assert_eq!(compilations.due(), Some(at(100)));
        assert!(compilations.is_due(at(100)), "another change is compiled, and what waited with it");
        compilations.compiled(at(100), at(101));
        assert_eq!(compilations.due(), None);
        compilations.compiled(at(200), at(2200));
        assert!(!compilations.is_due(at(2449)) && compilations.is_due(at(2450)));
    }
}
