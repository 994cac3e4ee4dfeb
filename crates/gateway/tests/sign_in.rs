//! Applications that require sign-in: the way to the provider and back, what vouches for a request, and what does not
//! (threat model, T1 to T5).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

#[path = "sign_in/advisories.rs"]
mod advisories;
#[path = "sign_in/ends.rs"]
mod ends;
#[path = "sign_in/explained.rs"]
mod explained;
#[path = "sign_in/matrix.rs"]
mod matrix;
#[path = "sign_in/tricks.rs"]
mod tricks;
mod world;

use std::time::Duration;

use adit_core::application::PreAuthentication::Passthrough;
use adit_core::id::PrincipalId;
use adit_core::revocation::SessionsOf;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use uuid::Uuid;
use world::sign_in::{Browser, LOGIN, PAGE, SignInWorld, admission, everybody, link, only, ring, short_limits, user};
use world::upstream::Upstream;

const WIKI: &str = "wiki.localhost";
const SHOP: &str = "shop.localhost";

fn reason(answer: &Response<Bytes>) -> &str {
    answer.headers().get("x-adit-reason").map_or("", |reason| reason.to_str().unwrap())
}

fn text(answer: &Response<Bytes>) -> &str {
    std::str::from_utf8(answer.body()).unwrap()
}

fn location(answer: &Response<Bytes>) -> &str {
    answer.headers().get("location").map_or("", |location| location.to_str().unwrap())
}

fn is_sent_to_sign_in(answer: &Response<Bytes>) -> bool {
    let start = format!("https://{LOGIN}/.adit/sign-in?request=");
    answer.status() == StatusCode::FOUND && location(answer).starts_with(&start)
}

/// Everybody may use the wiki.
async fn with_wiki() -> (SignInWorld, Upstream, world::RunningConnector) {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, everybody()).await;
    let connector = signing.world.connector(&[]).await;
    (signing, upstream, connector)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_a_page_signs_in_once_and_comes_back_to_the_very_url() {
    let (mut signing, upstream, _connector) = with_wiki().await;
    let shop = Upstream::start();
    signing.publish(SHOP, &shop, everybody()).await;
    let (mut browser, path) = (Browser::default(), "/a%2fb?x=1&y=%C3%A4&next=https://evil.example/");
    let asked = browser.get(&signing.world, &format!("https://{WIKI}{path}")).await;
    assert!(is_sent_to_sign_in(&asked), "{asked:?}");
    assert_eq!((reason(&asked), asked.headers()["cache-control"].to_str().unwrap()), ("sign_in_required", "no-store"));
    let start = browser.get(&signing.world, location(&asked)).await;
    assert_eq!(start.status(), StatusCode::OK);
    let policy = start.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(10, &[]));
    let back = browser.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
    let arrived = browser.get(&signing.world, &link(&back).unwrap()).await;
    assert_eq!((arrived.status(), location(&arrived)), (StatusCode::SEE_OTHER, &*format!("https://{WIKI}{path}")));
    assert_eq!(upstream.connections(), 0, "nothing has entered a tunnel so far");
    let set = arrived.headers().get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect::<Vec<_>>();
    let session = set.iter().find(|set| set.starts_with("__Host-adit-app-")).unwrap();
    assert!(session.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{session}");
    assert!(browser.cookie(WIKI, "__Host-adit-before-").is_none(), "what was remembered of the attempt is gone");
    assert!(browser.cookie(LOGIN, "__Host-adit-attempt-").is_none());
    let page = browser.get(&signing.world, &format!("https://{WIKI}{path}")).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(upstream.last_head().starts_with("GET /a%2fb?x=1&y=%C3%A4&next=https://evil.example/ HTTP/1.1\r\n"));
    assert!(!upstream.saw("__Host-adit"), "no upstream sees a cookie of ours");
    // Another application is opened without another sign-in, and it has a cookie of its own.
    let page = signing.open(&mut browser, SHOP, "/", &json!({})).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!((signing.provider.tokens_asked(), shop.count("/")), (1, 1));
    assert_ne!(browser.cookie(WIKI, "__Host-adit-app-"), browser.cookie(SHOP, "__Host-adit-app-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_programs_and_websockets_are_told_to_sign_in_and_not_sent_there() {
    let (signing, upstream, _connector) = with_wiki().await;
    let ask = async |method: &str, fields: &[(&str, &str)]| {
        let mut request = Request::builder().method(method).uri("/x").header("host", WIKI);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await
    };
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("accept", PAGE),
    ];
    for (method, fields) in [
        ("GET", &[("sec-fetch-mode", "cors"), ("accept", "*/*")][..]),
        ("GET", &[("accept", "application/json")]),
        ("GET", &[]),
        ("GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]),
        ("OPTIONS", &[("origin", "https://evil.example"), ("access-control-request-method", "GET")]),
        ("DELETE", &[]),
        ("GET", &upgrade),
    ] {
        let answer = ask(method, fields).await;
        assert_eq!((answer.status(), reason(&answer)), (StatusCode::UNAUTHORIZED, "sign_in_required"), "{fields:?}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(answer.headers().get("set-cookie"), None);
        if method != "GET" || fields != upgrade {
            let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(json["error"]["reason"], "sign_in_required");
        }
    }
    let posted = ask("POST", &[("accept", PAGE), ("sec-fetch-mode", "navigate")]).await;
    assert_eq!(posted.status(), StatusCode::UNAUTHORIZED, "a form would lose what was written into it");
    assert!(text(&posted).contains("Please sign in."), "{}", text(&posted));
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_assigned_is_told_as_whom_they_are_signed_in() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, only(&[10], &[20])).await;
    signing.publish(SHOP, &upstream, admission(json!({"accountEnabled": false}), &[10], &[])).await;
    let _connector = signing.world.connector(&[]).await;
    for (who, groups, may) in [(10, &[][..], true), (11, &[21, 20], true), (11, &[21], false), (20, &[], false)] {
        let answer = signing.open(&mut Browser::default(), WIKI, "/x", &user(who, groups)).await;
        let expected = if may { (StatusCode::OK, "") } else { (StatusCode::FORBIDDEN, "not_assigned") };
        assert_eq!((answer.status(), reason(&answer)), expected, "{who} {groups:?}");
        if !may {
            assert!(text(&answer).contains(&format!("You are signed in as user{who}@corp.example.")));
        }
    }
    assert_eq!(upstream.count("/x"), 2);
    let answer = signing.open(&mut Browser::default(), SHOP, "/x", &user(10, &[])).await;
    assert_eq!((answer.status(), reason(&answer)), (StatusCode::FORBIDDEN, "sign_in_disabled"));
    // A user of so many groups that the provider left them out.
    let mut many = user(11, &[]);
    many["hasgroups"] = json!(true);
    let answer = signing.open(&mut Browser::default(), WIKI, "/x", &many).await;
    assert!(text(&answer).contains("more groups than could be looked at"), "{}", text(&answer));
    // An assignment that is taken back counts from the next request on.
    let mut browser = Browser::default();
    signing.publish("third.localhost", &upstream, only(&[10], &[])).await;
    assert_eq!(signing.open(&mut browser, "third.localhost", "/y", &user(10, &[])).await.status(), StatusCode::OK);
    signing.world.change(|application| application.admission = Some(std::sync::Arc::new(only(&[], &[])))).await;
    let answer = browser.get(&signing.world, "https://third.localhost/y").await;
    assert_eq!((answer.status(), upstream.count("/y")), (StatusCode::FORBIDDEN, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_is_out_everywhere_and_only_a_page_of_the_sign_in_host_can_ask_for_it() {
    let (mut signing, upstream, _connector) = with_wiki().await;
    signing.publish(SHOP, &upstream, everybody()).await;
    let mut browser = Browser::default();
    for host in [WIKI, SHOP] {
        assert_eq!(signing.open(&mut browser, host, "/", &user(10, &[])).await.status(), StatusCode::OK);
    }
    let before = browser.clone();
    let home = browser.get(&signing.world, &format!("https://{LOGIN}/")).await;
    assert!(text(&home).contains("user10@corp.example") && text(&home).contains(&format!("https://{SHOP}/")));
    let sign_out = format!("https://{LOGIN}/.adit/sign-out");
    let from_application = browser.get(&signing.world, &format!("https://{WIKI}/.adit/sign-out")).await;
    assert!(location(&from_application).starts_with(&format!("{sign_out}?session=")), "{from_application:?}");
    let form = browser.get(&signing.world, &sign_out).await;
    assert!(text(&form).contains("<form method=\"post\""));
    assert_eq!(form.headers()["referrer-policy"], "same-origin", "with no-referrer browsers send `Origin: null`");
    for origin in [None, Some("https://evil.example"), Some("null"), Some("https://login.localhost.evil.example")] {
        let mut request = Request::post("/").header("accept", PAGE);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let refused = before.clone().send(&signing.world, &sign_out, request).await;
        assert_eq!((refused.status(), reason(&refused)), (StatusCode::FORBIDDEN, "foreign_origin"), "{origin:?}");
    }
    assert_eq!(browser.get(&signing.world, &format!("https://{WIKI}/")).await.status(), StatusCode::OK);
    let request = Request::post("/").header("origin", format!("https://{LOGIN}"));
    let out = browser.send(&signing.world, &sign_out, request).await;
    assert_eq!(out.status(), StatusCode::OK);
    assert!(link(&out).unwrap().starts_with(&format!("{}/end?", signing.provider.url())), "at the provider too");
    assert_eq!(browser.line(LOGIN), "");
    let reached = upstream.count("/");
    // Cookies that somebody kept count no more, neither at the applications nor at the sign-in host.
    for mut browser in [browser, before] {
        for host in [WIKI, SHOP] {
            let asked = browser.get(&signing.world, &format!("https://{host}/")).await;
            assert!(is_sent_to_sign_in(&asked), "{host}");
            let start = browser.get(&signing.world, location(&asked)).await;
            assert!(link(&start).unwrap().starts_with(&format!("{}/authorize?", signing.provider.url())));
        }
    }
    assert_eq!(upstream.count("/"), reached);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_at_an_application_is_out_also_where_the_cookie_of_the_sign_in_host_is_gone() {
    let (mut signing, upstream, _connector) = with_wiki().await;
    signing.publish(SHOP, &upstream, everybody()).await;
    let mut browser = Browser::default();
    for host in [WIKI, SHOP] {
        assert_eq!(signing.open(&mut browser, host, "/", &user(10, &[])).await.status(), StatusCode::OK);
    }
    let mut other = Browser::default();
    signing.open(&mut other, WIKI, "/", &user(11, &[])).await;
    browser.0.remove(LOGIN);
    let from_application = browser.get(&signing.world, &format!("https://{WIKI}/.adit/sign-out")).await;
    let page = browser.get(&signing.world, location(&from_application)).await;
    let action = text(&page).split_once("action=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let own = format!("https://{LOGIN}");
    let post = async |browser: &mut Browser, action: &str, origin: &str| {
        let request = Request::post("/").header("origin", origin);
        browser.send(&signing.world, &format!("https://{LOGIN}{action}"), request).await
    };
    // What does not open ends nothing, and is not written into the page.
    for hostile in ["session=x", "session=%22%3E%3Cscript%3E", "session=", "x=y"] {
        let page = browser.clone().get(&signing.world, &format!("{own}/.adit/sign-out?{hostile}")).await;
        assert!(text(&page).contains("action=\"/.adit/sign-out\""), "{}", text(&page));
        assert_eq!(
            post(&mut browser.clone(), &format!("/.adit/sign-out?{hostile}"), &own).await.status(),
            StatusCode::OK
        );
    }
    assert_eq!(post(&mut browser.clone(), &action, "https://evil.example").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(browser.get(&signing.world, &format!("https://{WIKI}/")).await.status(), StatusCode::OK);
    assert_eq!(post(&mut browser, &action, &own).await.status(), StatusCode::OK);
    for host in [WIKI, SHOP] {
        assert!(is_sent_to_sign_in(&browser.get(&signing.world, &format!("https://{host}/")).await), "{host}");
    }
    assert_eq!(other.get(&signing.world, &format!("https://{WIKI}/")).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_of_the_application_takes_the_place_of_a_session_and_no_upstream_sees_it() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, only(&[10], &[20])).await;
    let app_id = Uuid::from_u128(100);
    signing
        .world
        .change(|application| application.identifier_uris = [std::sync::Arc::from("https://wiki/api")].into())
        .await;
    let _connector = signing.world.connector(&[]).await;
    let ask = async |authorization: String| {
        let request = Request::post("/x").header("host", WIKI).header("authorization", authorization);
        signing.world.send(WIKI, request.body(Full::new(Bytes::from("body"))).unwrap()).await
    };
    let who = Uuid::from_u128(10).to_string();
    let token = |audience: &str, who: u128, more| {
        signing.provider.access_token(audience, &Uuid::from_u128(who).to_string(), &more)
    };
    for audience in [app_id.to_string(), format!("api://{app_id}"), "https://wiki/api".to_owned()] {
        let answer = ask(format!("Bearer {}", token(&audience, 10, json!({})))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{audience}");
        assert!(!upstream.last_head().contains("authorization"), "{}", upstream.last_head());
        assert_eq!(answer.headers().get("set-cookie"), None, "a token begins no session");
    }
    let by_group =
        ask(format!("Bearer {}", token(&app_id.to_string(), 11, json!({"groups": [Uuid::from_u128(20)]})))).await;
    assert_eq!(by_group.status(), StatusCode::OK);
    let reached = upstream.count("/x");
    let id = app_id.to_string();
    for (what, token) in [
        ("another application's", token(&Uuid::from_u128(101).to_string(), 10, json!({}))),
        ("the API's", token("api://adit", 10, json!({}))),
        ("an ID token of the sign-in", token(world::provider::CLIENT, 10, json!({"nonce": "x"}))),
        ("an ID token", token(&id, 10, json!({"nonce": "x"}))),
        ("an ID token of another client", token(&id, 10, json!({"scp": serde_json::Value::Null}))),
        ("one that is over", token(&id, 10, json!({"exp": world::provider::now() - 120}))),
        ("another issuer's", token(&id, 10, json!({"iss": "https://elsewhere.example"}))),
        (
            "a forged one",
            world::provider::Signer::new("one").sign(&json!({"iss": signing.provider.url(), "aud": id, "sub": who,
            "iat": world::provider::now(), "exp": world::provider::now() + 60})),
        ),
        ("rubbish", "rubbish".to_owned()),
        ("nothing", String::new()),
    ] {
        let answer = ask(format!("Bearer {token}")).await;
        assert_eq!((answer.status(), reason(&answer)), (StatusCode::UNAUTHORIZED, "sign_in_required"), "{what}");
    }
    assert_eq!(ask("Basic YTpi".to_owned()).await.status(), StatusCode::UNAUTHORIZED);
    let refused = ask(format!("Bearer {}", token(&id, 12, json!({})))).await;
    assert_eq!((refused.status(), reason(&refused)), (StatusCode::FORBIDDEN, "not_assigned"));
    assert_eq!(upstream.count("/x"), reached);
    // Beside a session, an application's own credentials are its own, and a token of ours is still no upstream's.
    let mut browser = Browser::default();
    signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    let own = Request::get("/").header("authorization", "Bearer of-the-application");
    browser.send(&signing.world, &format!("https://{WIKI}/own"), own).await;
    assert!(upstream.last_head().contains("authorization: Bearer of-the-application"), "{}", upstream.last_head());
    let ours = Request::get("/").header("authorization", format!("Bearer {}", token(&id, 10, json!({}))));
    browser.send(&signing.world, &format!("https://{WIKI}/ours"), ours).await;
    assert_eq!(upstream.count("/ours"), 1);
    assert!(!upstream.last_head().contains("authorization"), "{}", upstream.last_head());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_idle_old_or_ended_and_follows_the_keys() {
    let (mut signing, upstream) = (SignInWorld::start_with(short_limits(60_000, 1_600)).await, Upstream::start());
    signing.publish(WIKI, &upstream, everybody()).await;
    let _connector = signing.world.connector(&[]).await;
    let url = format!("https://{WIKI}/x");
    let mut browser = Browser::default();
    signing.open(&mut browser, WIKI, "/x", &user(10, &[])).await;
    let first = browser.clone();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(800)).await;
        let page = browser.get(&signing.world, &url).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.headers().contains_key("set-cookie"), "the use is noted");
    }
    assert!(is_sent_to_sign_in(&first.clone().get(&signing.world, &url).await), "one that was not used is over");
    // No cache on the way gets a session to give to others.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for (said, is_noted, now_says) in [
        ("cache-control:public,max-age=60", false, "public,max-age=60"),
        ("cache-control:max-age=60", false, "max-age=60"),
        ("cache-control:private,max-age=60", true, "private,max-age=60"),
        ("x-other:1", true, "private"),
    ] {
        let page = browser.clone().get(&signing.world, &format!("https://{WIKI}/says/{said}")).await;
        assert_eq!(page.headers().contains_key("set-cookie"), is_noted, "{said}");
        assert_eq!(page.headers()["cache-control"], now_says, "{said}");
    }
    signing.keys.store(ring(2, Some(1)));
    assert_eq!(browser.clone().get(&signing.world, &url).await.status(), StatusCode::OK, "the previous key opens");
    signing.keys.store(ring(3, Some(2)));
    assert!(is_sent_to_sign_in(&browser.clone().get(&signing.world, &url).await), "an older one does not");
    signing.keys.store(ring(1, None));
    let reached = upstream.count("/x");
    signing.world.end_sessions(SessionsOf::Principal(PrincipalId::new(Uuid::from_u128(10)))).await;
    assert!(is_sent_to_sign_in(&browser.get(&signing.world, &url).await), "the user's sessions were ended");
    assert_eq!(upstream.count("/x"), reached);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_has_the_properties_that_the_application_asks_for() {
    let (signing, _upstream, _connector) = with_wiki().await;
    let mut signing = signing;
    for (http_only, persistent) in [(None, None), (Some(false), Some(true)), (Some(true), Some(false))] {
        signing
            .world
            .change(|application| {
                application.is_http_only_cookie = http_only;
                application.is_persistent_cookie = persistent;
            })
            .await;
        let mut browser = Browser::default();
        let asked = browser.get(&signing.world, &format!("https://{WIKI}/")).await;
        let start = browser.get(&signing.world, location(&asked)).await;
        let callback = signing.provider.sign_in(&link(&start).unwrap(), &user(10, &[]));
        let back = browser.get(&signing.world, &format!("https://{LOGIN}/.adit/callback?{callback}")).await;
        let arrived = browser.get(&signing.world, &link(&back).unwrap()).await;
        let sets = arrived.headers().get_all("set-cookie").iter().map(|set| set.to_str().unwrap());
        let set = sets.into_iter().find(|set| set.starts_with("__Host-adit-app-")).unwrap();
        assert!(set.contains("; Secure"), "{set}");
        assert_eq!(set.contains("; HttpOnly"), http_only != Some(false), "{set}");
        assert_eq!(set.contains("; Max-Age="), persistent == Some(true), "{set}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_provider_nobody_new_comes_in_and_everybody_else_goes_on() {
    let (mut signing, upstream, _connector) = with_wiki().await;
    signing.world.publish("https://open.localhost/", &upstream.url(), Passthrough).await;
    let mut browser = Browser::default();
    signing.open(&mut browser, WIKI, "/", &user(10, &[])).await;
    signing.provider.answers_for_tokens("HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let newcomer = signing.open(&mut Browser::default(), WIKI, "/", &user(11, &[])).await;
    assert_eq!((newcomer.status(), reason(&newcomer)), (StatusCode::SERVICE_UNAVAILABLE, "provider_unavailable"));
    assert_eq!(browser.get(&signing.world, &format!("https://{WIKI}/")).await.status(), StatusCode::OK);
    assert_eq!(browser.get(&signing.world, "https://open.localhost/").await.status(), StatusCode::OK);
}
