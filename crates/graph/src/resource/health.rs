//! `adit.health`, functions of Adit's own: how connector groups are, how applications are, and how one application's
//! upstream is through each connector.

use std::time::Duration;

use adit_core::ConnectorId;
use adit_core::health::{ApplicationHealth, ConnectorHealth, GroupHealth, Health, Sighting, Unreached};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::explanation::found;
use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::{APPLICATION_HEALTH, APPLICATIONS_HEALTH, GROUPS_HEALTH};

/// How many applications an answer names, the worst first; the counts are of all.
const NAMED_APPLICATIONS: usize = 100;

/// For how many connectors of an answer the directory is asked for the machine's name.
const NAMED_CONNECTORS: usize = 1000;

/// `GET connectorGroups/adit.health()`.
pub(crate) async fn groups(call: &Call) -> Result<Answer, GraphError> {
    let mut groups = Vec::new();
    let mut named = 0;
    for group in call.health.groups() {
        let name = found(call.control.connector_group(group.group).await)?.map(|known| known.name.to_string());
        let mut connectors = Vec::new();
        for connector in &group.connectors {
            named += 1;
            let machine = if named <= NAMED_CONNECTORS { machine_name(call, connector.id).await? } else { None };
            connectors.push(of_connector(connector, machine));
        }
        groups.push(of_group(&group, name, connectors));
    }
    let properties = Map::from_iter([("groups".to_owned(), Value::from(groups))]);
    Ok(Answer::ok(call.document().structure("adit.groupsHealth", &GROUPS_HEALTH, properties)))
}

/// `GET applications/adit.health()`.
pub(crate) async fn applications(call: &Call) -> Result<Answer, GraphError> {
    let mut all = call.health.applications();
    let count = |wanted| all.iter().filter(|application| application.health == wanted).count();
    let counts = Health::ALL.map(|health| (health.as_str().to_owned(), Value::from(count(health))));
    let mut properties = Map::from_iter(counts);
    all.retain(|application| matches!(application.health, Health::Degraded | Health::Down));
    all.sort_by(|one, other| other.health.cmp(&one.health).then_with(|| one.name.cmp(&other.name)));
    let troubled: Vec<Value> = all.iter().take(NAMED_APPLICATIONS).map(in_short).collect();
    properties.insert("inTrouble".to_owned(), troubled.into());
    Ok(Answer::ok(call.document().structure("adit.applicationsHealth", &APPLICATIONS_HEALTH, properties)))
}

/// `GET applications/{id}/adit.health()`.
pub(crate) async fn application(call: &Call) -> Result<Answer, GraphError> {
    let id = call.scope.application_id(&call.control).await?;
    let application = call.control.application(id).await?;
    let Some(health) = call.health.application(application.id) else {
        return Err(GraphError::invalid("The application is not published, or no gateway has learnt of it yet."));
    };
    let mut connectors = Vec::new();
    for sighting in &health.sightings {
        connectors.push(of_sighting(sighting, machine_name(call, sighting.connector).await?));
    }
    let mut properties = match in_short(&health) {
        Value::Object(properties) => properties,
        _ => Map::new(),
    };
    properties.insert("connectors".to_owned(), connectors.into());
    Ok(Answer::ok(call.document().structure("adit.applicationHealth", &APPLICATION_HEALTH, properties)))
}

async fn machine_name(call: &Call, connector: ConnectorId) -> Result<Option<String>, GraphError> {
    Ok(found(call.control.connector(connector).await)?.map(|known| known.machine_name.to_string()))
}

fn of_group(group: &GroupHealth, name: Option<String>, connectors: Vec<Value>) -> Value {
    json!({
        "connectorGroupId": group.group.to_string(),
        "connectorGroupName": name,
        "health": group.health.as_str(),
        "connectors": connectors,
    })
}

fn of_connector(connector: &ConnectorHealth, machine: Option<String>) -> Value {
    json!({
        "id": connector.id.to_string(),
        "machineName": machine,
        "availability": connector.availability.as_str(),
        "requestsUnderWay": connector.in_flight,
        "shareInPercent": connector.share,
    })
}

fn in_short(health: &ApplicationHealth) -> Value {
    json!({
        "applicationId": health.application.to_string(),
        "applicationName": health.name,
        "health": health.health.as_str(),
        "connectorGroupId": health.group.to_string(),
        "connectorGroupHealth": health.group_health.as_str(),
    })
}

fn of_sighting(sighting: &Sighting, machine: Option<String>) -> Value {
    let seconds = |ends| Timestamp::from_second(ends).ok().map(|ends| format!("{ends:.0}"));
    json!({
        "id": sighting.connector.to_string(),
        "machineName": machine,
        "isConnected": sighting.is_live,
        "reach": sighting.reach.as_str(),
        "lastStatus": sighting.last_answer.map(|answer| answer.status),
        "lastAnswerDateTime": sighting.last_answer.and_then(|answer| moment(answer.at_millis)),
        "lastAnswerTo": sighting.last_answer.map(|answer| answer.to.as_str()),
        "lastServerErrorDateTime": sighting.server_error_millis.and_then(moment),
        "latencyInMilliseconds": sighting.latency.map(millis),
        "connectInMilliseconds": sighting.connect.map(millis),
        "certificateExpirationDateTime": sighting.certificate_ends.and_then(seconds),
        "isPassedOver": sighting.is_passed_over,
        "lastFailure": sighting.last_failure.as_ref().map(unreached),
        "isLastProbePassed": sighting.probe.map(|probe| probe.has_passed),
        "lastProbeDateTime": sighting.probe.and_then(|probe| moment(probe.at_millis)),
    })
}

fn unreached(failure: &Unreached) -> Value {
    json!({
        "dateTime": moment(failure.at_millis),
        "reason": failure.reason,
        "detail": failure.detail,
        "by": failure.by.as_str(),
    })
}

fn moment(millis: u64) -> Option<String> {
    let moment = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    moment.map(|moment| format!("{moment:.3}"))
}

fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
