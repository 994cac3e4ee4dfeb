//! Interim answers over HTTP/2: each on the stream that asked, before its answer, from upstreams of both versions; and a
//! client that waits to be asked for its body is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::future::poll_fn;
use std::time::Duration;

use adit_core::application::PreAuthentication::Passthrough;
use adit_core::{Publishing, UpstreamProtocol};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use world::{RunningConnector, World};

const APP: &str = "app.localhost";

/// As long as nothing may come where nothing is to come.
const QUIET: Duration = Duration::from_millis(300);

/// Something that happens at once, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

async fn published(url: &str, protocol: UpstreamProtocol) -> (World, RunningConnector) {
    let mut world = World::start();
    let set = |publishing: &mut Publishing| {
        publishing.pre_authentication = Passthrough;
        publishing.upstream_protocol = protocol;
    };
    world.publish_as(&format!("https://{APP}/"), url, set).await;
    let connector = world.connector(&[]).await;
    (world, connector)
}

async fn client(world: &World) -> SendRequest<Bytes> {
    let (sender, connection) = h2::client::handshake(world.tls(APP, &[b"h2"]).await).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("https://{APP}{path}")).body(()).unwrap()
}

/// What came before the answer, and the answer with its body.
async fn heard(mut answer: ResponseFuture) -> (Vec<(u16, HeaderMap)>, Response<Bytes>) {
    let mut before = Vec::new();
    while let Some(interim) = timeout(SOON, poll_fn(|cx| answer.poll_informational(cx))).await.unwrap() {
        let interim = interim.unwrap();
        before.push((interim.status().as_u16(), interim.headers().clone()));
    }
    let (head, mut body) = timeout(SOON, answer).await.unwrap().unwrap().into_parts();
    let mut whole = Vec::new();
    while let Some(part) = timeout(SOON, body.data()).await.unwrap() {
        let part = part.unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        whole.extend_from_slice(&part);
    }
    (before, Response::from_parts(head, Bytes::from(whole)))
}

fn reason(answer: &Response<Bytes>) -> &str {
    answer.headers().get("x-adit-reason").map_or("", |reason| reason.to_str().unwrap())
}

/// An application of HTTP/1.1. What it says before its answer depends on the path, and names it.
async fn http1_upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve_http1(socket));
        }
    });
    url
}

async fn serve_http1(mut socket: TcpStream) -> Option<()> {
    let (reading, mut writing) = socket.split();
    let mut reading = BufReader::new(reading);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            (reading.read_line(&mut head).await.ok()? > 0).then_some(())?;
        }
        let path = head.split(' ').nth(1)?.to_owned();
        let hint = format!("HTTP/1.1 103 Early Hints\r\nlink: <{path}.css>; rel=preload\r\nset-cookie: a=b\r\n\r\n");
        writing.write_all(hint.as_bytes()).await.ok()?;
        if path == "/ask" {
            let quiet = timeout(QUIET, reading.fill_buf()).await.is_err();
            writing.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
            reading.read_exact(&mut [0; 5]).await.ok()?;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-quiet: {quiet}\r\n\r\nhello");
            writing.write_all(answer.as_bytes()).await.ok()?;
            continue;
        }
        if path.starts_with("/slow") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if path == "/close" {
            return None;
        }
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len());
        writing.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// The same over HTTP/2.
async fn http2_upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(socket).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(serve_http2(request, respond));
                }
            });
        }
    });
    url
}

fn interim(status: u16) -> Response<()> {
    Response::builder().status(status).body(()).unwrap()
}

async fn serve_http2(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let path = request.uri().path().to_owned();
    let mut hint = interim(103);
    hint.headers_mut().insert("link", format!("<{path}.css>; rel=preload").parse().unwrap());
    hint.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
    if path == "/refuse" {
        let mut refusal = interim(413);
        refusal.headers_mut().insert("content-length", "0".parse().unwrap());
        let _ = respond.send_response(refusal, true);
        return;
    }
    let count = if path == "/flood" { 1000 } else { 1 };
    for _ in 0..count {
        respond.send_informational(hint.clone()).unwrap();
    }
    let mut answer = interim(200);
    if path == "/ask" {
        let mut body = request.into_body();
        let quiet = timeout(QUIET, body.data()).await.is_err();
        respond.send_informational(interim(100)).unwrap();
        let part = body.data().await.unwrap().unwrap();
        assert_eq!(part.len(), 5);
        answer.headers_mut().insert("x-quiet", quiet.to_string().parse().unwrap());
    }
    if path.starts_with("/slow") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if path == "/close" || path == "/flood" {
        // A reset at once would take back what was said.
        tokio::time::sleep(Duration::from_millis(200)).await;
        return respond.send_reset(Reason::INTERNAL_ERROR);
    }
    let text = if path == "/ask" { "hello".to_owned() } else { path };
    respond.send_response(answer, false).unwrap().send_data(text.into(), true).unwrap();
}

async fn each_stream_has_its_own_hints(url: &str, protocol: UpstreamProtocol) {
    let (world, _connector) = published(url, protocol).await;
    let mut sender = client(&world).await;
    for _ in 0..3 {
        let mut asked = Vec::new();
        for number in 0..40 {
            let path = if number % 3 == 0 { format!("/slow{number}") } else { format!("/{number}") };
            sender = sender.ready().await.unwrap();
            asked.push((path.clone(), sender.send_request(get(&path), true).unwrap().0));
        }
        let all = asked.into_iter().map(|(path, answer)| async move { (path, heard(answer).await) });
        for (path, (before, answer)) in futures_util::future::join_all(all).await {
            assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, path.as_bytes()));
            assert_eq!(before.len(), 1, "{before:?}");
            let (status, headers) = &before[0];
            assert_eq!((*status, headers["link"].to_str().unwrap()), (103, &*format!("<{path}.css>; rel=preload")));
            assert_eq!(headers.len(), 1, "a hint sets no state: {headers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_of_an_upstream_of_http1_come_on_the_stream_that_asked() {
    each_stream_has_its_own_hints(&http1_upstream().await, UpstreamProtocol::Automatic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_of_an_upstream_of_http2_come_on_the_stream_that_asked() {
    each_stream_has_its_own_hints(&http2_upstream().await, UpstreamProtocol::Http2).await;
}

async fn a_body_is_sent_when_it_is_asked_for(url: &str, protocol: UpstreamProtocol) {
    let (world, _connector) = published(url, protocol).await;
    let mut sender = client(&world).await.ready().await.unwrap();
    let request =
        Request::post(format!("https://{APP}/ask")).header("expect", "100-continue").header("content-length", 5);
    let (mut answer, mut upload) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    let mut before = Vec::new();
    while before.last() != Some(&100) {
        let interim = timeout(SOON, poll_fn(|cx| answer.poll_informational(cx))).await.unwrap();
        before.push(interim.expect("the answer did not come first").unwrap().status().as_u16());
    }
    assert_eq!(before, [103, 100]);
    upload.send_data(Bytes::from_static(b"asked"), true).unwrap();
    let (before, answer) = heard(answer).await;
    assert!(before.is_empty(), "{before:?}");
    assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, &b"hello"[..]), "{}", reason(&answer));
    assert_eq!(answer.headers()["x-quiet"], "true", "the upstream got nothing before it asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_to_be_asked_is_asked_when_the_upstream_asks() {
    a_body_is_sent_when_it_is_asked_for(&http1_upstream().await, UpstreamProtocol::Automatic).await;
    a_body_is_sent_when_it_is_asked_for(&http2_upstream().await, UpstreamProtocol::Http2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_an_upstream_of_http2_refuses_is_never_asked_for() {
    let (world, _connector) = published(&http2_upstream().await, UpstreamProtocol::Http2).await;
    let mut sender = client(&world).await.ready().await.unwrap();
    for _ in 0..3 {
        let request = Request::post(format!("https://{APP}/refuse")).header("expect", "100-continue");
        let (answer, _upload) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        let (before, answer) = heard(answer).await;
        assert_eq!((before.len(), answer.status()), (0, StatusCode::PAYLOAD_TOO_LARGE), "{}", reason(&answer));
        sender = sender.ready().await.unwrap();
    }
    // The connections are none the worse for it.
    let (before, answer) = heard(sender.send_request(get("/after"), true).unwrap().0).await;
    assert_eq!((before.len(), answer.body().as_ref()), (1, &b"/after"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_fails_after_its_hints_is_told_after_them() {
    for (url, protocol) in
        [(http1_upstream().await, UpstreamProtocol::Automatic), (http2_upstream().await, UpstreamProtocol::Http2)]
    {
        let (world, _connector) = published(&url, protocol).await;
        let mut sender = client(&world).await.ready().await.unwrap();
        let (before, answer) = heard(sender.send_request(get("/close"), true).unwrap().0).await;
        assert_eq!((answer.status(), reason(&answer)), (StatusCode::BAD_GATEWAY, "upstream_closed"), "{protocol:?}");
        // It was asked twice, and may have said so twice.
        assert!((1..=2).contains(&before.len()), "{before:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_hints_of_an_upstream_of_http2_ends_its_request_alone() {
    let (world, _connector) = published(&http2_upstream().await, UpstreamProtocol::Http2).await;
    let mut sender = client(&world).await.ready().await.unwrap();
    let (before, answer) = heard(sender.send_request(get("/flood"), true).unwrap().0).await;
    assert_eq!((answer.status(), reason(&answer)), (StatusCode::BAD_GATEWAY, "upstream_invalid"));
    assert!(before.len() <= 8, "{}", before.len());
    let (before, answer) = heard(sender.ready().await.unwrap().send_request(get("/after"), true).unwrap().0).await;
    assert_eq!((before.len(), answer.status()), (1, StatusCode::OK));
}
