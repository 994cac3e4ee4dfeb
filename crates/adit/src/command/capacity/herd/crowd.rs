//! Moments of many connectors, and how dense they are.

use std::collections::BTreeMap;
use std::time::Duration;

/// Moments are told apart by so many milliseconds.
const BUCKET: u64 = 10;

/// The time over which connectors at their longest pause are spread, in half seconds: the pause is 5 to 15 s.
const SPREAD_IN_HALVES: f64 = 20.0;

/// A count of moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Crowd {
    buckets: BTreeMap<u64, u64>,
    count: u64,
}

impl Crowd {
    pub(in super::super) fn add(&mut self, at: Duration) {
        let bucket = u64::try_from(at.as_millis()).unwrap_or(u64::MAX) / BUCKET;
        *self.buckets.entry(bucket).or_default() += 1;
        self.count += 1;
    }

    pub(in super::super) fn join(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
        self.count += other.count;
    }

    /// How many.
    pub(in super::super) const fn count(&self) -> u64 {
        self.count
    }

    /// When so many of a thousand were there.
    pub(in super::super) fn when(&self, of_a_thousand: u64) -> Duration {
        let wanted = u128::from(self.count) * u128::from(of_a_thousand.min(1000));
        let mut seen = 0_u128;
        let reached = self.buckets.iter().find(|(_, count)| {
            seen += u128::from(**count) * 1000;
            seen >= wanted
        });
        reached.map_or(Duration::ZERO, |(bucket, _)| Duration::from_millis((bucket + 1) * BUCKET))
    }

    /// When the last was there.
    pub(in super::super) fn last(&self) -> Duration {
        self.when(1000)
    }

    /// The most within `width`, counted from the first one on in steps of that length.
    pub(in super::super) fn densest(&self, width: Duration) -> u64 {
        let width = u64::try_from(width.as_millis()).unwrap_or(u64::MAX).max(BUCKET) / BUCKET;
        let first = self.buckets.keys().next().copied().unwrap_or_default();
        let mut steps = BTreeMap::<u64, u64>::new();
        for (bucket, count) in &self.buckets {
            *steps.entry((bucket - first) / width).or_default() += count;
        }
        steps.into_values().max().unwrap_or_default()
    }

    /// The most within half a second, beside what `all` would be if they were spread evenly over the ten seconds that the
    /// longest pauses differ by: 1 is spread. The test of a real herd computes the same.
    #[expect(clippy::cast_precision_loss, reason = "counts of connectors")]
    pub(in super::super) fn crowding(&self, all: u64) -> f64 {
        if all == 0 {
            return 0.0;
        }
        self.densest(Duration::from_millis(500)) as f64 * SPREAD_IN_HALVES / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(milliseconds: &[u64]) -> Crowd {
        let mut crowd = Crowd::default();
        milliseconds.iter().for_each(|at| crowd.add(Duration::from_millis(*at)));
        crowd
    }

    #[test]
    fn moments_are_found_by_how_many_came_before() {
        let crowd = crowd(&[0, 100, 200, 300, 5_000]);
        assert_eq!(crowd.when(500), Duration::from_millis(210));
        assert_eq!(crowd.last(), Duration::from_millis(5_010));
        assert_eq!(Crowd::default().last(), Duration::ZERO);
    }

    #[test]
    fn what_is_spread_over_ten_seconds_has_a_crowding_of_one() {
        let spread: Vec<u64> = (0..1_000).map(|number| number * 10).collect();
        let crowding = crowd(&spread).crowding(1_000);
        assert!((crowding - 1.0).abs() < 0.01, "{crowding}");
        let at_once = crowd(&[7; 1_000]).crowding(1_000);
        assert!((at_once - 20.0).abs() < 0.01, "{at_once}");
    }
}
