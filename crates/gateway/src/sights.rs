//! What a gateway knows of one application through each connector that it was sent through.
//!
//! The list is read by every request, and copied only when a connector comes into it. Once it is full, it is looked now and
//! then whether some of it are gone; the requests between copy nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use adit_core::connector::ConnectorIdentity;
use adit_core::health::Sighting;
use adit_core::id::ConnectorId;
use arc_swap::ArcSwap;

use crate::limits;
use crate::sight::{Moment, Now, Sight};

/// One application through every connector that it was sent through, by identity.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    known: ArcSwap<Vec<(ConnectorIdentity, Arc<Sight>)>>,
    /// When it was last looked for room in a full list, in milliseconds; zero: never.
    looked: AtomicU32,
}

impl Sights {
    /// What is known of the application through `connector`.
    pub(crate) fn find(&self, connector: ConnectorIdentity) -> Option<Arc<Sight>> {
        let known = self.known.load();
        let index = known.binary_search_by_key(&connector, |(identity, _)| *identity).ok()?;
        known.get(index).map(|(_, sight)| Arc::clone(sight))
    }

    /// The same for the connector's latest registration.
    pub(crate) fn of_connector(&self, connector: ConnectorId) -> Option<Arc<Sight>> {
        let known = self.known.load();
        let own = known.iter().rev().find(|(identity, _)| identity.connector == connector);
        own.map(|(_, sight)| Arc::clone(sight))
    }

    /// What can be said of it through each connector that `counts`; `is_live` says which take requests.
    pub(crate) fn sightings(
        &self,
        now: Now,
        counts: impl Fn(ConnectorId) -> bool,
        is_live: impl Fn(ConnectorId) -> bool,
    ) -> Vec<Sighting> {
        let known = self.known.load();
        let latest = known.chunk_by(|(one, _), (other, _)| one.connector == other.connector).filter_map(<[_]>::last);
        let counted = latest.filter(|(identity, _)| counts(identity.connector));
        counted.map(|(own, sight)| sight.sighting(own.connector, is_live(own.connector), now)).collect()
    }

    /// The same without a hold of it.
    pub(crate) fn seen<T>(&self, connector: ConnectorIdentity, look: impl FnOnce(&Sight) -> T) -> Option<T> {
        let known = self.known.load();
        let index = known.binary_search_by_key(&connector, |(identity, _)| *identity).ok()?;
        known.get(index).map(|(_, sight)| look(sight))
    }

    /// The same, made where there is none; those that `still` does not know go. `None` beyond
    /// [`limits::SIGHTS`].
    pub(crate) fn through(
        &self,
        connector: ConnectorIdentity,
        now: Moment,
        still: impl Fn(ConnectorIdentity) -> bool,
    ) -> Option<Arc<Sight>> {
        if let Some(sight) = self.find(connector) {
            return Some(sight);
        }
        if self.known.load().len() >= limits::SIGHTS && !self.may_look(now) {
            return None;
        }
        self.known.rcu(|known| {
            let mut kept: Vec<_> = known.iter().filter(|(identity, _)| still(*identity)).cloned().collect();
            match kept.binary_search_by_key(&connector, |(identity, _)| *identity) {
                Err(index) if kept.len() < limits::SIGHTS => kept.insert(index, (connector, Arc::default())),
                // Another core was quicker, or nothing is gone.
                _ if kept.len() == known.len() => return Arc::clone(known),
                _ => {}
            }
            Arc::new(kept)
        });
        self.find(connector)
    }

    /// Whether it is time to look for room: for one caller, each [`limits::SIGHTS_LOOKED_AT`].
    fn may_look(&self, now: Moment) -> bool {
        let (looked, own) = (self.looked.load(Ordering::Relaxed), now.millis().max(1));
        let is_due = looked == 0 || u128::from(now.since(looked)) >= limits::SIGHTS_LOOKED_AT.as_millis();
        is_due && self.looked.compare_exchange(looked, own, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use adit_core::connector::KeyGeneration;
    use tokio::time::Instant;
    use uuid::Uuid;

    use super::*;
    use crate::sight::Moment;

    fn identity(number: u128) -> ConnectorIdentity {
        ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(number)), generation: KeyGeneration(1) }
    }

    #[test]
    fn each_connector_has_a_sight_of_its_own_while_the_directory_knows_it() {
        let (sights, now) = (Sights::default(), Moment::at(Instant::now()));
        let first = sights.through(identity(2), now, |_| true).unwrap();
        first.answered(Duration::from_millis(1), now);
        assert!(Arc::ptr_eq(&first, &sights.through(identity(2), now, |_| true).unwrap()));
        let _second = sights.through(identity(1), now, |_| true).unwrap();
        assert_eq!(sights.seen(identity(2), |sight| sight.latency(now)), Some(Some(Duration::from_millis(1))));
        let _third = sights.through(identity(3), now, |known| known != identity(2)).unwrap();
        assert!(sights.find(identity(2)).is_none() && sights.find(identity(1)).is_some());
    }

    #[test]
    fn there_are_no_more_sights_than_the_limit() {
        let (sights, now) = (Sights::default(), Moment::at(Instant::now()));
        let all = (0..limits::SIGHTS as u128 + 5).filter_map(|number| sights.through(identity(number), now, |_| true));
        assert_eq!(all.count(), limits::SIGHTS);
    }

    /// How often the list was replaced while `requests` went round through so many connectors, all of them known.
    fn copies(sights: &Sights, connectors: u128, requests: u128, start: Instant) -> usize {
        let (mut copies, mut list) = (0, sights.known.load_full());
        for request in 0..requests {
            let now = Moment::at(start + Duration::from_millis(u64::try_from(request).unwrap()));
            sights.through(identity(request % connectors), now, |_| true);
            let current = sights.known.load_full();
            copies += usize::from(!Arc::ptr_eq(&list, &current));
            list = current;
        }
        copies
    }

    #[test]
    fn the_list_is_copied_for_new_connectors_and_never_for_requests() {
        let start = Instant::now();
        let few = Sights::default();
        assert_eq!(copies(&few, 10, 10_000, start), 10);
        let many = Sights::default();
        assert_eq!(
            copies(&many, 2 * limits::SIGHTS as u128, 20_000, start),
            limits::SIGHTS,
            "also where not all have room"
        );
    }

    #[test]
    fn a_full_list_makes_room_when_connectors_are_gone() {
        let (sights, start) = (Sights::default(), Instant::now());
        let newest = identity(limits::SIGHTS as u128);
        copies(&sights, limits::SIGHTS as u128, limits::SIGHTS as u128, start);
        let later = |seconds: u64| Moment::at(start + Duration::from_secs(seconds));
        assert!(sights.through(newest, later(10), |_| true).is_none());
        assert!(
            sights.through(newest, later(10), |known| known != identity(0)).is_none(),
            "it was looked a moment ago"
        );
        assert!(sights.through(newest, later(12), |known| known != identity(0)).is_some());
        assert!(sights.find(identity(0)).is_none());
    }
}
