//! Every kind of cookie and token of every user, at every application, with every method: only the right ones reach the
//! upstream that counts.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use uuid::Uuid;

use super::world::provider::{CLIENT, now};
use super::world::sign_in::{Browser, LOGIN, SignInWorld, only, user};
use super::world::upstream::Upstream;
use super::{SHOP, WIKI};

/// The users, each with its groups, and whether they may use the wiki and the shop.
const USERS: [(u128, &[u128], [bool; 2]); 3] =
    [(10, &[], [true, false]), (11, &[21, 20], [true, true]), (12, &[21], [false, false])];

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "upgrade"];

/// What a request brings along, the fields of its head with it, and whether it is what the application asks for.
type Credentials = (&'static str, Vec<(&'static str, String)>, bool);

fn credentials(
    host: &str,
    other: &str,
    ids: [Uuid; 2],
    browser: &Browser,
    signing: &SignInWorld,
    who: u128,
) -> Vec<Credentials> {
    let name = |id: Uuid| format!("__Host-adit-app-{}", id.simple());
    let value = |host: &str| browser.cookie(host, "__Host-adit-app-").unwrap();
    let own = format!("{}={}", name(ids[0]), value(host));
    let cookie = |line: String| vec![("cookie", line)];
    let subject = Uuid::from_u128(who).to_string();
    let groups = user(who, USERS.iter().find(|user| user.0 == who).unwrap().1)["groups"].clone();
    let bearer = |audience: String, more: serde_json::Value| {
        let mut claims = json!({"groups": groups});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vec![("authorization", format!("Bearer {}", signing.provider.access_token(&audience, &subject, &claims)))]
    };
    let mut tampered = value(host).into_bytes();
    let middle = tampered.len() / 2;
    tampered[middle] = if tampered[middle] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    vec![
        ("nothing", vec![], false),
        ("the session", cookie(own.clone()), true),
        ("the session among others", cookie(format!("a=1; {own}; b=2")), true),
        ("the session twice", cookie(format!("{own}; {own}")), false),
        ("a changed session", cookie(format!("{}={tampered}", name(ids[0]))), false),
        ("half a session", cookie(format!("{}={}", name(ids[0]), &value(host)[..40])), false),
        ("the other's session", cookie(format!("{}={}", name(ids[1]), value(other))), false),
        ("the other's session by our name", cookie(format!("{}={}", name(ids[0]), value(other))), false),
        ("our session by the other's name", cookie(format!("{}={}", name(ids[1]), value(host))), false),
        (
            "the session of the sign-in host",
            cookie(format!("{}={}", name(ids[0]), browser.cookie(LOGIN, "__Host-adit-signin").unwrap())),
            false,
        ),
        ("a token", bearer(ids[0].to_string(), json!({})), true),
        ("the other's token", bearer(ids[1].to_string(), json!({})), false),
        ("an ID token", bearer(CLIENT.to_owned(), json!({"nonce": "x"})), false),
        ("a token that is over", bearer(ids[0].to_string(), json!({"exp": now() - 90})), false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_session_or_token_of_the_right_user_reaches_an_application() {
    let mut signing = SignInWorld::start().await;
    let upstreams = [Upstream::start(), Upstream::start()];
    let wiki = signing.publish(WIKI, &upstreams[0], only(&[10], &[20])).await.uuid();
    let shop = signing.publish(SHOP, &upstreams[1], only(&[11], &[])).await.uuid();
    let _connector = signing.world.connector(&[]).await;
    let mut browsers = Vec::new();
    for (who, groups, _) in USERS {
        let mut browser = Browser::default();
        for host in [WIKI, SHOP] {
            signing.open(&mut browser, host, "/begin", &user(who, groups)).await;
        }
        browsers.push(browser);
    }
    let (mut cases, mut granted) = (0, 0);
    for (place, (host, other, ids)) in [(WIKI, SHOP, [wiki, shop]), (SHOP, WIKI, [shop, wiki])].into_iter().enumerate()
    {
        for ((who, _, may), browser) in USERS.iter().zip(&browsers) {
            for (what, fields, counts) in credentials(host, other, ids, browser, &signing, *who) {
                for method in METHODS {
                    cases += 1;
                    let path = format!("/case-{cases}");
                    let mut request = Request::builder().uri(&path).header("host", host);
                    request = if method == "upgrade" {
                        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
                        request
                            .header("sec-websocket-version", "13")
                            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                    } else {
                        request.method(method)
                    };
                    for (name, value) in &fields {
                        request = request.header(*name, value);
                    }
                    let body = if matches!(method, "POST" | "PUT" | "PATCH") { "body" } else { "" };
                    let answer = signing.world.send(host, request.body(Full::new(Bytes::from(body))).unwrap()).await;
                    let expected = counts && may[place];
                    granted += usize::from(expected);
                    let reached = upstreams[place].count(&path);
                    assert_eq!(reached, usize::from(expected), "user {who} at {host}, {method} with {what}");
                    assert_eq!(upstreams[1 - place].count(&path), 0, "user {who} at {host}, {method} with {what}");
                    let status = answer.status();
                    match (counts, may[place]) {
                        (true, true) => {
                            assert!(status == StatusCode::OK || method == "upgrade", "{status} {method} {what}")
                        }
                        (true, false) => assert_eq!(status, StatusCode::FORBIDDEN, "{method} {what}"),
                        (false, _) => assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {what}"),
                    }
                }
            }
        }
    }
    assert_eq!((cases, granted), (2 * 3 * 14 * 8, 3 * 3 * 8), "every case was asked");
}

/// No path, however it is written, and no field gets anything past the sign-in (threat model, T1, and the advisories on
/// health checks, forwarded URIs and user agents).
#[tokio::test(flavor = "multi_thread")]
async fn no_path_and_no_field_gets_past_the_sign_in() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, only(&[10], &[])).await;
    let _connector = signing.world.connector(&[]).await;
    let paths = [
        "/",
        "/healthz",
        "/ping",
        "/favicon.ico",
        "/robots.txt",
        "/.well-known/acme-challenge/x",
        "/.adit/",
        "/.adit/x",
        "/.adit/signed-in",
        "/.adit/callback",
        "/.adit/sign-in",
        "/oauth2/callback",
        "//",
        "/;/x",
        "/%2fx",
        "/x?/.adit/signed-in",
        "/.adit/signed-in?app=x&code=y",
        "/.ADIT/signed-in",
        "/.adit%2fsigned-in",
        "https://wiki.localhost/x",
    ];
    let fields: [(&str, &str); 8] = [
        ("user-agent", "GoogleHC/1.0"),
        ("user-agent", "kube-probe/1.30"),
        ("x-forwarded-uri", "/healthz"),
        ("x-original-url", "/public"),
        ("x-forwarded-user", "admin"),
        ("x_forwarded_user", "admin"),
        ("x-forwarded-for", "127.0.0.1"),
        ("proxy-authorization", "Basic YTpi"),
    ];
    for path in paths {
        for method in ["GET", "POST", "OPTIONS", "FOO"] {
            let request = Request::builder().method(method).uri(path).header("host", WIKI);
            let answer = signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await;
            assert!(answer.status().is_client_error(), "{method} {path}: {}", answer.status());
        }
    }
    for (name, value) in fields {
        let request = Request::get("/x").header("host", WIKI).header(name, value);
        let answer = signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name}: {value}");
    }
    assert_eq!(upstream.connections(), 0);
}
