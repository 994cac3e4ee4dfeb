//! What a core serves from: one snapshot and the live connectors of each group, immutable and swapped in whole.

mod forwarding;
mod load;
mod rules;

use std::collections::HashMap;
use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ApplicationId, ConnectorGroupId};
use adit_core::snapshot::{Entrance, KnownConnector, PublishedApplication, Snapshot};
use adit_tunnel::target::Shown;
use tokio::time::Instant;

use crate::affinity::Session;
use crate::choice::{Choice, Score};
use crate::limits;
use crate::sight::{Eligibility, Moment};
use crate::sights::Sights;
use crate::translate::PageLinks;
use crate::tunnel::TunnelConnection;
use rules::Rules;

pub(crate) use forwarding::{Destination, ForwardingRules};
pub(crate) use load::{InFlight, Load};

/// A connector with at least one connection that takes new streams.
#[derive(Debug)]
pub(crate) struct LiveConnector {
    pub(crate) identity: ConnectorIdentity,
    pub(crate) connections: Vec<Arc<TunnelConnection>>,
    load: Arc<Load>,
    /// Its group, and what the control plane signed about that.
    membership: Option<(ConnectorGroupId, Arc<str>)>,
    /// It was lost again and again, and has to show first that it stays.
    is_on_trial: bool,
}

impl LiveConnector {
    pub(crate) fn new(identity: ConnectorIdentity, connections: Vec<Arc<TunnelConnection>>, load: Arc<Load>) -> Self {
        let is_on_trial = !connections.is_empty() && connections.iter().all(|connection| connection.is_on_trial());
        Self { identity, connections, load, membership: None, is_on_trial }
    }

    /// The same, as the directory knows it.
    pub(crate) fn known_as(self, known: Option<&KnownConnector>) -> Self {
        let membership = known.and_then(|known| Some((known.connector_group, known.membership.clone()?)));
        Self { membership, ..self }
    }

    /// What is shown to it for a stream by `rules`. They may be older than the connector's choice, which then follows what
    /// `serving` has of the application.
    pub(crate) fn shown(&self, rules: &ForwardingRules, serving: &Serving) -> Shown {
        let Some((group, membership)) = &self.membership else { return Shown::default() };
        let is_of_group = |application: &&Arc<PublishedApplication>| application.connector_group == *group;
        let application = Some(&rules.application).filter(is_of_group).or_else(|| {
            let current = serving.rules(rules.application.id)?;
            Some(&current.application).filter(is_of_group)
        });
        let permit = application.and_then(|application| application.permit.clone());
        Shown { permit, membership: Some(Arc::clone(membership)) }
    }

    /// Requests under way through this connector, on all cores.
    pub(crate) fn in_flight(&self) -> u32 {
        self.load.in_flight()
    }

    /// Whether all of its connections were lost since this was compiled.
    pub(crate) fn is_lost(&self) -> bool {
        !self.connections.is_empty() && !self.connections.iter().any(|connection| connection.takes_streams())
    }

    /// What speaks for it and against it. Whoever gets a trial has to take it: nobody else does.
    fn score(&self, sights: &Sights, now: Moment) -> Score {
        let (in_flight, share) = (self.in_flight(), self.load.share());
        if self.is_lost() {
            return Score { latency: None, in_flight, share, is_failing: true, is_trial: false };
        }
        let seen = sights.seen(self.identity, |sight| (sight.latency(now), sight.eligibility(now)));
        let (latency, eligibility) = seen.unwrap_or((None, Eligibility::Usual));
        Score {
            latency,
            in_flight,
            share,
            is_failing: eligibility == Eligibility::Avoided,
            is_trial: eligibility == Eligibility::Trial,
        }
    }

    /// Counts one more request until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.load.begin()
    }

    /// The connection to use on `core`: its own if it has one, else another core's.
    pub(crate) fn connection_for(&self, core: usize) -> Option<&Arc<TunnelConnection>> {
        let usable = |connection: &&Arc<TunnelConnection>| connection.takes_streams();
        let own = self.connections.iter().filter(usable).find(|connection| connection.core == core);
        // Cores that borrow spread themselves over what there is.
        let first = core.checked_rem(self.connections.len()).unwrap_or_default();
        own.or_else(|| self.connections.iter().cycle().skip(first).take(self.connections.len()).find(usable))
    }
}

/// Everything a core needs to serve a request.
#[derive(Debug, Default)]
pub(crate) struct Serving {
    pub(crate) snapshot: Arc<Snapshot>,
    rules: Arc<Rules>,
    groups: Arc<HashMap<ConnectorGroupId, Vec<Arc<LiveConnector>>>>,
    /// Until when a lost connector of these groups is expected back.
    expected: Arc<HashMap<ConnectorGroupId, Instant>>,
}

impl Serving {
    /// Puts a snapshot and the live connectors together. A connector that the snapshot does not know, or knows by
    /// another key generation, serves nothing; one on trial serves where there is no other.
    pub(crate) fn compile(
        snapshot: Arc<Snapshot>,
        live: &[Arc<LiveConnector>],
        expected: HashMap<ConnectorGroupId, Instant>,
        previous: &Self,
    ) -> Self {
        let mut groups: HashMap<ConnectorGroupId, Vec<Arc<LiveConnector>>> = HashMap::new();
        for connector in live {
            if let Some(group) = group_of(&snapshot, connector.identity) {
                groups.entry(group).or_default().push(Arc::clone(connector));
            }
        }
        for connectors in groups.values_mut() {
            if connectors.iter().any(|connector| !connector.is_on_trial) {
                connectors.retain(|connector| !connector.is_on_trial);
            }
        }
        let rules = previous.rules_for(&snapshot);
        Self { snapshot, rules, groups: Arc::new(groups), expected: Arc::new(expected) }
    }

    /// The same with another snapshot, which has the same connectors: costs what became of its applications.
    pub(crate) fn with_applications_of(&self, snapshot: Arc<Snapshot>) -> Self {
        let rules = self.rules_for(&snapshot);
        Self { snapshot, rules, groups: Arc::clone(&self.groups), expected: Arc::clone(&self.expected) }
    }

    fn rules_for(&self, snapshot: &Snapshot) -> Arc<Rules> {
        // Most changes of a directory are none for gateways.
        if snapshot.has_content_of(&self.snapshot) {
            return Arc::clone(&self.rules);
        }
        Arc::new(self.rules.changed(&snapshot.applications_since(&self.snapshot)))
    }

    /// The rules of an application of this snapshot.
    pub(crate) fn rules(&self, application: ApplicationId) -> Option<&Arc<ForwardingRules>> {
        self.rules.find(application)
    }

    /// How links in the pages of an application are translated for those who came to one of its URLs, if they are.
    pub(crate) fn page_links(&self, rules: &ForwardingRules, entrance: Entrance) -> Option<PageLinks> {
        self.rules.page_links(rules, entrance)
    }

    /// The rules of the applications that are to be probed.
    pub(crate) fn probed(&self) -> impl Iterator<Item = &Arc<ForwardingRules>> {
        self.rules.probed()
    }

    /// The connectors of `group` that take requests.
    pub(crate) fn connectors(&self, group: ConnectorGroupId) -> &[Arc<LiveConnector>] {
        self.groups.get(&group).map_or(&[], Vec::as_slice)
    }

    /// The live connector of that identity, if it serves `group`.
    pub(crate) fn find(&self, group: ConnectorGroupId, identity: ConnectorIdentity) -> Option<&Arc<LiveConnector>> {
        self.groups.get(&group)?.iter().find(|connector| connector.identity == identity)
    }

    /// Until when a request for `group` waits for a connector: not at all where there is one, or none is expected back.
    pub(crate) fn expected_back(&self, group: ConnectorGroupId) -> Option<Instant> {
        let connectors = self.connectors(group);
        if connectors.iter().any(|connector| !connector.is_lost()) {
            return None;
        }
        // Their loss is not compiled yet: a matter of moments.
        let now = Instant::now();
        let uncompiled = (!connectors.is_empty()).then(|| now + limits::RETURN);
        uncompiled.or_else(|| self.expected.get(&group).copied().filter(|until| *until > now))
    }

    /// Whether `group` has another live connector.
    pub(crate) fn has_other(&self, group: ConnectorGroupId, than: ConnectorIdentity) -> bool {
        self.groups
            .get(&group)
            .is_some_and(|all| all.iter().any(|connector| connector.identity != than && !connector.is_lost()))
    }

    /// Chooses a connector of `group`, never one of `tried`: for a session the one that it prefers, else the [better
    /// one](crate::choice) of two random ones, by what the application's `sights` say.
    pub(crate) fn choose(
        &self,
        group: ConnectorGroupId,
        tried: &[ConnectorIdentity],
        session: Option<Session>,
        (sights, now): (&Sights, Moment),
        random: &mut fastrand::Rng,
    ) -> Option<&Arc<LiveConnector>> {
        let all = self.groups.get(&group)?;
        if let Some(session) = session {
            let untried = all.iter().filter(|connector| !tried.contains(&connector.identity));
            return untried.max_by_key(|connector| (!connector.is_lost(), session.weight(connector.identity)));
        }
        let score = |connector: &LiveConnector| connector.score(sights, now);
        if tried.is_empty() {
            return two_choices(all.iter(), all.len(), random, score);
        }
        let untried = all.iter().filter(|connector| !tried.contains(&connector.identity));
        two_choices(untried.clone(), untried.count(), random, score)
    }
}

/// The group of a connector whose key generation is the current one.
pub(crate) fn group_of(snapshot: &Snapshot, identity: ConnectorIdentity) -> Option<ConnectorGroupId> {
    let known = snapshot.connector(identity.connector)?;
    (known.key_generation == identity.generation).then_some(known.connector_group)
}

/// Two at random, and the better one of them.
fn two_choices<'a>(
    connectors: impl Iterator<Item = &'a Arc<LiveConnector>> + Clone,
    count: usize,
    random: &mut fastrand::Rng,
    score: impl Fn(&LiveConnector) -> Score,
) -> Option<&'a Arc<LiveConnector>> {
    if count <= 1 {
        return connectors.clone().next();
    }
    let first = random.usize(..count);
    let second = (first + 1 + random.usize(..count - 1)) % count;
    let (one, other) = (connectors.clone().nth(first)?, connectors.clone().nth(second)?);
    let own = score(one);
    if own.is_trial {
        return Some(one);
    }
    let its = score(other);
    if own.is_failing && its.is_failing {
        // Both are passed over where there is another: seldom, and then a few of the others are asked.
        let others = connectors.cycle().skip(first + 1).take((count - 1).min(limits::LOOKED_FURTHER));
        let mut better = others.filter(|connector| !Arc::ptr_eq(connector, other));
        if let Some(better) = better.find(|connector| !score(connector).is_failing) {
            return Some(better);
        }
    }
    Some(match own.choose(its, random) {
        _ if its.is_trial => other,
        Choice::First => one,
        Choice::Second => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_core::connector::KeyGeneration;
    use adit_core::id::ConnectorId;
    use adit_core::revision::{Epoch, Revision};
    use uuid::Uuid;

    fn identity(number: u128) -> ConnectorIdentity {
        ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(number)), generation: KeyGeneration(1) }
    }

    fn live(number: u128, in_flight: u32) -> Arc<LiveConnector> {
        let load = Arc::<Load>::default();
        (0..in_flight).for_each(|_| std::mem::forget(load.begin()));
        Arc::new(LiveConnector::new(identity(number), Vec::new(), load))
    }

    fn serving(connectors: &[Arc<LiveConnector>], generation: u32) -> Serving {
        let group = ConnectorGroupId::new(Uuid::from_u128(99));
        let known = connectors.iter().map(|connector| KnownConnector {
            id: connector.identity.connector,
            connector_group: group,
            key_generation: KeyGeneration(generation),
            drained: None,
            membership: None,
        });
        let snapshot = Snapshot::compile(Epoch(1), Revision(1), [], known);
        Serving::compile(Arc::new(snapshot), connectors, HashMap::new(), &Serving::default())
    }

    fn choose(
        serving: &Serving,
        tried: &[ConnectorIdentity],
        session: Option<Session>,
        random: &mut fastrand::Rng,
    ) -> Option<ConnectorIdentity> {
        let (group, sights) = (ConnectorGroupId::new(Uuid::from_u128(99)), Sights::default());
        let now = Moment::at(tokio::time::Instant::now());
        serving.choose(group, tried, session, (&sights, now), random).map(|connector| connector.identity)
    }

    #[test]
    fn the_less_busy_of_two_is_chosen_and_a_tried_one_never_again() {
        let serving = serving(&[live(1, 9), live(2, 0)], 1);
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..50 {
            assert_eq!(choose(&serving, &[], None, &mut random), Some(identity(2)));
            assert_eq!(choose(&serving, &[identity(2)], None, &mut random), Some(identity(1)));
        }
        assert!(choose(&serving, &[identity(1), identity(2)], None, &mut random).is_none());
    }

    #[test]
    fn one_that_reaches_the_upstream_is_found_among_many_that_do_not() {
        let connectors: Vec<_> = (1..=10).map(|number| live(number, 0)).collect();
        let (serving, sights, now) =
            (serving(&connectors, 1), Sights::default(), Moment::at(tokio::time::Instant::now()));
        let failed = |number: u128| {
            let by = adit_core::health::Observer::Request;
            let why =
                adit_core::health::Unreached { at_millis: 0, reason: "upstream_refused", detail: String::new(), by };
            sights.through(identity(number), now, |_| true).unwrap().failed(why, now);
        };
        (1..=10).filter(|number| *number != 7).for_each(failed);
        let (group, mut random) = (ConnectorGroupId::new(Uuid::from_u128(99)), fastrand::Rng::with_seed(3));
        for _ in 0..200 {
            let chosen = serving.choose(group, &[], None, (&sights, now), &mut random).unwrap();
            assert_eq!(chosen.identity, identity(7));
        }
        failed(7);
        assert!(
            serving.choose(group, &[], None, (&sights, now), &mut random).is_some(),
            "where none does, any is taken"
        );
    }

    #[test]
    fn the_one_request_that_tries_again_goes_where_it_tries() {
        let (serving, sights) = (serving(&[live(1, 0), live(2, 0)], 1), Sights::default());
        let start = tokio::time::Instant::now();
        let (failed, later) = (Moment::at(start), Moment::at(start + limits::UNREACHED_PAUSE * 2));
        let by = adit_core::health::Observer::Request;
        let why = adit_core::health::Unreached { at_millis: 0, reason: "upstream_refused", detail: String::new(), by };
        sights.through(identity(1), failed, |_| true).unwrap().failed(why, failed);
        let (group, mut random) = (ConnectorGroupId::new(Uuid::from_u128(99)), fastrand::Rng::with_seed(4));
        let mut choose = || serving.choose(group, &[], None, (&sights, later), &mut random).unwrap().identity;
        assert_eq!(choose(), identity(1), "the pause is over, and this one tries");
        assert!((0..100).all(|_| choose() == identity(2)), "the others do not follow before it is answered");
    }

    #[test]
    fn a_session_stays_with_its_connector_whoever_is_less_busy() {
        let serving = serving(&[live(1, 9), live(2, 0)], 1);
        let mut random = fastrand::Rng::with_seed(1);
        let session = (0..).map(Session).find(|session| session.weight(identity(1)) > session.weight(identity(2)));
        for _ in 0..50 {
            assert_eq!(choose(&serving, &[], session, &mut random), Some(identity(1)));
            assert_eq!(choose(&serving, &[identity(1)], session, &mut random), Some(identity(2)));
        }
    }

    #[test]
    fn a_connector_of_an_older_key_generation_serves_nothing() {
        let serving = serving(&[live(1, 0)], 2);
        assert!(choose(&serving, &[], None, &mut fastrand::Rng::with_seed(1)).is_none());
    }
}
