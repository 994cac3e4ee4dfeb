//! Every route of the table against every kind of token. A route that is added is tested without a further line.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::harness::{Api, P};
use crate::route::{ROUTES, Route};

const NOBODY: &str = "aaaaaaaa-0000-0000-0000-000000000000";

fn path(route: &Route) -> String {
    let path = match route.pattern.strip_prefix('P') {
        Some(rest) => format!("{P}{rest}"),
        None => format!("/beta/{}", route.pattern),
    };
    ["{connector}", "{group}", "{application}"].iter().fold(path, |path, key| path.replace(key, NOBODY))
}

async fn status(api: &Api, route: &Route, token: Option<&str>) -> (u16, String) {
    let mut request = Request::builder().method(route.method.clone()).uri(path(route)).header("host", "adit.test");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    // An unknown property: whoever gets past the permission is told so, and nothing is changed.
    let body = match route.method {
        Method::POST | Method::PUT | Method::PATCH => json!({"nosuch": 1}).to_string(),
        _ => String::new(),
    };
    let reply = api.exchange(request.body(Body::from(body)).unwrap()).await;
    (reply.status, reply.code().to_owned())
}

#[tokio::test]
async fn every_route_answers_each_kind_of_token_as_the_table_says() {
    let api = Api::start().await;
    let reads = api.token("Directory.Read.All");
    let writes = api.token("Directory.ReadWrite.All");
    let other = api.token("User.Read Mail.ReadWrite");
    for route in ROUTES {
        let name = format!("{} {}", route.method, route.pattern);
        let refused = (401, "InvalidAuthenticationToken".to_owned());
        assert_eq!(status(&api, route, None).await, refused, "{name} without a token");
        let forbidden = (403, "Authorization_RequestDenied".to_owned());
        assert_eq!(status(&api, route, Some(&other)).await, forbidden, "{name} with other scopes");
        let read = status(&api, route, Some(&reads)).await;
        if route.method == Method::GET {
            assert!(matches!(read.0, 200 | 404), "{name} with a read scope: {read:?}");
        } else {
            assert_eq!(read, forbidden, "{name} with a read scope");
        }
        let write = status(&api, route, Some(&writes)).await;
        assert!(matches!(write.0, 200 | 400 | 404), "{name} with a write scope: {write:?}");
    }
}

#[tokio::test]
async fn a_forbidden_write_changes_nothing() {
    let api = Api::start().await;
    let request = Request::post(format!("{P}/connectorGroups"))
        .header("authorization", format!("Bearer {}", api.token("Directory.Read.All")))
        .body(Body::from(r#"{"name":"Berlin"}"#))
        .unwrap();
    let reply = api.exchange(request).await.expect(403);
    assert!(reply.message().starts_with("Insufficient privileges to complete the operation."), "{}", reply.message());
    let groups = api.get(&format!("{P}/connectorGroups")).await.expect(200);
    assert_eq!(groups.json["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn narrower_scopes_reach_what_the_contract_gives_them() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    for (scope, method, path, expected) in [
        ("Application.Read.All", Method::GET, format!("/beta/applications/{application}"), 200),
        ("Application.Read.All", Method::GET, format!("{P}/connectors"), 200),
        ("Application.Read.All", Method::DELETE, format!("/beta/applications/{application}/connectorGroup/$ref"), 403),
        ("Application.ReadWrite.OwnedBy", Method::GET, "/beta/applications".to_owned(), 200),
        ("Application.ReadWrite.OwnedBy", Method::GET, "/beta/applications?$expand=connectorGroup".to_owned(), 403),
        ("Application.Read.All", Method::GET, "/beta/applications?$expand=connectorGroup".to_owned(), 200),
        ("Application.ReadWrite.OwnedBy", Method::DELETE, format!("/beta/applications/{application}"), 403),
        ("OnPremisesPublishingProfiles.ReadWrite.All", Method::GET, format!("{P}/connectorGroups"), 200),
        ("OnPremisesPublishingProfiles.ReadWrite.All", Method::GET, "/beta/applications".to_owned(), 403),
        ("Policy.Read.HybridAuthentication", Method::GET, P.to_owned(), 200),
        (
            "Application.ReadWrite.All",
            Method::DELETE,
            format!("/beta/applications/{application}/connectorGroup/$ref"),
            204,
        ),
        ("Directory.AccessAsUser.All", Method::DELETE, format!("/beta/applications/{application}"), 204),
    ] {
        let request = Request::builder()
            .method(method.clone())
            .uri(&path)
            .header("authorization", format!("bearer {}", api.token(scope)))
            .body(Body::empty())
            .unwrap();
        let reply = api.exchange(request).await;
        assert_eq!(reply.status, expected, "{scope}: {method} {path}: {}", reply.text);
    }
}

#[tokio::test]
async fn missing_garbled_unsigned_and_expired_tokens_are_401_with_their_reason() {
    let api = Api::start().await;
    let unsigned = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ1cm46YWRpdDpsb2NhbCIsInNjcCI6IkRpcmVjdG9yeS5SZWFkV3JpdGUuQWxsIn0.";
    for (value, message) in [
        (None, "Access token is empty."),
        (Some("Bearer".to_owned()), "Access token is empty."),
        (Some("Bearer nonsense".to_owned()), "Access token is malformed"),
        (Some("Basic YTpi".to_owned()), "Access token is malformed"),
        (Some(format!("Bearer {unsigned}")), "algorithm is not accepted"),
        (Some(format!("Bearer {}", api.old_token())), "Access token has expired or is not yet valid"),
        (Some(format!("Bearer {}x", api.token("Directory.ReadWrite.All"))), "Access token"),
    ] {
        let mut request = Request::get("/beta/applications");
        if let Some(value) = &value {
            request = request.header("authorization", value);
        }
        let reply = api.exchange(request.body(Body::empty()).unwrap()).await.expect(401);
        assert_eq!(reply.code(), "InvalidAuthenticationToken");
        assert!(reply.message().contains(message), "{value:?}: {}", reply.message());
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer "));
    }
}
