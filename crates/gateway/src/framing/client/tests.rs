//! The guard of a client's connection, over a pipe: what it hands on, and what it puts in the place of the rest.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::super::agreement::UntilSent;
use super::*;

const REQUEST: &[u8] = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

fn guarded() -> (DuplexStream, ClientGuard<DuplexStream>) {
    let (client, server) = duplex(1 << 20);
    (client, ClientGuard::new(server, Arc::default(), ClientLimits::default()))
}

/// What the guard hands on of `pieces`, which come one after the other.
async fn handed_on(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut client, mut guard) = guarded();
    let mut all = Vec::new();
    for piece in pieces {
        client.write_all(piece).await.unwrap();
        let mut room = [0; 4096];
        while let Ok(count) = tokio::time::timeout(std::time::Duration::from_millis(1), guard.read(&mut room)).await {
            all.extend_from_slice(&room[..count.unwrap()]);
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn good_requests_pass_in_any_pieces() {
    let chunked = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let all = [REQUEST, chunked, REQUEST].concat();
    assert_eq!(handed_on(&[&all]).await, all);
    let bytes: Vec<&[u8]> = all.chunks(1).collect();
    assert_eq!(handed_on(&bytes).await, all);
    let thirds: Vec<&[u8]> = all.chunks(all.len() / 3).collect();
    assert_eq!(handed_on(&thirds).await, all);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_refused_head_is_handed_on() {
    let bad = b"GET /bad HTTP/1.1\r\nHost: a\nX: y\r\n\r\nGET /more HTTP/1.1\r\n\r\n";
    let expected = [REQUEST, IN_PLACE].concat();
    assert_eq!(handed_on(&[REQUEST, bad]).await, expected);
    assert_eq!(handed_on(&[&[REQUEST, bad].concat()]).await, expected);
    let bytes = [REQUEST, bad].concat();
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(handed_on(&pieces).await, expected);
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_head_is_held_back_and_refused_after_its_time() {
    let (mut client, mut guard) = guarded();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").await.unwrap();
    let mut room = [0; 4096];
    let count = guard.read(&mut room).await.unwrap();
    assert_eq!(&room[..count], IN_PLACE);
    let request = http::Request::new(http_body_util::Empty::<bytes::Bytes>::new());
    assert_eq!(guard.agreement.begin(&request).err(), Some(Refusal::TooSlow));
}

#[tokio::test(start_paused = true)]
async fn a_bad_body_is_a_failed_read_and_nothing_after_it_is_handed_on() {
    let (mut client, mut guard) = guarded();
    client
        .write_all(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n+1\r\nGET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut all = Vec::new();
    let error = guard.read_to_end(&mut all).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(!String::from_utf8_lossy(&all).contains("GET"), "{}", String::from_utf8_lossy(&all));
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_wish_for_another_protocol_waits_until_it_is_known_who_reads_it() {
    let wish = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let early = b"\x81\x00\n\n";
    for (status, seen) in [(http::StatusCode::SWITCHING_PROTOCOLS, early.as_slice()), (http::StatusCode::OK, IN_PLACE)]
    {
        let (mut client, mut guard) = guarded();
        client.write_all(&[wish.as_slice(), early].concat()).await.unwrap();
        let mut room = [0; 4096];
        let count = guard.read(&mut room).await.unwrap();
        assert_eq!(&room[..count], wish);
        let request = http::Request::new(http_body_util::Empty::<bytes::Bytes>::new());
        let _under_way = guard.agreement.begin(&request).unwrap();
        assert!(tokio::time::timeout(std::time::Duration::from_secs(1), guard.read(&mut room)).await.is_err());
        guard.agreement.answered(status);
        let count = guard.read(&mut room).await.unwrap();
        assert_eq!(&room[..count], seen, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_after_a_while_but_not_one_with_a_request_under_way() {
    let (_client, mut guard) = guarded();
    guard
        .agreement
        .pass(super::super::head::RequestHead { framing: super::super::head::Framing::None, upgrade: false });
    let request = http::Request::new(http_body_util::Empty::<bytes::Bytes>::new());
    let under_way = guard.agreement.begin(&request).unwrap();
    let mut room = [0; 16];
    assert!(tokio::time::timeout(std::time::Duration::from_secs(3600), guard.read(&mut room)).await.is_err());
    drop(under_way);
    assert_eq!(guard.read(&mut room).await.unwrap(), 0);
}

/// How long a connection of the HTTP library, with a guard beneath it, lives after one request; its answer takes `busy`.
async fn lives_after_one_request(busy: Duration) -> Duration {
    let (mut client, server) = duplex(1 << 20);
    let agreement = Arc::<Agreement>::default();
    let guard = ClientGuard::new(server, Arc::clone(&agreement), ClientLimits::default());
    let answer = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let under_way = agreement.begin(&request).unwrap();
        async move {
            tokio::time::sleep(busy).await;
            let body = http_body_util::Full::new(bytes::Bytes::from_static(b"answer"));
            Ok::<_, io::Error>(http::Response::new(UntilSent::new(body, Some(under_way))))
        }
    });
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let connection = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(hyper_util::rt::TokioIo::new(guard), answer);
    let start = tokio::time::Instant::now();
    // A client that vanished says nothing: its end of the pipe stays open.
    tokio::time::timeout(busy + ClientLimits::default().idle * 10, connection).await.expect("it lives").unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(b"answer"), "{all:?}");
    start.elapsed() - busy
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_however_long_its_last_answer_took() {
    let idle = ClientLimits::default().idle;
    for busy in [Duration::ZERO, Duration::from_millis(1), idle / 2, idle, idle * 3 / 2, idle * 10] {
        let lived = lives_after_one_request(busy).await;
        assert!(lived >= idle && lived <= idle * 2 + Duration::from_secs(1), "{lived:?} after an answer in {busy:?}");
    }
}

/// What a client reads that sends `requests` at once, over a pipe that holds `size` bytes: each answer has ten thousand
/// bytes, and two interim answers before it.
async fn told_before_each_answer(requests: usize, size: usize) -> Vec<u8> {
    let (mut client, server) = duplex(size);
    let agreement = Arc::<Agreement>::default();
    let guard = ClientGuard::new(server, Arc::clone(&agreement), ClientLimits::default());
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let agreement = Arc::clone(&agreement);
        async move {
            let under_way = agreement.begin(&request).unwrap();
            agreement.tell(b"HTTP/1.1 103 Early Hints\r\n\r\n");
            if request.uri().path() == "/slow" {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            agreement.tell(b"HTTP/1.1 102 Processing\r\n\r\n");
            std::future::poll_fn(|cx| agreement.poll_told(cx)).await;
            let body = http_body_util::Full::new(bytes::Bytes::from(vec![b'x'; 10_000]));
            Ok::<_, io::Error>(http::Response::new(UntilSent::new(body, Some(under_way))))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .auto_date_header(false)
        .serve_connection(hyper_util::rt::TokioIo::new(guard), service);
    let exchange = async {
        let paths = ["/", "/slow"].into_iter().cycle().take(requests - 1);
        let mut asked: String = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
        asked.push_str("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (mut reading, mut writing) = tokio::io::split(&mut client);
        let mut all = Vec::new();
        let (written, read) = tokio::join!(writing.write_all(asked.as_bytes()), reading.read_to_end(&mut all));
        written.and(read).unwrap();
        all
    };
    let (served, read) = tokio::join!(connection, exchange);
    served.unwrap();
    read
}

#[tokio::test(start_paused = true)]
async fn interim_answers_are_written_between_messages_whatever_the_client_takes() {
    let one = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n";
    let body = "x".repeat(10_000);
    for (requests, size) in [(1, 1 << 20), (1, 7), (6, 1 << 20), (6, 4096), (6, 64), (3, 1)] {
        let all = String::from_utf8(told_before_each_answer(requests, size).await).unwrap();
        let mut rest = all.as_str();
        for number in 0..requests {
            rest = rest.strip_prefix(one).unwrap_or_else(|| panic!("{number} of {requests}, {size}: {rest:.200}"));
            rest = rest.split_once("\r\n\r\n").unwrap().1.strip_prefix(&body).unwrap();
        }
        assert_eq!(rest, "");
    }
}
