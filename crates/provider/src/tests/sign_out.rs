//! Signing out: what ends, when the user is asked, and where the browser goes.

use serde_json::Value;

use super::browser::{Browser, NAME, PASSWORD, Page};
use super::harness::{Program, World};
use super::wiki::{REDIRECT, authorize, code, exchange, wiki};
use crate::access_token;

/// A directory with a user and an application, and an id token that the application got.
async fn world() -> (World, Program, String) {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let program = wiki(&world).await;
    let reply = world.token(&exchange(&program, &code(&world, &program, &[]).await, &[])).await;
    let token = reply.json["id_token"].as_str().unwrap().to_owned();
    (world, program, token)
}

fn path(query: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("/adit/oauth2/v2.0/logout?{query}")
}

fn is_question(page: &Page) -> bool {
    page.status == 200 && page.location.is_none() && page.text.contains("<h1>Sign out?</h1>")
}

/// Whether the sign-in that `page` has begun can be finished.
async fn goes_on(world: &World, browser: &mut Browser, page: &Page) -> bool {
    browser.sign_in(world, page, NAME, PASSWORD).await.status == 303
}

#[tokio::test]
async fn an_application_with_its_id_token_signs_out_without_a_question_and_gets_the_browser_back() {
    let (world, program, token) = world().await;
    let mut browser = Browser::default();
    let begun = browser.get(&world, &authorize(&program, &[])).await;
    let cookie = browser.cookie.clone();
    let query = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", REDIRECT), ("state", "a b&c")];
    let done = browser.get(&world, &path(&query)).await;
    assert_eq!(done.location.as_ref().map(|to| to.as_str()), Some("https://wiki.example/callback?state=a+b%26c"));
    assert!(done.cookie.unwrap().contains("__Host-adit-sign-in=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"));
    browser.cookie = cookie;
    assert!(!goes_on(&world, &mut browser, &begun).await, "what was begun is over, also with the cookie of before");
    let done = browser.get(&world, &path(&[("id_token_hint", &token)])).await;
    assert!(done.text.contains("You are signed out here") && done.location.is_none(), "{}", done.text);
    // By a form of the application's page, too.
    browser.origin = Some("https://wiki.example");
    let done = browser.post(&world, "/adit/oauth2/v2.0/logout", &query).await;
    assert!(done.location.is_some(), "{}", done.text);
}

#[tokio::test]
async fn without_a_valid_id_token_the_user_is_asked_and_nothing_ends_before() {
    let (world, program, token) = world().await;
    let (id, other_id) = (program.id(), wiki(&world).await.id());
    let claims = |change: &dyn Fn(&mut Value)| {
        let (_, mut claims) = super::harness::said(&token);
        change(&mut claims);
        claims
    };
    let foreign = claims(&|claims| claims["iss"] = "https://evil.example".into());
    let foreign = access_token::signed(&world.provider, "JWT", &foreign).await.unwrap();
    let access = access_token::signed(&world.provider, "at+jwt", &claims(&|_| ())).await.unwrap();
    let back = ("post_logout_redirect_uri", REDIRECT);
    let with = |hint| vec![("id_token_hint", hint), ("client_id", id.as_str()), back];
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    for query in [
        vec![("client_id", id.as_str()), back],
        vec![],
        with("x"),
        with(unsigned.as_str()),
        with(foreign.as_str()),
        with(access.as_str()),
        vec![("id_token_hint", token.as_str()), ("client_id", other_id.as_str()), back],
    ] {
        let mut browser = Browser::default();
        let begun = browser.get(&world, &authorize(&program, &[])).await;
        let page = browser.get(&world, &path(&query)).await;
        assert!(is_question(&page), "{query:?}: {} {}", page.status, page.text);
        assert_eq!(page.cookie, None);
        assert!(goes_on(&world, &mut browser, &begun).await, "{query:?}");
    }
}

#[tokio::test]
async fn an_id_token_whose_time_is_over_still_says_whose_user_it_was() {
    let (world, _, token) = world().await;
    let (_, mut claims) = super::harness::said(&token);
    claims["exp"] = 1_700_000_000.into();
    let old = access_token::signed(&world.provider, "JWT", &claims).await.unwrap();
    let query = [("id_token_hint", old.as_str()), ("post_logout_redirect_uri", REDIRECT)];
    assert_eq!(Browser::default().get(&world, &path(&query)).await.status, 303);
}

#[tokio::test]
async fn the_user_who_agrees_goes_on_to_where_the_application_is_known() {
    let (world, program, _) = world().await;
    let mut browser = Browser::default();
    let begun = browser.get(&world, &authorize(&program, &[])).await;
    let cookie = browser.cookie.clone();
    let query = [
        ("client_id", program.id()),
        ("post_logout_redirect_uri", REDIRECT.to_owned()),
        ("state", "\"><b>".to_owned()),
    ];
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = browser.get(&world, &path(&query)).await;
    assert!(is_question(&page) && page.text.contains("<strong>Backup</strong>") && !page.text.contains("<b>"));
    assert!(page.policy.ends_with("form-action 'self' https://wiki.example"), "{}", page.policy);
    let mut elsewhere = Browser { cookie: cookie.clone(), origin: Some("https://evil.example") };
    let forged = elsewhere.post(&world, "/adit/sign-out", &query).await;
    assert_eq!((forged.status, forged.location), (400, None), "another site's form is not the user's word");
    let done = browser.post(&world, "/adit/sign-out", &query).await;
    assert_eq!((done.status, done.sent("state").as_deref()), (303, Some("\"><b>")));
    browser.cookie = cookie;
    assert!(!goes_on(&world, &mut browser, &begun).await);
    let page = Browser::default().post(&world, "/adit/sign-out", &[]).await;
    assert!(page.status == 200 && page.text.contains("You are signed out here"), "{}", page.text);
}

#[tokio::test]
async fn the_browser_goes_to_registered_addresses_alone() {
    let (world, program, token) = world().await;
    let id = program.id();
    for uri in [
        "https://wiki.example/callback/",
        "https://wiki.example/callback?x",
        "https://wiki.example/",
        "https://WIKI.example/callback",
        "https://wiki.example:443/callback",
        "https://wiki.example.evil.example/callback",
        "https://wiki.example@evil.example/callback",
        "https://evil.example/callback",
        "http://wiki.example/callback",
        "//wiki.example/callback",
        "javascript:alert(1)",
    ] {
        for first in [("id_token_hint", token.as_str()), ("client_id", id.as_str())] {
            let query = [first, ("post_logout_redirect_uri", uri)];
            let page = Browser::default().get(&world, &path(&query)).await;
            assert_eq!((page.status, page.location), (400, None), "{uri}");
            let page = Browser::default().post(&world, "/adit/sign-out", &query).await;
            assert_eq!((page.status, page.location), (400, None), "{uri}");
        }
    }
    let nobodys = [("post_logout_redirect_uri", REDIRECT)];
    assert_eq!(Browser::default().get(&world, &path(&nobodys)).await.status, 400);
    let local = "http://localhost/done";
    let tool = world.relying_party(serde_json::json!({"publicClient": {"redirectUris": [local]}})).await;
    for (uri, status) in [(local, 200), ("http://localhost:50123/done", 400)] {
        let query = [("client_id", tool.id()), ("post_logout_redirect_uri", uri.to_owned())];
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(Browser::default().get(&world, &path(&query)).await.status, status, "{uri}: no port is free here");
    }
}

#[tokio::test]
async fn the_gateway_sends_nobody_here_to_sign_out_so_nobody_goes_on_to_it() {
    let (world, _, _) = world().await;
    let callback = "https://login.example/.adit/callback";
    let gateway = world.provider.admit_gateway(callback).unwrap();
    for uri in ["https://login.example/.adit/signed-out", callback, "https://evil.example/"] {
        let query = [("client_id", gateway.client_id.as_str()), ("post_logout_redirect_uri", uri)];
        assert_eq!(Browser::default().get(&world, &path(&query)).await.status, 400, "{uri}");
    }
}
