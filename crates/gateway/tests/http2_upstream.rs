//! Upstreams that speak HTTP/2: many requests on few connections, what is sent again and what is not, and readers that
//! stall nobody but themselves. The requests are gRPC's, which go over HTTP/2 without any setting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use adit_core::application::PreAuthentication::Passthrough;
use adit_core::health_probe::{ProbeInterval, ProbePath};
use adit_core::{Publishing, UpstreamProtocol};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use world::http2::{Http2Upstream, LARGE, answers_with, frame, goes_away_before};
use world::{RunningConnector, World};

const APP: &str = "app.localhost";

type Sender = SendRequest<Full<Bytes>>;

async fn published(url: &str) -> (World, RunningConnector) {
    let mut world = World::start();
    world.publish(&format!("https://{APP}/"), url, Passthrough).await;
    let connector = world.connector(&[]).await;
    (world, connector)
}

async fn client(world: &World) -> Sender {
    let io = TokioIo::new(world.tls(APP, &[b"h2"]).await);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn call(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post(format!("https://{APP}{path}")).header("content-type", "application/grpc+proto");
    request.header("te", "trailers").body(Full::new(body.into())).unwrap()
}

async fn outcome(response: Response<hyper::body::Incoming>) -> (StatusCode, String, Bytes, Option<HeaderMap>) {
    let status = response.status();
    let reason = response.headers().get("x-adit-reason").map(|value| value.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().cloned();
    (status, reason.unwrap_or_default(), body.to_bytes(), trailers)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_share_few_connections_and_each_gets_its_own_answer() {
    let upstream = Http2Upstream::start(1000).await;
    let (world, _connector) = published(&upstream.url()).await;
    let clients = [client(&world).await, client(&world).await, client(&world).await];
    for _ in 0..3 {
        let calls = (0..240).map(|number| {
            let mut sender = clients[number % 3].clone();
            async move {
                let response = sender.send_request(call("/echo", format!("call {number}"))).await.unwrap();
                let (status, _, body, trailers) = outcome(response).await;
                assert_eq!((status, body), (StatusCode::OK, Bytes::from(format!("call {number}"))));
                assert_eq!(trailers.unwrap()["grpc-status"], "0");
            }
        });
        futures_util::future::join_all(calls).await;
    }
    assert_eq!(upstream.count("/echo"), 720);
    assert!(upstream.connections() <= 6, "{} connections for at most 240 calls at once", upstream.connections());
    let head = upstream.last_head();
    assert_eq!((head.headers()["te"].as_bytes(), head.headers().get("host")), (&b"trailers"[..], None), "{head:?}");
    assert_eq!(head.uri().authority().unwrap().as_str(), upstream.address.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_allows_few_streams_gets_no_more_of_them_and_nobody_is_refused() {
    let upstream = Http2Upstream::start(4).await;
    let (world, _connector) = published(&upstream.url()).await;
    let sender = client(&world).await;
    let calls = (0..60).map(|number| {
        let mut sender = sender.clone();
        async move {
            let response = sender.send_request(call("/echo", format!("call {number}"))).await.unwrap();
            let (status, reason, body, _) = outcome(response).await;
            assert_eq!((status, body), (StatusCode::OK, Bytes::from(format!("call {number}"))), "{reason}");
        }
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(upstream.count("/echo"), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_allows_one_stream_gets_a_connection_for_each_of_them() {
    let upstream = Http2Upstream::start(1).await;
    let (world, _connector) = published(&upstream.url()).await;
    let mut sender = client(&world).await;
    let first = sender.send_request(call("/echo", "first")).await.unwrap();
    assert_eq!(outcome(first).await.0, StatusCode::OK);
    // Its answer is not read, so it stays under way on its connection.
    let held = client(&world).await.send_request(call("/large", "")).await.unwrap();
    for _ in 0..3 {
        let answered = tokio::time::timeout(Duration::from_secs(20), sender.send_request(call("/echo", "x"))).await;
        let (status, reason, ..) = outcome(answered.expect("an answer beside the other").unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{reason}");
    }
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_refused_is_sent_again_and_arrives_once() {
    let upstream = Http2Upstream::start(100).await;
    let (world, _connector) = published(&upstream.url()).await;
    let response = client(&world).await.send_request(call("/refuse", "pay")).await.unwrap();
    let (status, reason, body, _) = outcome(response).await;
    assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"pay")), "{reason}");
    assert_eq!(upstream.count("/refuse"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_beyond_the_last_of_a_goaway_is_sent_again() {
    let upstream = Http2Upstream::start(100).await;
    let (url, connections) = goes_away_before(0, upstream.address).await;
    let (world, _connector) = published(&url).await;
    let response = client(&world).await.send_request(call("/echo", "pay")).await.unwrap();
    let (status, reason, body, _) = outcome(response).await;
    assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"pay")), "{reason}");
    assert_eq!((upstream.count("/echo"), connections.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_may_have_arrived_is_not_sent_again() {
    let upstream = Http2Upstream::start(100).await;
    // This one says that the call was its last, and closes without an answer.
    let (url, connections) = goes_away_before(1, upstream.address).await;
    let (world, _connector) = published(&url).await;
    let response = client(&world).await.send_request(call("/echo", "pay")).await.unwrap();
    let (status, reason, ..) = outcome(response).await;
    assert_eq!((status, reason.as_str()), (StatusCode::BAD_GATEWAY, "upstream_closed"));
    assert_eq!((upstream.count("/echo"), connections.load(Ordering::SeqCst)), (0, 1));
    for path in ["/reset", "/vanish"] {
        let response = client(&world).await.send_request(call(path, "pay")).await.unwrap();
        let (status, reason, ..) = outcome(response).await;
        assert_eq!((status, reason.as_str()), (StatusCode::BAD_GATEWAY, "upstream_closed"), "{path}");
        assert_eq!(upstream.count(path), 1, "{path}");
    }
    // And the next call is none the worse for it.
    let response = client(&world).await.send_request(call("/echo", "next")).await.unwrap();
    assert_eq!(outcome(response).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stall_stall_nobody_else_on_their_connection() {
    let upstream = Http2Upstream::start(100).await;
    let (world, _connector) = published(&upstream.url()).await;
    // Connections of their own, so that only what they share behind the gateway can stall the others.
    let mut stalled = Vec::new();
    for _ in 0..8 {
        let response = client(&world).await.send_request(call("/large", "")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        stalled.push(response);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut sender = client(&world).await;
    for _ in 0..50 {
        let answered = tokio::time::timeout(Duration::from_secs(20), sender.send_request(call("/echo", "x"))).await;
        let (status, _, body, _) = outcome(answered.expect("an answer beside stalled readers").unwrap()).await;
        assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"x")));
    }
    for response in stalled {
        let (_, _, body, trailers) = outcome(response).await;
        assert_eq!((body.len(), trailers.unwrap().contains_key("grpc-status")), (LARGE, true));
    }
    assert!(upstream.connections() <= 3, "{} connections", upstream.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_http1_is_answered_as_well() {
    let upstream = Http2Upstream::start(100).await;
    let (world, _connector) = published(&upstream.url()).await;
    let request = Request::post("/echo").header("host", APP).header("content-type", "application/grpc");
    let response = world.send(APP, request.body(Full::from("over HTTP/1.1")).unwrap()).await;
    assert_eq!((response.status(), response.body().as_ref()), (StatusCode::OK, &b"over HTTP/1.1"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_between_a_client_of_http2_and_an_upstream_of_http1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let upstream = tokio::spawn(async move {
        let mut socket = listener.accept().await.unwrap().0;
        let mut seen = String::new();
        while !(seen.contains("\r\n0\r\n") && seen.ends_with("\r\n\r\n")) {
            let mut part = [0; 4096];
            let length = socket.read(&mut part).await.unwrap();
            assert_ne!(length, 0, "the request ended early: {seen}");
            seen.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let body = "3\r\nbye\r\n0\r\nx-sum: 7\r\nset-cookie: a=b\r\n\r\n";
        socket.write_all([head, body].concat().as_bytes()).await.unwrap();
        seen
    });
    let (world, _connector) = published(&url).await;
    let io = TokioIo::new(world.tls(APP, &[b"h2"]).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let trailers = HeaderMap::from_iter(
        [("x-sum", "5"), ("x-forwarded-for", "6.6.6.6"), ("authorization", "Basic eA==")]
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
    );
    // Of no announced length: a length leaves no room for trailers in HTTP/1.1.
    let frames = [Frame::data(Bytes::from_static(b"hello")), Frame::trailers(trailers)];
    let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, std::convert::Infallible>)));
    let request = Request::post(format!("https://{APP}/sum")).header("te", "trailers");
    let announced = request.header("trailer", "x-sum, x-forwarded-for, authorization");
    let response = sender.send_request(announced.body(body).unwrap()).await.unwrap();
    let (status, _, body, trailers) = outcome(response).await;
    assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"bye")));
    assert_eq!(trailers.unwrap(), HeaderMap::from_iter([(HeaderName::from_static("x-sum"), "7".parse().unwrap())]));
    let seen = upstream.await.unwrap();
    assert!(seen.ends_with("5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_never_looks_complete_to_an_upstream_of_http1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (world, _connector) = published(&format!("http://{}/", listener.local_addr().unwrap())).await;
    for resets in [true, false] {
        let tls = world.tls(APP, &[b"h2"]).await;
        let (sender, connection) = h2::client::handshake(tls).await.unwrap();
        let connection = tokio::spawn(connection);
        let upload = Request::post(format!("https://{APP}/upload")).body(()).unwrap();
        let (_answer, mut body) = sender.ready().await.unwrap().send_request(upload, false).unwrap();
        body.send_data(Bytes::from_static(b"a part of it"), false).unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"a part of it\r\n") {
            assert!(upstream.read_buf(&mut seen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&seen));
        }
        if resets {
            // Not even by a reset that says that nothing is wrong.
            body.send_reset(h2::Reason::NO_ERROR);
        } else {
            connection.abort();
        }
        let _ = tokio::time::timeout(Duration::from_secs(20), upstream.read_to_end(&mut seen)).await.expect("an end");
        let seen = String::from_utf8(seen).unwrap();
        assert!(seen.contains("transfer-encoding: chunked\r\n") && seen.ends_with("a part of it\r\n"), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_set_to_http2_gets_every_request_over_it_and_one_set_to_http1_none() {
    let upstream = Http2Upstream::start(100).await;
    let mut world = World::start();
    for (external, protocol) in [("app", UpstreamProtocol::Http2), ("old", UpstreamProtocol::Http1)] {
        let set = |publishing: &mut Publishing| {
            publishing.pre_authentication = Passthrough;
            publishing.upstream_protocol = protocol;
        };
        world.publish_as(&format!("https://{external}.localhost/"), &upstream.url(), set).await;
    }
    let _connector = world.connector(&[]).await;
    assert_eq!(world.get(APP, "/page").await.status(), StatusCode::OK);
    assert_eq!(upstream.last_head().method(), http::Method::GET);
    assert_eq!(world.get("old.localhost", "/page").await.status(), StatusCode::BAD_GATEWAY, "it speaks HTTP/2 alone");
    assert_eq!(upstream.count("/page"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_one_stream_costs_the_others_no_new_connection() {
    let upstream = Http2Upstream::start(100).await;
    let (world, _connector) = published(&upstream.url()).await;
    let mut sender = client(&world).await;
    for _ in 0..5 {
        let (status, reason, ..) = outcome(sender.send_request(call("/reset", "x")).await.unwrap()).await;
        assert_eq!((status, reason.as_str()), (StatusCode::BAD_GATEWAY, "upstream_closed"));
    }
    assert_eq!((upstream.count("/reset"), upstream.connections()), (5, 1));
}

/// A head with status 200, from HPACK's table.
fn head(stream: u8) -> Vec<u8> {
    frame(1, 4, stream, &[0x88])
}

fn reset_without_an_error(stream: u8) -> Vec<u8> {
    frame(3, 0, stream, &[0; 4])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_without_an_error_never_looks_complete() {
    let (url, connections) =
        answers_with(|stream| [head(stream), frame(0, 0, stream, b"part"), reset_without_an_error(stream)].concat())
            .await;
    let (world, _connector) = published(&url).await;
    let mut sender = client(&world).await;
    for _ in 0..3 {
        // The reset may overtake the head.
        let Ok(response) = sender.send_request(call("/", "x")).await else { continue };
        assert_eq!(response.status(), StatusCode::OK);
        let cut = response.into_body().collect().await;
        assert!(cut.is_err(), "{:?}", cut.map(|body| body.to_bytes()));
    }
    let mut old = world.tls(APP, &[b"http/1.1"]).await;
    let request =
        format!("POST / HTTP/1.1\r\nHost: {APP}\r\nContent-Type: application/grpc\r\nContent-Length: 1\r\n\r\nx");
    old.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Whether TLS says goodbye is nothing that an end of chunks depends on.
    let _ = old.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let is_cut = answer.is_empty() || answer.contains("transfer-encoding: chunked") && !answer.contains("\r\n0\r\n");
    assert!(is_cut, "{answer}");
    assert!(connections.load(Ordering::SeqCst) <= 2, "one for each core, and the others of its users are not hurt");
}

/// An answer that is cut by a reset with that code.
fn begun_and_reset(stream: u8, code: u8) -> Vec<u8> {
    [head(stream), frame(0, 0, stream, b"part"), frame(3, 0, stream, &[0, 0, 0, code])].concat()
}

/// The code by which a client's stream was reset.
fn code_of(error: &hyper::Error) -> Option<h2::Reason> {
    std::error::Error::source(error)?.downcast_ref::<h2::Error>()?.reason()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_to_send_a_request_again_whose_answer_has_begun() {
    let (refused, http1) = (h2::Reason::REFUSED_STREAM, h2::Reason::HTTP_1_1_REQUIRED);
    assert_eq!((u32::from(refused), u32::from(http1)), (7, 13));
    let (refuses, _) = answers_with(|stream| begun_and_reset(stream, 7)).await;
    let (demands_http1, _) = answers_with(|stream| begun_and_reset(stream, 13)).await;
    for url in [refuses, demands_http1] {
        let (world, _connector) = published(&url).await;
        let answered = client(&world).await.send_request(call("/", "x")).await;
        // The reset may overtake the head.
        let error = match answered {
            Ok(response) => response.into_body().collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(code_of(&error), Some(h2::Reason::INTERNAL_ERROR), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_complete_stays_so_whatever_becomes_of_its_request() {
    let (url, _) =
        answers_with(|stream| [head(stream), frame(0, 1, stream, b"whole"), reset_without_an_error(stream)].concat())
            .await;
    let (world, _connector) = published(&url).await;
    for _ in 0..3 {
        let response = client(&world).await.send_request(call("/", "x")).await.unwrap();
        let (status, reason, body, _) = outcome(response).await;
        assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"whole")), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_sends_data_without_data_keeps_its_connection() {
    let (url, connections) = answers_with(|stream| {
        let empty = frame(0, 0, stream, b"").repeat(150);
        [head(stream), empty, frame(0, 1, stream, b"whole")].concat()
    })
    .await;
    let (world, _connector) = published(&url).await;
    let mut sender = client(&world).await;
    for _ in 0..4 {
        let (status, reason, body, _) = outcome(sender.send_request(call("/", "x")).await.unwrap()).await;
        assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"whole")), "{reason}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_spoken_to_in_http2_is_probed_in_http2() {
    let upstream = Http2Upstream::start(100).await;
    let mut world = World::start();
    let set = |publishing: &mut Publishing| {
        publishing.upstream_protocol = UpstreamProtocol::Http2;
        publishing.health_probe.path = ProbePath::parse("/echo").ok();
        publishing.health_probe.interval = ProbeInterval::new(5).ok();
    };
    world.publish_as(&format!("https://{APP}/"), &upstream.url(), set).await;
    let _connector = world.connector(&[]).await;
    // An interval of five seconds, and as much again: twice, for two probes; five times that.
    for _ in 0..1500 {
        if upstream.count("/echo") >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(upstream.count("/echo") >= 2, "{} probes came", upstream.count("/echo"));
    let head = upstream.last_head();
    assert_eq!((head.method(), head.uri().path()), (&http::Method::GET, "/echo"));
    assert_eq!(head.uri().authority().unwrap().as_str(), upstream.address.to_string());
    assert!(head.headers()["user-agent"].to_str().unwrap().starts_with("Adit-Health-Probe/"));
    assert_eq!(upstream.connections(), upstream.count("/echo"), "each on a connection of its own");
    assert_eq!(world.health().sightings[0].probe.map(|probe| probe.has_passed), Some(true));
}
