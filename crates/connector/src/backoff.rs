//! How long to wait before dialling again: doubling up to a cap, and spread after the cap, so that connectors which
//! lost their gateway in the same moment do not come back in the same moment.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(10);

/// A connection that was up for this long was a good one.
const GOOD: Duration = Duration::from_secs(5);

/// The waits of one link.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// A connection did what it was for: the next wait is the first again.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A connection has ended that was up for so long; the time until it was up does not count.
    pub fn ended_after(&mut self, up: Duration) {
        if up > GOOD {
            self.succeeded();
        }
    }

    /// The next wait: half to one and a half of the step. `random` is in 0..1.
    pub fn next(&mut self, random: f64) -> Duration {
        let step = FIRST.saturating_mul(1 << self.failures.min(7)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(0.5 + random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_cap_and_are_spread_there_too() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..10).map(|_| backoff.next(0.5).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
        assert_eq!(backoff.next(0.0).as_millis(), 5000);
        assert_eq!(backoff.next(1.0).as_millis(), 15_000);
        backoff.ended_after(GOOD);
        assert_eq!(backoff.next(0.5).as_millis(), 10_000, "it was up for too short a time");
        backoff.ended_after(GOOD * 2);
        assert_eq!(backoff.next(0.5).as_millis(), 100);
    }
}
