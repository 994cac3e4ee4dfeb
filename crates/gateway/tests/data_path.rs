//! The data path with a real gateway and real connectors: what reaches an upstream, what is answered, what is retried.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

#[path = "data_path/connectors.rs"]
mod connectors;
#[path = "data_path/records.rs"]
mod records;
#[path = "data_path/websocket.rs"]
mod websocket;
mod world;

use adit_core::application::PreAuthentication::{Passthrough, SignIn};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use world::upstream::Upstream;
use world::{World, eventually, whole};

const APP: &str = "app.localhost";

fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path).header("host", APP).body(Full::new(body.into())).unwrap()
}

async fn published() -> (World, Upstream) {
    let upstream = Upstream::start();
    let mut world = World::start();
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    (world, upstream)
}

fn reason(response: &http::Response<Bytes>) -> &str {
    response.headers().get("x-adit-reason").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_headers_that_reach_an_upstream_were_set_by_the_gateway() {
    let (world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    assert_eq!(world.seen(), [("127.0.0.1".parse().unwrap(), "test-machine".to_owned(), "1.0.0-test".to_owned())]);
    let request = Request::get("/a%2fb?q=1")
        .header("host", APP)
        .header("x-forwarded-for", "6.6.6.6")
        .header("x_forwarded_host", "evil")
        .header("remote-user", "admin")
        .header("origin", format!("https://{APP}"))
        .header("connection", "x-private")
        .header("x-private", "1")
        .body(Full::default())
        .unwrap();
    let response = world.send(APP, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers().get("x-hop"), None, "hop-by-hop fields end at the gateway");
    assert_eq!(response.headers().get("x-adit-reason"), None, "only the gateway gives reasons");
    let head = upstream.last_head();
    assert!(head.starts_with("GET /a%2fb?q=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", upstream.address)), "{head}");
    assert!(head.contains("x-forwarded-for: 127.0.0.1\r\n"), "{head}");
    assert!(head.contains(&format!("x-forwarded-host: {APP}\r\n")), "{head}");
    assert!(head.contains("x-forwarded-proto: https\r\n"), "{head}");
    assert!(head.contains(&format!("origin: http://{}\r\n", upstream.address)), "{head}");
    for claim in ["6.6.6.6", "evil", "admin", "x-private"] {
        assert!(!head.contains(claim), "{claim} in {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_whole_and_connections_are_reused() {
    let (world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let large = "x".repeat(300_000);
    for _ in 0..5 {
        let response = world.send(APP, post("/echo", large.clone())).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.body().ends_with(large.as_bytes()));
    }
    assert!(upstream.connections() <= 2, "one connection per core suffices, not {}", upstream.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_byte_goes_only_to_the_request_that_asked_for_it() {
    let (world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let io = TokioIo::new(world.tls(APP, &[b"h2"]).await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let requests = (0..40).map(|number| {
        let mut sender = sender.clone();
        async move {
            let request = Request::post(format!("https://{APP}/item/{number}"))
                .body(Full::new(Bytes::from(format!("body {number}"))))
                .unwrap();
            let response = whole(sender.send_request(request).await.unwrap()).await;
            assert_eq!(response.status(), StatusCode::OK);
            let text = String::from_utf8_lossy(response.body()).into_owned();
            assert!(text.contains(&format!("POST /item/{number} ")) && text.ends_with(&format!("body {number}")));
        }
    });
    futures_util::future::join_all(requests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_request_enters_a_tunnel_before_its_grant() {
    let (mut world, upstream) = published().await;
    world.publish("https://closed.localhost/", &upstream.url(), SignIn).await;
    let _connector = world.connector(&[]).await;
    for method in ["GET", "HEAD", "OPTIONS", "POST", "BREW"] {
        let request = Request::builder().method(method).uri("/").header("host", "closed.localhost");
        let response = world.send("closed.localhost", request.body(Full::default()).unwrap()).await;
        assert_eq!((response.status(), reason(&response)), (StatusCode::SERVICE_UNAVAILABLE, "sign_in_unavailable"));
    }
    let elsewhere = Request::get("/").header("host", "other.localhost").body(Full::default()).unwrap();
    let response = world.send(APP, elsewhere).await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::MISDIRECTED_REQUEST, "misdirected"));
    let response = world.send("127.0.0.1", Request::get("/").header("host", "x").body(Full::default()).unwrap()).await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::NOT_FOUND, "not_published"));
    for path in ["/a/../b", "/%2e%2e/", "/a%5cb", "/a%00"] {
        let response = world.get(APP, path).await;
        assert_eq!((response.status(), reason(&response)), (StatusCode::BAD_REQUEST, "bad_request"), "{path}");
    }
    for method in ["TRACE"] {
        let request = Request::builder().method(method).uri("/").header("host", APP).body(Full::default()).unwrap();
        assert_eq!(world.send(APP, request).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_idempotent_reaches_an_upstream_at_most_once() {
    let (world, upstream) = published().await;
    let _one = world.connector(&[]).await;
    let _two = world.connector(&[]).await;
    let response = world.send(APP, post("/close", "pay")).await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::BAD_GATEWAY, "upstream_closed"));
    assert_eq!(upstream.count("/close"), 1, "a POST that may have had its effect is not sent again");
    let response = world.get(APP, "/close").await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::BAD_GATEWAY, "upstream_closed"));
    assert_eq!(upstream.count("/close"), 3, "a GET is sent again once and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_upstream_closed_costs_no_request() {
    let (world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    // Asked once, it gets its second connection: to shake hands takes these cores longer than the news of an end may.
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    for _ in 0..30 {
        let response = world.send(APP, post("/once", "pay")).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", reason(&response));
    }
    assert_eq!(upstream.count("/once"), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_answers_are_502_and_a_broken_body_is_not_passed_off_as_whole() {
    let (world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let response = world.get(APP, "/garbage").await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::BAD_GATEWAY, "upstream_invalid"));
    let io = TokioIo::new(world.tls(APP, &[b"http/1.1"]).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/cut").header("host", APP).body(Full::<Bytes>::default()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert!(http_body_util::BodyExt::collect(response.into_body()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_carried_ntlm_is_never_shared() {
    let (world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    for expected in 1..=3 {
        assert_eq!(world.get(APP, "/ntlm").await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(upstream.connections(), expected);
    }
    for expected in 4..=5 {
        let request = Request::get("/x").header("host", APP).header("authorization", "Negotiate abc");
        assert_eq!(world.send(APP, request.body(Full::default()).unwrap()).await.status(), StatusCode::OK);
        assert_eq!(upstream.connections(), expected);
    }
    for expected in 6..=7 {
        let request = Request::get("/x").header("host", APP).header("authorization", "Bearer x");
        let request = request.header("authorization", "NTLM abc").body(Full::default()).unwrap();
        assert_eq!(world.send(APP, request).await.status(), StatusCode::OK);
        assert_eq!(upstream.connections(), expected, "a second Authorization line counts as well");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_signs_in_connections_is_left_by_http2_and_offered_over_http1() {
    let (world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let idle = tokio::spawn(h2::client::handshake(world.tls(APP, &[b"h2"]).await).await.unwrap().1);
    let (client, connection) = h2::client::handshake(world.tls(APP, &[b"h2"]).await).await.unwrap();
    let connection = tokio::spawn(connection);
    for (path, status, stays) in [("/x", StatusCode::OK, true), ("/ntlm", StatusCode::UNAUTHORIZED, false)] {
        let mut client = client.clone().ready().await.unwrap();
        let request = Request::get(format!("https://{APP}{path}")).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), status, "{path}");
        assert!(!stays || client.clone().ready().await.is_ok(), "{path}");
    }
    for ended in [connection, idle] {
        let ended = tokio::time::timeout(std::time::Duration::from_secs(5), ended).await;
        ended.expect("told to leave").unwrap().expect("without an error");
    }
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    assert_eq!(world.tls(APP, both).await.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_is_not_dropped_whatever_the_method() {
    let (world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    for method in ["GET", "POST"] {
        let mut tls = world.tls(APP, &[b"http/1.1"]).await;
        let request = format!(
            "{method} /chunked HTTP/1.1\r\nhost: {APP}\r\ntransfer-encoding: chunked\r\n\r\n{length}\r\n{method}!\r\n0\r\n\r\n",
            length = method.len() + 1
        );
        tls.write_all(request.as_bytes()).await.unwrap();
        eventually("the head arrives", || upstream.count("/chunked") > 0).await;
        eventually("the body arrives", || upstream.saw(&format!("{}\r\n{method}!\r\n0\r\n", method.len() + 1))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_prefix_is_mapped_and_nothing_outside_it_is_served() {
    let upstream = Upstream::start();
    let mut world = World::start();
    world.publish(&format!("https://{APP}/team/"), &format!("{}app/", upstream.url()), Passthrough).await;
    let _connector = world.connector(&[]).await;
    for (path, arrived) in [("/team/x?q=1", "/app/x?q=1"), ("/team", "/app"), ("/te%61m/%2e.x", "/app/%2e.x")] {
        assert_eq!(world.get(APP, path).await.status(), StatusCode::OK, "{path}");
        assert_eq!(upstream.count(arrived), 1, "{path} arrives as {arrived}, not {}", upstream.last_head());
    }
    for path in ["/", "/teams", "/team%2fx"] {
        assert_eq!(reason(&world.get(APP, path).await), "not_published", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed_about_addresses_and_nothing_else() {
    let upstream = Upstream::start();
    let mut world = World::start_behind(&["127.0.0.0/8"]);
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    let _connector = world.connector(&[]).await;
    let request = Request::get("/x").header("host", APP).header("x-forwarded-for", "203.0.113.7");
    let request = request.header("x-forwarded-host", "evil").header("x-real-ip", "6.6.6.6").body(Full::default());
    assert_eq!(world.send(APP, request.unwrap()).await.status(), StatusCode::OK);
    let head = upstream.last_head();
    assert!(head.contains("x-forwarded-for: 203.0.113.7, 127.0.0.1\r\n"), "{head}");
    assert!(!head.contains("evil") && !head.contains("6.6.6.6"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxys_connection_carries_many_users_and_nothing_is_bound_to_it() {
    for (trusted, expected) in [(&["127.0.0.0/8"][..], 3), (&[], 1)] {
        let upstream = Upstream::start();
        let mut world = World::start_behind(trusted);
        world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
        let _connector = world.connector(&[]).await;
        let io = TokioIo::new(world.tls(APP, &[b"http/1.1"]).await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..3 {
            let request = Request::get("/ntlm").header("host", APP).body(Full::<Bytes>::default()).unwrap();
            sender.ready().await.unwrap();
            let response = whole(sender.send_request(request).await.unwrap()).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(upstream.connections(), expected, "behind {trusted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_the_internal_url_leads_to_the_external_one() {
    let (world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let response = world.get(APP, "/redirect").await;
    assert_eq!(response.headers()["location"], format!("https://{APP}/next?x=1").as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_outside_the_allow_list_is_not_dialled() {
    let (mut world, upstream) = published().await;
    world.publish("https://metadata.localhost/", "http://169.254.169.254/", Passthrough).await;
    world.publish("https://dead.localhost/", "http://127.0.0.1:9/", Passthrough).await;
    let open = world.connector(&[]).await;
    let response = world.get("metadata.localhost", "/").await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::BAD_GATEWAY, "upstream_not_allowed"));
    let response = world.get("dead.localhost", "/").await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::BAD_GATEWAY, "upstream_refused"));
    drop(open.leave().await);
    let _narrow = world.connector(&["127.0.0.1:9"]).await;
    let response = world.get(APP, "/").await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::BAD_GATEWAY, "upstream_not_allowed"));
    assert_eq!(upstream.connections(), 0);
}
