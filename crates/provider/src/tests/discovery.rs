//! What clients find out first.

use http::{Method, Request};

use super::harness::{PUBLIC_URL, TOKEN, World};

#[tokio::test]
async fn every_name_of_the_tenant_leads_to_the_same_endpoints() {
    let world = World::start().await;
    let tenant = world.control.tenant().await.unwrap();
    let issuer = format!("{PUBLIC_URL}/{tenant}/v2.0");
    let names = [tenant.to_string(), tenant.to_string().to_uppercase(), "adit".into(), "organizations".into()];
    for name in names {
        let reply = world.get(&format!("/{name}/v2.0/.well-known/openid-configuration")).await;
        assert_eq!(reply.json["issuer"], issuer.as_str(), "{name}: {}", reply.json);
        assert_eq!(reply.json["token_endpoint"], format!("{PUBLIC_URL}/{tenant}/oauth2/v2.0/token"));
        for member in ["authorization_endpoint", "jwks_uri"] {
            assert!(reply.json[member].as_str().unwrap().starts_with(PUBLIC_URL), "{member}");
        }
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        let keys = world.get(reply.json["jwks_uri"].as_str().unwrap().strip_prefix(PUBLIC_URL).unwrap()).await;
        assert_eq!(keys.json["keys"].as_array().unwrap().len(), 1);
        assert_eq!(keys.json["keys"][0]["alg"], "RS256");
    }
    // Where MSAL looks when the tenant is called so.
    let reply = world.get("/adfs/.well-known/openid-configuration").await;
    assert_eq!(reply.json["issuer"], issuer.as_str());
}

#[tokio::test]
async fn other_tenants_are_refused_at_every_path() {
    let world = World::start().await;
    for path in [
        "/contoso.example/v2.0/.well-known/openid-configuration",
        "/11111111-2222-4333-8444-555555555555/discovery/v2.0/keys",
        "/consumers/.well-known/openid-configuration",
        "/other/discovery/instance",
    ] {
        world.get(path).await.refused(400, "invalid_request", 90_002);
    }
    let request = Request::post("/contoso/oauth2/v2.0/token").body(axum::body::Body::from("x")).unwrap();
    world.exchange(request).await.refused(400, "invalid_request", 90_002);
}

#[tokio::test]
async fn instance_discovery_says_that_this_host_is_the_authority() {
    let world = World::start().await;
    let query = "api-version=1.1&authorization_endpoint=https%3A%2F%2Fadit.example%2Fadit%2Foauth2%2Fv2.0%2Fauthorize";
    let reply = world.get(&format!("/common/discovery/instance?{query}")).await;
    let tenant = world.control.tenant().await.unwrap();
    let expected = format!("{PUBLIC_URL}/{tenant}/v2.0/.well-known/openid-configuration");
    assert_eq!(reply.json["tenant_discovery_endpoint"], expected);
    assert_eq!(reply.json["metadata"][0]["preferred_network"], "adit.example");
}

#[tokio::test]
async fn the_token_endpoint_takes_post_alone() {
    let world = World::start().await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = Request::builder().method(method).uri(TOKEN).body(axum::body::Body::empty()).unwrap();
        assert_eq!(world.exchange(request).await.status, 405);
    }
}
