//! `adit explain URL`: which application, group, connector and upstream a request would take at this moment, why not the
//! others, which fields would be sent, and what failed last. `--user` adds whether that user may, and by what. Asked of the
//! public API; `--json` prints what it answered.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::members::{list, named, printable, word};
use super::on_one_thread;
use crate::api_client::{ApiClient, ServerArguments};
use crate::command_error::CommandError;

const NOT_DONE: &str = "nothing was explained";

/// What a literal in a path may contain unescaped.
const LITERAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  adit explain https://wiki.localhost:8443/team/ --data data\n  \
                        adit explain https://wiki.localhost:8443/team/ --user ada@corp.example --data data")]
pub(super) struct Arguments {
    /// What a user would open, as in https://wiki.example.com/team/; the query decides nothing
    url: String,
    /// Whether this user may, and by what: userPrincipalName or id; of another issuer the id by which assignments know the user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A group that the user is taken to be in, by its id; replaces those of the directory, may be repeated
    #[arg(long = "group", value_name = "ID", requires = "user")]
    groups: Vec<String>,
    /// Print what the API answered
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let client = ApiClient::connect(&arguments.server, NOT_DONE)?;
    let path = path(arguments);
    let answer = on_one_thread(async { client.get(&path).await.map_err(|error| error.into_command_error(NOT_DONE)) })?;
    if arguments.json {
        println!("{answer:#}");
    } else {
        print!("{}", text(&answer));
    }
    Ok(())
}

fn path(arguments: &Arguments) -> String {
    let mut path = format!("/applications/adit.explain(url={}", literal(&arguments.url));
    if let Some(user) = &arguments.user {
        path.push_str(&format!(",user={}", literal(user)));
    }
    if !arguments.groups.is_empty() {
        path.push_str(&format!(",groups={}", literal(&arguments.groups.join(","))));
    }
    path.push(')');
    path
}

/// A text in a path. A quote inside is written twice (OData 4.01, part 2, section 5.1.1.6.1).
fn literal(text: &str) -> String {
    format!("'{}'", utf8_percent_encode(&text.replace('\'', "''"), LITERAL))
}

/// The explanation for people.
fn text(answer: &Value) -> String {
    let mut text = String::new();
    verdict(&mut text, answer);
    let application = named(answer, "applicationName", "applicationId");
    line(&mut text, "Application", &application);
    line(&mut text, "Group", &named(answer, "connectorGroupName", "connectorGroupId"));
    if answer["user"].is_object() {
        access(&mut text, &answer["access"]);
    }
    section(&mut text, "Connectors", &list(answer, "connectors"), connector);
    let elsewhere = answer["connectorsElsewhere"].as_u64().unwrap_or_default();
    if elsewhere > 0 && !list(answer, "connectors").iter().any(|own| word(own, "availability") == "available") {
        let _ = writeln!(text, "              {elsewhere} with a tunnel are in other groups");
    }
    section(&mut text, "At this host", &list(answer, "candidates"), candidate);
    section(&mut text, "Fields set", &list(answer, "headers"), |field| {
        format!("{}: {}", word(field, "name"), word(field, "value"))
    });
    if let failure @ Value::Object(_) = &answer["lastFailure"] {
        line(&mut text, "Failed last", &last_failure(failure));
    }
    text
}

fn verdict(text: &mut String, answer: &Value) {
    let (host, path) = (word(answer, "host"), word(answer, "path"));
    let verdict = if answer["isForwarded"] == true {
        format!("{host}{path} is forwarded to {}\n", word(answer, "upstreamUrl"))
    } else {
        let (status, reason) = (&answer["status"], word(answer, "reason"));
        let (meaning, remedy) = (word(answer, "meaning"), word(answer, "remedy"));
        format!("{host}{path} is answered {status}, {reason}\n  {meaning}\n  What to do: {remedy}\n")
    };
    text.push_str(&verdict);
    text.push('\n');
}

/// Whether the user may, by what, and why.
fn access(text: &mut String, access: &Value) {
    if access.is_object() {
        line(text, "Access", if access["isGranted"] == true { "granted" } else { "refused" });
    }
    section(text, "Assigned", &list(access, "assignments"), assignment);
    section(text, "Why", &list(access, "reasoning"), printable);
}

fn assignment(assignment: &Value) -> String {
    let roles: Vec<String> = list(assignment, "roles").iter().map(printable).collect();
    let roles = if roles.is_empty() { "default access".to_owned() } else { roles.join(", ") };
    let way: Vec<String> = list(assignment, "groupPath").iter().map(printable).collect();
    match (word(assignment, "principalType").as_str(), way.is_empty()) {
        ("User", _) => format!("the user itself, as {roles}"),
        (_, true) => format!("group {}, as {roles}", word(assignment, "principalId")),
        (_, false) => format!("group {}, as {roles}", way.join(" in ")),
    }
}

fn connector(connector: &Value) -> String {
    let name = named(connector, "machineName", "id");
    let under_way = &connector["requestsUnderWay"];
    match word(connector, "availability").as_str() {
        "available" => format!("{name}: available, {under_way} requests under way{}", score(connector)),
        "proving" => {
            format!("{name}: lost again and again, it has to show first that it stays ({under_way} under way)")
        }
        "busy" => format!("{name}: has as many requests under way as it may have ({under_way})"),
        "resting" => format!("{name}: silent, or on its way out"),
        "notConnected" => format!("{name}: not connected"),
        other => format!("{name}: {other}"),
    }
}

/// What the choice among available connectors goes by.
fn score(connector: &Value) -> String {
    let mut text = String::new();
    // Writing into a String does not fail.
    if let (Some(latency), Some(score)) = (connector["latencyInMilliseconds"].as_f64(), connector["score"].as_f64()) {
        let _ = write!(text, ", answers in {latency:.1} ms, score {score:.1}");
    }
    if let Some(share) = connector["shareInPercent"].as_u64().filter(|share| *share < 100) {
        let _ = write!(text, ", back a moment ago: gets {share} % of its share");
    }
    if connector["isProbeFailed"] == true {
        text.push_str(", passed over: its last probe of the upstream failed");
    } else if connector["isPassedOver"] == true {
        text.push_str(", passed over: it could not reach the upstream a moment ago");
    }
    text
}

fn candidate(candidate: &Value) -> String {
    let why = match word(candidate, "standing").as_str() {
        "chosen" => "chosen".to_owned(),
        "pathOutside" => "the path is not below it".to_owned(),
        "shorterPrefix" => "another prefix that covers the path is longer".to_owned(),
        "hostPublished" => "a wildcard, and something is published at the host itself".to_owned(),
        "shorterDomain" => "a wildcard, and another one's domain is longer".to_owned(),
        other => other.to_owned(),
    };
    format!("{} ({}): {why}", word(candidate, "url"), word(candidate, "applicationName"))
}

fn last_failure(failure: &Value) -> String {
    let [at, reason, id, detail] = ["dateTime", "reason", "requestId", "detail"].map(|member| word(failure, member));
    format!("{at} {reason}, request {id}\n              {detail}")
}

fn line(text: &mut String, heading: &str, value: &str) {
    if !value.is_empty() {
        // Writing into a String does not fail.
        let _ = writeln!(text, "{heading:<14}{value}");
    }
}

fn section(text: &mut String, heading: &str, items: &[Value], shown: impl Fn(&Value) -> String) {
    for (number, item) in items.iter().enumerate() {
        line(text, if number == 0 { heading } else { "" }, &shown(item));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_are_told_what_happens_and_why() {
        let answer = json!({"host": "wiki.example", "path": "/team/", "isForwarded": true,
            "upstreamUrl": "http://wiki:8080/", "applicationName": "Wiki", "applicationId": "1",
            "connectorGroupName": "Berlin", "connectorGroupId": "2",
            "connectors": [{"id": "3", "machineName": "berlin-1", "availability": "available", "requestsUnderWay": 4,
                 "latencyInMilliseconds": 12.34, "score": 61.7, "shareInPercent": 40, "isPassedOver": true},
                {"id": "5", "machineName": null, "availability": "notConnected", "requestsUnderWay": 0}],
            "connectorsElsewhere": 1,
            "candidates": [{"url": "https://wiki.example/team/", "applicationName": "Wiki", "standing": "chosen"},
                {"url": "https://wiki.example/", "applicationName": "Home", "standing": "shorterPrefix"}],
            "headers": [{"name": "host", "value": "wiki:8080"}],
            "lastFailure": {"dateTime": "2026-11-20T10:15:30.000Z", "reason": "upstream_refused",
                "detail": "nobody\u{1b}[31m listens", "requestId": "6"}});
        let text = text(&answer);
        for shown in [
            "wiki.example/team/ is forwarded to http://wiki:8080/\n",
            "Application   Wiki (1)\n",
            "Group         Berlin (2)\n",
            "Connectors    berlin-1 (3): available, 4 requests under way, answers in 12.3 ms, score 61.7, \
             back a moment ago: gets 40 % of its share, passed over: it could not reach the upstream a moment ago\n\
             \x20             5: not connected\n",
            "https://wiki.example/ (Home): another prefix that covers the path is longer\n",
            "Fields set    host: wiki:8080\n",
            "Failed last   2026-11-20T10:15:30.000Z upstream_refused, request 6\n              nobody?[31m listens\n",
        ] {
            assert!(text.contains(shown), "{shown:?} is not in\n{text}");
        }
        assert!(!text.contains("in other groups"), "one of the own group is available");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let answer = json!({"host": "wiki.example", "path": "/", "isForwarded": false, "status": 503,
            "reason": "no_connector", "meaning": "None is there.", "remedy": "Start one.", "connectorsElsewhere": 2});
        let text = text(&answer);
        assert!(text.starts_with("wiki.example/ is answered 503, no_connector\n  None is there.\n"), "{text}");
        assert!(
            text.contains("What to do: Start one.") && text.contains("2 with a tunnel are in other groups"),
            "{text}"
        );
    }

    #[test]
    fn a_user_is_told_of_with_what_leads_to_the_access_or_why_there_is_none() {
        let mut answer = json!({"host": "wiki.example", "path": "/", "isForwarded": true, "upstreamUrl": "http://wiki/",
            "user": {"asked": "ada@corp.example", "isFound": true},
            "access": {"isGranted": true, "reasoning": ["User Ada\u{7} has an id.", "Access is granted."],
                "assignments": [{"principalId": "1", "principalType": "User", "roles": []},
                    {"principalId": "2", "principalType": "Group", "roles": ["read", "write"], "groupPath": ["Staff", "All"]},
                    {"principalId": "3", "principalType": "Group", "roles": [], "groupPath": []}]}});
        let shown = text(&answer);
        assert!(
            shown.contains(
                "Access        granted\nAssigned      the user itself, as default access\n\
                 \x20             group Staff in All, as read, write\n\
                 \x20             group 3, as default access\n\
                 Why           User Ada? has an id.\n\x20             Access is granted.\n"
            ),
            "{shown}"
        );
        answer["access"]["isGranted"] = json!(false);
        assert!(text(&answer).contains("Access        refused\n"));
        answer["user"] = json!(null);
        assert!(!text(&answer).contains("Access"), "who was not asked about is not told of");
    }

    #[test]
    fn what_is_asked_is_quoted_in_the_path() {
        let arguments = |words: &[&str]| {
            #[derive(clap::Parser)]
            struct Line {
                #[command(flatten)]
                own: Arguments,
            }
            let words = ["adit"].iter().chain(words);
            <Line as clap::Parser>::try_parse_from(words).map(|line| path(&line.own))
        };
        assert_eq!(arguments(&["https://a/"]).unwrap(), "/applications/adit.explain(url='https%3A%2F%2Fa%2F')");
        let of = arguments(&["a", "--user", "o'neil@corp", "--group", "1", "--group", "2"]).unwrap();
        assert_eq!(of, "/applications/adit.explain(url='a',user='o%27%27neil%40corp',groups='1%2C2')");
        assert!(arguments(&["a", "--group", "1"]).is_err(), "a group without a user is nobody's");
    }
}
