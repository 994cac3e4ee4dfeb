//! References that are none, or mean what cannot stand there: nothing is fetched, and the old link stays.

use adit_tests::graph::{PROFILE, reference};
use adit_tests::{Directory, Upstream};
use serde_json::{Value, json};

use crate::body::JSON;
use crate::{NOBODY, Refusals};

#[test]
fn a_reference_that_cannot_stand_there_is_refused_and_nothing_is_fetched() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("linked");
    let group = graph.create_group("Linked");
    graph.move_connector(connector.id(), &group);
    let listener = Upstream::start();
    let connectors = format!("{PROFILE}/connectors");
    let id = connector.id();
    let refusals = Refusals::of(graph.clone());
    let target = format!("/beta{PROFILE}/connectorGroups/{}/members/$ref", graph.group_named("Default"));
    let long = format!("https://graph.microsoft.com/beta/{}connectors/{id}", "x/".repeat(5000));
    let bodies: Vec<Value> = vec![
        json!({}),
        json!({"@odata.id": null}),
        json!({"@odata.id": 7}),
        json!({"@odata.id": true}),
        json!({"@odata.id": []}),
        json!({"@odata.id": [format!("https://graph.microsoft.com/beta{connectors}/{id}")]}),
        json!({"@odata.id": {"id": id}}),
        json!({"@odata.id": ""}),
        json!({"@odata.id": " "}),
        json!({"@odata.id": "connectors"}),
        json!({"@odata.id": format!("file:///beta{connectors}/{id}")}),
        json!({"@odata.id": format!("javascript:{connectors}/{id}")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta{connectors}/")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta{connectors}/{id}/memberOf")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta{connectors}/not-a-guid")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta{connectors}/%00")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta/nosuchset/{id}")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta{PROFILE}/connectorGroups/{group}")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta/applications/{id}")}),
        json!({"@odata.id": format!("https://graph.microsoft.com/beta{connectors}/{NOBODY}")}),
        json!({"@odata.id": format!("{}beta{connectors}/{NOBODY}", listener.url())}),
        json!({"@odata.id": long}),
        json!({"id": NOBODY}),
        json!({"id": 7}),
    ];
    for body in &bodies {
        refusals.demand("POST", &target, &JSON, body.to_string().as_bytes(), &[400, 404], "");
    }
    assert_eq!(listener.connections(), 0, "a reference is read, never fetched");
    assert_eq!(graph.group_of_connector(id), group, "the old link stays");
    refusals.done();
}

#[test]
fn a_removal_that_does_not_say_what_is_refused() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("member");
    let group = graph.create_group("Has a member");
    graph.move_connector(connector.id(), &group);
    let other = graph.create_group("Has none");
    let refusals = Refusals::of(graph.clone());
    let members = |group: &str| format!("/beta{PROFILE}/connectorGroups/{group}/members");
    let of_member = format!("https%3A%2F%2Fgraph.microsoft.com%2Fbeta%2Fconnectors%2F{}", connector.id());
    for target in [
        format!("{}/$ref", members(&group)),
        format!("{}/$ref?@id=", members(&group)),
        format!("{}/$ref?$id=nonsense", members(&group)),
        format!("{}/$ref?@id={of_member}&$id={of_member}", members(&group)),
        format!("{}/{NOBODY}/$ref", members(&group)),
        format!("{}/not-a-guid/$ref", members(&group)),
        format!("{}/{}/$ref", members(&other), connector.id()),
        format!("{}/$ref?@id={of_member}", members(&other)),
        format!("{}/{}/$ref", members(NOBODY), connector.id()),
    ] {
        refusals.demand("DELETE", &target, &[], b"", &[400, 404], "");
    }
    assert_eq!(graph.group_of_connector(connector.id()), group);
    refusals.done();
}

#[test]
fn a_reference_of_any_host_and_version_is_read_by_its_end() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("anywhere");
    let listener = Upstream::start();
    let group = graph.create_group("Anywhere");
    let default = graph.group_named("Default");
    let target = format!("{PROFILE}/connectorGroups/{group}/members/$ref");
    for text in [
        format!("{}v9.9{PROFILE}/connectors/{}", listener.url(), connector.id()),
        format!("https://graph.microsoft.com/{{ver}}/connector/{}", connector.id()),
        format!("connectors('{}')", connector.id().to_uppercase()),
    ] {
        graph.move_connector(connector.id(), &default);
        let answer = graph.send("POST", &target, Some(&json!({"@odata.id": text})));
        assert_eq!(answer.status, 204, "{text}: {}", answer.text());
        assert_eq!(graph.group_of_connector(connector.id()), group, "{text}");
    }
    assert_eq!(listener.connections(), 0, "a reference is read, never fetched");
    let kind = graph.send("POST", &target, Some(&reference(&format!("{PROFILE}/connectorGroups/{group}"))));
    assert_eq!(kind.status, 400, "{}", kind.text());
}
