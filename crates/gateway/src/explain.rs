//! Explains what a request for a place would meet at this gateway, with the very code that serves requests: the same
//! decision, the same head, the same connectors, so that it cannot say anything but what would happen.

use std::rc::Rc;
use std::sync::Arc;

use adit_core::ConnectorId;
use adit_core::access::{self, AccessRequest, Principal, Who};
use adit_core::explain::{
    self, ConnectorWork, Explained, ExplainedConnector, ExplainedScore, Explainer, Obstacle, PastFailure, Refusal,
    Visitor,
};
use adit_core::{PrincipalKind, Snapshot};
use adit_identity::session::Person;
use http::{HeaderValue, Request};
use tokio::time::Instant;

use crate::choice::Score;
use crate::core::Shared;
use crate::edge::Client;
use crate::failure::Failure;
use crate::head::{Place, UpstreamHead};
use crate::ledger::LastFailure;
use crate::reason::Reason;
use crate::serving::{ForwardingRules, Serving};
use crate::sight::Moment;

/// Stands for the id that a request would get.
const REQUEST_ID: HeaderValue = HeaderValue::from_static("<the request's id>");

/// Explains on behalf of a running gateway.
pub(crate) struct GatewayExplainer(pub(crate) Arc<Shared>);

impl Explainer for GatewayExplainer {
    fn explain(&self, place: explain::Place, visitor: Option<&Visitor>) -> Explained {
        let serving = self.0.serving.load_full();
        let person = visitor.map(|visitor| signed_in(visitor, &serving.snapshot));
        let who = match (&self.0.sign_in, &person) {
            (None, _) => Who::SignInUnavailable,
            (Some(_), None) => Who::Anonymous,
            (Some(_), Some(person)) => Who::Principal(principal(person)),
        };
        let mut explanation = explain::explain(&serving.snapshot, place, &self.0.book.connector_facts(), who);
        let refusal = explanation.obstacle.as_ref().map(refusal);
        let upstream = upstream(&serving, &explanation.place, who);
        let (upstream_url, mut headers) = upstream.map_or((None, Vec::new()), |(url, headers)| (Some(url), headers));
        let rules = explanation.route.as_ref().and_then(|route| serving.rules(route.application.id));
        if let Some(rules) = rules {
            let now = Moment::at(Instant::now());
            explanation.connectors.iter_mut().for_each(|own| own.score = score(rules, own, now));
            headers.extend(rules.sign_on.iter().flat_map(|fields| fields.explained()));
            headers.sort();
        }
        let last_failure = rules.and_then(|rules| rules.ledger.last_failure()).as_deref().map(past);
        Explained { explanation, refusal, upstream_url, headers, last_failure }
    }

    fn work(&self, connector: ConnectorId) -> ConnectorWork {
        self.0.book.work_of(connector)
    }
}

/// Who a visitor would be in a session: with the groups that have room in one.
fn signed_in(visitor: &Visitor, snapshot: &Snapshot) -> Person {
    let mut person = Person {
        issuer: String::new(),
        subject: visitor.id.to_string(),
        principal: visitor.id,
        display_name: None,
        user_name: None,
        groups: Vec::new(),
        groups_left_out: visitor.groups_left_out,
        roles: Vec::new(),
        claims: Vec::new(),
    };
    person.keep_groups(visitor.groups.clone(), |group| snapshot.names_group(group));
    person
}

fn principal(person: &Person) -> Principal<'_> {
    let Person { principal, groups, groups_left_out, .. } = person;
    Principal { kind: PrincipalKind::User, id: *principal, groups, groups_left_out: *groups_left_out }
}

/// What the choice would go by.
fn score(rules: &ForwardingRules, connector: &ExplainedConnector, now: Moment) -> ExplainedScore {
    let Some(sight) = rules.ledger.sights.of_connector(connector.id) else { return ExplainedScore::default() };
    let (latency, is_failing) = (sight.latency(now), sight.is_failing(now));
    let score = Score { latency, in_flight: connector.in_flight, share: connector.share, is_failing, is_trial: false };
    ExplainedScore { latency, cost: score.cost(), is_failing, is_probe_failed: sight.is_probe_failed(now) }
}

fn refusal(obstacle: &Obstacle) -> Refusal {
    let reason = match obstacle {
        Obstacle::Path(_) => Reason::BadRequest,
        Obstacle::Denied(denial) => Failure::from(denial.clone()).reason,
        Obstacle::Refused(refused) => Failure::from(refused.clone()).reason,
        Obstacle::NoConnector => Reason::NoConnector,
        Obstacle::AllBusy => Reason::ConnectorBusy,
    };
    Refusal {
        reason: reason.as_str(),
        status: reason.status().as_u16(),
        meaning: reason.meaning(),
        remedy: reason.remedy(),
    }
}

/// The URL and the fields that the upstream would see of a request that says nothing of its own; nothing where it would
/// see none.
fn upstream(serving: &Serving, place: &explain::Place, who: Who<'_>) -> Option<(String, Vec<(String, String)>)> {
    let asked = AccessRequest { host: &place.host, path: &place.path };
    let grant = access::decide_for(&serving.snapshot, asked, who).ok()?;
    let rules = serving.rules(grant.application().id)?.for_host(&place.host)?;
    let asked = Place { host: Rc::from(place.host.as_str()), authority: HeaderValue::from_str(&place.authority).ok()? };
    let (parts, ()) = Request::get(place.path.as_str()).body(()).ok()?.into_parts();
    let mut head = UpstreamHead::new(parts, &grant, &asked, &rules, &Client::imagined()).ok()?;
    head.identify(REQUEST_ID);
    let url = format!(
        "{}://{}{}",
        grant.application().internal_url.scheme().as_str(),
        rules.internal_authority(),
        head.uri()
    );
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut fields: Vec<(String, String)> =
        head.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    fields.sort();
    Some((url, fields))
}

fn past(last: &LastFailure) -> PastFailure {
    PastFailure {
        at_millis: last.at,
        reason: last.failure.reason.as_str(),
        detail: last.failure.detail.clone(),
        request_id: last.request.to_string(),
    }
}
