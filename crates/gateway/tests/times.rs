//! The times that an application's upstream may take, with real waiting: each is a second here, and holds within five.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use adit_core::application::BodyLinks;
use adit_core::application::PreAuthentication::Passthrough;
use adit_core::{Seconds, UpstreamTimes};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use world::World;

const APP: &str = "app.localhost";

/// What a promise of a second is held to where other programs run as well.
const HELD: Duration = Duration::from_secs(5);

/// A time of one second.
fn second() -> Option<Seconds> {
    Seconds::new(1).ok()
}

/// An upstream that says `first` at once, if it is given, and then `part` every tenth of a second, for good.
async fn upstream(first: &'static str, part: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = socket.read(&mut head).await;
                socket.write_all(first.as_bytes()).await.unwrap();
                while socket.write_all(part.as_bytes()).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        }
    });
    address
}

async fn published(upstream: SocketAddr, times: UpstreamTimes) -> World {
    published_with(upstream, times, BodyLinks::Kept).await
}

async fn published_with(upstream: SocketAddr, times: UpstreamTimes, links: BodyLinks) -> World {
    let mut world = World::start();
    let internal = format!("http://{upstream}/");
    let set = |publishing: &mut adit_core::Publishing| {
        publishing.pre_authentication = Passthrough;
        publishing.upstream_times = times;
        publishing.body_links = links;
    };
    world.publish_as(&format!("https://{APP}/"), &internal, set).await;
    world
}

/// The head of an answer, and when it was asked for.
async fn asked(world: &World) -> (Response<Incoming>, Instant) {
    let io = TokioIo::new(world.tls(APP, &[b"http/1.1"]).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", APP).body(Full::default()).unwrap();
    let start = Instant::now();
    (sender.send_request(request).await.unwrap(), start)
}

fn assert_held(start: Instant) {
    let after = start.elapsed();
    assert!(after >= Duration::from_millis(990) && after < HELD, "after {after:?}");
}

async fn assert_times_out(world: &World, reason: &str) {
    let (response, start) = asked(world).await;
    assert_held(start);
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(response.headers()["x-adit-reason"], reason);
}

/// Reads a body that began until it breaks off; how much of it came.
async fn assert_breaks_off(world: &World) -> usize {
    let (response, start) = asked(world).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let mut received = 0;
    loop {
        match body.frame().await {
            Some(Ok(frame)) => received += frame.into_data().unwrap_or_default().len(),
            Some(Err(_)) => break,
            None => panic!("the body seems complete"),
        }
    }
    assert_held(start);
    received
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_begin_in_time_is_a_504() {
    let silent = upstream("", "").await;
    let world = published(silent, UpstreamTimes { first_byte: second(), ..UpstreamTimes::default() }).await;
    let _connector = world.connector(&[]).await;
    assert_times_out(&world, "upstream_timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_time_covers_the_wait_for_the_answer() {
    let silent = upstream("", "").await;
    let world = published(silent, UpstreamTimes { total: second(), ..UpstreamTimes::default() }).await;
    let _connector = world.connector(&[]).await;
    assert_times_out(&world, "upstream_timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_accept_in_time_is_a_504() {
    let (full, _waiting) = full_backlog().await;
    let world = published(full, UpstreamTimes { connect: second(), ..UpstreamTimes::default() }).await;
    let _connector = world.connector(&[]).await;
    assert_times_out(&world, "upstream_connect_timeout").await;
}

/// An address that accepts no more connections and refuses none.
async fn full_backlog() -> (SocketAddr, (tokio::net::TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    (address, (listener, waiting))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_next_part_does_not_come_in_time_breaks_off() {
    let stalled = upstream("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst", "").await;
    let world = published(stalled, UpstreamTimes { idle: second(), ..UpstreamTimes::default() }).await;
    let _connector = world.connector(&[]).await;
    assert_eq!(assert_breaks_off(&world).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_goes_on_beyond_the_total_time_breaks_off() {
    let endless = upstream("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "4\r\npart\r\n").await;
    let times = UpstreamTimes { total: second(), idle: Seconds::new(60).ok(), ..UpstreamTimes::default() };
    let world = published(endless, times).await;
    let _connector = world.connector(&[]).await;
    assert!(assert_breaks_off(&world).await >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_has_to_be_whole_before_it_is_translated_and_is_late_is_a_504() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-encoding: gzip\r\ncontent-length: 100\r\n\r\n";
    let stalled = upstream(head, "").await;
    let idle = UpstreamTimes { idle: second(), ..UpstreamTimes::default() };
    let total = UpstreamTimes { total: second(), ..UpstreamTimes::default() };
    for times in [idle, total] {
        let world = published_with(stalled, times, BodyLinks::Translated).await;
        let _connector = world.connector(&[]).await;
        assert_times_out(&world, "upstream_timeout").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_suffice_change_nothing() {
    let upstream = world::upstream::Upstream::start();
    let times = UpstreamTimes { connect: second(), first_byte: second(), idle: second(), total: Seconds::new(60).ok() };
    let world = published(upstream.address, times).await;
    let _connector = world.connector(&[]).await;
    for _ in 0..3 {
        assert_eq!(world.get(APP, "/slow").await.body(), "slow");
    }
    assert!(upstream.connections() <= 2, "each of two cores uses its connection again");
}
