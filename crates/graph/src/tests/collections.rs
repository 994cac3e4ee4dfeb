//! Lists: filters, projections, counts, pages.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::harness::{Api, P};

fn names(value: &Value) -> Vec<&str> {
    value["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_without_a_gap_or_a_double() {
    let api = Api::start().await;
    for number in 0..25 {
        api.group(&format!("page {number}")).await;
    }
    api.group("other").await;
    let mut url = format!("{P}/connectorGroups?$filter=startswith(name,'page')&$top=10&$count=true&$select=id,name");
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let path = url.strip_prefix("http://adit.test").unwrap_or(&url).to_owned();
        let reply = api.get(&path).await.expect(200);
        pages += 1;
        assert_eq!(reply.json["@odata.count"], if pages == 1 { json!(25) } else { Value::Null }, "first page only");
        seen.extend(
            reply.json["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        assert!(!reply.json["value"].as_array().unwrap().is_empty(), "no empty page");
        match reply.json["@odata.nextLink"].as_str() {
            Some(next) => {
                assert!(next.starts_with("http://adit.test/beta/onPremisesPublishingProfiles/"), "{next}");
                assert_eq!(next.matches("skiptoken").count(), 1, "{next}");
                url = next.to_owned();
            }
            None => break,
        }
    }
    assert_eq!((pages, seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (3, 25, 25));
}

#[tokio::test]
async fn a_skip_token_belongs_to_its_list_and_its_filter() {
    let api = Api::start().await;
    for number in 0..3 {
        api.group(&format!("page {number}")).await;
    }
    let first = api.get(&format!("{P}/connectorGroups?$top=1")).await.expect(200);
    let next = first.json["@odata.nextLink"].as_str().unwrap();
    let token = next.split("$skiptoken=").nth(1).unwrap();
    api.get(&format!("{P}/connectorGroups?$top=1&$skiptoken={token}")).await.expect(200);
    api.get(&format!("{P}/connectorGroups?$filter=isDefault&$skiptoken={token}")).await.expect(400);
    api.get(&format!("{P}/connectors?$top=1&$skiptoken={token}")).await.expect(400);
}

#[tokio::test]
async fn filters_are_answered_in_any_case() {
    let api = Api::start().await;
    for name in ["Alpha", "beta", "O'Neil & Söhne + #1 %", "50%_x"] {
        api.group(name).await;
    }
    for (filter, expected) in [
        ("name eq 'alpha'", vec!["Alpha"]),
        ("Name EQ 'ALPHA' or name eq 'beta'", vec!["Alpha", "beta"]),
        ("startswith(name,'al') and isDefault eq false", vec!["Alpha"]),
        ("name eq 'O''Neil & Söhne + #1 %'", vec!["O'Neil & Söhne + #1 %"]),
        ("startswith(name,'50%_')", vec!["50%_x"]),
        ("startswith(name,'50_')", vec![]),
        ("name in ('alpha','beta')", vec!["Alpha", "beta"]),
        ("not (name ne 'alpha')", vec!["Alpha"]),
        ("contains(name,'et') eq true", vec!["beta"]),
        ("region ne null", vec![]),
        ("name eq 'x'' or ''1'' eq ''1'", vec![]),
    ] {
        let encoded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for option in ["$filter", "%24Filter", "filter"] {
            let reply = api.get(&format!("{P}/connectorGroups?{option}={encoded}")).await.expect(200);
            let mut found = names(&reply.json);
            found.sort_unstable();
            assert_eq!(found, expected, "{filter}");
        }
    }
    let application = api.published("wiki").await;
    api.connector(&application, "alpha").await;
    let path = "/beta/connectors?$filter=machineName%20eq%20'ALPHA'%20and%20status%20eq%20'inactive'";
    assert_eq!(api.get(path).await.expect(200).json["value"].as_array().unwrap().len(), 1);
    let path = "/beta/applications?$filter=onPremisesPublishing/externalUrl%20eq%20'https://wiki.example/'";
    assert_eq!(api.get(path).await.expect(200).json["value"].as_array().unwrap().len(), 1);
    let path = format!("/beta/applications?$filter=id%20eq%20'{application}'&$select=id,displayName");
    assert_eq!(
        api.get(&path).await.expect(200).json["value"][0],
        json!({"@odata.etag":
        api.get(&path).await.json["value"][0]["@odata.etag"], "id": application, "displayName": "wiki"})
    );
}

#[tokio::test]
async fn counts_are_plain_text_and_follow_the_filter() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let default = api.default_group().await;
    api.connector(&application, "alpha").await;
    for (path, expected) in [
        (format!("{P}/connectorGroups/$count"), "1"),
        (format!("{P}/connectors/%24count"), "1"),
        (format!("{P}/connectors/$count?$filter=machineName%20eq%20'x'"), "0"),
        (format!("{P}/connectorGroups/{default}/members/$count"), "1"),
        (format!("{P}/connectorGroups/{default}/applications/$count"), "1"),
        (format!("/v1.0/applications/{application}/connectorGroup/members/$count"), "1"),
        ("/beta/applications/$count".to_owned(), "1"),
    ] {
        let accept = [("accept", "text/plain;q=0.9")];
        let reply = api.send(Method::GET, &path, Value::Null, &accept).await.expect(200);
        assert_eq!((reply.text.as_str(), reply.header("content-type")), (expected, Some("text/plain")), "{path}");
    }
    let reply = api.get(&format!("{P}/connectorGroups?$top=0&$count=true")).await.expect(200);
    assert_eq!((&reply.json["@odata.count"], &reply.json["value"]), (&json!(1), &json!([])));
    assert!(reply.json.get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn contexts_and_metadata_are_as_graph_writes_them() {
    let api = Api::start().await;
    let group = api.group("Berlin").await;
    let base = "http://adit.test/beta/$metadata#";
    let list = api.get(&format!("{P}/connectorGroups?$select=Name")).await.expect(200);
    assert_eq!(
        list.json["@odata.context"],
        format!("{base}onPremisesPublishingProfiles('applicationProxy')/connectorGroups(name)")
    );
    let one = api.get(&format!("{P}/connectorGroups/{group}")).await.expect(200);
    assert_eq!(
        one.json["@odata.context"],
        format!("{base}onPremisesPublishingProfiles('applicationProxy')/connectorGroups/$entity")
    );
    let keys: Vec<&str> = one.json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["@odata.context", "@odata.etag", "id", "connectorGroupType", "isDefault", "name", "region"]);
    let accept = [("accept", "application/json;odata.metadata=none")];
    let bare = api.send(Method::GET, &format!("{P}/connectorGroups/{group}"), Value::Null, &accept).await.expect(200);
    assert_eq!(
        bare.json,
        json!({"id": group, "name": "Berlin", "connectorGroupType": "applicationProxy", "isDefault": false, "region": null})
    );
    let profile = api.get("/v1.0/onPremisesPublishingProfiles('applicationProxy')").await.expect(200);
    assert_eq!((&profile.json["id"], &profile.json["isEnabled"]), (&json!("applicationProxy"), &json!(true)));
}

#[tokio::test]
async fn expanded_navigations_stand_in_the_entity() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let group = api.group_of_connector(&connector).await;
    let reply =
        api.get(&format!("{P}/connectorGroups/{group}?$expand=Members,applications&$select=id")).await.expect(200);
    assert_eq!(reply.json["members"][0]["machineName"], "alpha");
    assert_eq!(reply.json["applications"][0]["displayName"], "wiki");
    let reply = api.get(&format!("{P}/connectors?$expand=memberOf")).await.expect(200);
    assert_eq!(reply.json["value"][0]["memberOf"][0]["id"], Value::String(group.clone()));
    let reply = api.get(&format!("/beta/applications/{application}?$expand=connectorGroup")).await.expect(200);
    assert_eq!(reply.json["connectorGroup"]["id"], Value::String(group));
}

#[tokio::test]
async fn references_are_listed_and_removed_in_three_spellings() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let (group, default) = (api.group("Berlin").await, api.default_group().await);
    let members = format!("{P}/connectorGroups/{group}/members");
    let link = format!("https%3A%2F%2Fgraph.microsoft.com%2Fbeta%2Fconnectors%2F{connector}");
    for spelling in [
        format!("{members}/{connector}/$ref"),
        format!("{members}/$ref?@id={link}"),
        format!("{members}/$ref?$id={link}"),
    ] {
        api.post(&format!("{members}/$ref"), json!({"id": connector})).await.expect(204);
        let listed = api.get(&format!("{members}/$ref")).await.expect(200);
        assert_eq!(listed.json["@odata.context"], "http://adit.test/beta/$metadata#Collection($ref)");
        assert_eq!(listed.json["value"], json!([{"@odata.id": format!("http://adit.test{P}/connectors/{connector}")}]));
        api.delete(&spelling).await.expect(204);
        assert_eq!(api.group_of_connector(&connector).await, default, "{spelling}");
        api.delete(&spelling).await.expect(404);
    }
    api.delete(&format!("{members}/$ref")).await.expect(400);
    api.post(
        &format!("{P}/connectors/{connector}/memberOf/$ref"),
        json!({"@odata.id": format!("/connectorGroups/{group}")}),
    )
    .await
    .expect(204);
    let listed = api.get(&format!("{P}/connectors/{connector}/memberOf/$ref")).await.expect(200);
    assert_eq!(listed.json["value"][0]["@odata.id"], format!("http://adit.test{P}/connectorGroups/{group}"));
    api.delete(&format!("{P}/connectors/{connector}/memberOf/{group}/$ref")).await.expect(204);
    assert_eq!(api.group_of_connector(&connector).await, default);
    api.delete(&format!("{P}/connectors/{connector}")).await.expect(204);
    api.get(&format!("{P}/connectors/{connector}")).await.expect(404);
}
