//! `adit.explain`, a function of Adit's own on the applications: where a request would go at this moment, why not
//! elsewhere, and what failed last; of a user also whether it may, and by what.

mod access;

use std::collections::HashMap;
use std::time::Duration;

use adit_core::explain::{Candidate, Explained, ExplainedConnector, Explanation, PastFailure, Place, Standing};
use adit_core::{ConnectorGroupId, ConnectorId};
use adit_odata::Segment;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::EXPLANATION;

/// `GET applications/adit.explain(url='...')`, and the same with `user` and `groups`.
pub(crate) async fn explain(call: &Call) -> Result<Answer, GraphError> {
    let url = argument(call, "url").ok_or_else(|| GraphError::invalid("The parameter 'url' is missing."))?;
    let asked = access::asked(call).await?;
    let place = Place::parse(url).map_err(|error| GraphError::invalid(error.to_string()))?;
    let explained = call.explainer.explain(place, asked.as_ref().and_then(access::Asked::visitor));
    let names = Names::of(call, &explained.explanation).await?;
    let mut properties = properties(&explained, &names);
    let decided = explained.explanation.access.as_ref();
    properties.insert("user".to_owned(), asked.as_ref().map_or(Value::Null, access::Asked::user));
    properties
        .insert("access".to_owned(), decided.map_or(Value::Null, |own| access::decided(call, own, asked.as_ref())));
    Ok(Answer::ok(call.document().structure("adit.explanation", &EXPLANATION, properties)))
}

/// What was passed under that name.
fn argument<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    let arguments = call.path.segments.iter().find_map(|segment| match segment {
        Segment::Operation { arguments, .. } => Some(arguments),
        _ => None,
    });
    arguments.into_iter().flatten().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// What the directory calls those whom a gateway knows by their ids.
#[derive(Default)]
struct Names {
    group: Option<String>,
    machines: HashMap<ConnectorId, String>,
}

impl Names {
    /// Those of `explanation`. What was deleted since the gateway's snapshot has none.
    async fn of(call: &Call, explanation: &Explanation) -> Result<Self, GraphError> {
        let Some(route) = &explanation.route else { return Ok(Self::default()) };
        let group = found(call.control.connector_group(route.connector_group).await)?;
        let mut machines = HashMap::new();
        for connector in &explanation.connectors {
            if let Some(known) = found(call.control.connector(connector.id).await)? {
                machines.insert(connector.id, known.machine_name.to_string());
            }
        }
        Ok(Self { group: group.map(|group| group.name.to_string()), machines })
    }
}

/// What there is; an object that is not there is none.
pub(super) fn found<T>(result: Result<T, adit_control::Error>) -> Result<Option<T>, GraphError> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(adit_control::Error::ConnectorGroupNotFound(_) | adit_control::Error::ConnectorNotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn properties(explained: &Explained, names: &Names) -> Map<String, Value> {
    let Explained { explanation, refusal, upstream_url, headers, last_failure } = explained;
    let application = explanation.route.as_ref().map(|route| &route.application);
    let group: Option<ConnectorGroupId> = explanation.route.as_ref().map(|route| route.connector_group);
    let fields: Vec<Value> = headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let value = json!({
        "host": explanation.place.host,
        "path": explanation.place.path,
        "revision": explanation.version.1.0,
        "isForwarded": refusal.is_none(),
        "reason": refusal.as_ref().map(|refusal| refusal.reason),
        "status": refusal.as_ref().map(|refusal| refusal.status),
        "meaning": refusal.as_ref().map(|refusal| refusal.meaning),
        "remedy": refusal.as_ref().map(|refusal| refusal.remedy),
        "applicationId": application.map(|application| application.id.to_string()),
        "applicationName": application.map(|application| &application.name),
        "connectorGroupId": group.map(|group| group.to_string()),
        "connectorGroupName": names.group,
        "upstreamUrl": upstream_url,
        "candidates": explanation.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "connectors": explanation.connectors.iter().map(|own| connector(own, names)).collect::<Vec<_>>(),
        "connectorsElsewhere": explanation.connectors_elsewhere,
        "headers": fields,
        "lastFailure": last_failure.as_ref().map(failure),
    });
    match value {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

fn candidate(candidate: &Candidate) -> Value {
    json!({
        "applicationId": candidate.application.id.to_string(),
        "applicationName": candidate.application.name,
        "url": candidate.url.to_string(),
        "standing": match candidate.standing {
            Standing::Chosen => "chosen",
            Standing::PathOutside => "pathOutside",
            Standing::ShorterPrefix => "shorterPrefix",
            Standing::HostPublished => "hostPublished",
            Standing::ShorterDomain => "shorterDomain",
        },
    })
}

fn connector(connector: &ExplainedConnector, names: &Names) -> Value {
    json!({
        "id": connector.id.to_string(),
        "machineName": names.machines.get(&connector.id),
        "availability": connector.availability.as_str(),
        "requestsUnderWay": connector.in_flight,
        "shareInPercent": connector.share,
        "latencyInMilliseconds": connector.score.latency.map(millis),
        "score": connector.score.cost.map(millis),
        "isPassedOver": connector.score.is_failing,
        "isProbeFailed": connector.score.is_probe_failed,
    })
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

fn failure(failure: &PastFailure) -> Value {
    let at = i64::try_from(failure.at_millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    json!({
        "dateTime": at.map(|at| format!("{at:.3}")),
        "reason": failure.reason,
        "detail": failure.detail,
        "requestId": failure.request_id,
    })
}
