//! Sign-ins that succeed, and every way in which somebody may try to have one that is not theirs (threat model, section 3.4,
//! T4, T16 and T17).

#[path = "../../tests/provider/mod.rs"]
mod provider;
mod tokens;

use std::sync::atomic::Ordering;
use std::time::Duration;

use provider::{CLIENT, Provider, SECRET, now};
use serde_json::{Value, json};

use super::*;
use crate::sealing::tests::ring;
use crate::session::tests::at;

const HOST: &str = "login.example";
const REDIRECT: &str = "https://login.example:8443/.adit/callback";
const USER: &str = "0b7e1d2a-6a5a-4c8e-9f7e-6a1f4f6f0001";
const NOW: u64 = 1_800_000_000_000;
const FROM: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)));

fn party(provider: &Provider) -> RelyingParty {
    let settings = ProviderSettings {
        issuer: provider.url().to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(ClientSecret::new(SECRET.to_owned())),
        transport: Transport::Platform,
        groups_claim: "groups".to_owned(),
        scopes: vec!["groups".to_owned()],
    };
    RelyingParty::new(settings, HOST, REDIRECT).unwrap()
}

/// A browser at the sign-in host: the cookies that it keeps.
#[derive(Default, Clone)]
struct Browser(Vec<(String, String)>);

impl Browser {
    fn take(&mut self, set_cookies: &[String]) {
        for set in set_cookies {
            let (pair, attributes) = set.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.0.retain(|(own, _)| own != name);
            if !attributes.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn line(&self) -> Vec<u8> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ").into_bytes()
    }

    async fn begin(&mut self, party: &RelyingParty, now: u64) -> Departure {
        let line = self.line();
        let departure =
            party.begin(&ring(1, None), "carried", &RequestCookies::new(&[line.as_slice()]), at(7), now).await.unwrap();
        self.take(&departure.set_cookies);
        departure
    }

    async fn finish(&mut self, party: &RelyingParty, query: &str, now: u64) -> Result<SignedIn, SignInFailed> {
        let line = self.line();
        let finished = party.finish(&ring(1, None), &RequestCookies::new(&[line.as_slice()]), query, FROM, now).await;
        self.0.retain(|(name, _)| !finished.remove.contains(name));
        finished.outcome
    }
}

fn ada() -> Value {
    json!({"sub": USER, "name": "Ada Lovelace", "preferred_username": "ada@corp.example",
        "groups": ["00000000-0000-0000-0000-000000000020"], "roles": ["reader"]})
}

async fn attempted(provider: &Provider) -> (RelyingParty, Browser, String) {
    let (party, mut browser) = (party(provider), Browser::default());
    let departure = browser.begin(&party, NOW).await;
    let query = provider.sign_in(&departure.location, &ada());
    (party, browser, query)
}

/// What comes of a sign-in at `provider` as it is.
async fn outcome(provider: &Provider) -> Result<SignedIn, SignInFailed> {
    let (party, mut browser, query) = attempted(provider).await;
    browser.finish(&party, &query, NOW).await
}

#[tokio::test]
async fn somebody_signs_in_and_nothing_is_left_of_the_attempt() {
    let provider = Provider::start().await;
    let (party, mut browser) = (party(&provider), Browser::default());
    let departure = browser.begin(&party, NOW).await;
    assert!(
        departure
            .set_cookies
            .iter()
            .all(|set| set.starts_with("__Host-adit-attempt-") && set.contains("; Secure; HttpOnly; SameSite=Lax"))
    );
    let kept = String::from_utf8(browser.line()).unwrap();
    let url = Url::parse(&departure.location).unwrap();
    for (name, secret) in url.query_pairs().filter(|(name, _)| matches!(&**name, "state" | "nonce")) {
        assert!(!kept.contains(&*secret), "the {name} can be read in the cookie");
    }
    let query = provider.sign_in(&departure.location, &ada());
    let signed_in = browser.finish(&party, &query, NOW + 30_000).await.unwrap();
    assert_eq!((signed_in.carried.as_str(), &signed_in.attempt), ("carried", &departure.attempt));
    assert_eq!(signed_in.began_at, at(7));
    assert_eq!(signed_in.person.principal.uuid().to_string(), USER);
    assert_eq!(signed_in.person.user_name.as_deref(), Some("ada@corp.example"));
    assert_eq!(signed_in.person.roles, ["reader"]);
    assert_eq!(signed_in.groups.len(), 1);
    assert_eq!(browser.0, [], "the attempt's cookie is gone");
    let counts = provider.counts();
    assert_eq!(counts.discovery.load(Ordering::SeqCst) + counts.keys.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_state_that_is_not_this_browsers_asks_nothing_of_the_provider() {
    let provider = Provider::start().await;
    let (party, victim, query) = attempted(&provider).await;
    let (_, attacker, foreign) = attempted(&provider).await;
    let without = query.split('&').filter(|pair| !pair.starts_with("state=")).collect::<Vec<_>>().join("&");
    let code = query.split('&').next().unwrap();
    for (browser, query, why) in [
        (&victim, without.as_str(), "no state"),
        (&victim, "", "nothing"),
        (&victim, &format!("{code}&state="), "an empty state"),
        (&victim, &format!("{code}&state=wrong"), "an invented state"),
        (&victim, &foreign, "the attacker's answer in the victim's browser"),
        (&attacker, &query, "the victim's answer in the attacker's browser"),
        (&Browser::default(), &query, "a browser without cookies"),
        (&victim, &format!("{query}&state=x"), "two states"),
        (&victim, &format!("{query}&code=x"), "two codes"),
        (&victim, &format!("{query}&iss=x"), "two issuers"),
    ] {
        let refused = browser.clone().finish(&party, query, NOW).await.unwrap_err();
        assert!(matches!(refused, SignInFailed::Malformed(_) | SignInFailed::OtherBrowser), "{why}: {refused:?}");
    }
    for time in [NOW + 600_000, NOW - 60_001] {
        let refused = victim.clone().finish(&party, &query, time).await;
        assert_eq!(refused, Err(SignInFailed::Expired));
    }
    // The right name with something else in it: another seal, another purpose, a changed bit, both twice.
    let (name, value) = victim.0[0].clone();
    let other_ring = party.begin(&ring(9, None), "", &RequestCookies::new(&[]), at(7), NOW).await.unwrap();
    let other_seal = other_ring.set_cookies[0].split([';', '=']).nth(1).unwrap().to_owned();
    let mut changed = value.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let as_session = ring(1, None)
        .seal(crate::Purpose::SignIn, crate::Audience::sign_in_host(HOST), b"somebody")
        .map(|sealed| format!("1.{sealed}"))
        .unwrap();
    for planted in [other_seal, String::from_utf8(changed).unwrap(), as_session, String::new(), "1.".to_owned()] {
        let refused = Browser(vec![(name.clone(), planted)]).finish(&party, &query, NOW).await;
        assert_eq!(refused, Err(SignInFailed::OtherBrowser));
    }
    let twice = Browser(vec![(name.clone(), value.clone()), (name, value)]);
    assert_eq!(twice.clone().finish(&party, &query, NOW).await, Err(SignInFailed::OtherBrowser));
    assert_eq!(provider.tokens_asked(), 0);
}

#[tokio::test]
async fn a_code_counts_once_and_tabs_do_not_disturb_each_other() {
    let provider = Provider::start().await;
    let (party, mut browser, query) = attempted(&provider).await;
    let before = browser.clone();
    let second = browser.begin(&party, NOW).await;
    let second = provider.sign_in(&second.location, &ada());
    assert!(browser.finish(&party, &second, NOW).await.is_ok());
    assert!(browser.finish(&party, &query, NOW).await.is_ok(), "the first tab");
    assert_eq!(browser.finish(&party, &query, NOW).await, Err(SignInFailed::OtherBrowser), "the back button");
    // A browser that kept its cookie gets no further, and the provider is not asked. A gateway that has not seen the attempt
    // asks, and the provider knows the code no more.
    let asked = provider.tokens_asked();
    assert_eq!(before.clone().finish(&party, &query, NOW).await, Err(SignInFailed::Used));
    assert_eq!(provider.tokens_asked(), asked);
    let refused = before.clone().finish(&super::tests::party(&provider), &query, NOW).await;
    assert_eq!(refused, Err(SignInFailed::CodeRefused("invalid_grant".to_owned())));
    let mut browser = Browser::default();
    for _ in 0..20 {
        browser.begin(&party, NOW).await;
    }
    assert!(browser.0.len() <= 4, "attempts do not pile up: {}", browser.0.len());
}

#[tokio::test]
async fn an_attempt_is_used_before_its_code_is_exchanged_and_few_are_exchanged_at_once() {
    let provider = Provider::start().await;
    let (party, browser, query) = attempted(&provider).await;
    let held = provider.hold().await;
    let (mut first, mut second) = (browser.clone(), browser.clone());
    let gone = tokio::time::timeout(Duration::from_millis(50), first.finish(&party, &query, NOW)).await;
    assert!(gone.is_err(), "it waits for the provider");
    assert_eq!(second.finish(&party, &query, NOW).await, Err(SignInFailed::Used), "the same, while it waits");
    drop(held);
    assert_eq!(browser.clone().finish(&party, &query, NOW).await, Err(SignInFailed::Used));
    assert_eq!(provider.tokens_asked(), 1);

    let mut browser = Browser::default();
    let departure = browser.begin(&party, NOW).await;
    let query = provider.sign_in(&departure.location, &ada());
    let all = party.places.all.acquire_many(u32::try_from(places::EXCHANGES).unwrap()).await.unwrap();
    let refused = browser.clone().finish(&party, &query, NOW).await.unwrap_err();
    assert!(matches!(refused, SignInFailed::Unavailable(_)) && refused.is_fault_of_provider(), "{refused:?}");
    assert_eq!(provider.tokens_asked(), 1);
    drop(all);
    assert!(browser.finish(&party, &query, NOW).await.is_ok(), "nothing was used up");
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_refused_by_the_proof_of_its_challenge() {
    let provider = Provider::start().await;
    let (party, mut victim, query) = attempted(&provider).await;
    let (_, _, foreign) = attempted(&provider).await;
    let injected = query.replace(query.split('&').next().unwrap(), foreign.split('&').next().unwrap());
    assert_ne!(injected, query);
    let refused = victim.finish(&party, &injected, NOW).await;
    assert_eq!(refused, Err(SignInFailed::CodeRefused("invalid_grant".to_owned())));
}

#[tokio::test]
async fn an_answer_of_another_provider_is_refused_before_anything_is_asked() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let (party, browser, query) = attempted(&provider).await;
    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("iss=")).collect();
    let unnamed = pairs.join("&");
    let named = |issuer: &str| {
        let issuer: String = url::form_urlencoded::byte_serialize(issuer.as_bytes()).collect();
        format!("{unnamed}&iss={issuer}")
    };
    let near = format!("{}/", provider.url());
    for query in [unnamed.clone(), named(other.url()), named(&near), named("")] {
        let refused = browser.clone().finish(&party, &query, NOW).await;
        assert_eq!(refused, Err(SignInFailed::OtherIssuer), "{query}");
    }
    // Begun at one provider, and finished after the configuration names another.
    let moved = super::tests::party(&other);
    assert_eq!(browser.clone().finish(&moved, &query, NOW).await, Err(SignInFailed::OtherIssuer));
    assert_eq!(provider.tokens_asked() + other.tokens_asked(), 0);
    // One that never names itself need not.
    let silent = Provider::start().await;
    silent.document(|document| document["authorization_response_iss_parameter_supported"] = json!(false));
    let (party, mut browser, query) = attempted(&silent).await;
    let unnamed: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("iss=")).collect();
    assert!(browser.finish(&party, &unnamed.join("&"), NOW).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_says_no_is_told_apart_from_one_that_fails() {
    let provider = Provider::start().await;
    let (party, mut browser, query) = attempted(&provider).await;
    let refused = format!("{query}&error=access_denied%0d%0aevil%1b[31m");
    let refused = browser.finish(&party, &refused, NOW).await.unwrap_err();
    assert_eq!(refused, SignInFailed::Refused("access_deniedevil31m".to_owned()));
    assert!(!refused.is_fault_of_provider());
    assert_eq!(provider.tokens_asked(), 0);
    for raw in [
        "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 401 No\r\ncontent-length: 26\r\nconnection: close\r\n\r\n{\"error\":\"invalid_client\"}",
        "rubbish",
    ] {
        provider.answers_for_tokens(raw);
        let refused = outcome(&provider).await.unwrap_err();
        assert!(refused.is_fault_of_provider(), "{raw}: {refused:?}");
    }
    let large = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n{}", " ".repeat(2_000_000));
    provider.answers_for_tokens(&large);
    assert!(matches!(outcome(&provider).await, Err(SignInFailed::Unavailable(_))));
    provider.behaves();
    assert!(outcome(&provider).await.is_ok());
}

#[tokio::test]
async fn an_id_token_that_was_not_made_for_this_sign_in_is_refused() {
    let provider = Provider::start().await;
    let mutations: Vec<(&str, Value)> = vec![
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("nonce", json!("")),
        ("iss", json!("https://elsewhere.example")),
        ("iss", Value::Null),
        ("aud", json!("another-client")),
        ("aud", json!([])),
        ("aud", json!([CLIENT, "another-client"])),
        ("aud", Value::Null),
        ("azp", json!("another-client")),
        ("exp", json!(now() - 120)),
        ("exp", json!((now() + 600) * 1000)),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("nbf", json!(now() + 120)),
        ("iat", json!(now() + 120)),
        ("iat", Value::Null),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("s".repeat(256))),
        ("sub", json!("ädä")),
        ("sub", json!(["a"])),
    ];
    for (name, value) in mutations {
        let shown = value.to_string();
        provider.claims(move |claims| match &value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value.clone(),
        });
        let refused = outcome(&provider).await.unwrap_err();
        let is_expected = matches!(refused, SignInFailed::IdToken(_) | SignInFailed::OtherSignIn(_));
        assert!(is_expected && !refused.is_fault_of_provider(), "{name} = {shown}: {refused:?}");
    }
    // Several audiences are fine where the token names us as the one that it was made for.
    provider.claims(|claims| {
        claims["aud"] = json!([CLIENT, "another-client"]);
        claims["azp"] = json!(CLIENT);
    });
    assert!(outcome(&provider).await.is_ok());
}

#[tokio::test]
async fn nothing_begins_at_a_provider_of_which_nothing_is_known() {
    let changes: [fn(&mut Value); 4] = [
        |document| document["issuer"] = json!("https://elsewhere.example"),
        |document| document["authorization_endpoint"] = json!("javascript:alert(1)"),
        |document| document["token_endpoint"] = json!("http://192.0.2.1/token"),
        |document| *document = json!("hello"),
    ];
    for change in changes {
        let provider = Provider::start().await;
        provider.document(change);
        let party = party(&provider);
        let begun = party.begin(&ring(1, None), "", &RequestCookies::new(&[]), at(7), NOW).await;
        assert!(matches!(begun, Err(SignInFailed::Unavailable(_))), "{begun:?}");
        let again = party.begin(&ring(1, None), "", &RequestCookies::new(&[]), at(7), NOW).await;
        assert!(again.is_err());
        assert_eq!(provider.counts().discovery.load(Ordering::SeqCst), 1, "it is not asked again at once");
    }
}

#[tokio::test]
async fn who_signs_out_can_do_so_at_the_provider_too() {
    let provider = Provider::start().await;
    let party = party(&provider);
    let location = party.end_session("https://login.example/").await.unwrap();
    assert_eq!(
        location,
        format!("{}/end?client_id={CLIENT}&post_logout_redirect_uri=https%3A%2F%2Flogin.example%2F", provider.url())
    );
    provider.document(|document| document["end_session_endpoint"] = json!("ftp://x/"));
    assert_eq!(super::tests::party(&provider).end_session("https://login.example/").await, None);
    // One of this process has the user signed out by us alone, whatever its document says.
    let document = json!({"issuer": "https://own.example", "authorization_endpoint": "https://own.example/authorize",
        "token_endpoint": "https://own.example/token", "jwks_uri": "https://own.example/keys",
        "end_session_endpoint": "https://own.example/end", "keys": [provider::Signer::new("one").jwk()]});
    let service = crate::OwnService::new(move |_| {
        let answer = http::Response::new(document.to_string().into());
        async move { answer }
    });
    let settings = ProviderSettings {
        issuer: "https://own.example".to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: None,
        transport: Transport::InProcess(service),
        groups_claim: "groups".to_owned(),
        scopes: Vec::new(),
    };
    let own = RelyingParty::new(settings, HOST, REDIRECT).unwrap();
    assert!(own.begin(&ring(1, None), "", &RequestCookies::new(&[]), at(7), NOW).await.is_ok(), "it is known");
    assert_eq!(own.end_session("https://login.example/").await, None);
}

#[test]
fn secrets_are_not_shown() {
    assert_eq!(format!("{:?}", ClientSecret::new("canary".to_owned())), "ClientSecret");
}
