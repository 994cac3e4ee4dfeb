//! How well connector groups and applications are served, from what a gateway knows and has seen.
//!
//! Pure: the facts come in as arguments. Nothing here is guessed: what was never tried is unknown.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::explain::{Availability, ConnectorFacts, availability};
use crate::id::{ApplicationId, ConnectorGroupId, ConnectorId};
use crate::snapshot::Snapshot;

/// How well something is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// Nothing was sent there yet.
    Unknown,
    /// As it should be.
    Serving,
    /// Some of what serves it does not.
    Degraded,
    /// Nothing serves it.
    Down,
}

impl Health {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Serving, Self::Degraded, Self::Down];

    /// Its word in the API, on the command line and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Serving => "serving",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// A connector group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHealth {
    /// Which.
    pub group: ConnectorGroupId,
    /// Serving: every connector of it takes requests. Degraded: some do. Down: none does.
    pub health: Health,
    /// Its connectors.
    pub connectors: Vec<ConnectorHealth>,
}

/// A connector of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorHealth {
    /// Which.
    pub id: ConnectorId,
    /// Whether it could be taken.
    pub availability: Availability,
    /// Requests under way through it.
    pub in_flight: u32,
    /// How much of its share it gets, in percent.
    pub share: u32,
}

/// An application, as the connectors of its group see its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationHealth {
    /// Which.
    pub application: ApplicationId,
    /// Its name.
    pub name: String,
    /// What it comes to; see [`of_application`].
    pub health: Health,
    /// The group that serves it.
    pub group: ConnectorGroupId,
    /// How that is.
    pub group_health: Health,
    /// What was seen through each connector of the group that requests or probes went through.
    pub sightings: Vec<Sighting>,
}

/// An application's upstream, as it was last seen through one connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The connector.
    pub connector: ConnectorId,
    /// Whether the connector takes requests.
    pub is_live: bool,
    /// Whether the connector reaches the upstream.
    pub reach: Reach,
    /// The upstream's last answer, if one came.
    pub last_answer: Option<LastAnswer>,
    /// When it last answered with a status of 500 or more, in milliseconds since 1970.
    pub server_error_millis: Option<u64>,
    /// How long answers took lately.
    pub latency: Option<Duration>,
    /// How long the last connection took to open, TLS included.
    pub connect: Option<Duration>,
    /// When the upstream's certificate ends, in seconds since 1970, if it speaks TLS.
    pub certificate_ends: Option<i64>,
    /// It could not connect a moment ago or its last probe failed, and it is passed over where there is another.
    pub is_passed_over: bool,
    /// Why it last could not connect, or why its last probe failed.
    pub last_failure: Option<Unreached>,
    /// Its last probe, as long as it counts.
    pub probe: Option<Probed>,
}

/// Who saw something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observer {
    /// A request that was served anyway.
    Request,
    /// A probe of the gateway's own ([`crate::health_probe`]).
    Probe,
}

impl Observer {
    /// Its word in the API and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Probe => "probe",
        }
    }
}

/// A probe that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    /// Whether the answer was one that is expected.
    pub has_passed: bool,
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
}

/// Whether a connector reaches an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It was not tried.
    Unknown,
    /// It did when it was last tried.
    Reached,
    /// It did not.
    NotReached,
}

impl Reach {
    /// Its word in the API and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reached => "reached",
            Self::NotReached => "notReached",
        }
    }
}

/// An answer of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAnswer {
    /// Its status.
    pub status: u16,
    /// When it came, in milliseconds since 1970, give or take a tenth of a second.
    pub at_millis: u64,
    /// To whom.
    pub to: Observer,
}

/// Why an upstream was not reached, or why a probe of it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
    /// The stable word.
    pub reason: &'static str,
    /// The cause in words.
    pub detail: String,
    /// Who found out.
    pub by: Observer,
}

/// What knows how connectors and upstreams are: a gateway.
pub trait HealthReporter: Send + Sync + 'static {
    /// Every group that has connectors or serves an application.
    fn groups(&self) -> Vec<GroupHealth>;

    /// One application, if it is published.
    fn application(&self, application: ApplicationId) -> Option<ApplicationHealth>;

    /// Every published application.
    fn applications(&self) -> Vec<ApplicationHealth>;
}

/// The groups of `snapshot` that have connectors or serve applications, by what is `known` of the connectors with tunnels.
#[must_use]
pub fn groups(snapshot: &Snapshot, known: &[ConnectorFacts]) -> Vec<GroupHealth> {
    let facts: HashMap<ConnectorId, &ConnectorFacts> = known.iter().map(|facts| (facts.id, facts)).collect();
    let serving: HashSet<ConnectorGroupId> =
        snapshot.applications().map(|application| application.connector_group).collect();
    let mut groups: HashMap<ConnectorGroupId, Vec<ConnectorHealth>> =
        serving.into_iter().map(|group| (group, Vec::new())).collect();
    for connector in snapshot.connectors() {
        let facts = facts.get(&connector.id);
        groups.entry(connector.connector_group).or_default().push(ConnectorHealth {
            id: connector.id,
            availability: facts.map_or(Availability::NotConnected, |facts| availability(facts)),
            in_flight: facts.map_or(0, |facts| facts.in_flight),
            share: facts.map_or(0, |facts| facts.share),
        });
    }
    let mut groups: Vec<GroupHealth> = groups
        .into_iter()
        .map(|(group, mut connectors)| {
            connectors.sort_by_key(|connector| connector.id);
            GroupHealth { group, health: of_group(&connectors), connectors }
        })
        .collect();
    groups.sort_by_key(|group| group.group);
    groups
}

fn of_group(connectors: &[ConnectorHealth]) -> Health {
    let serves = |connector: &&ConnectorHealth| {
        matches!(connector.availability, Availability::Available | Availability::Busy | Availability::Proving)
    };
    let serving = connectors.iter().filter(serves).count();
    let proving = connectors.iter().any(|connector| connector.availability == Availability::Proving);
    match serving {
        0 => Health::Down,
        all if all == connectors.len() && !proving => Health::Serving,
        _ => Health::Degraded,
    }
}

/// What a group's health and what its live connectors see of an application come to: down where the group is, or where no
/// connector that tried reaches the upstream and has its probe pass; degraded where the group is, some connector does not,
/// or the upstream's last answer through one was an error of the server.
#[must_use]
pub fn of_application(group: Health, sightings: &[Sighting]) -> Health {
    let live = || sightings.iter().filter(|sighting| sighting.is_live);
    let tried = live().filter(|sighting| sighting.reach != Reach::Unknown || sighting.probe.is_some()).count();
    let is_bad = |sighting: &&Sighting| {
        sighting.reach == Reach::NotReached || sighting.probe.is_some_and(|probe| !probe.has_passed)
    };
    let unreached = live().filter(is_bad).count();
    let errs = live().any(|sighting| sighting.last_answer.is_some_and(|answer| answer.status >= 500));
    match (group, tried, unreached) {
        (Health::Down, _, _) => Health::Down,
        (_, tried @ 1.., unreached) if tried == unreached => Health::Down,
        (Health::Degraded, _, _) | (_, _, 1..) => Health::Degraded,
        _ if errs => Health::Degraded,
        (_, 0, _) => Health::Unknown,
        _ => Health::Serving,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::application::PreAuthentication::Passthrough;
    use crate::connector::KeyGeneration;
    use crate::revision::{Epoch, Revision};
    use crate::snapshot::KnownConnector;
    use crate::snapshot::tests::published;

    fn id(number: u128) -> ConnectorId {
        ConnectorId::new(Uuid::from_u128(number))
    }

    fn group(number: u128) -> ConnectorGroupId {
        ConnectorGroupId::new(Uuid::from_u128(number))
    }

    fn health(connectors: &[(u128, u128)], known: &[ConnectorFacts]) -> Vec<(ConnectorGroupId, Health)> {
        let connectors = connectors.iter().map(|(number, group_number)| KnownConnector {
            id: id(*number),
            connector_group: group(*group_number),
            key_generation: KeyGeneration(1),
            membership: None,
            drained: None,
        });
        let applications = [published(1, "https://a.example/", Passthrough)];
        let snapshot = Snapshot::compile(Epoch(1), Revision(1), applications, connectors);
        groups(&snapshot, known).into_iter().map(|group| (group.group, group.health)).collect()
    }

    const fn facts(id: ConnectorId, serving: usize, proving: usize, resting: usize) -> ConnectorFacts {
        ConnectorFacts { id, serving, proving, resting, in_flight: 0, share: 100, busy: false }
    }

    fn sighting(reach: Reach, status: Option<u16>) -> Sighting {
        Sighting {
            connector: id(1),
            is_live: true,
            reach,
            last_answer: status.map(|status| LastAnswer { status, at_millis: 1, to: Observer::Request }),
            server_error_millis: None,
            latency: None,
            connect: None,
            certificate_ends: None,
            is_passed_over: false,
            last_failure: None,
            probe: None,
        }
    }

    #[test]
    fn a_group_is_serving_degraded_or_down_by_how_many_of_its_connectors_serve() {
        let connectors = [(10, 1), (11, 1), (12, 2)];
        let [one, other, elsewhere] = [id(10), id(11), id(12)];
        let all = [facts(one, 2, 0, 0), facts(other, 1, 0, 1), facts(elsewhere, 0, 0, 2)];
        assert_eq!(health(&connectors, &all), [(group(1), Health::Serving), (group(2), Health::Down)]);
        let proving = [facts(one, 2, 0, 0), facts(other, 0, 1, 0), facts(elsewhere, 0, 2, 0)];
        assert_eq!(health(&connectors, &proving), [(group(1), Health::Degraded), (group(2), Health::Degraded)]);
        assert_eq!(health(&connectors, &all[..1]), [(group(1), Health::Degraded), (group(2), Health::Down)]);
    }

    #[test]
    fn a_group_without_connectors_that_serves_an_application_is_down() {
        assert_eq!(health(&[], &[]), [(group(1), Health::Down)]);
    }

    #[test]
    fn an_application_is_as_well_as_its_group_and_what_its_connectors_see() {
        let (reached, not_reached) = (sighting(Reach::Reached, Some(404)), sighting(Reach::NotReached, None));
        let erring = sighting(Reach::Reached, Some(503));
        let probed = |has_passed, reach, status| Sighting {
            probe: Some(Probed { has_passed, at_millis: 1 }),
            ..sighting(reach, status)
        };
        let (passed, failed) = (probed(true, Reach::Reached, Some(200)), probed(false, Reach::Reached, Some(404)));
        let silent = probed(false, Reach::Unknown, None);
        let gone = Sighting { is_live: false, ..not_reached.clone() };
        for (group, sightings, wanted) in [
            (Health::Serving, vec![], Health::Unknown),
            (Health::Serving, vec![reached.clone()], Health::Serving),
            (Health::Serving, vec![reached.clone(), gone.clone()], Health::Serving),
            (Health::Serving, vec![reached.clone(), not_reached.clone()], Health::Degraded),
            (Health::Serving, vec![not_reached.clone()], Health::Down),
            (Health::Serving, vec![reached.clone(), erring], Health::Degraded),
            (Health::Degraded, vec![reached.clone()], Health::Degraded),
            (Health::Down, vec![reached], Health::Down),
            (Health::Serving, vec![gone], Health::Unknown),
            (Health::Serving, vec![passed.clone()], Health::Serving),
            (Health::Serving, vec![passed, failed.clone()], Health::Degraded),
            (Health::Serving, vec![failed], Health::Down),
            (Health::Serving, vec![silent], Health::Down),
        ] {
            assert_eq!(of_application(group, &sightings), wanted, "{group:?} {sightings:?}");
        }
    }
}
