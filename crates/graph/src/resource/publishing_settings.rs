//! `onPremisesPublishing/adit`: the settings of a published application that Graph has no word for. A part that a PATCH
//! does not name stays; `null` brings a part, or all of them, back to their defaults.

use adit_control::{HealthProbePatch, UpstreamTimesPatch};
use adit_core::health_probe::{ExpectedStatuses, ProbeInterval, ProbePath, ProbeTimeout};
use adit_core::maintenance::{MaintenanceState, MaintenanceText};
use adit_core::sign_on::{AssertionState, SignOnClaim, SignOnHeader, SignOnHeaders};
use adit_core::{Publishing, Seconds, UpstreamProtocol};
use serde_json::{Map, Value, json};

use crate::error::GraphError;

/// The property that holds them.
pub(super) const NAME: &str = "adit";

/// The times that a checked body of a publishing asks for.
pub(super) fn times(publishing: &Map<String, Value>) -> Result<UpstreamTimesPatch, GraphError> {
    let time = |name| part(publishing, name).map(|value| seconds(name, value)).transpose();
    Ok(UpstreamTimesPatch {
        connect: time("connectTimeoutInSeconds")?,
        first_byte: time("firstByteTimeoutInSeconds")?,
        idle: time("idleTimeoutInSeconds")?,
        total: time("totalTimeoutInSeconds")?,
    })
}

/// The version of HTTP that it asks for.
pub(super) fn upstream_protocol(publishing: &Map<String, Value>) -> Result<Option<UpstreamProtocol>, GraphError> {
    let Some(value) = part(publishing, "upstreamProtocol") else { return Ok(None) };
    let Some(word) = value.as_str() else { return Ok(Some(UpstreamProtocol::default())) };
    UpstreamProtocol::parse(word).map(Some).map_err(|error| invalid("upstreamProtocol", &error))
}

/// Whether it asks to close or open the application.
pub(super) fn maintenance(publishing: &Map<String, Value>) -> Option<MaintenanceState> {
    let on = part(publishing, "isInMaintenance")? == &Value::Bool(true);
    Some(if on { MaintenanceState::On } else { MaintenanceState::Off })
}

/// What the users are to be told.
pub(super) fn maintenance_text(publishing: &Map<String, Value>) -> Result<Option<Option<MaintenanceText>>, GraphError> {
    match part(publishing, "maintenanceText").map(Value::as_str) {
        None => Ok(None),
        Some(None | Some("")) => Ok(Some(None)),
        Some(Some(text)) => match MaintenanceText::parse(text) {
            Ok(text) => Ok(Some(Some(text))),
            Err(error) => Err(invalid("maintenanceText", &error)),
        },
    }
}

/// How its connectors are to probe it.
pub(super) fn health_probe(publishing: &Map<String, Value>) -> Result<HealthProbePatch, GraphError> {
    Ok(HealthProbePatch {
        path: text(publishing, "healthProbePath", ProbePath::parse)?,
        interval: whole(publishing, "healthProbeIntervalInSeconds", ProbeInterval::new)?,
        timeout: whole(publishing, "healthProbeTimeoutInSeconds", ProbeTimeout::new)?,
        statuses: text(publishing, "healthProbeStatuses", ExpectedStatuses::parse)?,
    })
}

/// By which headers the upstream is to be told who asks: a list takes the place of the one before.
pub(super) fn sign_on_headers(publishing: &Map<String, Value>) -> Result<Option<SignOnHeaders>, GraphError> {
    const NAME: &str = "signOnHeaders";
    let Some(value) = part(publishing, NAME) else { return Ok(None) };
    let text = |header: &Value, member: &str| header.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let listed = value.as_array().into_iter().flatten().map(|own| match SignOnClaim::parse(&text(own, "claim")) {
        Ok(claim) => Ok(SignOnHeader { header: text(own, "header"), claim }),
        Err(error) => Err(invalid(NAME, &error)),
    });
    let headers = SignOnHeaders::new(listed.collect::<Result<_, _>>()?);
    headers.map(Some).map_err(|error| invalid(NAME, &error))
}

/// Whether a signed assertion is to go along: unless it is said that none does.
pub(super) fn assertion(publishing: &Map<String, Value>) -> Option<AssertionState> {
    let off = part(publishing, "isAssertionEnabled")? == &Value::Bool(false);
    Some(if off { AssertionState::Off } else { AssertionState::On })
}

/// The settings as they are.
pub(super) fn shown(publishing: &Publishing) -> Value {
    let (times, probe, sign_on) = (&publishing.upstream_times, &publishing.health_probe, &publishing.sign_on);
    json!({
        "connectTimeoutInSeconds": times.connect,
        "firstByteTimeoutInSeconds": times.first_byte,
        "idleTimeoutInSeconds": times.idle,
        "totalTimeoutInSeconds": times.total,
        "upstreamProtocol": publishing.upstream_protocol.as_str(),
        "isInMaintenance": publishing.maintenance.state == MaintenanceState::On,
        "maintenanceText": publishing.maintenance.text,
        "healthProbePath": probe.path,
        "healthProbeIntervalInSeconds": probe.interval,
        "healthProbeTimeoutInSeconds": probe.timeout,
        "healthProbeStatuses": probe.statuses,
        "signOnHeaders": sign_on.headers,
        "isAssertionEnabled": sign_on.assertion == AssertionState::On,
    })
}

/// What the body says about one setting; of each that it is `null`, where all are.
fn part<'b>(publishing: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    match publishing.get(NAME)? {
        Value::Null => Some(&Value::Null),
        settings => settings.get(name),
    }
}

fn seconds(name: &str, value: &Value) -> Result<Option<Seconds>, GraphError> {
    let Some(number) = value.as_i64() else { return Ok(None) };
    Seconds::new(number).map(Some).map_err(|error| invalid(name, &error))
}

/// What the body says about a setting that is text: `None` if nothing, `Some(None)` if its default.
fn text<T, E: std::fmt::Display>(
    publishing: &Map<String, Value>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<Option<T>>, GraphError> {
    let parsed = |value: &Value| value.as_str().map(&parse).transpose().map_err(|error| invalid(name, &error));
    part(publishing, name).map(parsed).transpose()
}

/// The same for a setting that is a whole number.
fn whole<T, E: std::fmt::Display>(
    publishing: &Map<String, Value>,
    name: &str,
    check: impl Fn(i64) -> Result<T, E>,
) -> Result<Option<Option<T>>, GraphError> {
    let checked = |value: &Value| value.as_i64().map(&check).transpose().map_err(|error| invalid(name, &error));
    part(publishing, name).map(checked).transpose()
}

fn invalid(name: &str, reason: &dyn std::fmt::Display) -> GraphError {
    GraphError::invalid(format!("Invalid value specified for property '{NAME}/{name}': {reason}."))
}
