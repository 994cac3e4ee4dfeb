//! What every answer has around its content.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Api, P};

#[tokio::test]
async fn every_answer_carries_its_ids_and_the_headers_of_graph() {
    let api = Api::start().await;
    let client = "11111111-2222-3333-4444-555555555555";
    for (method, path, body) in [
        (Method::GET, format!("{P}/connectors"), Value::Null),
        (Method::POST, format!("{P}/connectorGroups"), json!({"name": "Berlin"})),
        (Method::GET, "/beta/nosuch".to_owned(), Value::Null),
        (Method::OPTIONS, format!("{P}/connectorGroups"), Value::Null),
    ] {
        let reply = api.send(method.clone(), &path, body, &[("client-request-id", client)]).await;
        let own = reply.header("request-id").unwrap().to_owned();
        assert!(uuid::Uuid::try_parse(&own).is_ok());
        assert_eq!(reply.header("client-request-id"), Some(client));
        assert_eq!(reply.header("odata-version"), Some("4.0"));
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
        assert!(serde_json::from_str::<Value>(reply.header("x-ms-ags-diagnostic").unwrap()).is_ok());
        if reply.status >= 400 {
            let inner = &reply.json["error"]["innerError"];
            assert_eq!((&inner["request-id"], &inner["client-request-id"]), (&json!(own), &json!(client)));
            assert_eq!(inner["date"].as_str().unwrap().len(), "2026-11-20T17:00:00".len());
            assert_eq!(reply.header("content-type"), Some("application/json"));
        } else if method != Method::OPTIONS {
            assert!(reply.header("content-type").unwrap().starts_with("application/json;odata.metadata=minimal"));
        }
    }
}

#[tokio::test]
async fn a_client_request_id_that_cannot_be_echoed_is_replaced_by_ours() {
    let api = Api::start().await;
    for id in ["", "with space", &"x".repeat(200)] {
        let reply = api.send(Method::GET, "/beta/connectors", Value::Null, &[("client-request-id", id)]).await;
        assert_eq!(reply.header("client-request-id"), reply.header("request-id"));
    }
}

#[tokio::test]
async fn head_has_no_body_and_options_names_the_methods() {
    let api = Api::start().await;
    let head = api.send(Method::HEAD, "/beta/connectors", Value::Null, &[]).await.expect(200);
    assert!(head.text.is_empty());
    let options = api.send(Method::OPTIONS, "/beta/connectorGroups", Value::Null, &[]).await.expect(204);
    assert_eq!(options.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
}
