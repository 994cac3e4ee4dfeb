//! Batches that are malformed, and parts that may not be what they are.

use adit_tests::Directory;
use adit_tests::graph::{Graph, PROFILE};
use serde_json::{Value, json};

use crate::Refusals;
use crate::body::JSON;

fn get(id: &str) -> Value {
    json!({"id": id, "method": "GET", "url": format!("{PROFILE}/connectorGroups")})
}

/// A part that would create a group, if the batch were carried out.
fn create(id: &str) -> Value {
    json!({"id": id, "method": "POST", "url": format!("{PROFILE}/connectorGroups"),
        "headers": {"Content-Type": "application/json"}, "body": {"name": "Must not be made"}})
}

fn with(mut part: Value, name: &str, value: Value) -> Value {
    part[name] = value;
    part
}

fn without(mut part: Value, name: &str) -> Value {
    part.as_object_mut().expect("a part").remove(name);
    part
}

#[test]
fn a_malformed_batch_is_refused_whole_and_no_part_is_done() {
    let directory = Directory::start();
    let refusals = Refusals::of(directory.graph());
    let many: Vec<Value> = (0..21).map(|number| get(&number.to_string())).collect();
    let bodies: Vec<Value> = vec![
        json!({}),
        json!([]),
        json!({"requests": null}),
        json!({"requests": "many"}),
        json!({"requests": {}}),
        json!({"requests": [create("1"), 7]}),
        json!({"requests": many}),
        json!({"requests": [create("1"), get("1")]}),
        json!({"requests": [create("a"), get("A")]}),
        json!({"requests": [create("1"), without(get("2"), "id")]}),
        json!({"requests": [create("1"), with(get("2"), "id", json!(7))]}),
        json!({"requests": [create("1"), with(get("2"), "id", json!(""))]}),
        json!({"requests": [create("1"), without(get("2"), "method")]}),
        json!({"requests": [create("1"), with(get("2"), "method", json!("FETCH"))]}),
        json!({"requests": [create("1"), without(get("2"), "url")]}),
        json!({"requests": [create("1"), with(get("2"), "url", json!(7))]}),
        json!({"requests": [create("1"), with(get("2"), "headers", json!("all"))]}),
        json!({"requests": [create("1"), with(get("2"), "dependsOn", json!("1"))]}),
        json!({"requests": [create("1"), with(get("2"), "dependsOn", json!(["unknown"]))]}),
        json!({"requests": [with(create("1"), "dependsOn", json!(["1"]))]}),
        json!({"requests": [
            with(create("1"), "dependsOn", json!(["3"])),
            with(get("2"), "dependsOn", json!(["1"])),
            with(get("3"), "dependsOn", json!(["2"])),
        ]}),
    ];
    for body in &bodies {
        refusals.demand("POST", "/beta/$batch", &JSON, body.to_string().as_bytes(), &[400], "");
    }
    refusals.demand("GET", "/beta/$batch", &[], b"", &[400, 405], "");
    refusals.demand("POST", "/beta/$batch", &JSON, b"{bad", &[400], "Unable to read JSON request payload");
    refusals.done();
}

/// The statuses of the parts; that of the whole when it is refused.
fn statuses(graph: &Graph, parts: &[Value]) -> Vec<(String, u64)> {
    let answer = graph.send("POST", "/$batch", Some(&json!({"requests": parts})));
    if answer.status != 200 {
        return vec![("whole".to_owned(), u64::from(answer.status))];
    }
    let body = answer.json();
    let mut statuses: Vec<(String, u64)> = body["responses"]
        .as_array()
        .expect("responses")
        .iter()
        .map(|part| {
            let status = part["status"].as_u64().expect("a status");
            if status >= 400 {
                assert!(part["body"]["error"]["code"].is_string(), "Graph's error object in each part: {part}");
            }
            (part["id"].as_str().expect("an id").to_owned(), status)
        })
        .collect();
    statuses.sort();
    statuses
}

#[test]
fn a_part_that_leads_elsewhere_or_nests_is_refused() {
    let directory = Directory::start();
    let graph = directory.graph();
    let refusals = Refusals::of(graph.clone());
    let nested = json!({"id": "1", "method": "POST", "url": "/$batch", "headers": {"Content-Type": "application/json"},
        "body": {"requests": [create("1")]}});
    assert_eq!(statuses(&graph, &[get("1")]), [("1".to_owned(), 200)], "a good part is answered");
    let elsewhere = |url: &str| with(create("1"), "url", json!(url));
    for part in [
        nested.clone(),
        with(nested, "url", json!("/beta/%24batch")),
        elsewhere("https://graph.example/beta/onPremisesPublishingProfiles/applicationProxy/connectorGroups/x"),
        elsewhere("file:///etc/passwd"),
        elsewhere(""),
        elsewhere("../../metrics"),
        elsewhere("/no-such-thing"),
        with(create("1"), "body", json!("not base64!")),
        with(create("1"), "body", json!({"name": 7})),
        without(create("1"), "body"),
    ] {
        let found = statuses(&graph, std::slice::from_ref(&part));
        assert!(found.iter().all(|(_, status)| [400, 404].contains(status)), "{part}: {found:?}");
    }
    refusals.done();
}

#[test]
fn each_part_is_authorised_alone_by_the_token_of_the_whole() {
    let directory = Directory::start();
    let graph = directory.graph();
    let reader = graph.with_token(&directory.token_for("Directory.Read.All"));
    let refusals = Refusals::of(graph.clone());
    let better = json!({"Content-Type": "application/json", "Authorization": format!("Bearer {}", directory.token())});
    let parts = [get("1"), create("2"), with(create("3"), "headers", better)];
    let wanted: Vec<(String, u64)> = [("1", 200), ("2", 403)].map(|(id, status)| (id.to_owned(), status)).to_vec();
    let found = statuses(&reader, &parts);
    assert_eq!(found[..2], wanted, "{found:?}");
    assert!([400, 403].contains(&found[2].1), "a part brings no token of its own: {found:?}");
    let nobody = graph.with_token("nonsense");
    assert_eq!(statuses(&nobody, &[get("1")]), [("whole".to_owned(), 401)]);
    refusals.done();
}
