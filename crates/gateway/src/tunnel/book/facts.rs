//! What is told of the tunnels: to the directory's callers, to metrics, and to whoever waits for a drain.

use std::collections::HashMap;
use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use adit_core::explain::{ConnectorFacts, ConnectorWork};
use adit_core::id::ConnectorId;

use super::{Book, Entries};
use crate::limits;
use crate::serving::group_of;
use crate::tunnel::Stint;

impl Book {
    /// How many requests were sent through each connector since its first connection came up.
    pub(crate) fn exchanges(&self) -> Vec<(ConnectorId, u64)> {
        self.entries().loads.iter().map(|(identity, load)| (identity.connector, load.begun())).collect()
    }

    /// What is known of each connector that has a connection and serves.
    pub(crate) fn connector_facts(&self) -> Vec<ConnectorFacts> {
        let entries = self.entries();
        let mut known: HashMap<ConnectorIdentity, ConnectorFacts> = HashMap::new();
        for connection in &entries.connections {
            let identity = connection.identity;
            if group_of(&entries.snapshot, identity).is_none() {
                continue;
            }
            let in_flight = connection.load.in_flight();
            let facts = known.entry(identity).or_insert(ConnectorFacts {
                id: identity.connector,
                serving: 0,
                proving: 0,
                resting: 0,
                in_flight,
                share: connection.load.share(),
                busy: in_flight >= limits::IN_FLIGHT,
            });
            let counted = match (connection.takes_streams() && connection.is_in_service(), connection.is_on_trial()) {
                (true, false) => &mut facts.serving,
                (true, true) => &mut facts.proving,
                (false, _) => &mut facts.resting,
            };
            *counted += 1;
        }
        known.into_values().collect()
    }

    /// Connections that take nothing new, for they are leaving or drained, and what is still under way in stints that have
    /// ended: their own, and those of connectors that were moved.
    pub(crate) fn draining(&self) -> (i64, i64) {
        let entries = self.entries();
        let resting = entries.connections.iter().filter(|connection| !connection.is_in_service());
        let connections = i64::try_from(resting.count()).unwrap_or(i64::MAX);
        (connections, ended_stints(&entries).map(|stint| stint.under_way()).sum())
    }

    /// What is under way through a connector.
    pub(crate) fn work_of(&self, connector: ConnectorId) -> ConnectorWork {
        let entries = self.entries();
        let loads = entries.loads.iter().filter(|(identity, _)| identity.connector == connector);
        let ended = ended_stints(&entries).filter(|stint| stint.connector == connector);
        ConnectorWork {
            requests: loads.map(|(_, load)| u64::from(load.in_flight())).sum(),
            draining: ended.map(|stint| u64::try_from(stint.under_way()).unwrap_or_default()).sum(),
        }
    }
}

/// The stints that have ended, also those of connections that are leaving.
fn ended_stints(entries: &Entries) -> impl Iterator<Item = Arc<Stint>> {
    let leaving = entries.connections.iter().map(|connection| connection.stint()).filter(|stint| stint.is_over());
    leaving.chain(entries.ended.iter().cloned())
}
