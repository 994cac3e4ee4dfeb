//! Bad requests to the Graph API: the right status, Graph's error object, a directory that stays as it was, and an
//! answer that does not keep anybody waiting. Here are requests that mean something wrong; what is wrong in itself is
//! in `query`, `body`, `reference` and `batch`, and what is wrong at the same time in `race`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod batch;
mod body;
mod query;
mod race;
mod reference;

use std::time::{Duration, Instant};

use adit_tests::Directory;
use adit_tests::graph::{Graph, PROFILE, reference};
use adit_tests::http::Response;
use serde_json::{Value, json};

/// The id of nothing.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The longest that any refusal may take. A second is promised; an unoptimised build on a busy machine is given more.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends requests that must be refused, and sees at the end that the directory is as it was.
struct Refusals {
    graph: Graph,
    before: Value,
}

impl Refusals {
    fn of(graph: Graph) -> Self {
        let before = state(&graph);
        Self { graph, before }
    }

    /// Sends a request as spelled, and demands a refusal with one of `statuses` that says what was wrong.
    #[track_caller]
    fn demand(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8], statuses: &[u16], names: &str) {
        let start = Instant::now();
        let answer = self.graph.send_as_spelled(method, target, headers, body);
        let took = start.elapsed();
        let (target, sent) = (shortened(target), shortened(&String::from_utf8_lossy(body)));
        println!("{method} {target} {sent}: {} after {took:?}", answer.status);
        assert!(statuses.contains(&answer.status), "{method} {target} {sent}: {} {}", answer.status, answer.text());
        assert_error(&answer, answer.status, names);
        assert!(took < PATIENCE, "{method} {target} {sent} took {took:?}");
    }

    /// A GET that must be 400.
    #[track_caller]
    fn demand_bad_query(&self, path: &str, options: &str, names: &str) {
        self.demand("GET", &format!("/beta{path}?{options}"), &[], b"", &[400], names);
    }

    /// Nothing has changed.
    #[track_caller]
    fn done(self) {
        assert_eq!(state(&self.graph), self.before, "nothing changed");
    }
}

/// Percent-encodes the value of a query option.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~,'()$/:".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn shortened(text: &str) -> String {
    let start: String = text.chars().take(120).collect();
    if start.len() < text.len() { format!("{start}... ({} bytes)", text.len()) } else { start }
}

/// Everything that may have changed.
fn state(graph: &Graph) -> Value {
    json!({
        "groups": graph.list(&format!("{PROFILE}/connectorGroups")),
        "connectors": graph.list(&format!("{PROFILE}/connectors")),
        "applications": graph.list("/applications?$select=id,displayName,onPremisesPublishing"),
    })
}

#[track_caller]
fn assert_error(answer: &Response, status: u16, names: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let error = &answer.json()["error"];
    assert!(error["code"].is_string(), "Graph's error object: {}", answer.text());
    let message = error["message"].as_str().unwrap();
    assert!(message.to_lowercase().contains(&names.to_lowercase()), "the message names {names}: {message}");
    assert!(error["innerError"]["request-id"].is_string(), "{}", answer.text());
    assert!(answer.header("request-id").is_some());
}

#[test]
fn bad_requests_are_refused_by_name_and_change_nothing() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("member");
    let groups = format!("{PROFILE}/connectorGroups");
    let default = graph.group_named("Default");
    let used = graph.create_group("Used by a connector");
    let assigned = graph.create_group("Used by an application");
    graph.move_connector(connector.id(), &used);
    let publishing = json!({"internalUrl": "http://intranet.example/", "externalUrl": "https://taken.example/",
        "externalAuthenticationType": "passthru"});
    let application = graph.publish("First", &publishing);
    graph.assign_group(&application, &assigned);
    let created = graph.send("POST", "/applications", Some(&json!({"displayName": "Second"})));
    let second = created.json()["id"].as_str().unwrap().to_owned();
    let nobody = NOBODY;
    let before = state(&graph);

    let members = format!("{groups}/{used}/members/$ref");
    let assignment = format!("/applications/{application}/connectorGroup/$ref");
    let publish = |change: Value| json!({"onPremisesPublishing": change});
    let second_path = format!("/applications/{second}");
    let cases: Vec<(&str, String, Value, u16, &str)> = vec![
        ("POST", groups.clone(), json!({"name": "New", "colour": "red"}), 400, "colour"),
        ("POST", groups.clone(), json!({"name": "New", "region": "moon"}), 400, "nam"),
        ("POST", groups.clone(), json!({"name": 7}), 400, "name"),
        ("POST", groups.clone(), json!({}), 400, "name"),
        ("POST", groups.clone(), json!({"name": "used by a connector"}), 400, "used by a connector"),
        ("POST", members.clone(), reference(&format!("{PROFILE}/connectors/{nobody}")), 404, nobody),
        ("POST", members.clone(), reference(&format!("{groups}/{default}")), 400, "connector"),
        ("POST", members.clone(), json!({"@odata.id": 7}), 400, "url"),
        ("POST", members, json!({}), 400, "@odata.id"),
        ("PUT", assignment.clone(), reference(&format!("{groups}/{nobody}")), 404, nobody),
        ("PUT", assignment, reference(&format!("{PROFILE}/connectors/{}", connector.id())), 400, "connectorGroup"),
        ("PUT", format!("/applications/{second}/connectorGroup/$ref"), reference(&format!("{groups}/{used}")), 404, ""),
        ("DELETE", format!("{groups}/{used}"), Value::Null, 400, "member"),
        ("DELETE", format!("{groups}/{assigned}"), Value::Null, 400, "First"),
        ("DELETE", format!("{groups}/{default}"), Value::Null, 400, "default"),
        ("DELETE", format!("{groups}/{nobody}"), Value::Null, 404, nobody),
        ("PATCH", format!("{groups}/{used}"), json!({"region": "eur"}), 400, "region"),
        (
            "PATCH",
            second_path.clone(),
            publish(json!({"internalUrl": "http://b.example/", "externalUrl": "https://taken.example/"})),
            400,
            "https://taken.example",
        ),
        (
            "PATCH",
            second_path.clone(),
            publish(json!({"internalUrl": "ftp://b.example/", "externalUrl": "https://free.example/"})),
            400,
            "internalUrl",
        ),
        (
            "PATCH",
            second_path.clone(),
            publish(json!({"internalUrl": "http://b.example/", "externalUrl": "https://free.example/",
                "externalAuthenticationType": "magic"})),
            400,
            "passthru",
        ),
        ("PATCH", second_path.clone(), publish(json!({"internalUrl": "http://b.example/"})), 400, "externalUrl"),
        ("PATCH", second_path, json!({"displayName": ""}), 400, "displayName"),
        ("GET", format!("{groups}?$filter=name eq"), Value::Null, 400, "filter"),
        ("GET", format!("{groups}?$top=-1"), Value::Null, 400, "top"),
        ("GET", format!("{groups}?$no=1"), Value::Null, 400, "no"),
        ("GET", "/no-such-thing".to_owned(), Value::Null, 400, "no-such-thing"),
    ];
    for (method, path, body, status, names) in cases {
        let body = (!body.is_null()).then_some(&body);
        let answer = graph.send(method, &path, body);
        println!("{method} {path} {body:?}: {}", answer.status);
        assert_error(&answer, status, names);
    }
    assert_eq!(state(&graph), before, "nothing changed");
}
