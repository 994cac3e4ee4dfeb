//! Bad requests to the Graph API: the right status, Graph's error object, and a directory that stays as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::Directory;
use adit_tests::graph::{Graph, PROFILE, reference};
use adit_tests::http::{Connection, Response};
use serde_json::{Value, json};

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
    let nobody = "00000000-0000-4000-8000-000000000000";
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
        ("PUT", assignment, reference(&format!("{PROFILE}/connectors/{}", connector.id())), 400, "connector group"),
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

#[test]
fn what_is_not_json_is_refused_and_changes_nothing() {
    let directory = Directory::start();
    let graph = directory.graph();
    let before = state(&graph);
    let authorization = format!("Bearer {}", directory.token());
    let target = format!("/beta{PROFILE}/connectorGroups");
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    for (kind, body, status) in [
        ("application/json", "{\"name\": ", 400),
        ("application/json", "{\"name\": \"a\"} and more", 400),
        ("application/json", "{\"name\": \"a\", \"name\": \"b\"}", 400),
        ("application/json", "[]", 400),
        ("application/json", "", 400),
        ("text/plain", "{\"name\": \"a\"}", 415),
        ("application/json", long.as_str(), 413),
    ] {
        let headers = [("host", "localhost"), ("authorization", &authorization), ("content-type", kind)];
        let mut connection = Connection::plain(directory.addresses().control).unwrap();
        let answer = connection.send("POST", &target, &headers, body.as_bytes()).unwrap();
        let shown: String = body.chars().take(40).collect();
        assert_eq!(answer.status, status, "{kind} {shown}: {}", answer.text());
        assert!(answer.json()["error"]["code"].is_string(), "{kind} {shown}: {}", answer.text());
    }
    assert_eq!(state(&graph), before, "nothing changed");
}
