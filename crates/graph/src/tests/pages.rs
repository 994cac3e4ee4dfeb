//! The five published pages, each request as it is printed (host, token and ids aside), and what reads back.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Api, P};

const GRAPH: &str = "https://graph.microsoft.com";

#[tokio::test]
async fn page_000_moves_a_connector_into_a_group_and_answers_204() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let group = api.group("Berlin").await;
    let body = json!({
        "@odata.id": format!("{GRAPH}/beta/onPremisesPublishingProfiles/applicationProxy/connectors/{connector}")
    });
    let reply = api.post(&format!("{P}/connectorGroups/{group}/members/$ref"), body.clone()).await.expect(204);
    assert_eq!(reply.header("odata-version"), Some("4.0"));
    assert_eq!(api.group_of_connector(&connector).await, group);
    api.post(&format!("{P}/connectorGroups/{group}/members/$ref"), body).await.expect(204);
    let members = api.get(&format!("{P}/connectorGroups/{group}/members")).await.expect(200);
    assert_eq!(members.json["value"][0]["machineName"], "alpha");
}

#[tokio::test]
async fn page_001_answers_201_with_the_connector() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    for (number, version) in ["/beta", "/v1.0", "", "/%7Bver%7D"].into_iter().enumerate() {
        let group = api.group(&format!("group {number}")).await;
        let body = json!({"@odata.id": format!("{GRAPH}/{{ver}}/connector/{connector}")});
        let reply = api.post(&format!("{version}/connectorGroups/{group}/members/$ref"), body).await.expect(201);
        assert_eq!(reply.json["id"], Value::String(connector.clone()));
        assert_eq!(reply.json["machineName"], "alpha");
        assert_eq!(reply.json["status"], "inactive");
        assert_eq!(reply.json["externalIp"], "");
        assert_eq!(api.group_of_connector(&connector).await, group, "{version}");
    }
}

#[tokio::test]
async fn page_001_answers_204_where_nothing_should_be_returned() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let group = api.group("Berlin").await;
    let path = format!("/beta/connectorGroups/{group}/members/$ref");
    let body = json!({"@odata.id": format!("/connectors/{connector}")});
    let reply = api.send(Method::POST, &path, body, &[("prefer", "return=minimal")]).await.expect(204);
    assert_eq!(reply.header("preference-applied"), Some("return=minimal"));
}

#[tokio::test]
async fn page_002_moves_a_member_into_the_group_of_the_body_and_makes_it_if_there_is_none() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let path = format!("/v1.0/applications/{application}/connectorGroup/members/{connector}/memberOf/$ref");
    let published = json!({
        "@odata.type": "#microsoft.graph.connectorGroup",
        "connectorGroupType": "String",
        "isDefault": "Boolean",
        "name": "String",
        "region": "String"
    });
    api.post(&path, published.clone()).await.expect(204);
    let group = api.group_of_connector(&connector).await;
    let read = api.get(&format!("{P}/connectorGroups/{group}")).await.expect(200);
    assert_eq!((&read.json["name"], &read.json["region"]), (&json!("String"), &Value::Null));
    assert_eq!(read.json["isDefault"], false);
    // The connector left the application's group, so it is no member there any more.
    api.post(&path, published).await.expect(404);
}

#[tokio::test]
async fn page_002_takes_a_reference_an_id_or_the_name_of_a_group_that_is_there() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let berlin = api.group("Berlin").await;
    let bodies = [
        json!({"@odata.id": format!("{GRAPH}/beta/connectorGroups/{berlin}")}),
        json!({"id": berlin}),
        json!({"name": "BERLIN", "region": "eur"}),
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let connector = api.connector(&application, &format!("machine-{number}")).await;
        let path = format!("/v1.0/applications/{application}/connectorGroup/members/{connector}/memberOf/$ref");
        api.post(&path, body).await.expect(204);
        assert_eq!(api.group_of_connector(&connector).await, berlin);
    }
    let connector = api.connector(&application, "machine-9").await;
    let path = format!("/v1.0/applications/{application}/connectorGroup/members/{connector}/memberOf/$ref");
    api.post(&path, json!({"id": "aaaaaaaa-0000-0000-0000-000000000000"})).await.expect(404);
    api.post(&path, json!({"isDefault": true})).await.expect(400);
}

#[tokio::test]
async fn page_003_adds_a_connector_by_machine_name_and_makes_an_entry_if_there_is_none() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let berlin = api.group("Berlin").await;
    api.put(&format!("/beta/applications/{application}/connectorGroup/$ref"), json!({"id": berlin})).await.expect(204);
    let published = json!({
        "@odata.type": "#microsoft.graph.connector",
        "externalIp": "String",
        "machineName": "String",
        "status": "String"
    });
    let path = format!("/v1.0/applications/{application}/connectorGroup/members/$ref");
    for _ in 0..2 {
        api.post(&path, published.clone()).await.expect(204);
        let members = api.get(&format!("{P}/connectorGroups/{berlin}/members")).await.expect(200);
        assert_eq!(members.json["value"].as_array().unwrap().len(), 1);
        let entry = &members.json["value"][0];
        assert_eq!(entry["machineName"], "String");
        assert_eq!((&entry["status"], &entry["externalIp"]), (&json!("inactive"), &json!("")));
    }
}

#[tokio::test]
async fn page_003_moves_a_connector_that_is_named_by_reference_or_id() {
    let api = Api::start().await;
    let (one, two) = (api.published("one").await, api.published("two").await);
    let berlin = api.group("Berlin").await;
    let connector = api.connector(&one, "alpha").await;
    let home = api.group_of_connector(&connector).await;
    api.put(&format!("/beta/applications/{two}/connectorGroup/$ref"), json!({"id": berlin})).await.expect(204);
    api.post(&format!("/v1.0/applications/{two}/connectorGroup/members/$ref"), json!({"id": connector}))
        .await
        .expect(204);
    assert_eq!(api.group_of_connector(&connector).await, berlin);
    let body = json!({"@odata.id": format!("{GRAPH}/v1.0/connectors/{connector}")});
    api.post(&format!("/v1.0/applications/{one}/connectorGroup/members/$ref"), body).await.expect(204);
    assert_eq!(api.group_of_connector(&connector).await, home);
    let unknown = json!({"id": "aaaaaaaa-0000-0000-0000-000000000000"});
    api.post(&format!("/v1.0/applications/{one}/connectorGroup/members/$ref"), unknown).await.expect(404);
    let neither = json!({"status": "active"});
    api.post(&format!("/v1.0/applications/{one}/connectorGroup/members/$ref"), neither).await.expect(400);
}

#[tokio::test]
async fn page_004_assigns_a_group_in_both_casings_and_answers_204() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    for (name, profile) in [("Berlin", "applicationproxy"), ("Paris", "applicationProxy")] {
        let group = api.group(name).await;
        let body = json!({
            "@odata.id": format!("{GRAPH}/beta/onPremisesPublishingProfiles/{profile}/connectorGroups/{group}")
        });
        api.put(&format!("/beta/applications/{application}/connectorGroup/$ref"), body).await.expect(204);
        assert_eq!(api.group_of_application(&application).await, group);
        let listed = api.get(&format!("{P}/connectorGroups/{group}/applications")).await.expect(200);
        assert_eq!(listed.json["value"][0]["id"], Value::String(application.clone()));
    }
}

#[tokio::test]
async fn page_004_needs_a_published_application() {
    let api = Api::start().await;
    let application = api.post("/beta/applications", json!({"displayName": "wiki"})).await.expect(201).id();
    let group = api.group("Berlin").await;
    let path = format!("/beta/applications/{application}/connectorGroup/$ref");
    let reply = api.put(&path, json!({"@odata.id": format!("/connectorGroups/{group}")})).await.expect(404);
    assert_eq!(reply.code(), "Application_NotFound");
    assert_eq!(
        reply.message(),
        format!("Application '{application}' not found or OnPremisesPublishing is not enabled for your tenant.")
    );
}

#[tokio::test]
async fn every_page_gives_the_linked_object_to_a_client_that_prefers_it() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let group = api.group("Berlin").await;
    let prefer = [("prefer", "return=representation")];
    let members = format!("{P}/connectorGroups/{group}/members/$ref");
    let body = json!({"@odata.id": format!("/connectors/{connector}")});
    let reply = api.send(Method::POST, &members, body, &prefer).await.expect(201);
    assert_eq!(reply.header("preference-applied"), Some("return=representation"));
    assert_eq!(reply.json["machineName"], "alpha");
    let assign = format!("/beta/applications/{application}/connectorGroup/$ref");
    let reply = api.send(Method::PUT, &assign, json!({"id": group}), &prefer).await.expect(200);
    assert_eq!(reply.json["name"], "Berlin");
    api.send(Method::POST, &assign, json!({"id": group}), &prefer).await.expect(201);
    let moved = format!("{P}/connectors/{connector}/memberOf/$ref");
    api.send(Method::PUT, &moved, json!({"id": group}), &prefer).await.expect(200);
    let given = format!("{P}/connectorGroups/{group}/applications/$ref");
    let reply = api.send(Method::POST, &given, json!({"id": application}), &prefer).await.expect(201);
    assert_eq!(reply.json["displayName"], "wiki");
    let place = format!("/v1.0/applications/{application}/connectorGroup/members/{connector}/memberOf/$ref");
    let reply = api.send(Method::POST, &place, json!({"name": "Paris"}), &prefer).await.expect(201);
    assert_eq!(reply.json["name"], "Paris");
}
