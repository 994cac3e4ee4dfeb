//! This installation's own gateway as a client of the provider: what it gets, and that nobody else is it.

use adit_control::{NewServicePrincipal, NewUserGroup};
use adit_core::DisplayName;
use adit_core::application::Attributes;
use axum::body::Body;
use http::Request;
use serde_json::json;

use super::browser::{Browser, NAME, PASSWORD, VERIFIER, challenge};
use super::harness::{API_SCOPE, Reply, World, context, said};
use super::wiki::wiki;
use crate::gateway_client::{GATEWAY_CLIENT_ID, GatewayClient};

const CALLBACK: &str = "https://login.example/.adit/callback";
const SIGNED_OUT: &str = "https://login.example/.adit/signed-out";

/// What the gateway sends a browser with; some of it other.
fn authorize(changes: &[(&str, &str)]) -> String {
    let (id, challenge) = (GATEWAY_CLIENT_ID.to_string(), challenge());
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", id.as_str()),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email"),
        ("state", "s"),
        ("nonce", "n"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        query.retain(|(known, _)| known != name);
        query.push((*name, *value));
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("/adit/oauth2/v2.0/authorize?{query}")
}

async fn code(world: &World) -> String {
    let mut browser = Browser::default();
    let page = browser.get(world, &authorize(&[])).await;
    assert!(page.text.contains("to continue to <strong>your applications</strong>"), "{}", page.text);
    assert!(!page.text.contains("<code>"), "it gets no permissions: {}", page.text);
    let back = browser.sign_in(world, &page, NAME, PASSWORD).await;
    assert_eq!(back.location.as_ref().unwrap().as_str().split('?').next(), Some(CALLBACK));
    back.sent("code").unwrap()
}

async fn exchange(world: &World, id: &str, secret: &str, code: &str) -> Reply {
    world
        .token(&[
            ("grant_type", "authorization_code".to_owned()),
            ("client_id", id.to_owned()),
            ("client_secret", secret.to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
        ])
        .await
}

fn admitted(world: &World) -> GatewayClient {
    world.provider.admit_gateway(CALLBACK).unwrap()
}

#[tokio::test]
async fn the_gateway_learns_who_has_signed_in_and_gets_nothing_for_the_api() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    world.allow(user.id, "Directory.ReadWrite.All").await;
    let group = NewUserGroup { display_name: DisplayName::parse("staff").unwrap(), attributes: Attributes::new() };
    let group = world.control.create_user_group(&context(), group).await.unwrap();
    world.control.add_group_member(&context(), group.id, user.id.uuid()).await.unwrap();
    let gateway = admitted(&world);
    let reply = exchange(&world, &gateway.client_id, &gateway.secret, &code(&world).await).await;
    assert!(reply.json.get("refresh_token").is_none(), "{}", reply.json);
    assert!(world.verifier.verify(reply.token()).await.is_err(), "nothing of it opens the API");
    let (_, claims) = said(reply.json["id_token"].as_str().unwrap());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(world.provider.issuer_url()), &json!(GATEWAY_CLIENT_ID)));
    assert_eq!((&claims["nonce"], &claims["sub"], &claims["oid"]), (&json!("n"), &json!(user.id), &json!(user.id)));
    assert_eq!((&claims["preferred_username"], &claims["name"]), (&json!(NAME), &json!("Ada Example")));
    assert_eq!(claims["email"], "ada@mail.example", "it asked for that");
    assert_eq!((&claims["groups"], claims.get("hasgroups")), (&json!([group.id]), None));
    assert_eq!(claims["tid"], json!(world.control.tenant().await.unwrap()));
    assert_eq!(claims["sid"].as_str().map(str::len), Some(36));
    let again = exchange(&world, &gateway.client_id, &gateway.secret, &code(&world).await).await;
    assert_ne!(said(again.json["id_token"].as_str().unwrap()).1["sid"], claims["sid"], "another sign-in");
}

#[tokio::test]
async fn without_a_gateway_nobody_is_it() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let page = Browser::default().get(&world, &authorize(&[])).await;
    assert_eq!((page.status, page.location), (400, None));
    let gateway = admitted(&world);
    assert!(!format!("{gateway:?}").contains(gateway.secret.as_str()));
    assert!(world.provider.admit_gateway("https://evil.example/").is_none(), "there is one");
}

#[tokio::test]
async fn codes_of_the_gateway_go_to_its_one_redirect_uri() {
    let world = World::start().await;
    let _gateway = admitted(&world);
    for uri in [
        "https://login.example/.adit/callback/",
        "https://login.example/.adit/callback?x",
        "https://login.example:443/.adit/callback",
        "https://login.example:8443/.adit/callback",
        "https://LOGIN.example/.adit/callback",
        "http://login.example/.adit/callback",
        "https://login.example/",
        "https://evil.example/.adit/callback",
        "http://localhost:5000/",
        SIGNED_OUT,
    ] {
        let page = Browser::default().get(&world, &authorize(&[("redirect_uri", uri)])).await;
        assert_eq!((page.status, page.location), (400, None), "{uri}");
    }
}

#[tokio::test]
async fn the_gateway_asks_for_no_resource_no_device_and_no_tokens_of_its_own() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let other = wiki(&world).await;
    let gateway = admitted(&world);
    let at_other = format!("openid api://{}/.default", other.id());
    for scope in ["openid offline_access", "openid User.Read.All", "openid api://adit/.default", at_other.as_str()] {
        let page = Browser::default().get(&world, &authorize(&[("scope", scope)])).await;
        assert_eq!(page.sent("error").as_deref(), Some("invalid_scope"), "{scope}");
    }
    let id = gateway.client_id.clone();
    let device = [("client_id", id.clone()), ("scope", "openid".to_owned())];
    let refused = world.form_to("/adit/oauth2/v2.0/devicecode", &device).await;
    refused.refused(400, "unauthorized_client", 7_000_218);
    let own = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", id),
        ("client_secret", gateway.secret.to_string()),
        ("scope", API_SCOPE.to_owned()),
    ];
    world.token(&own).await.refused(400, "unauthorized_client", 700_016);
}

#[tokio::test]
async fn nobody_exchanges_the_gateways_codes_without_its_secret() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let other = wiki(&world).await;
    let gateway = admitted(&world);
    let id = gateway.client_id.as_str();
    let first = code(&world).await;
    exchange(&world, id, "wrong", &first).await.refused(401, "invalid_client", 7_000_215);
    let second = code(&world).await;
    exchange(&world, id, &other.secret, &second).await.refused(401, "invalid_client", 7_000_215);
    let third = code(&world).await;
    exchange(&world, id, "", &third).await.refused(401, "invalid_client", 7_000_218);
    let fourth = code(&world).await;
    exchange(&world, &other.id(), &other.secret, &fourth).await.refused(400, "invalid_grant", 54_005);
    let elsewhere = World::start().await;
    elsewhere.user(NAME, PASSWORD, false).await;
    let other_start = admitted(&elsewhere);
    let fifth = code(&world).await;
    exchange(&world, id, &other_start.secret, &fifth).await.refused(401, "invalid_client", 7_000_215);
    let sixth = code(&world).await;
    assert_eq!(exchange(&world, id, &gateway.secret, &sixth).await.status, 200);
}

#[tokio::test]
async fn nobody_makes_an_application_or_a_principal_with_the_gateways_id() {
    let world = World::start().await;
    assert_ne!(GATEWAY_CLIENT_ID.uuid().get_version_num(), 4, "ids of applications are random");
    assert_eq!(world.program(&[]).await.application.app_id.uuid().get_version_num(), 4);
    let new = NewServicePrincipal { app_id: GATEWAY_CLIENT_ID, display_name: None, attributes: Attributes::new() };
    let refused = world.control.create_service_principal(&context(), new).await;
    assert!(matches!(refused, Err(adit_control::Error::AppIdNotFound(_))), "{refused:?}");
    let _gateway = admitted(&world);
    let page = Request::get(authorize(&[("prompt", "none")])).body(Body::empty()).unwrap();
    assert_eq!(world.exchange(page).await.status, 303, "it is itself still");
}
