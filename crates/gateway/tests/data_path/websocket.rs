//! WebSockets through a gateway and a connector: over HTTP/1.1 and on a stream of HTTP/2 (RFC 8441).

use std::time::{Duration, Instant};

use adit_core::application::PreAuthentication::Passthrough;
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::upstream::Upstream;
use super::world::{World, eventually};
use super::{APP, published};

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_once_the_upstream_has_agreed() {
    let (world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let mut tls = world.tls(APP, &[b"http/1.1"]).await;
    let head = format!(
        "GET /upgrade HTTP/1.1\r\nhost: {APP}\r\nconnection: keep-alive\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 512];
    let count = tls.read(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..count]).to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 101 ") && text.contains("upgrade: websocket"), "{text}");
    for _ in 0..3 {
        tls.write_all(b"frames are not parsed here").await.unwrap();
        let mut echoed = [0; 26];
        tls.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed, b"frames are not parsed here");
    }
}

/// A stream of HTTP/2 that shall become a WebSocket (RFC 8441).
async fn extended_connect(
    world: &World,
    path: &str,
    protocol: &'static str,
) -> (http::Response<h2::RecvStream>, h2::SendStream<Bytes>) {
    let (client, connection) = h2::client::handshake(world.tls(APP, &[b"h2"]).await).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    eventually("the gateway allows it", || client.is_extended_connect_protocol_enabled()).await;
    let request = Request::builder()
        .method("CONNECT")
        .uri(format!("https://{APP}{path}"))
        .extension(h2::ext::Protocol::from_static(protocol))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .header("sec-websocket-extensions", "permessage-deflate")
        .body(())
        .unwrap();
    let (response, send) = client.send_request(request, false).unwrap();
    (response.await.unwrap(), send)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_on_a_stream_of_http2_reaches_an_upstream_of_http1() {
    let (world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let (response, mut send) = extended_connect(&world, "/upgrade", "websocket").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers().get("sec-websocket-accept"), None, "HTTP/2 has no key and no answer to it");
    let head = upstream.last_head();
    assert!(head.starts_with("GET /upgrade HTTP/1.1\r\n"), "{head}");
    for field in
        ["upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-protocol: chat", "permessage-deflate"]
    {
        assert!(head.contains(field), "{field} in {head}");
    }
    let mut body = response.into_body();
    for number in 0..20 {
        let frame = Bytes::from(format!("frame {number}"));
        send.send_data(frame.clone(), false).unwrap();
        let echoed = body.data().await.unwrap().unwrap();
        body.flow_control().release_capacity(echoed.len()).unwrap();
        assert_eq!(echoed, frame);
    }
    send.send_data(Bytes::new(), true).unwrap();
    // The end of the upstream's side is that of the stream's; it may come in an empty frame.
    while let Some(part) = body.data().await {
        assert_eq!(part.unwrap(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_http2_becomes_a_websocket_or_nothing() {
    let (world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let reason = |response: &http::Response<h2::RecvStream>| response.headers()["x-adit-reason"].clone();
    // A page instead of the WebSocket: its 200 would mean that the WebSocket is open.
    let (response, _send) = extended_connect(&world, "/page", "websocket").await;
    assert_eq!((response.status(), reason(&response).as_bytes()), (StatusCode::BAD_GATEWAY, &b"upstream_invalid"[..]));
    let before = upstream.connections();
    let (response, _send) = extended_connect(&world, "/upgrade", "connect-udp").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(upstream.connections(), before, "nothing but WebSockets is forwarded");
    // The last one: from here on the host is offered over HTTP/1.1.
    let (response, _send) = extended_connect(&world, "/ntlm", "websocket").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "the upstream's own refusal passes");
}

/// A message, and what says that a side is going away (RFC 6455, section 7.4.1).
const MESSAGE: &[u8] = b"\x81\x05hello";
const GOING_AWAY: &[u8] = b"\x88\x02\x03\xe9";

/// A WebSocket that was opened.
async fn opened(world: &World) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut tls = world.tls(APP, &[b"http/1.1"]).await;
    let head = format!(
        "GET /upgrade HTTP/1.1\r\nhost: {APP}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 512];
    let count = tls.read(&mut answer).await.unwrap();
    assert!(answer[..count].starts_with(b"HTTP/1.1 101 "));
    tls
}

/// One that has echoed.
async fn websocket(world: &World) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut tls = opened(world).await;
    tls.write_all(MESSAGE).await.unwrap();
    let mut echo = [0; MESSAGE.len()];
    tls.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo, MESSAGE);
    tls
}

/// Hears the farewell, answers it, and leaves.
async fn is_told_to_end(mut tls: tokio_rustls::client::TlsStream<tokio::net::TcpStream>) {
    let mut said = [0; GOING_AWAY.len()];
    tls.read_exact(&mut said).await.unwrap();
    assert_eq!(said, GOING_AWAY);
    tls.write_all(b"\x88\x82\0\0\0\0\x03\xe9").await.unwrap();
    tls.shutdown().await.unwrap();
    assert_eq!(tls.read(&mut said).await.unwrap(), 0, "nothing follows a farewell");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_whose_connector_leaves_is_told_so_and_does_not_keep_it() {
    let (world, _upstream) = published().await;
    let connector = world.connector(&[]).await;
    let open = websocket(&world).await;
    let start = Instant::now();
    tokio::join!(is_told_to_end(open), async { drop(connector.leave().await) });
    assert!(start.elapsed() < adit_connector::GRACE / 2, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_told_when_the_gateway_drains() {
    let (mut world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let open = websocket(&world).await;
    tokio::join!(is_told_to_end(open), world.drain());
}

/// What is used again within a tenth of this is in use, where other programs run as well.
const IDLE: Duration = Duration::from_secs(3);

/// A world whose only application has this idle time.
async fn published_with_idle() -> (World, Upstream) {
    let (upstream, mut world) = (Upstream::start(), World::start());
    let set = |publishing: &mut adit_core::Publishing| {
        publishing.pre_authentication = Passthrough;
        publishing.upstream_times.idle = adit_core::Seconds::new(3).ok();
    };
    world.publish_as(&format!("https://{APP}/"), &upstream.url(), set).await;
    (world, upstream)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_nobody_uses_ends_after_the_applications_idle_time() {
    let (world, _upstream) = published_with_idle().await;
    let _connector = world.connector(&[]).await;
    let mut tls = opened(&world).await;
    for _ in 0..15 {
        tokio::time::sleep(IDLE / 10).await;
        tls.write_all(b".").await.unwrap();
        tls.read_exact(&mut [0]).await.unwrap();
    }
    let start = Instant::now();
    assert!(matches!(tls.read(&mut [0; 512]).await, Ok(0) | Err(_)), "nothing more comes, and the end does");
    let after = start.elapsed();
    assert!(after >= IDLE - IDLE / 10 && after < IDLE * 10, "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_on_a_stream_of_http2_that_nobody_uses_ends_likewise() {
    let (world, _upstream) = published_with_idle().await;
    let _connector = world.connector(&[]).await;
    let (response, mut send) = extended_connect(&world, "/upgrade", "websocket").await;
    let mut body = response.into_body();
    for _ in 0..15 {
        tokio::time::sleep(IDLE / 10).await;
        send.send_data(Bytes::from_static(b"."), false).unwrap();
        let echoed = body.data().await.unwrap().unwrap();
        body.flow_control().release_capacity(echoed.len()).unwrap();
    }
    let start = Instant::now();
    let mut ended = false;
    while !ended {
        // The end is a reset, or an empty frame.
        ended = !matches!(body.data().await, Some(Ok(part)) if part.is_empty());
    }
    let after = start.elapsed();
    assert!(after >= IDLE - IDLE / 10 && after < IDLE * 10, "{after:?}");
}
