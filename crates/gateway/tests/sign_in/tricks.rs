//! What somebody may try between an application, the sign-in host and another's browser.

use std::sync::Arc;

use adit_core::application::PreAuthentication::SignIn;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use uuid::Uuid;

use super::world::sign_in::{Browser, LOGIN, SignInWorld, everybody, link, user};
use super::world::upstream::Upstream;
use super::{PAGE, SHOP, WIKI, is_sent_to_sign_in, location, reason, text, with_wiki};

/// A browser on its way: the URL at which it would get its session of the wiki.
async fn on_the_way(signing: &SignInWorld, browser: &mut Browser, who: u128) -> String {
    let asked = browser.get(&signing.world, &format!("https://{WIKI}/secret")).await;
    let start = browser.get(&signing.world, location(&asked)).await;
    let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(who, &[]));
    let back = browser.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
    link(&back).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_as_somebody_else() {
    let (signing, upstream, _connector) = with_wiki().await;
    let (mut attacker, mut victim) = (Browser::default(), Browser::default());
    // The attacker's code in the victim's browser, which is on its way itself.
    let code = on_the_way(&signing, &mut attacker, 66).await;
    let own = on_the_way(&signing, &mut victim, 10).await;
    for browser in [&mut victim, &mut Browser::default()] {
        let refused = browser.get(&signing.world, &code).await;
        assert_eq!((refused.status(), reason(&refused)), (StatusCode::BAD_REQUEST, "sign_in_failed"));
        assert!(browser.cookie(WIKI, "__Host-adit-app-").is_none());
    }
    // The attacker's answer of the provider in the victim's browser.
    let mut fresh = Browser::default();
    let asked = fresh.get(&signing.world, &format!("https://{WIKI}/secret")).await;
    let start = fresh.get(&signing.world, location(&asked)).await;
    let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(66, &[]));
    let asked_tokens = signing.provider.tokens_asked();
    let planted = victim.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
    assert_eq!((planted.status(), reason(&planted)), (StatusCode::BAD_REQUEST, "sign_in_failed"));
    assert_eq!(signing.provider.tokens_asked(), asked_tokens, "nothing was asked of the provider");
    // The victim's own code counts.
    let arrived = victim.get(&signing.world, &own).await;
    assert_eq!((arrived.status(), location(&arrived)), (StatusCode::SEE_OTHER, &*format!("https://{WIKI}/secret")));
    // Once more: the same code, the back button. Who has a session goes on, who has none is refused.
    let again = victim.get(&signing.world, &own).await;
    assert_eq!((again.status(), location(&again)), (StatusCode::SEE_OTHER, &*format!("https://{WIKI}/")));
    let stolen = Browser::default().get(&signing.world, &own).await;
    assert_eq!(stolen.status(), StatusCode::BAD_REQUEST);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_planted_before_a_sign_in_is_not_the_one_after_it() {
    let (signing, _upstream, _connector) = with_wiki().await;
    let mut attacker = Browser::default();
    signing.open(&mut attacker, WIKI, "/", &user(66, &[])).await;
    let mut victim = Browser::default();
    victim.0.insert(LOGIN.to_owned(), attacker.0[LOGIN].clone());
    let planted = victim.cookie(LOGIN, "__Host-adit-signin").unwrap();
    // The victim signs in all the same: it was on its way before the session was planted.
    let mut starting = victim.clone();
    starting.0.clear();
    let asked = starting.get(&signing.world, &format!("https://{WIKI}/")).await;
    let start = starting.get(&signing.world, location(&asked)).await;
    let attempts = starting.0[LOGIN].clone();
    victim.0.get_mut(LOGIN).unwrap().extend(attempts);
    victim.0.insert(WIKI.to_owned(), starting.0[WIKI].clone());
    let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(10, &[]));
    let back = victim.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
    assert_eq!(back.status(), StatusCode::OK);
    assert_ne!(victim.cookie(LOGIN, "__Host-adit-signin").unwrap(), planted);
    // The planted one is dead everywhere, for it was another person's.
    let refused = attacker.get(&signing.world, &format!("https://{WIKI}/")).await;
    assert!(is_sent_to_sign_in(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_anew_ends_the_own_session_from_before() {
    let (signing, upstream, _connector) = with_wiki().await;
    let mut browser = Browser::default();
    // A tab that is on its way, while the other signs in.
    let asked = browser.get(&signing.world, &format!("https://{WIKI}/tab")).await;
    let start = browser.get(&signing.world, location(&asked)).await;
    signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    let stolen = browser.clone();
    let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(10, &[]));
    let back = browser.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
    assert_eq!(back.status(), StatusCode::OK);
    let mut thief = stolen.clone();
    assert!(is_sent_to_sign_in(&thief.get(&signing.world, &format!("https://{WIKI}/")).await));
    let home = thief.get(&signing.world, &format!("https://{LOGIN}/")).await;
    assert!(!text(&home).contains("user10@corp.example"), "{}", text(&home));
    // The browser itself goes on without another sign-in.
    let (tokens, reached) = (signing.provider.tokens_asked(), upstream.count("/"));
    assert_eq!(signing.open(&mut browser, WIKI, "/", &json!({})).await.status(), StatusCode::OK);
    assert_eq!((signing.provider.tokens_asked(), upstream.count("/")), (tokens, reached + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_opens_no_websocket_with_a_users_cookie() {
    let (signing, upstream, _connector) = with_wiki().await;
    let mut browser = Browser::default();
    signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    let token =
        signing.provider.access_token(&Uuid::from_u128(100).to_string(), &Uuid::from_u128(10).to_string(), &json!({}));
    let open = async |origin: Option<&str>, (name, value): (&str, String)| {
        let request = Request::get("/upgrade").header("host", WIKI).header(name, value);
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        let request =
            request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await
    };
    let cookie = || ("cookie", browser.line(WIKI));
    for foreign in [
        "https://evil.localhost",
        "https://shop.localhost",
        "http://wiki.localhost",
        "https://wiki.localhost:1",
        "null",
    ] {
        let refused = open(Some(foreign), cookie()).await;
        assert_eq!((refused.status(), reason(&refused)), (StatusCode::FORBIDDEN, "foreign_origin"), "{foreign}");
    }
    assert_eq!(upstream.count("/upgrade"), 0);
    for own in [None, Some("https://wiki.localhost")] {
        assert_eq!(open(own, cookie()).await.status(), StatusCode::SWITCHING_PROTOCOLS, "{own:?}");
    }
    // A token is sent by nobody but who has it.
    let by_token = open(Some("https://elsewhere.example"), ("authorization", format!("Bearer {token}"))).await;
    assert_eq!(by_token.status(), StatusCode::SWITCHING_PROTOCOLS);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_the_sign_in_host_that_no_application_made_lead_nowhere() {
    let (mut signing, upstream, _connector) = with_wiki().await;
    signing.publish(SHOP, &upstream, everybody()).await;
    let mut browser = Browser::default();
    let asked = browser.get(&signing.world, &format!("https://{WIKI}/")).await;
    let good = location(&asked).to_owned();
    let request = good.split_once("request=").unwrap().1;
    let mut changed = request.to_owned().into_bytes();
    changed[30] = if changed[30] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    let base = format!("https://{LOGIN}/.adit/sign-in");
    for hostile in [
        base.clone(),
        format!("{base}?request="),
        format!("{base}?request=x"),
        format!("{base}?request={changed}"),
        format!("{base}?request={request}&request={request}"),
        format!("{base}?request={request}x"),
        format!("{base}?url=https://evil.example/"),
    ] {
        let refused = browser.get(&signing.world, &hostile).await;
        assert_eq!((refused.status(), reason(&refused)), (StatusCode::BAD_REQUEST, "sign_in_failed"), "{hostile}");
    }
    for (method, path, status) in [
        ("POST", "/.adit/sign-in", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/.adit/callback", StatusCode::METHOD_NOT_ALLOWED),
        ("GET", "/.adit/", StatusCode::NOT_FOUND),
        ("GET", "/x", StatusCode::NOT_FOUND),
        ("DELETE", "/", StatusCode::NOT_FOUND),
    ] {
        let request = Request::builder().method(method);
        let answer = browser.send(&signing.world, &format!("https://{LOGIN}{path}"), request).await;
        assert_eq!(answer.status(), status, "{method} {path}");
    }
    // A code for one application is none for the other, nor for one that there is not.
    let code = on_the_way(&signing, &mut browser, 10).await;
    let shop = Uuid::from_u128(101);
    let wiki = Uuid::from_u128(100);
    for hostile in [
        code.replace(WIKI, SHOP),
        code.replace(WIKI, SHOP).replace(&wiki.to_string(), &shop.to_string()),
        code.replace(&wiki.to_string(), &shop.to_string()),
        code.replace(&wiki.to_string(), &Uuid::from_u128(999).to_string()),
        code.replace("code=", "code=A"),
        code.split("&code=").next().unwrap().to_owned(),
    ] {
        let refused = browser.get(&signing.world, &hostile).await;
        assert!(
            refused.status() == StatusCode::BAD_REQUEST || is_sent_to_sign_in(&refused),
            "{hostile}: {}",
            refused.status()
        );
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_url_was_asked_the_browser_comes_back_to_the_application() {
    let (signing, upstream, _connector) = with_wiki().await;
    for path in [
        "//evil.example/",
        "/%5cevil.example",
        "/x?next=//evil.example",
        "/@evil.example/",
        "/?https://evil.example/",
        "/%0d%0aset-cookie:x",
        "/x?a={b|c}^d",
        "/;@evil.example",
    ] {
        let mut browser = Browser::default();
        let asked = browser.get(&signing.world, &format!("https://{WIKI}{path}")).await;
        if asked.status() == StatusCode::BAD_REQUEST {
            continue;
        }
        let start = browser.get(&signing.world, location(&asked)).await;
        let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(10, &[]));
        let back = browser.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
        let arrived = browser.get(&signing.world, &link(&back).unwrap()).await;
        assert!(location(&arrived).starts_with(&format!("https://{WIKI}/")), "{path}: {}", location(&arrived));
    }
    let long = format!("https://{WIKI}/x?{}", "y".repeat(8_000));
    assert!(is_sent_to_sign_in(&Browser::default().get(&signing.world, &long).await));
    for (length, kept) in [(1_900, true), (8_000, false)] {
        let path = format!("/x?{}", "y".repeat(length));
        let answer = signing.open(&mut Browser::default(), WIKI, &path, &user(10, &[])).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let asked = if kept { path.as_str() } else { "/x" };
        assert!(upstream.last_head().starts_with(&format!("GET {asked} HTTP")), "{}", upstream.last_head());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_and_floods_of_cookies_are_no_session_and_do_no_harm() {
    let (signing, upstream, _connector) = with_wiki().await;
    let mut browser = Browser::default();
    signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    let name = format!("__Host-adit-app-{}", Uuid::from_u128(100).simple());
    let reached = upstream.count("/");
    for (what, line) in [
        ("300 twins", vec![format!("{name}=x"); 300].join("; ")),
        ("a twin in front", format!("{name}=x; {}", browser.line(WIKI))),
        ("15 KiB", format!("{name}={}", "x".repeat(15_000))),
        ("no value", format!("{name}=")),
        ("no name", format!("={}", browser.cookie(WIKI, "__Host-adit-app-").unwrap())),
    ] {
        let mut planted = Browser::default();
        let request = Request::get("/").header("accept", PAGE).header("cookie", line);
        let answer = planted.send(&signing.world, &format!("https://{WIKI}/"), request).await;
        assert!(is_sent_to_sign_in(&answer), "{what}: {}", answer.status());
    }
    let mut planted = Browser::default();
    let request = Request::get("/").header("cookie", format!("{name}={}", "x".repeat(45_000)));
    let answer = planted.send(&signing.world, &format!("https://{WIKI}/"), request).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(upstream.count("/"), reached);
    // An upstream can set none of ours: what it echoes is not taken for one.
    let page = signing.open(&mut browser, WIKI, "/", &json!({})).await;
    assert_eq!(page.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_a_port_that_the_request_named() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.world.publish("https://wiki.localhost:8443/", &upstream.url(), SignIn).await;
    signing.world.change(|application| application.admission = Some(Arc::new(everybody()))).await;
    let _connector = signing.world.connector(&[]).await;
    for port in ["", ":443", ":8443", ":9999"] {
        let mut browser = Browser::default();
        let request = Request::get("/secret").header("host", format!("{WIKI}{port}")).header("accept", PAGE);
        let asked = signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await;
        assert!(is_sent_to_sign_in(&asked), "{port}: {}", asked.status());
        browser.keep(WIKI, &asked);
        let start = browser.get(&signing.world, location(&asked)).await;
        let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(10, &[]));
        let back = browser.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
        let back = link(&back).unwrap();
        let code = back.strip_prefix("https://wiki.localhost:8443").unwrap_or_else(|| panic!("{port}: {back}"));
        let request = Request::get(code).header("host", format!("{WIKI}{port}")).header("cookie", browser.line(WIKI));
        let arrived = signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await;
        assert_eq!(location(&arrived), "https://wiki.localhost:8443/secret", "{port}");
    }
}
