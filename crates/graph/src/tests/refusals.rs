//! Every refusal for who asks leaves an audit record, the answer does not wait for it, and a flood fills no disk.

use std::time::Duration;

use adit_core::DirectoryRole;
use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::harness::{Api, Reply};
use crate::origin::Peer;

const NOBODY: &str = "aaaaaaaa-0000-0000-0000-000000000000";

/// Sends a request from 192.0.2.7.
async fn sent(api: &Api, method: Method, path: &str, authorization: Option<&str>) -> Reply {
    sent_from(api, 7, method, path, authorization).await
}

/// Sends a request from the address of that number in 192.0.2.0/24.
async fn sent_from(api: &Api, from: u8, method: Method, path: &str, authorization: Option<&str>) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("host", "adit.test");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let peer = Peer { address: [192, 0, 2, from].into(), scheme: "https" };
    // Nobody trusts that peer to speak for others.
    let request = request.header("x-forwarded-for", "203.0.113.1").extension(peer);
    api.exchange(request.body(Body::empty()).unwrap()).await
}

async fn records(api: &Api) -> Vec<Value> {
    let filter = "$filter=activityDisplayName%20eq%20'Refuse%20request'&$orderby=activityDateTime&$top=999";
    let page = api.get(&format!("/v1.0/auditLogs/directoryAudits?{filter}")).await.expect(200);
    page.json["value"].as_array().unwrap().clone()
}

/// The records once there are so many; they are written behind the answers.
async fn settled(api: &Api, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let found = records(api).await;
        if found.len() >= count {
            assert_eq!(found.len(), count, "{found:?}");
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{count} records do not come: {:?}", records(api).await);
}

fn detail<'r>(record: &'r Value, key: &str) -> Option<&'r str> {
    record["additionalDetails"].as_array()?.iter().find(|own| own["key"] == key)?["value"].as_str()
}

#[tokio::test]
async fn a_request_that_its_token_does_not_allow_is_recorded_with_who_what_and_what_was_needed() {
    let api = Api::start().await;
    let path = format!("/v1.0/applications/{NOBODY}/owners?$filter=id%20eq%20'secret-in-the-query'");
    let program = format!("Bearer {}", api.app_token("backup", "AuditLog.Read.All"));
    let refused = sent(&api, Method::GET, &path, Some(&program)).await.expect(403);
    let found = settled(&api, 1).await;
    let record = &found[0];
    assert_eq!((&record["result"], &record["category"]), (&json!("failure"), &json!("DirectoryManagement")));
    assert_eq!(record["correlationId"].as_str(), refused.header("request-id"));
    assert_eq!(record["initiatedBy"]["app"]["appId"], "backup");
    assert_eq!(record["targetResources"][0]["id"], "GET /applications/{application}/owners");
    assert_eq!((detail(record, "ipAddress"), detail(record, "claimedIdentity")), (Some("192.0.2.7"), None));
    assert!(detail(record, "neededPermissions").unwrap().starts_with("Application.Read.All, "), "{record}");
    assert!(record["resultReason"].as_str().unwrap().starts_with("Insufficient privileges"), "{record}");
    let text = record.to_string();
    for kept_out in ["secret-in-the-query", NOBODY, "203.0.113.1", program.as_str()] {
        assert!(!text.contains(kept_out), "{kept_out} is in {text}");
    }

    let user = api.user_token("ada", &[DirectoryRole::ApplicationDeveloper], "Directory.ReadWrite.All");
    sent(&api, Method::DELETE, &format!("/beta/users/{NOBODY}"), Some(&format!("Bearer {user}"))).await.expect(403);
    let found = settled(&api, 2).await;
    let by = &found[1]["initiatedBy"]["user"];
    assert_eq!((&by["id"], &by["ipAddress"]), (&json!("ada"), &json!("192.0.2.7")));
    assert_eq!(found[1]["targetResources"][0]["id"], "DELETE /users/{user}");
    // What was refused further in: a right that the operation needs besides.
    let changes = api.app_token("helper", "User.ReadWrite.All");
    let user = json!({"accountEnabled": true, "displayName": "a", "mailNickname": "a", "userPrincipalName": "a@b.c",
        "passwordProfile": {"password": "xWwvJ]6NMw+bWH-d"}});
    let id = api.post("/v1.0/users", user).await.expect(201).id();
    let password = json!({"passwordProfile": {"password": "another-xWwvJ]6NMw"}});
    api.patch_as(&changes, &format!("/v1.0/users/{id}"), password).await.expect(403);
    let found = settled(&api, 3).await;
    assert_eq!(
        detail(&found[2], "neededPermissions").unwrap().split(", ").next(),
        Some("User-PasswordProfile.ReadWrite.All")
    );
    assert_eq!(detail(&found[2], "ipAddress"), None, "nothing is known of where it came from");
}

#[tokio::test]
async fn a_request_without_a_token_that_counts_is_recorded_with_whom_it_claims_to_be() {
    let api = Api::start().await;
    let old = format!("Bearer {}", api.old_token());
    let refused = sent(&api, Method::POST, "/v1.0/groups", Some(&old)).await.expect(401);
    let found = settled(&api, 1).await;
    assert_eq!(found[0]["correlationId"].as_str(), refused.header("request-id"));
    assert_eq!(found[0]["initiatedBy"]["app"]["displayName"], "Adit", "nothing is proved of who it was");
    assert!(detail(&found[0], "claimedIdentity").unwrap().starts_with("subject "), "{}", found[0]);
    assert!(found[0]["resultReason"].as_str().unwrap().contains("lifetime is over"), "{}", found[0]);
    assert_eq!(found[0]["targetResources"][0]["id"], "POST /groups");
    assert_eq!(detail(&found[0], "ipAddress"), Some("192.0.2.7"));
    assert!(!found[0].to_string().contains(&old[20..60]), "no token is kept");

    for (number, (path, authorization, request)) in [
        ("/v1.0/nosuch/thing", None, "GET of a path that is not served"),
        ("/beta/applications", Some("Basic YTpi"), "GET /applications"),
        ("/beta/$batch", Some("Bearer nonsense"), "GET /$batch"),
    ]
    .into_iter()
    .enumerate()
    {
        sent(&api, Method::GET, path, authorization).await.expect(401);
        let found = settled(&api, number + 2).await;
        assert_eq!(found[number + 1]["targetResources"][0]["id"], request);
        assert_eq!(detail(&found[number + 1], "claimedIdentity"), None);
    }
    // What is public, and what is answered, leave none.
    sent(&api, Method::GET, "/v1.0/$metadata", None).await.expect(200);
    sent(&api, Method::GET, "/v1.0/applications", Some(&format!("Bearer {}", api.token("Directory.Read.All")))).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(records(&api).await.len(), 4);
}

#[tokio::test]
async fn each_part_of_a_batch_that_is_refused_is_recorded_and_cannot_say_where_it_came_from() {
    let api = Api::start().await;
    let part = |id: &str, url: &str| json!({"id": id, "method": "GET", "url": url, "headers": {"X-Forwarded-For": "198.51.100.9"}});
    let body = json!({"requests": [part("1", "/applications"), part("2", "/users"), part("3", "/groups")]});
    let peer = Peer { address: "10.0.0.1".parse().unwrap(), scheme: "https" };
    let token = api.app_token("backup", "Application.Read.All");
    let request = Request::post("/v1.0/$batch").header("authorization", format!("Bearer {token}"));
    let request =
        request.header("content-type", "application/json").header("x-forwarded-for", "192.0.2.7").extension(peer);
    let reply = api.exchange(request.body(Body::from(body.to_string())).unwrap()).await.expect(200);
    let found = settled(&api, 2).await;
    let mut targets: Vec<&str> = found.iter().filter_map(|own| own["targetResources"][0]["id"].as_str()).collect();
    targets.sort_unstable();
    assert_eq!(targets, ["GET /groups", "GET /users"]);
    for record in &found {
        assert_eq!(detail(record, "ipAddress"), Some("192.0.2.7"), "as the proxy said of the whole");
        assert!(reply.text.contains(record["correlationId"].as_str().unwrap()), "it is the id of the part");
    }
}

#[tokio::test]
async fn a_flood_of_strangers_is_bounded_and_does_not_hide_somebody_who_is_known() {
    let api = Api::start().await;
    for from in 0..100 {
        sent_from(&api, from, Method::GET, "/v1.0/users", None).await.expect(401);
    }
    for from in 0..100 {
        sent_from(&api, from, Method::GET, "/v1.0/users", Some("Bearer nonsense")).await.expect(401);
    }
    settled(&api, 60).await;
    let curious = format!("Bearer {}", api.app_token("curious", "Application.Read.All"));
    for _ in 0..100 {
        sent(&api, Method::GET, "/v1.0/users", Some(&curious)).await.expect(403);
    }
    settled(&api, 70).await;
    let token = api.app_token("backup", "Application.Read.All");
    sent_from(&api, 8, Method::GET, "/v1.0/users", Some(&format!("Bearer {token}"))).await.expect(403);
    let found = settled(&api, 71).await;
    assert_eq!(found.iter().filter(|own| own["initiatedBy"]["app"]["appId"] == "backup").count(), 1);
}
