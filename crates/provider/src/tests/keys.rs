//! Who believes what the provider signed.

use adit_identity::{LocalKey, ProviderIssuer, ProviderKey, TokenRefused, Verifier};
use serde_json::json;

use super::harness::{API_SCOPE, World, said};

#[tokio::test]
async fn a_key_is_made_when_it_is_needed_and_published() {
    let world = World::start().await;
    assert!(world.control.signing_keys_if_any().await.unwrap().is_none());
    let program = world.program(&["Directory.Read.All"]).await;
    let reply = world.token(&program.form(API_SCOPE)).await;
    let (header, _) = said(reply.token());
    let keys = world.get("/adit/discovery/v2.0/keys").await.json;
    let ids: Vec<_> = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(ids, [header["kid"].clone()]);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("at+jwt")));
}

#[tokio::test]
async fn a_token_of_another_key_issuer_or_audience_is_not_believed() {
    let world = World::start().await;
    let program = world.program(&["Directory.Read.All"]).await;
    let token = world.token(&program.form(API_SCOPE)).await.token().to_owned();
    world.verified(&token).await;
    let (_, claims) = said(&token);
    let (stranger, _) = ProviderKey::generate().unwrap();
    let forged = stranger.sign("at+jwt", &claims).unwrap();
    assert_eq!(world.verifier.verify(&forged).await, Err(TokenRefused::UnknownKey));
    let own = world.control.signing_keys().await.unwrap().signs;
    for (claim, value, expected) in [
        ("aud", json!("11111111-2222-4333-8444-555555555555"), "Invalid audience"),
        ("iss", json!("https://other.example/v2.0"), "is not configured"),
        ("exp", json!(1_000_000_000), "expired"),
        ("nbf", json!(4_000_000_000_u64), "not valid yet"),
    ] {
        let mut changed = claims.clone();
        changed[claim] = value;
        let refused = world.verifier.verify(&own.sign("at+jwt", &changed).unwrap()).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{claim}: {refused}");
    }
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_believed_no_more_and_without_keys_nothing_is() {
    let (key, _) = ProviderKey::generate().unwrap();
    let issuer = ProviderIssuer::new("https://adit.example/v2.0", "api://adit");
    let verifier = Verifier::new(&LocalKey::generate().unwrap().0, vec![]).unwrap().with_provider(&issuer);
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({"iss": "https://adit.example/v2.0", "aud": "api://adit", "sub": "ada",
        "exp": now + 600, "nbf": now});
    let token = key.sign("at+jwt", &claims).unwrap();
    assert_eq!(verifier.verify(&token).await, Err(TokenRefused::UnknownKey), "nothing was published yet");
    issuer.publish(std::slice::from_ref(&key));
    assert_eq!(verifier.verify(&token).await.unwrap().subject(), "ada");
    let (next, _) = ProviderKey::generate().unwrap();
    issuer.publish(&[key.clone(), next.clone()]);
    assert!(verifier.verify(&token).await.is_ok(), "while both are published");
    issuer.publish(&[next]);
    assert_eq!(verifier.verify(&token).await, Err(TokenRefused::UnknownKey));
}
