//! The book of live tunnel connections. Whatever changes here or in the snapshot is compiled into a new
//! [`Serving`] and swapped in, a snapshot at once and tunnels [without taking all the time](super::compilation); requests
//! never take this lock.

mod facts;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ConnectorGroupId, ConnectorId, TunnelId};
use adit_core::snapshot::{KnownConnector, Snapshot};
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::compilation::Compilations;
use super::connection::{ConnectionState, TunnelConnection};
use super::instance::{Instances, Turn};
use super::stability::Stability;
use super::stint::Stint;
use crate::directory::TunnelUp;
use crate::limits;
use crate::serving::{LiveConnector, Load, Serving, group_of};
use crate::sight::Moment;

#[derive(Debug, Default)]
struct Entries {
    snapshot: Arc<Snapshot>,
    connections: Vec<Arc<TunnelConnection>>,
    /// Stints that ended while their connections go on, as long as something is under way in them.
    ended: Vec<Arc<Stint>>,
    present: HashMap<TunnelId, TunnelUp>,
    /// The tunnel of each start of each connector's process. The gateway draws the ids: one that a connector chose could
    /// be another's.
    tunnels: HashMap<(ConnectorIdentity, TunnelId), TunnelId>,
    /// Which process each connector is, as long as the directory knows it.
    instances: HashMap<ConnectorIdentity, Instances>,
    loads: HashMap<ConnectorIdentity, Arc<Load>>,
    not_after: HashMap<ConnectorIdentity, i64>,
    /// Connections of each connector on each core, those that still say hello included.
    assigned: HashMap<ConnectorIdentity, Vec<u32>>,
    /// Connectors that take requests, and which start of their process does.
    live: HashMap<ConnectorIdentity, TunnelId>,
    /// Connectors that were lost or have left, and until when they are expected back.
    expected: HashMap<ConnectorIdentity, (Option<TunnelId>, Instant)>,
    stability: Stability,
    compilations: Compilations,
}

impl Entries {
    /// A connection of the connector takes no requests any more. With the last one the connector is lost.
    fn note_loss(&mut self, connector: ConnectorIdentity) {
        let mut others = self.connections.iter().filter(|other| other.identity == connector);
        if others.any(|other| other.takes_streams()) || group_of(&self.snapshot, connector).is_none() {
            return;
        }
        if let Some(losses) = self.stability.lost(connector, Instant::now()) {
            tracing::warn!(connector = %connector.connector, losses, "a connector was lost");
        }
    }

    /// A connector takes no requests any more, and may come back; of one that was not seen it is not known which start it is.
    fn expect(&mut self, connector: ConnectorIdentity, start: Option<TunnelId>) {
        self.expected.insert(connector, (start, Instant::now() + limits::RETURN));
    }

    /// Until when a connector is expected back in which groups: one that the directory has there, and that nobody drains.
    fn expected_in_groups(&mut self) -> HashMap<ConnectorGroupId, Instant> {
        let (live, now) = (&self.live, Instant::now());
        self.expected.retain(|connector, (_, until)| *until > now && !live.contains_key(connector));
        let mut groups = HashMap::new();
        for (connector, (start, until)) in &self.expected {
            let drained = self.snapshot.connector(connector.connector).and_then(|known| known.drained);
            let is_drained = drained.is_some_and(|drained| start.is_none_or(|start| start == drained));
            if let Some(group) = group_of(&self.snapshot, *connector).filter(|_| !is_drained) {
                let known = groups.entry(group).or_insert(*until);
                *known = (*known).max(*until);
            }
        }
        groups
    }
}

/// All live tunnel connections.
#[derive(Debug)]
pub(crate) struct Book {
    entries: Mutex<Entries>,
    serving: Arc<ArcSwap<Serving>>,
    presence_changed: Notify,
    change_waits: Notify,
    compiled: Notify,
    next_id: AtomicU64,
    cores: usize,
}

impl Book {
    pub(crate) fn new(cores: usize, serving: Arc<ArcSwap<Serving>>) -> Self {
        let [presence_changed, change_waits, compiled] = [const { Notify::const_new() }; 3];
        let (entries, next_id) = (Mutex::default(), AtomicU64::new(1));
        Self { entries, serving, presence_changed, change_waits, compiled, next_id, cores }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether there is a snapshot to judge connectors by.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.entries().snapshot.version().1.0 > 0
    }

    /// Whether the directory knows this connector by this key.
    pub(crate) fn knows(&self, identity: ConnectorIdentity) -> bool {
        group_of(&self.entries().snapshot, identity).is_some()
    }

    /// The core with the fewest connections of this connector; the guard counts one more there. `None` when it has as
    /// many as are allowed.
    pub(crate) fn assign_core(self: &Arc<Self>, identity: ConnectorIdentity) -> Option<CoreAssignment> {
        let mut entries = self.entries();
        let counts = entries.assigned.entry(identity).or_insert_with(|| vec![0; self.cores]);
        if counts.iter().sum::<u32>() >= limits::CONNECTIONS_OF_A_CONNECTOR {
            return None;
        }
        let fewest = counts.iter().enumerate().min_by_key(|(_, count)| **count).map_or(0, |(core, _)| core);
        if let Some(count) = counts.get_mut(fewest) {
            *count += 1;
        }
        Some(CoreAssignment { book: Arc::clone(self), identity, core: fewest })
    }

    /// Whether a connection of that instance may serve: not if a newer process of the connector has come. Those of the
    /// process before it give way.
    pub(crate) fn take_turn(&self, identity: ConnectorIdentity, instance: TunnelId) -> Turn {
        let mut entries = self.entries();
        let turn = match entries.instances.entry(identity) {
            Entry::Occupied(mut known) => known.get_mut().enter(instance),
            Entry::Vacant(first) => {
                first.insert(Instances::new(instance));
                Turn::Current
            }
        };
        if turn == Turn::Newest {
            let own = entries.tunnels.get(&(identity, instance)).copied();
            let of_another = |other: &&Arc<TunnelConnection>| other.identity == identity && Some(other.tunnel) != own;
            let given_way = entries.connections.iter().filter(of_another).filter(|other| other.supersede()).count();
            if given_way > 0 {
                // What chooses sees their state until the newer one is compiled, a moment later.
                tracing::warn!(connector = %identity.connector, "a newer process of this connector has come; the older one leaves");
            }
        }
        turn
    }

    /// A process that gave way is alive all the same; whether that makes it a copied key.
    pub(crate) fn overlap(&self, identity: ConnectorIdentity, tunnel: TunnelId) -> bool {
        self.entries().instances.get_mut(&identity).is_some_and(|instances| instances.overlap(tunnel, Instant::now()))
    }

    /// Takes a connection into service: with those of the same instance id it is one tunnel, whose id is drawn here.
    pub(crate) fn add(
        &self,
        identity: ConnectorIdentity,
        instance: TunnelId,
        not_after: i64,
        make: impl FnOnce(TunnelId, Arc<Load>) -> (TunnelConnection, TunnelUp),
    ) -> Arc<TunnelConnection> {
        let mut entries = self.entries();
        let key = (identity, instance);
        let tunnel = *entries.tunnels.entry(key).or_insert_with(|| TunnelId::new(Uuid::new_v4()));
        let load = Arc::clone(entries.loads.entry(identity).or_default());
        let (connection, up) = make(tunnel, load);
        let connection = Arc::new(connection);
        connection.put_on_trial(entries.stability.flaps(identity, Instant::now()));
        entries.connections.push(Arc::clone(&connection));
        entries.present.entry(tunnel).or_insert(up);
        if group_of(&entries.snapshot, connection.identity).is_none() {
            // Revoked since it said hello.
            connection.close();
        }
        connection.serve(posting_of(&entries.snapshot, &connection));
        let known = entries.not_after.entry(identity).or_insert(not_after);
        *known = (*known).max(not_after);
        self.note_change(&mut entries);
        self.presence_changed.notify_one();
        connection
    }

    /// Takes a connection out for good. The connector is lost with its last one that served until now and did not leave.
    pub(crate) fn remove(&self, connection: &TunnelConnection) {
        let mut entries = self.entries();
        // Looked at under the lock: of two that break at the same moment on two cores, one is the last.
        let broke = connection.takes_streams();
        connection.set_state(ConnectionState::Leaving);
        entries.connections.retain(|other| other.id != connection.id);
        if broke {
            entries.note_loss(connection.identity);
        }
        if entries.connections.iter().all(|other| other.tunnel != connection.tunnel) {
            entries.present.remove(&connection.tunnel);
            entries.tunnels.retain(|_, tunnel| *tunnel != connection.tunnel);
        }
        if entries.connections.iter().all(|other| other.identity != connection.identity) {
            entries.loads.remove(&connection.identity);
            if let Some(start) = entries.live.remove(&connection.identity) {
                entries.expect(connection.identity, Some(start));
            }
            entries.not_after.remove(&connection.identity);
        }
        self.note_change(&mut entries);
        self.presence_changed.notify_one();
    }

    /// A connection's state changed.
    pub(crate) fn refresh(&self) {
        self.note_change(&mut self.entries());
    }

    /// Changes a connection's state, and says whether that was a change. With the last one that falls silent the connector
    /// is lost.
    pub(crate) fn change(&self, connection: &TunnelConnection, state: ConnectionState) -> bool {
        let mut entries = self.entries();
        let changed = connection.set_state(state);
        if changed && state == ConnectionState::Silent {
            entries.note_loss(connection.identity);
        }
        if changed {
            self.note_change(&mut entries);
        }
        changed
    }

    /// Whether the connector was lost again and again lately.
    pub(crate) fn flaps(&self, connector: ConnectorIdentity) -> bool {
        self.entries().stability.flaps(connector, Instant::now())
    }

    /// Serves a new snapshot; closes the connections of connectors that it no longer knows. Gives the stints that end: those
    /// of connectors that it drains, or has in other groups.
    pub(crate) fn replace_snapshot(&self, snapshot: Arc<Snapshot>) -> Vec<Arc<Stint>> {
        let mut entries = self.entries();
        entries.ended.retain(|stint| stint.under_way() > 0);
        let is_first = entries.snapshot.version().1.0 == 0;
        if !is_first && snapshot.has_connectors_of(&entries.snapshot) {
            // No look at the tunnels: what waits to be compiled of them waits on.
            entries.snapshot = Arc::clone(&snapshot);
            self.serving.store(Arc::new(self.serving.load_full().with_applications_of(snapshot)));
            self.compiled.notify_waiters();
            return Vec::new();
        }
        for connection in &entries.connections {
            if group_of(&snapshot, connection.identity).is_none() {
                tracing::info!(connector = %connection.identity.connector, "closing the tunnel of a revoked connector");
                connection.close();
            }
        }
        entries.stability.tidy(Instant::now(), |connector| group_of(&snapshot, connector).is_some());
        entries.instances.retain(|identity, _| group_of(&snapshot, *identity).is_some());
        let posted = |connection: &Arc<TunnelConnection>| connection.serve(posting_of(&snapshot, connection));
        let ended: Vec<Arc<Stint>> = entries.connections.iter().filter_map(posted).collect();
        entries.ended.extend(ended.iter().cloned());
        entries.snapshot = Arc::clone(&snapshot);
        if is_first {
            // The gateway was away, and they dial it again.
            for KnownConnector { id, key_generation, .. } in snapshot.connectors() {
                entries.expect(ConnectorIdentity { connector: *id, generation: *key_generation }, None);
            }
        }
        self.recompile(&mut entries);
        ended
    }

    /// A connector's certificate was renewed: its connections may live on until then.
    pub(crate) fn renewed(&self, identity: ConnectorIdentity, not_after: i64) {
        self.entries().not_after.insert(identity, not_after);
    }

    /// When the newest certificate of a connector ends, in seconds since 1970.
    pub(crate) fn not_after(&self, identity: ConnectorIdentity) -> Option<i64> {
        self.entries().not_after.get(&identity).copied()
    }

    /// The tunnels that are up.
    pub(crate) fn present(&self) -> HashMap<TunnelId, TunnelUp> {
        self.entries().present.clone()
    }

    /// Completes when [`Self::present`] may have changed.
    pub(crate) async fn presence_changed(&self) {
        self.presence_changed.notified().await;
    }

    /// Asks every connector to dial once more, on each of its connections. Returns once all have answered.
    pub(crate) async fn ask_all_to_redial(&self) {
        let connections = self.entries().connections.clone();
        join_all(connections.iter().map(|connection| connection.ask_to_redial())).await;
    }

    /// The connectors that have a tunnel.
    pub(crate) fn connectors(&self) -> HashSet<ConnectorId> {
        self.entries().present.values().map(|up| up.connector).collect()
    }

    /// Closes every tunnel: the gateway is shutting down.
    pub(crate) fn close_all(&self) {
        for connection in &self.entries().connections {
            connection.close();
        }
    }

    /// Completes never: compiles what had to wait, when its time has come.
    pub(crate) async fn keep_compiled(&self) {
        loop {
            self.change_waits.notified().await;
            let due = self.entries().compilations.due();
            if let Some(due) = due {
                sleep_until(due).await;
                self.catch_up();
            }
        }
    }

    /// Completes when what is served has been compiled anew after this was called.
    pub(crate) fn compiled(&self) -> Notified<'_> {
        self.compiled.notified()
    }

    /// Compiles what waits, if something does.
    pub(crate) fn catch_up(&self) {
        let mut entries = self.entries();
        if entries.compilations.due().is_some() {
            self.recompile(&mut entries);
        }
    }

    /// What takes requests has changed. Until it is compiled, whoever chooses looks at the state of each connection.
    fn note_change(&self, entries: &mut Entries) {
        if entries.compilations.is_due(Instant::now()) {
            self.recompile(entries);
        } else {
            self.change_waits.notify_one();
        }
    }

    fn recompile(&self, entries: &mut Entries) {
        let begun = Instant::now();

        let mut by_connector: HashMap<ConnectorIdentity, Vec<Arc<TunnelConnection>>> = HashMap::new();
        for connection in
            entries.connections.iter().filter(|connection| connection.takes_streams() && connection.is_in_service())
        {
            by_connector.entry(connection.identity).or_default().push(Arc::clone(connection));
        }
        let now = Moment::at(begun);
        for (identity, connections) in &by_connector {
            if let Some(connection) = connections.first().filter(|_| !entries.live.contains_key(identity)) {
                connection.load.is_back(now);
            }
        }
        let start = |connections: &Vec<Arc<TunnelConnection>>| Some(connections.first()?.instance);
        let live = by_connector.iter().filter_map(|(identity, all)| Some((*identity, start(all)?))).collect();
        let before = std::mem::replace(&mut entries.live, live);
        for (identity, start) in before.into_iter().filter(|(identity, _)| !by_connector.contains_key(identity)) {
            entries.expect(identity, Some(start));
        }
        let mut by_connector: Vec<_> = by_connector.into_iter().collect();
        // In an order that does not depend on chance, so that a choice by a known number can be repeated.
        by_connector.sort_unstable_by_key(|(identity, _)| (identity.connector, identity.generation));
        let live: Vec<Arc<LiveConnector>> = by_connector
            .into_iter()
            .map(|(identity, connections)| {
                let load = Arc::clone(entries.loads.entry(identity).or_default());
                let live = LiveConnector::new(identity, connections, load);
                Arc::new(live.known_as(entries.snapshot.connector(identity.connector)))
            })
            .collect();
        let previous = self.serving.load_full();
        let expected = entries.expected_in_groups();
        self.serving.store(Arc::new(Serving::compile(Arc::clone(&entries.snapshot), &live, expected, &previous)));
        self.compiled.notify_waiters();
        drop(previous);
        entries.compilations.compiled(begun, Instant::now());
    }
}

/// Whom a connection serves: the group of its connector, or nobody if this start of it is drained.
fn posting_of(snapshot: &Snapshot, connection: &TunnelConnection) -> Option<ConnectorGroupId> {
    let is_drained = snapshot.connector(connection.identity.connector)?.drained == Some(connection.instance);
    group_of(snapshot, connection.identity).filter(|_| !is_drained)
}

/// Holds a connection's place on a core.
#[derive(Debug)]
pub(crate) struct CoreAssignment {
    book: Arc<Book>,
    identity: ConnectorIdentity,
    pub(crate) core: usize,
}

impl Drop for CoreAssignment {
    fn drop(&mut self) {
        let mut entries = self.book.entries();
        let Some(counts) = entries.assigned.get_mut(&self.identity) else { return };
        if let Some(count) = counts.get_mut(self.core) {
            *count = count.saturating_sub(1);
        }
        if counts.iter().all(|count| *count == 0) {
            entries.assigned.remove(&self.identity);
        }
    }
}
