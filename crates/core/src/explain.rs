//! Explains where a request would go, and why not elsewhere.
//!
//! Input: a [`Snapshot`], the place that is asked for, and what a gateway knows of the connectors. Output: an
//! [`Explanation`]. Pure: no clock, no network. It asks the very functions that decide about requests, so it cannot say
//! anything but what happens; what it adds is why the others were not chosen.

mod access;
mod candidate;
mod place;

use std::sync::Arc;
use std::time::Duration;

pub use access::{ExplainedAccess, ExplainedAdmission, ExplainedAssignment, Visitor};
pub use candidate::{Candidate, Standing};
pub use place::{NotAPlace, Place};

use crate::access::{AccessRequest, Denial, Refused, Who, decide_for};
use crate::external_url::ExternalUrl;
use crate::id::{ConnectorGroupId, ConnectorId};
use crate::request_path::{self, PathRefused};
use crate::revision::{Epoch, Revision};
use crate::snapshot::{PublishedApplication, Snapshot};

/// What a gateway knows of a connector that has a tunnel to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorFacts {
    /// Which.
    pub id: ConnectorId,
    /// Its connections that take new streams.
    pub serving: usize,
    /// Its connections that take them only where no other connector does: it was lost again and again, and they have to
    /// give signs of life first.
    pub proving: usize,
    /// Its connections that do not: silent, or on their way out.
    pub resting: usize,
    /// Requests under way through it.
    pub in_flight: u32,
    /// How much of its share it gets, in percent: less than all for a while after it came back.
    pub share: u32,
    /// Whether it has as many under way as it may have.
    pub busy: bool,
}

/// What a request for one place would meet.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The place as routing reads it.
    pub place: Place,
    /// The version of the directory that was asked.
    pub version: (Epoch, Revision),
    /// The application that the place belongs to, also where the request would be refused.
    pub route: Option<ExplainedRoute>,
    /// Every application whose host covers the place, the chosen one first.
    pub candidates: Vec<Candidate>,
    /// The connectors of the chosen application's group, and whether each could be taken.
    pub connectors: Vec<ExplainedConnector>,
    /// Connectors with a tunnel that are in other groups.
    pub connectors_elsewhere: usize,
    /// The access decision; nothing where the path is none that is decided about.
    pub access: Option<ExplainedAccess>,
    /// What stands in the way; nothing if the request would be forwarded.
    pub obstacle: Option<Obstacle>,
}

/// Where the request would go.
#[derive(Debug, Clone)]
pub struct ExplainedRoute {
    /// The application.
    pub application: Arc<PublishedApplication>,
    /// The URL of the application that was asked.
    pub entrance: ExternalUrl,
    /// The group whose connectors serve it.
    pub connector_group: ConnectorGroupId,
}

/// A connector of the application's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedConnector {
    /// Which.
    pub id: ConnectorId,
    /// Requests under way through it.
    pub in_flight: u32,
    /// How much of its share it gets, in percent: less than all for a while after it came back.
    pub share: u32,
    /// Whether it could be taken, and if not, why.
    pub availability: Availability,
    /// How it serves the application, if a gateway has seen that.
    pub score: ExplainedScore,
}

/// How a connector serves an application: what it is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExplainedScore {
    /// How long answers took lately; nothing if none came through it.
    pub latency: Option<Duration>,
    /// What one more request would wait by that, with those under way: the lower of two is better. Nothing if no latency
    /// is known; then the requests under way decide.
    pub cost: Option<Duration>,
    /// It could not connect to the upstream a moment ago or its last probe failed, and it is passed over where there is
    /// another.
    pub is_failing: bool,
    /// Its last probe failed.
    pub is_probe_failed: bool,
}

/// Whether a connector could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It could: of two such, drawn at random, the one with the better score is.
    Available,
    /// It was lost again and again: it is taken where there is no other, until it has given signs of life.
    Proving,
    /// It has as many requests under way as it may have.
    Busy,
    /// It has tunnels, but they are silent or it is leaving.
    Resting,
    /// It has no tunnel to this gateway.
    NotConnected,
}

impl Availability {
    /// Its word in the API, on the command line and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Proving => "proving",
            Self::Busy => "busy",
            Self::Resting => "resting",
            Self::NotConnected => "notConnected",
        }
    }
}

/// Why a request would be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// No path that passes a gateway.
    Path(PathRefused),
    /// The access decision, for everybody.
    Denied(Denial),
    /// The access decision, for who asks.
    Refused(Refused),
    /// The group has no connector that could be taken.
    NoConnector,
    /// All that could be taken have as many requests under way as they may have.
    AllBusy,
}

/// What is under way through a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectorWork {
    /// Requests and WebSockets.
    pub requests: u64,
    /// Upstream connections and WebSockets that are to end: of a connector that was drained or moved, or leaves.
    pub draining: u64,
}

/// What knows enough to explain: a gateway.
pub trait Explainer: Send + Sync + 'static {
    /// Explains what a request for `place` would meet at this moment, of somebody who has signed in as `visitor` or of
    /// nobody in particular.
    fn explain(&self, place: Place, visitor: Option<&Visitor>) -> Explained;

    /// What is under way through a connector at this moment.
    fn work(&self, connector: ConnectorId) -> ConnectorWork;
}

/// An explanation, and what only a gateway can add.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Where the request would go.
    pub explanation: Explanation,
    /// What would be answered instead of the upstream's answer.
    pub refusal: Option<Refusal>,
    /// The request line's target at the upstream, and its URL.
    pub upstream_url: Option<String>,
    /// The fields that the gateway sets, as the upstream would see them.
    pub headers: Vec<(String, String)>,
    /// What failed last for the application.
    pub last_failure: Option<PastFailure>,
}

/// A gateway's own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable word.
    pub reason: &'static str,
    /// The status.
    pub status: u16,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// A failure that a gateway remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFailure {
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
    /// The stable word.
    pub reason: &'static str,
    /// The cause in words.
    pub detail: String,
    /// Which request: it finds the access record.
    pub request_id: String,
}

/// Explains what a request for `place` by `who` would meet.
#[must_use]
pub fn explain(snapshot: &Snapshot, place: Place, known: &[ConnectorFacts], who: Who<'_>) -> Explanation {
    let route = route(snapshot, &place);
    let candidates = candidate::candidates(snapshot, &place, route.as_ref());
    let group = route.as_ref().map(|route| route.connector_group);
    let connectors = group.map(|group| connectors(snapshot, group, known)).unwrap_or_default();
    let connectors_elsewhere = known.iter().filter(|facts| is_elsewhere(snapshot, facts, group)).count();
    let access = access::access(snapshot, &place, route.as_ref(), who);
    let obstacle = obstacle(snapshot, &place, &connectors, who);
    let version = snapshot.version();
    Explanation { place, version, route, candidates, connectors, connectors_elsewhere, access, obstacle }
}

fn route(snapshot: &Snapshot, place: &Place) -> Option<ExplainedRoute> {
    request_path::check(&place.path).ok()?;
    let route = snapshot.route(&place.host, &place.path)?;
    Some(ExplainedRoute {
        application: Arc::clone(route.application),
        entrance: route.application.url_at(route.entrance).clone(),
        connector_group: route.application.connector_group,
    })
}

fn connectors(snapshot: &Snapshot, group: ConnectorGroupId, known: &[ConnectorFacts]) -> Vec<ExplainedConnector> {
    let of_group = snapshot.connectors().filter(|connector| connector.connector_group == group);
    let mut explained: Vec<ExplainedConnector> = of_group
        .map(|connector| {
            let facts = known.iter().find(|facts| facts.id == connector.id);
            ExplainedConnector {
                id: connector.id,
                in_flight: facts.map_or(0, |facts| facts.in_flight),
                share: facts.map_or(0, |facts| facts.share),
                score: ExplainedScore::default(),
                availability: facts.map_or(Availability::NotConnected, availability),
            }
        })
        .collect();
    explained.sort_by_key(|connector| (connector.availability != Availability::Available, connector.id));
    explained
}

pub(crate) const fn availability(facts: &ConnectorFacts) -> Availability {
    match (facts.serving, facts.proving, facts.resting) {
        (1.., _, _) | (_, 1.., _) if facts.busy => Availability::Busy,
        (1.., _, _) => Availability::Available,
        (0, 1.., _) => Availability::Proving,
        (0, 0, 1..) => Availability::Resting,
        (0, 0, 0) => Availability::NotConnected,
    }
}

fn is_elsewhere(snapshot: &Snapshot, facts: &ConnectorFacts, group: Option<ConnectorGroupId>) -> bool {
    let own = snapshot.connector(facts.id).map(|connector| connector.connector_group);
    facts.serving + facts.proving > 0 && own.is_some() && own != group
}

fn obstacle(snapshot: &Snapshot, place: &Place, connectors: &[ExplainedConnector], who: Who<'_>) -> Option<Obstacle> {
    if let Err(refused) = request_path::check(&place.path) {
        return Some(Obstacle::Path(refused));
    }
    match decide_for(snapshot, AccessRequest { host: &place.host, path: &place.path }, who) {
        Ok(_) => {}
        Err(Refused::Closed(denial)) => return Some(Obstacle::Denied(denial)),
        Err(refused) => return Some(Obstacle::Refused(refused)),
    }
    let any = |wanted| connectors.iter().any(|connector| connector.availability == wanted);
    match (any(Availability::Available), any(Availability::Busy), any(Availability::Proving)) {
        (true, _, _) | (false, false, true) => None,
        (false, true, _) => Some(Obstacle::AllBusy),
        (false, false, false) => Some(Obstacle::NoConnector),
    }
}

#[cfg(test)]
mod tests;
