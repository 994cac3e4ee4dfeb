//! When each pair of an application and a connector is probed next.
//!
//! The first probe of a pair comes at a random moment of its interval, each later one an interval after the last, give or
//! take [`limits::PROBE_JITTER`] of it: pairs that are planned together are spread from the beginning, and stay so.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use adit_core::connector::ConnectorIdentity;
use adit_core::id::ApplicationId;
use tokio::time::Instant;

use crate::limits;

/// What is probed: an application through a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pair {
    pub(super) application: ApplicationId,
    pub(super) connector: ConnectorIdentity,
}

/// Pairs, and when each is due.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pairs: HashMap<Pair, (Instant, Duration)>,
    due: BTreeSet<(Instant, Pair)>,
}

impl Plan {
    /// Has exactly the pairs that are wanted, each with its interval. Gives those that are not wanted any more.
    pub(super) fn follow(
        &mut self,
        wanted: &HashMap<Pair, Duration>,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Vec<Pair> {
        let ended: Vec<Pair> = self.pairs.keys().filter(|pair| !wanted.contains_key(pair)).copied().collect();
        ended.iter().for_each(|pair| self.forget(pair));
        for (pair, interval) in wanted {
            if self.pairs.get(pair).is_none_or(|(_, known)| known != interval) {
                self.forget(pair);
                self.put(*pair, now + interval.mul_f64(random.f64()), *interval);
            }
        }
        ended
    }

    /// When the next pair is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next pair whose time has come; its next time is planned.
    pub(super) fn next_due(&mut self, now: Instant, random: &mut fastrand::Rng) -> Option<Pair> {
        let (_, pair) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        let (_, interval) = *self.pairs.get(&pair)?;
        self.forget(&pair);
        let jitter = 1.0 + limits::PROBE_JITTER * (2.0 * random.f64() - 1.0);
        self.put(pair, now + interval.mul_f64(jitter), interval);
        Some(pair)
    }

    fn put(&mut self, pair: Pair, at: Instant, interval: Duration) {
        self.pairs.insert(pair, (at, interval));
        self.due.insert((at, pair));
    }

    fn forget(&mut self, pair: &Pair) {
        if let Some((at, _)) = self.pairs.remove(pair) {
            self.due.remove(&(at, *pair));
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_core::connector::KeyGeneration;
    use adit_core::id::ConnectorId;
    use uuid::Uuid;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pair(application: u128, connector: u128) -> Pair {
        let connector = ConnectorId::new(Uuid::from_u128(connector));
        let connector = ConnectorIdentity { connector, generation: KeyGeneration(1) };
        Pair { application: ApplicationId::new(Uuid::from_u128(application)), connector }
    }

    #[test]
    fn thousands_of_pairs_are_spread_over_their_interval_and_stay_so() {
        let (mut plan, mut random, start) = (Plan::default(), fastrand::Rng::with_seed(5), Instant::now());
        let all = (0..1000).flat_map(|application| (0..10).map(move |connector| pair(application, connector)));
        let wanted: HashMap<Pair, Duration> = all.map(|pair| (pair, SECOND * 30)).collect();
        assert!(plan.follow(&wanted, start, &mut random).is_empty());
        let mut counts = Vec::new();
        for second in 1..=300 {
            let now = start + SECOND * second;
            counts.push(std::iter::from_fn(|| plan.next_due(now, &mut random)).count());
        }
        let (most, all) = (counts.iter().max().unwrap(), counts.iter().sum::<usize>());
        assert!(*most < 500, "a third of a thousand would be the mean, not {most} in a second");
        assert!((95_000..=105_000).contains(&all), "ten each in 300 s, not {all}");
    }

    #[test]
    fn a_pair_has_its_interval_whatever_else_changes_and_ends_when_it_is_not_wanted() {
        let (mut plan, mut random, start) = (Plan::default(), fastrand::Rng::with_seed(6), Instant::now());
        let (kept, gone) = (pair(1, 1), pair(1, 2));
        plan.follow(&HashMap::from([(kept, SECOND * 3600), (gone, SECOND * 3600)]), start, &mut random);
        let planned = plan.pairs[&kept];
        assert_eq!(plan.follow(&HashMap::from([(kept, SECOND * 3600)]), start, &mut random), [gone]);
        assert_eq!(plan.pairs[&kept], planned, "what stays as it is is not planned anew");
        plan.follow(&HashMap::from([(kept, SECOND * 5)]), start, &mut random);
        assert!(plan.next_at().unwrap() <= start + SECOND * 5, "a shorter interval holds at once");
        assert_eq!(plan.next_due(start + SECOND * 5, &mut random), Some(kept));
        assert_eq!(plan.next_due(start + SECOND * 5, &mut random), None, "its next time is an interval away");
        let next = plan.next_at().unwrap() - start;
        assert!((SECOND * 9..SECOND * 11).contains(&next), "{next:?}");
        assert_eq!(plan.follow(&HashMap::new(), start, &mut random), [kept]);
        assert!(plan.next_at().is_none());
    }
}
