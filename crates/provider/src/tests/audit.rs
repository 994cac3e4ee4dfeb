//! What the audit log has of tokens that were refused.

use adit_core::audit::{Activity, ActorKind, AuditRecord};
use adit_core::query::{LARGEST_PAGE, Query};

use super::device::{AZURE_CLI, ask, begin};
use super::harness::{API_SCOPE, World};

async fn refusals(world: &World) -> Vec<AuditRecord> {
    let query = Query { limit: LARGEST_PAGE, ..Query::default() };
    let mut found = world.control.list_audit(&query).await.unwrap().items;
    found.retain(|record| record.activity == Activity::RefuseToken);
    found
}

#[tokio::test]
async fn a_refused_token_is_in_the_audit_log_with_its_reason_and_without_a_secret() {
    let world = World::start().await;
    let program = world.program(&["Directory.Read.All"]).await;
    let mut form = program.form(API_SCOPE);
    world.token(&form).await.token();
    assert!(refusals(&world).await.is_empty(), "what is given is none");
    form.retain(|(name, _)| *name != "client_secret");
    form.push(("client_secret", "not-the-right-one".to_owned()));
    let reply = world.token_from("192.0.2.7", &form).await.refused(401, "invalid_client", 7_000_215);
    let found = refusals(&world).await;
    let [record] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((record.target.as_str(), record.actor.kind), (program.id().as_str(), ActorKind::System));
    assert_eq!(record.activity.result(), "failure");
    assert!(record.result_reason().contains("AADSTS7000215"), "{}", record.result_reason());
    assert_eq!(reply.json["trace_id"].as_str(), Some(record.request_id.to_string().as_str()));
    assert_eq!(
        (record.detail["ip_address"].as_str(), record.detail["grant_type"].as_str()),
        (Some("192.0.2.7"), Some("client_credentials"))
    );
    let text = format!("{record:?}");
    assert!(!text.contains("not-the-right-one") && !text.contains(&program.secret), "{text}");
}

#[tokio::test]
async fn whatever_is_refused_leaves_a_record_and_a_device_that_waits_does_not() {
    let world = World::start().await;
    for form in [
        vec![],
        vec![("grant_type", "password".to_owned())],
        vec![("grant_type", "refresh_token".to_owned()), ("client_id", "\n\u{7}x".repeat(100))],
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("client_id", AZURE_CLI.to_owned()),
            ("code", "x".to_owned()),
        ],
    ] {
        let before = refusals(&world).await.len();
        assert_eq!(world.token(&form).await.status, 400);
        let found = refusals(&world).await;
        assert_eq!(found.len(), before + 1, "{form:?}");
        assert!(found.iter().all(|record| record.target.len() <= 100 && !record.target.contains('\n')), "{found:?}");
    }
    let before = refusals(&world).await.len();
    let begun = begin(&world, AZURE_CLI, "openid").await;
    let device = begun.json["device_code"].as_str().unwrap();
    ask(&world, AZURE_CLI, device).await.refused(400, "authorization_pending", 70_016);
    ask(&world, AZURE_CLI, device).await.refused(400, "slow_down", 70_016);
    assert_eq!(refusals(&world).await.len(), before);
}

#[tokio::test]
async fn a_flood_of_refusals_fills_no_disk() {
    let world = World::start().await;
    for number in 0..40_u8 {
        world.token_from(&format!("192.0.2.{number}"), &[]).await.refused(400, "invalid_request", 900_144);
    }
    assert_eq!(refusals(&world).await.len(), 30);
}
