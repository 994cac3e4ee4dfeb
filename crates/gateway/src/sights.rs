//! What a gateway knows of one application through each connector that it was sent through.

use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use adit_core::health::Sighting;
use adit_core::id::ConnectorId;
use arc_swap::ArcSwap;

use crate::limits;
use crate::sight::{Now, Sight};

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

    /// What can be said of it through each connector that `counts`; `is_live` says which take requests.
    pub(crate) fn sightings(
        &self,
        now: Now,
        counts: impl Fn(ConnectorId) -> bool,
        is_live: impl Fn(ConnectorId) -> bool,
    ) -> Vec<Sighting> {
        let known = self.0.load();
        let latest = known.chunk_by(|(one, _), (other, _)| one.connector == other.connector).filter_map(<[_]>::last);
        let counted = latest.filter(|(identity, _)| counts(identity.connector));
        counted.map(|(own, sight)| sight.sighting(own.connector, is_live(own.connector), now)).collect()
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
        let first = sights.through(identity(2), |_| true).unwrap();
        first.answered(Duration::from_millis(1), now);
        assert!(Arc::ptr_eq(&first, &sights.through(identity(2), |_| true).unwrap()));
        let _second = sights.through(identity(1), |_| true).unwrap();
        assert_eq!(sights.seen(identity(2), |sight| sight.latency(now)), Some(Some(Duration::from_millis(1))));
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
