//! Tokens that are forged, for somebody else, or signed by keys that come and go.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::provider::{CLIENT, Provider, Signer, now};
use super::*;

#[tokio::test]
async fn forged_id_tokens_are_refused() {
    let provider = Provider::start().await;
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let unsigned = move |header: &Value, claims: &Value| {
        format!("{}.{}.", encode(&header.to_string()), encode(&claims.to_string()))
    };
    type Forge = Box<dyn Fn(&Signer, &Value) -> String + Send>;
    let with_header = |more: Value| -> Forge {
        Box::new(move |_, claims| {
            let mallory = Signer::new("one");
            let mut header = json!({"alg": "ES256", "kid": "one", "jwk": mallory.jwk()});
            for (name, value) in more.as_object().unwrap() {
                header[name] = value.clone();
            }
            mallory.sign_as(&header, &claims.to_string())
        })
    };
    let forgeries: Vec<(&str, Forge)> = vec![
        ("alg none", Box::new(move |_, claims| unsigned(&json!({"alg": "none"}), claims))),
        ("alg None", Box::new(move |_, claims| unsigned(&json!({"alg": "None", "kid": "one"}), claims))),
        ("a key that it brings along", with_header(json!({}))),
        (
            "a place of keys that it names",
            with_header(json!({"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"})),
        ),
        ("a path as key id", with_header(json!({"kid": "../../../../dev/null"}))),
        ("SQL as key id", with_header(json!({"kid": "' UNION SELECT 'x"}))),
        ("no key id", with_header(json!({"kid": Value::Null}))),
        (
            "a critical extension",
            Box::new(|signer, claims| {
                signer.sign_as(&json!({"alg": "ES256", "kid": "one", "crit": ["x"], "x": 1}), &claims.to_string())
            }),
        ),
        (
            "another algorithm of the header",
            Box::new(|signer, claims| signer.sign_as(&json!({"alg": "RS256", "kid": "one"}), &claims.to_string())),
        ),
        (
            "HS256",
            Box::new(|signer, claims| signer.sign_as(&json!({"alg": "HS256", "kid": "one"}), &claims.to_string())),
        ),
        (
            "a signature of zeros",
            Box::new(|signer, claims| {
                let token = signer.sign(claims);
                let (signed, _) = token.rsplit_once('.').unwrap();
                format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode([0; 64]))
            }),
        ),
        (
            "no signature",
            Box::new(|signer, claims| {
                let token = signer.sign(claims);
                format!("{}.", token.rsplit_once('.').unwrap().0)
            }),
        ),
        ("padding", Box::new(|signer, claims| format!("{}=", signer.sign(claims)))),
        ("a part more", Box::new(|signer, claims| format!("{}.x", signer.sign(claims)))),
        (
            "a claim twice",
            Box::new(|signer, claims| {
                let text = claims.to_string().replacen('{', "{\"sub\":\"somebody-else\",", 1);
                signer.sign_as(&json!({"alg": "ES256", "kid": "one"}), &text)
            }),
        ),
        (
            "an audience twice",
            Box::new(|signer, claims| {
                let text = claims.to_string().replacen('{', "{\"aud\":\"another\",", 1);
                signer.sign_as(&json!({"alg": "ES256", "kid": "one"}), &text)
            }),
        ),
        ("claims that are no object", Box::new(|signer, _| signer.sign_as(&json!({"alg": "ES256"}), "[]"))),
        (
            "changed claims",
            Box::new(|signer, claims| {
                let token = signer.sign(claims);
                let parts: Vec<&str> = token.split('.').collect();
                let mut claims = claims.clone();
                claims["sub"] = json!("somebody-else");
                format!("{}.{}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
            }),
        ),
        (
            "a huge token",
            Box::new(|signer, claims| {
                let mut claims = claims.clone();
                claims["filler"] = json!("x".repeat(700_000));
                signer.sign(&claims)
            }),
        ),
        ("nothing", Box::new(|_, _| String::new())),
    ];
    for (what, forge) in forgeries {
        provider.forges(forge);
        let refused = outcome(&provider).await.expect_err(what);
        assert!(matches!(refused, SignInFailed::IdToken(_)), "{what}: {refused:?}");
        assert!(!refused.is_fault_of_provider(), "{what}: {refused:?}");
    }
    provider.behaves();
    assert!(outcome(&provider).await.is_ok());
}

#[tokio::test]
async fn a_rotated_key_costs_one_fetch_and_invented_ones_cost_none() {
    let provider = Provider::start().await;
    let party = party(&provider);
    let asked = || provider.counts().keys.load(Ordering::SeqCst);
    let token = |signer: &Signer| {
        signer.sign(&json!({"iss": provider.url(), "aud": "app", "sub": USER, "iat": now(), "exp": now() + 60}))
    };
    let verify = async |signer: &Signer| party.verify_access_token(&token(signer), &["app"]).await.is_ok();
    assert!(party.verify_access_token(&provider.access_token("app", USER, &json!({})), &["app"]).await.is_ok());
    for number in 0..1000 {
        assert!(!verify(&Signer::new(&format!("invented-{number}"))).await);
    }
    assert_eq!(asked(), 1);
    for keeps_old in [true, false] {
        let next = Signer::new(if keeps_old { "two" } else { "three" });
        let again = Signer::new("nobodys");
        provider.rotate(next, keeps_old);
        party.issuer.was_tried(Duration::from_secs(61));
        let before = asked();
        let good = provider.access_token("app", USER, &json!({}));
        assert!(party.verify_access_token(&good, &["app"]).await.is_ok(), "keeps old: {keeps_old}");
        assert!(!verify(&again).await);
        assert_eq!(asked(), before + 1);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_leave_the_old_ones_in_use() {
    let provider = Provider::start().await;
    let party = party(&provider);
    let good = || provider.access_token("app", USER, &json!({}));
    assert!(party.verify_access_token(&good(), &["app"]).await.is_ok());
    let large = format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{{{}", " ".repeat(1_500_000));
    for raw in [
        "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
        "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"keys\":[]}",
        "rubbish",
        &large,
    ] {
        provider.answers_for_keys(raw);
        party.issuer.was_tried(Duration::from_secs(61));
        let mallory = Signer::new("mallorys");
        let claims = json!({"iss": provider.url(), "aud": "app", "sub": USER, "iat": now(), "exp": now() + 60});
        assert!(party.verify_access_token(&mallory.sign(&claims), &["app"]).await.is_err());
        assert!(party.verify_access_token(&good(), &["app"]).await.is_ok(), "{:.60}", raw);
    }
}

#[tokio::test]
async fn an_access_token_is_for_the_application_and_no_id_token_is_one() {
    let provider = Provider::start().await;
    let party = party(&provider);
    let verify = async |audience: &str, more: Value| {
        let token = provider.access_token(audience, USER, &more);
        party.verify_access_token(&token, &["app", "api://app"]).await
    };
    let bearer = verify("api://app", json!({"groups": ["00000000-0000-0000-0000-000000000020"]})).await.unwrap();
    assert_eq!((bearer.kind, bearer.groups.len()), (adit_core::PrincipalKind::User, 1));
    assert_eq!(bearer.person.principal.uuid().to_string(), USER);
    let program = verify("app", json!({"scp": Value::Null, "appid": "x", "roles": ["x"]})).await;
    assert_eq!(program.unwrap().kind, adit_core::PrincipalKind::ServicePrincipal, "roles, and no scope");
    let named = json!({"scp": Value::Null, "appid": "x", "roles": ["x"], "preferred_username": "ada@corp.example"});
    assert_eq!(verify("app", named).await.unwrap().kind, adit_core::PrincipalKind::User, "a program has no such name");
    // An ID token of another client, which is called as the application is.
    let bare = json!({"scp": Value::Null, "name": "Ada", "azp": "app", "roles": ["x"]});
    assert!(verify("app", bare.clone()).await.is_err());
    for of_id_tokens in [json!({"typ": "ID"}), json!({"typ": "Refresh"}), json!({"token_use": "id"})] {
        assert!(verify("app", of_id_tokens.clone()).await.is_err(), "{of_id_tokens}");
    }
    let with = |more: Value| {
        let mut claims = bare.clone();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    for of_access_tokens in [
        json!({"scope": "openid"}),
        json!({"scp": "read"}),
        json!({"client_id": "x"}),
        json!({"azpacr": "1"}),
        json!({"typ": "Bearer"}),
        json!({"token_use": "access"}),
    ] {
        assert!(verify("app", with(of_access_tokens.clone())).await.is_ok(), "{of_access_tokens}");
    }
    let claims = with(json!({"iss": provider.url(), "aud": "app", "sub": USER, "iat": now(), "exp": now() + 60}));
    for (kind, counts) in [("at+jwt", true), ("application/AT+JWT", true), ("JWT", false)] {
        let typed = provider.sign_as(&json!({"alg": "ES256", "typ": kind, "kid": "one"}), &claims);
        assert_eq!(party.verify_access_token(&typed, &["app"]).await.is_ok(), counts, "{kind}");
    }
    let program = verify("app", json!({"idtyp": "app", "roles": ["x"]})).await.unwrap();
    assert_eq!(program.kind, adit_core::PrincipalKind::ServicePrincipal);
    assert!(verify("another", json!({})).await.is_err());
    assert!(verify(CLIENT, json!({})).await.is_err(), "made for the sign-in");
    assert!(verify("app", json!({"aud": ["app", CLIENT]})).await.is_err(), "made for the sign-in too");
    assert!(verify("app", json!({"iss": "https://elsewhere.example"})).await.is_err());
    for claim in ["nonce", "at_hash", "c_hash"] {
        assert!(verify("app", json!({claim: "x"})).await.is_err(), "{claim}");
    }
    assert!(verify("app", json!({"exp": now() - 120})).await.is_err());
    for text in ["", "a.b.c", "x"] {
        assert!(party.verify_access_token(text, &["app"]).await.is_err());
    }
    let token = provider.access_token("app", USER, &json!({}));
    assert!(
        says_it_is_for(&token, &["app"]) && !says_it_is_for(&token, &["another"]) && !says_it_is_for("x", &["app"])
    );
}

#[tokio::test]
async fn who_goes_away_while_keys_are_fetched_takes_them_from_nobody() {
    let provider = Provider::start().await;
    let party = party(&provider);
    let token = provider.access_token("app", USER, &json!({}));
    let held = provider.hold().await;
    for _ in 0..3 {
        let impatient = tokio::time::timeout(Duration::from_millis(50), party.verify_access_token(&token, &["app"]));
        assert!(impatient.await.is_err(), "nothing is known so far");
    }
    drop(held);
    assert!(party.verify_access_token(&token, &["app"]).await.is_ok(), "no pause has to pass first");
    assert_eq!(provider.counts().discovery.load(Ordering::SeqCst), 1);
    // The same while a known set is renewed: who has a key of it does not wait.
    party.issuer.was_tried(Duration::from_secs(61));
    let next = Signer::new("two");
    provider.rotate(next, true);
    let newer = provider.access_token("app", USER, &json!({}));
    let held = provider.hold().await;
    let impatient = tokio::time::timeout(Duration::from_millis(50), party.verify_access_token(&newer, &["app"]));
    assert!(impatient.await.is_err());
    assert!(party.verify_access_token(&token, &["app"]).await.is_ok());
    drop(held);
    assert!(party.verify_access_token(&newer, &["app"]).await.is_ok());
    assert_eq!(provider.counts().discovery.load(Ordering::SeqCst), 2);
}
