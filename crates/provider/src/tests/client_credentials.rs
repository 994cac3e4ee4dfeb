//! Tokens of programs, and every way in which they are refused.

use adit_control::ServicePrincipalChange;
use adit_core::app_role_assignment::DEFAULT_ACCESS;
use adit_core::application::Attributes;
use adit_identity::TokenKind;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use serde_json::json;

use super::harness::{API_SCOPE, Program, TOKEN, World, context, said};

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

/// The form with other parameters; an empty one goes.
fn changed(program: &Program, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut form = program.form(API_SCOPE);
    for (name, value) in changes {
        form.retain(|(known, _)| known != name);
        form.push((*name, (*value).to_owned()));
    }
    form
}

#[tokio::test]
async fn a_program_gets_a_token_with_the_roles_that_it_was_assigned() {
    let world = World::start().await;
    let program = world.program(&["User.Read.All", "Directory.Read.All"]).await;
    let reply = world.token(&program.form(API_SCOPE)).await;
    assert_eq!((&reply.json["token_type"], &reply.json["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), (Some("no-store"), Some("no-cache")));
    let token = world.verified(reply.token()).await;
    assert_eq!(token.kind(), TokenKind::AppOnly);
    assert_eq!(token.roles(), ["Directory.Read.All", "User.Read.All"]);
    assert_eq!(token.scopes(), [] as [&str; 0]);
    assert_eq!(token.client(), Some(program.id().as_str()));
    assert_eq!(token.subject(), program.principal.id.to_string());
    let (_, claims) = said(reply.token());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert_eq!(claims["iss"], world.provider.issuer_url());
}

#[tokio::test]
async fn whatever_the_api_is_called_the_token_is_for_its_one_audience() {
    let world = World::start().await;
    let program = world.program(&["Directory.Read.All"]).await;
    for scope in [
        "api://adit/.default",
        "https://adit.example/.default",
        "https://graph.microsoft.com/.default",
        "https://graph.microsoft.com//.default",
        "00000003-0000-0000-c000-000000000000/.default",
    ] {
        let reply = world.token(&program.form(scope)).await;
        assert_eq!(said(reply.token()).1["aud"], "api://adit", "{scope}");
        world.verified(reply.token()).await;
    }
}

#[tokio::test]
async fn the_secret_may_come_in_the_header() {
    let world = World::start().await;
    let program = world.program(&["Directory.Read.All"]).await;
    let form = [("grant_type", "client_credentials".to_owned()), ("scope", API_SCOPE.to_owned())];
    let header = basic(&program.id(), &program.secret);
    world.verified(world.token_with(&[("authorization", &header)], &form).await.token()).await;
    // RFC 6749, section 2.3.1: both are encoded as form values first.
    let escaped: String = program.secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let header = basic(&program.id(), &escaped);
    world.verified(world.token_with(&[("authorization", &header)], &form).await.token()).await;
    let wrong = basic(&program.id(), "wrong");
    let refused = world.token_with(&[("authorization", &wrong)], &form).await.refused(401, "invalid_client", 7_000_215);
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"adit\""));
    let both = changed(&program, &[]);
    world.token_with(&[("authorization", &header)], &both).await.refused(400, "invalid_request", 9_002_313);
}

#[tokio::test]
async fn nobody_gets_a_token_without_a_secret_of_its_own() {
    let world = World::start().await;
    let (program, other) = (world.program(&["Directory.Read.All"]).await, world.program(&[]).await);
    let nobody = "11111111-2222-4333-8444-555555555555";
    for (changes, status, error, number) in [
        (vec![("client_secret", "")], 401, "invalid_client", 7_000_218),
        (vec![("client_secret", "wrong")], 401, "invalid_client", 7_000_215),
        (vec![("client_secret", other.secret.as_str())], 401, "invalid_client", 7_000_215),
        (vec![("client_secret", &program.secret[..10])], 401, "invalid_client", 7_000_215),
        (vec![("client_id", nobody)], 400, "unauthorized_client", 700_016),
        (vec![("client_id", "' OR 1=1 --")], 400, "unauthorized_client", 700_016),
        (vec![("client_id", "00000003-0000-0000-c000-000000000000")], 400, "unauthorized_client", 700_016),
        (vec![("client_id", "")], 400, "invalid_request", 900_144),
        (vec![("client_assertion", "x")], 400, "invalid_request", 9_002_313),
    ] {
        let reply = world.token(&changed(&program, &changes)).await.refused(status, error, number);
        let description = reply.json["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        assert!(!description.contains(&other.secret) && !description.contains("wrong"), "{description}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_program_that_is_disabled_or_gone_gets_no_token() {
    let world = World::start().await;
    let program = world.program(&["Directory.Read.All"]).await;
    let form = program.form(API_SCOPE);
    world.token(&form).await.token();
    let disabled = Attributes::from_iter([("accountEnabled".to_owned(), false.into())]);
    let change = ServicePrincipalChange { attributes: disabled, ..Default::default() };
    world.control.update_service_principal(&context(), program.principal.id, change).await.unwrap();
    world.token(&form).await.refused(400, "unauthorized_client", 7_000_112);
    world.control.delete_service_principal(&context(), program.principal.id).await.unwrap();
    world.token(&form).await.refused(400, "unauthorized_client", 7_000_229);
    world.control.delete_application(&context(), program.application.id).await.unwrap();
    world.token(&form).await.refused(400, "unauthorized_client", 700_016);
}

#[tokio::test]
async fn other_grants_scopes_and_resources_are_refused() {
    let world = World::start().await;
    let program = world.program(&["Directory.Read.All"]).await;
    for (changes, error, number) in [
        (vec![("grant_type", "")], "invalid_request", 900_144),
        (vec![("grant_type", "password")], "unsupported_grant_type", 70_003),
        (vec![("grant_type", "implicit")], "unsupported_grant_type", 70_003),
        (vec![("scope", "")], "invalid_request", 900_144),
        (vec![("scope", "Directory.ReadWrite.All")], "invalid_scope", 70_011),
        (vec![("scope", "api://adit/Directory.ReadWrite.All")], "invalid_scope", 70_011),
        (vec![("scope", "api://adit/.default openid")], "invalid_scope", 70_011),
        (vec![("scope", "https://vault.azure.net/.default")], "invalid_scope", 500_011),
        (vec![("scope", "11111111-2222-4333-8444-555555555555/.default")], "invalid_scope", 500_011),
    ] {
        world.token(&changed(&program, &changes)).await.refused(400, error, number);
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let world = World::start().await;
    let program = world.program(&[]).await;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=api%3A%2F%2Fadit%2F.default",
        program.id(),
        program.secret
    );
    let kind = "application/x-www-form-urlencoded";
    for (headers, body) in [
        (vec![("content-type", "application/json")], json!({"grant_type": "client_credentials"}).to_string()),
        (vec![], form.clone()),
        (vec![("content-type", kind), ("content-encoding", "gzip")], form.clone()),
        (vec![("content-type", kind)], format!("{form}&scope=x")),
        (vec![("content-type", kind)], format!("{form}&x={}", "a".repeat(70_000))),
    ] {
        let mut request = Request::post(TOKEN);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let reply = world.exchange(request.body(Body::from(body)).unwrap()).await;
        reply.refused(400, "invalid_request", 9_002_313);
    }
    let request = Request::post(format!("{TOKEN}?{form}")).header("content-type", kind);
    let reply = world.exchange(request.body(Body::empty()).unwrap()).await;
    reply.refused(400, "invalid_request", 900_144);
    let request = Request::post(TOKEN).header("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    world.exchange(request.body(Body::from(form)).unwrap()).await.token();
}

#[tokio::test]
async fn a_token_for_an_application_has_that_applications_roles_and_is_none_for_the_api() {
    let world = World::start().await;
    let (program, resource) = (world.program(&["Directory.ReadWrite.All"]).await, world.program(&[]).await);
    let roles = json!([{"id": "22222222-2222-4333-8444-555555555555", "value": "read", "isEnabled": true}]);
    let attributes =
        Attributes::from_iter([("appRoles".to_owned(), roles), ("appRoleAssignmentRequired".to_owned(), true.into())]);
    let change = ServicePrincipalChange { attributes, ..Default::default() };
    world.control.update_service_principal(&context(), resource.principal.id, change).await.unwrap();
    for scope in [format!("api://{}/.default", resource.id()), format!("{}/.default", resource.id())] {
        world.token(&program.form(&scope)).await.refused(400, "unauthorized_client", 501_051);
    }
    let scope = format!("api://{}/.default", resource.id());
    world.assign(&resource.principal, &program.principal, DEFAULT_ACCESS).await;
    let (_, claims) = said(world.token(&program.form(&scope)).await.token());
    assert_eq!((&claims["aud"], claims.get("roles")), (&json!(resource.id()), None));
    let role = "22222222-2222-4333-8444-555555555555".parse().unwrap();
    world.assign(&resource.principal, &program.principal, role).await;
    let reply = world.token(&program.form(&scope)).await;
    assert_eq!(said(reply.token()).1["roles"], json!(["read"]), "and nothing of what it may do at the API");
    assert!(world.verifier.verify(reply.token()).await.is_err());
}

#[tokio::test]
async fn a_program_without_roles_gets_a_token_that_allows_nothing() {
    let world = World::start().await;
    let program = world.program(&[]).await;
    let token = world.verified(world.token(&program.form(API_SCOPE)).await.token()).await;
    assert_eq!((token.kind(), token.roles().len(), token.scopes().len()), (TokenKind::AppOnly, 0, 0));
}

#[tokio::test]
async fn whoever_tries_secrets_waits_and_others_do_not() {
    let world = World::start().await;
    let program = world.program(&["Directory.Read.All"]).await;
    let wrong = changed(&program, &[("client_secret", "wrong")]);
    for _ in 0..20 {
        world.token_from("192.0.2.1", &wrong).await.refused(401, "invalid_client", 7_000_215);
    }
    let reply = world.token_from("192.0.2.1", &wrong).await.refused(429, "temporarily_unavailable", 50_196);
    assert!((1..=60).contains(&reply.header("retry-after").unwrap().parse::<u64>().unwrap()));
    let right = program.form(API_SCOPE);
    world.token_from("192.0.2.1", &right).await.refused(429, "temporarily_unavailable", 50_196);
    world.token_from("192.0.2.2", &right).await.token();
}
