//! Which of two connectors takes a request: one that can reach the upstream before one that lately could not, one that
//! is back for a while before one that has just come back, then the one that is likely to answer first: its latency
//! (peak-EWMA) by the requests under way through it.
//!
//! Pure: latencies, counts and the randomness come from outside. Nothing here reads a clock or takes a lock.

use std::time::Duration;

use crate::limits;

/// What speaks for a connector and against it, for one application at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Score {
    /// How long answers took lately; nothing if none came through it.
    pub(crate) latency: Option<Duration>,
    /// Requests under way through it, on all cores.
    pub(crate) in_flight: u32,
    /// How much of its share it gets since it came back, in percent.
    pub(crate) share: u32,
    /// It could not connect to the upstream a moment ago, or its last probe failed.
    pub(crate) is_failing: bool,
    /// This request is the one that tries whether it can again.
    pub(crate) is_trial: bool,
}

/// Of two connectors that were drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    First,
    Second,
}

impl Score {
    /// The expected time of one more request, as far as it can be compared: latency by requests, its own included.
    pub(crate) fn cost(self) -> Option<Duration> {
        Some(self.latency?.max(limits::LATENCY_FLOOR).saturating_mul(self.in_flight.saturating_add(1)))
    }

    /// The better one. Which of two equals is first was drawn by the caller.
    pub(crate) fn choose(self, other: Self, random: &mut fastrand::Rng) -> Choice {
        if self.is_failing != other.is_failing {
            return if self.is_failing { Choice::Second } else { Choice::First };
        }
        match self.share.cmp(&other.share) {
            std::cmp::Ordering::Less if !competes(self.share, other.share, random) => return Choice::Second,
            std::cmp::Ordering::Greater if !competes(other.share, self.share, random) => return Choice::First,
            _ => {}
        }
        let (own, its) = self.weights(other);
        if its < own { Choice::Second } else { Choice::First }
    }

    /// What is compared. Latencies within [`limits::LATENCY_NOISE`] of each other count as equal, or whoever had the last
    /// hiccup would lose every request to the other; and none counts for more than [`limits::LATENCY_RATIO`] times the
    /// other, for it may have been one slow page among a thousand quick ones.
    fn weights(self, other: Self) -> (u128, u128) {
        let floored = |latency: Duration| latency.max(limits::LATENCY_FLOOR).as_micros();
        let requests = |score: Self| u128::from(score.in_flight) + 1;
        let (Some(own), Some(its)) = (self.latency.map(floored), other.latency.map(floored)) else {
            return (requests(self), requests(other));
        };
        let (less, more) = (own.min(its), own.max(its));
        if more < less * limits::LATENCY_NOISE {
            return (requests(self), requests(other));
        }
        let most = less * limits::LATENCY_RATIO;
        (own.min(most) * requests(self), its.min(most) * requests(other))
    }
}

/// Whether one with the smaller share takes part this time: in proportion to the shares.
fn competes(smaller: u32, larger: u32, random: &mut fastrand::Rng) -> bool {
    random.u32(..larger.max(1)) < smaller
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    const fn score(latency: Option<Duration>, in_flight: u32) -> Score {
        Score { latency, in_flight, share: 100, is_failing: false, is_trial: false }
    }

    /// How many of a thousand requests go to the second.
    fn to_second(first: Score, second: Score) -> usize {
        let mut random = fastrand::Rng::with_seed(7);
        (0..1000).filter(|_| first.choose(second, &mut random) == Choice::Second).count()
    }

    #[test]
    fn without_latencies_the_less_busy_one_is_chosen() {
        assert_eq!(to_second(score(None, 9), score(None, 0)), 1000);
        assert_eq!(to_second(score(None, 1), score(Some(MS * 500), 0)), 1000, "one is not known");
        assert_eq!(to_second(score(None, 3), score(None, 3)), 0, "the caller has drawn which is first");
    }

    #[test]
    fn a_slower_one_is_chosen_where_so_many_wait_for_the_quicker_one() {
        assert_eq!(to_second(score(Some(MS * 40), 0), score(Some(MS * 10), 0)), 1000);
        assert_eq!(to_second(score(Some(MS * 40), 0), score(Some(MS * 10), 2)), 1000);
        assert_eq!(to_second(score(Some(MS * 40), 0), score(Some(MS * 10), 4)), 0);
    }

    #[test]
    fn small_differences_and_hiccups_do_not_decide() {
        assert_eq!(to_second(score(Some(MS * 19), 0), score(Some(MS * 10), 1)), 0);
        assert_eq!(to_second(score(Some(MS), 0), score(Some(MS / 100), 1)), 0, "both are quick");
        let (slow_page, quick) = (score(Some(Duration::from_secs(60)), 0), score(Some(MS * 10), 0));
        assert_eq!(to_second(slow_page, quick), 1000);
        assert_eq!(to_second(slow_page, Score { in_flight: 8, ..quick }), 0, "its part is not left to the other alone");
    }

    #[test]
    fn one_that_has_just_come_back_gets_a_part_in_proportion() {
        let back = Score { share: 10, ..score(None, 0) };
        let part = 1000 - to_second(back, score(None, 0));
        assert!((60..140).contains(&part), "{part} of 1000");
        let part = to_second(score(None, 0), Score { share: 50, ..score(None, 0) });
        assert_eq!(part, 0, "where both compete, equals go by the draw");
        assert_eq!(
            to_second(back, Score { share: 10, ..score(None, 0) }),
            0,
            "where all have just come back, all serve"
        );
    }

    #[test]
    fn one_that_cannot_reach_the_upstream_is_passed_over_however_idle_it_is() {
        let failing = Score { is_failing: true, ..score(Some(MS), 0) };
        assert_eq!(to_second(failing, score(Some(MS * 900), 500)), 1000);
        assert_eq!(to_second(score(Some(MS * 900), 500), failing), 0);
        assert_eq!(to_second(failing, Score { in_flight: 0, is_failing: true, ..score(Some(MS * 9), 0) }), 0);
    }

    #[test]
    fn the_cost_is_what_one_more_request_would_wait() {
        assert_eq!(score(Some(MS * 40), 2).cost(), Some(MS * 120));
        assert_eq!(score(None, 2).cost(), None);
    }
}
