//! `adit health`: which connector groups are serving, degraded or down, and which applications are in trouble; with an
//! application's name, its upstream as each connector sees it. Asked of the public API; `--json` prints what it answered.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::members::{list, named, word};
use super::on_one_thread;
use crate::api_client::{ApiClient, ApiError, PROFILE, ServerArguments};
use crate::command_error::CommandError;

const NOT_DONE: &str = "nothing was told";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  adit health --data data\n  adit health Wiki --data data")]
pub(super) struct Arguments {
    /// The name or id of an application; without it, all groups and the applications that are in trouble
    application: Option<String>,
    /// Print what the API answered
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let client = ApiClient::connect(&arguments.server, NOT_DONE)?;
    let told = on_one_thread(async {
        let told = match &arguments.application {
            Some(application) => of_application(&client, application).await,
            None => of_all(&client).await,
        };
        told.map_err(|error| error.into_command_error(NOT_DONE))
    })?;
    if arguments.json {
        println!("{told:#}");
    } else {
        print!("{}", if arguments.application.is_some() { application_text(&told) } else { text(&told) });
    }
    Ok(())
}

async fn of_all(client: &ApiClient) -> Result<Value, ApiError> {
    let groups = client.get(&format!("{PROFILE}/connectorGroups/adit.health()")).await?;
    let applications = client.get("/applications/adit.health()").await?;
    Ok(json!({"groups": groups.get("groups"), "applications": applications}))
}

async fn of_application(client: &ApiClient, named: &str) -> Result<Value, ApiError> {
    // A quote inside a literal is written twice (OData 4.01, part 2, section 5.1.1.6.1).
    let literal = utf8_percent_encode(&named.replace('\'', "''"), NON_ALPHANUMERIC).to_string();
    let path = format!("/applications?$select=id&$filter=displayName%20eq%20'{literal}'");
    let found = client.list(&path).await?;
    let id = match found.first() {
        Some(application) => word(application, "id"),
        None => utf8_percent_encode(named, NON_ALPHANUMERIC).to_string(),
    };
    client.get(&format!("/applications/{id}/adit.health()")).await
}

/// Groups, and applications in trouble, for people.
fn text(told: &Value) -> String {
    let mut text = String::new();
    for group in list(told, "groups") {
        let name = named(&group, "connectorGroupName", "connectorGroupId");
        line(&mut text, &format!("Group {name}: {}", word(&group, "health")));
        for connector in list(&group, "connectors") {
            line(&mut text, &format!("  {}", connector_text(&connector)));
        }
    }
    let applications = &told["applications"];
    let count = |health: &str| applications[health].as_u64().unwrap_or_default();
    let counts = ["serving", "degraded", "down", "unknown"].map(|health| format!("{} {health}", count(health)));
    line(&mut text, &format!("Applications: {}", counts.join(", ")));
    let troubled = list(applications, "inTrouble");
    for application in &troubled {
        let name = named(application, "applicationName", "applicationId");
        line(&mut text, &format!("  {name}: {}", word(application, "health")));
    }
    let left = (count("degraded") + count("down")).saturating_sub(u64::try_from(troubled.len()).unwrap_or(u64::MAX));
    if left > 0 {
        line(&mut text, &format!("  and {left} more"));
    }
    text
}

fn connector_text(connector: &Value) -> String {
    let name = named(connector, "machineName", "id");
    let (under_way, share) = (&connector["requestsUnderWay"], connector["shareInPercent"].as_u64().unwrap_or_default());
    let availability = match word(connector, "availability").as_str() {
        "notConnected" => return format!("{name}: not connected"),
        "resting" => "silent, or on its way out".to_owned(),
        "proving" => "lost again and again, it has to show first that it stays".to_owned(),
        other => other.to_owned(),
    };
    let slow = if share < 100 { format!(", {share} % of its share") } else { String::new() };
    format!("{name}: {availability}, {under_way} requests under way{slow}")
}

/// One application for people.
fn application_text(told: &Value) -> String {
    let mut text = String::new();
    let name = named(told, "applicationName", "applicationId");
    line(&mut text, &format!("{name}: {}", word(told, "health")));
    line(&mut text, &format!("  Group {}: {}", word(told, "connectorGroupId"), word(told, "connectorGroupHealth")));
    let connectors = list(told, "connectors");
    if connectors.is_empty() {
        line(&mut text, "  No request and no probe has gone to its upstream yet");
    }
    for sighting in connectors {
        line(&mut text, &format!("  {}", sighting_text(&sighting)));
    }
    text
}

fn sighting_text(sighting: &Value) -> String {
    let mut text = named(sighting, "machineName", "id");
    let reach = match word(sighting, "reach").as_str() {
        "reached" => ": reaches the upstream".to_owned(),
        "notReached" => ": does not reach the upstream".to_owned(),
        _ => ": has not tried yet".to_owned(),
    };
    text.push_str(&reach);
    let mut part = |said: String| text.push_str(&format!(", {said}"));
    if let (Some(status), at) = (sighting["lastStatus"].as_u64(), word(sighting, "lastAnswerDateTime")) {
        let to = if sighting["lastAnswerTo"] == "probe" { " to a probe" } else { "" };
        part(format!("last answer {status}{to} at {at}"));
    }
    for (name, said) in [("latencyInMilliseconds", "answers in"), ("connectInMilliseconds", "connects in")] {
        if let Some(millis) = sighting[name].as_f64() {
            part(format!("{said} {millis:.1} ms"));
        }
    }
    let ends = word(sighting, "certificateExpirationDateTime");
    if !ends.is_empty() {
        part(format!("its certificate ends {ends}"));
    }
    if sighting["isConnected"] == false {
        part("not connected now".to_owned());
    }
    if let Some(passed) = sighting["isLastProbePassed"].as_bool() {
        let outcome = if passed { "passed" } else { "failed" };
        part(format!("last probe {outcome} at {}", word(sighting, "lastProbeDateTime")));
    }
    let failure = &sighting["lastFailure"];
    if failure.is_object() {
        let [at, reason, detail] = ["dateTime", "reason", "detail"].map(|member| word(failure, member));
        part(format!("last failed {at}: {reason}, {detail}"));
    }
    text
}

fn line(text: &mut String, said: &str) {
    // Writing into a String does not fail.
    let _ = writeln!(text, "{said}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_how_groups_are_and_which_applications_are_in_trouble() {
        let told = json!({"groups": [{"connectorGroupId": "1", "connectorGroupName": "Berlin", "health": "degraded",
                "connectors": [
                    {"id": "2", "machineName": "berlin-1", "availability": "available", "requestsUnderWay": 3,
                        "shareInPercent": 40},
                    {"id": "3", "machineName": null, "availability": "notConnected", "requestsUnderWay": 0,
                        "shareInPercent": 0}]}],
            "applications": {"serving": 7, "degraded": 1, "down": 2, "unknown": 0,
                "inTrouble": [{"applicationId": "4", "applicationName": "Wi\u{1b}ki", "health": "down"}]}});
        let text = text(&told);
        for shown in [
            "Group Berlin (1): degraded\n  berlin-1 (2): available, 3 requests under way, 40 % of its share\n  3: not connected\n",
            "Applications: 7 serving, 1 degraded, 2 down, 0 unknown\n  Wi?ki (4): down\n  and 2 more\n",
        ] {
            assert!(text.contains(shown), "{shown:?} is not in\n{text}");
        }
    }

    #[test]
    fn people_are_told_how_each_connector_sees_an_upstream() {
        let told = json!({"applicationId": "4", "applicationName": "Wiki", "health": "degraded",
            "connectorGroupId": "1", "connectorGroupHealth": "serving",
            "connectors": [{"id": "2", "machineName": "berlin-1", "reach": "reached", "lastStatus": 200,
                    "lastAnswerDateTime": "2026-11-20T10:15:30.000Z", "latencyInMilliseconds": 12.34,
                    "certificateExpirationDateTime": "2027-01-01T00:00:00Z", "isConnected": true},
                {"id": "3", "machineName": "berlin-2", "reach": "notReached", "isConnected": true,
                    "lastFailure": {"dateTime": "2026-11-20T10:15:31.000Z", "reason": "upstream_refused",
                        "detail": "nobody listens", "by": "request"}},
                {"id": "5", "machineName": "berlin-3", "reach": "reached", "isConnected": true, "lastStatus": 404,
                    "lastAnswerTo": "probe", "lastAnswerDateTime": "2026-11-20T10:15:32.000Z",
                    "isLastProbePassed": false, "lastProbeDateTime": "2026-11-20T10:15:32.000Z"}]});
        let text = application_text(&told);
        for shown in [
            "Wiki (4): degraded\n  Group 1: serving\n",
            "berlin-1 (2): reaches the upstream, last answer 200 at 2026-11-20T10:15:30.000Z, answers in 12.3 ms, \
             its certificate ends 2027-01-01T00:00:00Z\n",
            "berlin-2 (3): does not reach the upstream, last failed 2026-11-20T10:15:31.000Z: upstream_refused, nobody",
            "berlin-3 (5): reaches the upstream, last answer 404 to a probe at 2026-11-20T10:15:32.000Z, last probe \
             failed at 2026-11-20T10:15:32.000Z\n",
        ] {
            assert!(text.contains(shown), "{shown:?} is not in\n{text}");
        }
    }
}
