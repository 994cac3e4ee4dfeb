//! What upstreams are told of who asks: by the gateway alone, of the right user, in a form that no value can break, and signed
//! so that it can be verified (threat model, T6).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

#[path = "sign_on/assertion.rs"]
mod assertion;
mod world;

use adit_core::UpstreamProtocol;
use adit_core::application::PreAuthentication::Passthrough;
use adit_core::sign_on::{AssertionState, SignOn, SignOnHeader, SignOnHeaders, plain};
use adit_core::snapshot::PublishedApplication;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;
use world::http2::Http2Upstream;
use world::sign_in::{Browser, SignInWorld, everybody, user};
use world::upstream::Upstream;

const WIKI: &str = "wiki.localhost";
const SHOP: &str = "shop.localhost";

/// How somebody may write `X-User`, as the names of fields go.
const SPELLINGS: [&str; 9] = ["X-User", "x-user", "X_User", "x_USER", "X.User", "X~User", "X!User", "X'User", "X|User"];

/// And the assertion.
const OF_ASSERTION: [&str; 4] = ["Adit-Assertion", "ADIT_ASSERTION", "adit.assertion", "Adit*Assertion"];

fn headers(pairs: &[&str]) -> SignOn {
    let headers = pairs.iter().map(|pair| SignOnHeader::parse(pair).unwrap()).collect();
    SignOn { headers: SignOnHeaders::new(headers).unwrap(), assertion: AssertionState::On }
}

/// Tells the upstream these things.
fn tells(pairs: &[&str]) -> impl FnOnce(&mut PublishedApplication) {
    let sign_on = headers(pairs);
    move |application| {
        application.sign_on = sign_on;
        application.is_sign_on_by_headers = true;
    }
}

const USUAL: [&str; 4] = ["X-User=id", "X-Name=displayName", "X_Mail=mail", "Remote-User=userPrincipalName"];

async fn with_wiki(pairs: &[&str]) -> (SignInWorld, Upstream, world::RunningConnector) {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, everybody()).await;
    signing.world.change(tells(pairs)).await;
    let connector = signing.world.connector(&[]).await;
    (signing, upstream, connector)
}

/// A browser in which a user has signed in at the wiki.
async fn signed_in(signing: &SignInWorld, who: &Value) -> Browser {
    let mut browser = Browser::default();
    assert_eq!(signing.open(&mut browser, WIKI, "/", who).await.status(), StatusCode::OK);
    browser
}

/// The values of the fields of a head that some server reads as `name`.
fn values(head: &str, name: &str) -> Vec<String> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    fields.filter(|(own, _)| plain(own) == plain(name)).map(|(_, value)| value.to_owned()).collect()
}

fn one(head: &str, name: &str) -> String {
    let mut values = values(head, name);
    assert_eq!(values.len(), 1, "{name} in {head}");
    values.remove(0)
}

fn id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

/// Sends a head as it is written, and reads the answer to its end.
async fn raw(signing: &SignInWorld, host: &str, head: &str) -> String {
    let mut socket = signing.world.tls(host, &[b"http/1.1"]).await;
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn http2(signing: &SignInWorld, host: &str) -> SendRequest<Bytes> {
    let (client, connection) = h2::client::handshake(signing.world.tls(host, &[b"h2"]).await).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

fn forged() -> String {
    SPELLINGS.iter().chain(&OF_ASSERTION).map(|name| format!("{name}: forged\r\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_say_of_themselves_does_not_arrive_in_whatever_spelling() {
    let (signing, upstream, _connector) = with_wiki(&USUAL).await;
    let browser = signed_in(&signing, &user(10, &[])).await;
    let cookie = browser.line(WIKI);
    let others = "X-Mail: forged\r\nx.mail: forged\r\nREMOTE_USER: forged\r\nx_name: forged\r\n";
    let ours = |head: &str| {
        assert!(!head.contains("forged"), "{head}");
        assert_eq!(one(head, "x-user"), id(10));
        assert_eq!(one(head, "remote-user"), "user10@corp.example");
        assert_eq!(one(head, "adit-assertion").split('.').count(), 3);
        // Nothing is known of them, and nobody else says anything.
        assert_eq!((values(head, "x-mail"), values(head, "x-name")), (Vec::new(), Vec::new()), "{head}");
    };
    // By a session, by a session whose hop names them, and by a token.
    let token = signing.provider.access_token(&id(100), &id(10), &json!({"preferred_username": "user10@corp.example"}));
    for own in [
        format!("cookie: {cookie}\r\nconnection: close\r\n"),
        format!("cookie: {cookie}\r\nconnection: close, X-User, Adit-Assertion, Remote-User\r\n"),
        format!("authorization: Bearer {token}\r\nconnection: close\r\n"),
    ] {
        let answer =
            raw(&signing, WIKI, &format!("GET /x HTTP/1.1\r\nhost: {WIKI}\r\n{own}{}{others}\r\n", forged())).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        ours(&upstream.last_head());
    }
    assert_eq!(upstream.count("/x"), 3);
    // The same over HTTP/2.
    let mut request = Request::get(format!("https://{WIKI}/y")).header("cookie", &cookie);
    for name in SPELLINGS.iter().chain(&OF_ASSERTION).chain(&["x-mail", "x_mail", "remote_user", "X.Name"]) {
        request = request.header(*name, "forged");
    }
    let mut client = http2(&signing, WIKI).await;
    let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
    assert_eq!((response.await.unwrap().status(), upstream.count("/y")), (StatusCode::OK, 1));
    ours(&upstream.last_head());
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_tell_the_same_over_both_versions_of_http() {
    let (signing, upstream, _connector) = with_wiki(&USUAL).await;
    let browser = signed_in(&signing, &user(10, &[])).await;
    let cookie = browser.line(WIKI);
    let mut socket = signing.world.tls(WIKI, &[b"http/1.1"]).await;
    let head = format!(
        "GET /upgrade HTTP/1.1\r\nhost: {WIKI}\r\norigin: https://{WIKI}\r\ncookie: {cookie}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
        forged()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 512];
    let count = socket.read(&mut answer).await.unwrap();
    assert!(answer[..count].starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer[..count]));
    let head = upstream.last_head();
    assert_eq!((one(&head, "x-user"), head.contains("forged")), (id(10), false), "{head}");
    let mut client = http2(&signing, WIKI).await;
    world::eventually("the gateway allows it", || client.is_extended_connect_protocol_enabled()).await;
    let request = Request::builder().method("CONNECT").uri(format!("https://{WIKI}/upgrade"));
    let request = request.extension(h2::ext::Protocol::from_static("websocket")).header("cookie", &cookie);
    let request = request.header("origin", format!("https://{WIKI}")).header("sec-websocket-version", "13");
    let request = request.header("x_user", "forged").header("adit-assertion", "forged").body(()).unwrap();
    let (response, _send) = client.send_request(request, false).unwrap();
    assert_eq!((response.await.unwrap().status(), upstream.count("/upgrade")), (StatusCode::OK, 2));
    let head = upstream.last_head();
    assert_eq!((one(&head, "x-user"), head.contains("forged")), (id(10), false), "{head}");
    assert_eq!(one(&head, "adit-assertion").split('.').count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_of_http2_is_told_the_same() {
    let (mut signing, upstream) = (SignInWorld::start().await, Http2Upstream::start(100).await);
    signing.publish(WIKI, &Upstream::start(), everybody()).await;
    let internal = adit_core::InternalUrl::parse(&upstream.url()).unwrap();
    signing
        .world
        .change(|application| {
            tells(&USUAL)(application);
            application.upstream_protocol = UpstreamProtocol::Http2;
        })
        .await;
    signing.world.lead_to(internal).await;
    let _connector = signing.world.connector(&[]).await;
    let mut browser = signed_in(&signing, &user(10, &[])).await;
    let request = Request::get("/x").header("x_user", "forged").header("adit.assertion", "forged");
    let answer = browser.send(&signing.world, &format!("https://{WIKI}/x"), request).await;
    assert_eq!((answer.status(), upstream.count("/x")), (StatusCode::OK, 1));
    let head = upstream.last_head();
    assert_eq!(head.headers()["x-user"], id(10).as_str());
    assert_eq!(head.headers().get_all("adit-assertion").iter().count(), 1);
    assert!(!format!("{head:?}").contains("forged"), "{head:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_ask_at_once_are_never_told_of_as_each_other() {
    let (signing, upstream, _connector) = with_wiki(&["X-User=id", "X-Groups=groups"]).await;
    let mut all = Vec::new();
    for number in 10..14_u128 {
        all.push((number, signed_in(&signing, &user(number, &[number + 100])).await.line(WIKI)));
    }
    let signing = &signing;
    let asked = all.iter().map(|(number, cookie)| async move {
        let mut client = http2(signing, WIKI).await;
        for turn in 0..25 {
            let request = Request::get(format!("https://{WIKI}/of/{number}/{turn}")).header("cookie", cookie);
            let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
            let mut body = response.await.unwrap().into_body();
            let mut head = Vec::new();
            while let Some(part) = body.data().await {
                let part = part.unwrap();
                body.flow_control().release_capacity(part.len()).unwrap();
                head.extend_from_slice(&part);
            }
            // The upstream echoes the head that it has seen.
            let head = String::from_utf8(head).unwrap();
            assert!(head.starts_with(&format!("GET /of/{number}/{turn} ")), "{head}");
            assert_eq!((one(&head, "x-user"), one(&head, "x-groups")), (id(*number), id(number + 100)));
            let claims = assertion::unverified(&one(&head, "adit-assertion"));
            assert_eq!((&claims["sub"], &claims["groups"]), (&json!(id(*number)), &json!([id(number + 100)])));
        }
    });
    futures_util::future::join_all(asked).await;
    assert_eq!((10..14).map(|number| upstream.count(&format!("/of/{number}/24"))).sum::<usize>(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_can_end_a_field_or_begin_another() {
    let pairs = ["X-User=id", "X-Name=displayName", "X-Login=userPrincipalName", "X-Mail=mail", "X-Groups=groups"];
    let (signing, upstream, _connector) = with_wiki(&pairs).await;
    for (name, shown) in [
        ("Zoë Ångström", Some("Zo%C3%AB %C3%85ngstr%C3%B6m")),
        ("100 % Eve", Some("100 %25 Eve")),
        ("Eve\r\nX-User: admin\r\n\r\nGET / HTTP/1.1", Some("Eve%0D%0AX-User: admin%0D%0A%0D%0AGET / HTTP/1.1")),
        ("a\0b\tc\u{7f}d\u{1b}[2J", Some("a%00b%09c%7Fd%1B[2J")),
        (" at the ends ", Some("%20at the ends%20")),
        ("\u{2028}\u{feff}", Some("%E2%80%A8%EF%BB%BF")),
        ("", None),
    ] {
        let mut who = user(10, &[]);
        who["name"] = json!(name);
        who["preferred_username"] = json!(name);
        who["email"] = json!(name);
        let _ = signed_in(&signing, &who).await;
        let head = upstream.last_head();
        for field in ["x-name", "x-login", "x-mail"] {
            let shown: Vec<String> = shown.into_iter().map(str::to_owned).collect();
            assert_eq!(values(&head, field), shown, "{name:?} in {head}");
        }
        assert_eq!(one(&head, "x-user"), id(10));
        let said = assertion::unverified(&one(&head, "adit-assertion"))["name"].clone();
        assert_eq!(said.as_str().unwrap_or_default(), name, "the very text");
    }
    // As many groups as a session has, each whole.
    let many: Vec<u128> = (1000..1120).collect();
    let _ = signed_in(&signing, &user(10, &many)).await;
    let head = upstream.last_head();
    let groups = one(&head, "x-groups");
    let groups: Vec<&str> = groups.split(',').collect();
    assert_eq!((groups.len(), groups[99]), (100, id(1099).as_str()));
    let claims = assertion::unverified(&one(&head, "adit-assertion"));
    assert_eq!((claims["groups"].as_array().unwrap().len(), &claims["hasgroups"]), (50, &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_for_a_field_is_not_cut_but_left_out() {
    let (signing, upstream, _connector) = with_wiki(&["X-Subject=subject", "X-User=id"]).await;
    for (length, is_told) in [(100, true), (4096, true), (4097, false)] {
        let token = signing.provider.access_token(&id(100), &"s".repeat(length), &json!({"oid": id(10)}));
        let request = Request::get("/x").header("host", WIKI).header("authorization", format!("Bearer {token}"));
        let request = request.header("x-subject", "forged").body(Full::<Bytes>::default()).unwrap();
        assert_eq!(signing.world.send(WIKI, request).await.status(), StatusCode::OK);
        let head = upstream.last_head();
        let told = if is_told { vec!["s".repeat(length)] } else { Vec::new() };
        assert_eq!((values(&head, "x-subject"), one(&head, "x-user")), (told, id(10)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_clients_do_not_tell_it_either() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, everybody()).await;
    signing.world.change(tells(&["X-User=id"])).await;
    let _connector = signing.world.connector(&[]).await;
    let cookie = signed_in(&signing, &user(10, &[])).await.line(WIKI);
    let internal = format!("http://{}/", listener.local_addr().unwrap());
    signing.world.lead_to(adit_core::InternalUrl::parse(&internal).unwrap()).await;
    let seen = tokio::spawn(async move {
        let mut socket = listener.accept().await.unwrap().0;
        let mut seen = String::new();
        while !(seen.contains("\r\n0\r\n") && seen.ends_with("\r\n\r\n")) {
            let mut part = [0; 4096];
            let length = socket.read(&mut part).await.unwrap();
            assert_ne!(length, 0, "the request ended early: {seen}");
            seen.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        seen
    });
    let mut client = http2(&signing, WIKI).await;
    let request = Request::post(format!("https://{WIKI}/x")).header("cookie", cookie).header("te", "trailers");
    let request = request.header("trailer", "x-sum, x-user, x_user, x.user, adit-assertion, adit_assertion");
    let (response, mut send) = client.send_request(request.body(()).unwrap(), false).unwrap();
    send.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let mut trailers = HeaderMap::new();
    for name in ["x-sum", "x-user", "x_user", "x.user", "adit-assertion", "adit_assertion"] {
        trailers.insert(name, "trailing".parse().unwrap());
    }
    send.send_trailers(trailers).unwrap();
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
    let seen = seen.await.unwrap();
    assert!(seen.ends_with("5\r\nhello\r\n0\r\nx-sum: trailing\r\n\r\n"), "{seen}");
    assert_eq!(one(seen.split("\r\n\r\n").next().unwrap(), "x-user"), id(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_signs_in_or_nothing_is_to_be_told_clients_do_not_tell_it_either() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.world.publish(&format!("https://{SHOP}/"), &upstream.url(), Passthrough).await;
    signing.publish(WIKI, &upstream, everybody()).await;
    let _connector = signing.world.connector(&[]).await;
    let browser = signed_in(&signing, &user(10, &[])).await;
    let ask = async |signing: &SignInWorld, host: &str| {
        let cookie = browser.line(host);
        let own = format!("GET /x HTTP/1.1\r\nhost: {host}\r\ncookie: a=1; {cookie}\r\nconnection: close\r\n");
        let answer = raw(signing, host, &format!("{own}{}X-Other: kept\r\n\r\n", forged())).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let head = upstream.last_head();
        assert!(values(&head, "adit-assertion").is_empty(), "{head}");
        assert_eq!(one(&head, "x-other"), "kept");
        head
    };
    // Without a list, the names are anybody's, as ever; the assertion's never is.
    assert_eq!(values(&ask(&signing, WIKI).await, "x-user").len(), SPELLINGS.len());
    let explained = signing.world.explain(&format!("https://{WIKI}/x"), None);
    assert!(explained.headers.is_empty(), "{:?}", explained.headers);
    // With a list and another way to sign on, or none.
    signing.world.change(|application| application.sign_on = headers(&["X-User=id"])).await;
    assert_eq!(values(&ask(&signing, WIKI).await, "x-user"), Vec::<String>::new());
    // Told, and without an assertion.
    signing
        .world
        .change(|application| {
            application.is_sign_on_by_headers = true;
            application.sign_on.assertion = AssertionState::Off;
        })
        .await;
    assert_eq!(values(&ask(&signing, WIKI).await, "x-user"), [id(10)]);
    // Told everything, at an application that everybody may open.
    signing.world.change(tells(&["X-User=id"])).await;
    let explained = signing.world.explain(&format!("https://{WIKI}/x"), None);
    let told = [("adit-assertion", "<a signed assertion>"), ("x-user", "<id of who asks>")];
    assert_eq!(explained.headers, told.map(|(name, value)| (name.to_owned(), value.to_owned())));
    signing.world.change(|application| application.pre_authentication = Passthrough).await;
    assert_eq!(values(&ask(&signing, WIKI).await, "x-user"), Vec::<String>::new());
    let explained = signing.world.explain(&format!("https://{WIKI}/x"), None);
    assert!(explained.headers.iter().all(|(name, _)| name != "x-user" && name != "adit-assertion"));
    // An application that never heard of it, at the same server; and at another one, that of the wiki has no say.
    assert_eq!(values(&ask(&signing, SHOP).await, "x-user"), Vec::<String>::new());
    let other = Upstream::start();
    signing
        .world
        .change(|application| application.internal_url = adit_core::InternalUrl::parse(&other.url()).unwrap())
        .await;
    assert_eq!(values(&ask(&signing, SHOP).await, "x-user").len(), SPELLINGS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_follows_the_settings_at_once() {
    let (mut signing, upstream, _connector) = with_wiki(&["X-User=id"]).await;
    let mut browser = signed_in(&signing, &user(10, &[])).await;
    let url = format!("https://{WIKI}/x");
    let before = one(&upstream.last_head(), "adit-assertion");
    signing.world.change(tells(&["X-Login=userPrincipalName"])).await;
    let request = || Request::get("/x").header("x-user", "of the client").header("x-login", "forged");
    assert_eq!(browser.send(&signing.world, &url, request()).await.status(), StatusCode::OK);
    let head = upstream.last_head();
    assert_eq!(
        (one(&head, "x-login"), one(&head, "x-user")),
        ("user10@corp.example".to_owned(), "of the client".to_owned())
    );
    assert_ne!(one(&head, "adit-assertion"), before);
}
