//! What HTTP has beside a request and its answer, through gateway, tunnel and connector: questions before a body, events
//! one by one, trailers, ranges, heads alone, and WebSockets over both versions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use adit_tests::http::Connection;
use adit_tests::published::{HOST, Published};
use adit_tests::{Scratch, Scripted, Upstream, browser, python};

/// As long as nothing may come where nothing is to come.
const QUIET: Duration = Duration::from_millis(400);

/// Something that happens at once, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// What a script tells its test.
fn telling() -> (Mutex<Sender<String>>, Receiver<String>) {
    let (tell, told) = mpsc::channel();
    (Mutex::new(tell), told)
}

#[test]
fn an_upload_that_waits_to_be_asked_is_not_sent_before_the_upstream_asks() {
    let (tell, told) = telling();
    let upstream = Scripted::start(move |wire| {
        let head = wire.head()?;
        let quiet = wire.is_silent_for(QUIET)?;
        tell.lock().unwrap().send(format!("quiet: {quiet}\n{head}")).unwrap();
        wire.say("HTTP/1.1 100 Continue\r\n\r\n")?;
        let body = wire.bytes(5)?;
        wire.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", String::from_utf8_lossy(&body)))
    });
    let scene = Published::at(&upstream.url());
    let mut user = scene.user();
    user.write_head("POST", "/upload", &[("host", HOST), ("expect", "100-Continue")], 5).unwrap();
    assert_eq!(user.read_head().unwrap().status, 100);
    let seen = told.recv_timeout(SOON).unwrap();
    assert!(seen.starts_with("quiet: true\n"), "{seen}");
    assert!(seen.contains("expect: 100-continue"), "{seen}");
    user.write(b"asked").unwrap();
    let answer = user.read_response(false).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "asked"));
}

#[test]
fn an_upload_that_is_refused_is_never_sent() {
    let (tell, told) = telling();
    let upstream = Scripted::start(move |wire| {
        wire.head()?;
        wire.say("HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large")?;
        // The connection is of no use any more: this server may still wait for the body.
        let closed = wire.is_closed_within(SOON)?;
        tell.lock().unwrap().send(format!("closed: {closed}")).unwrap();
        Ok(())
    });
    let scene = Published::at(&upstream.url());
    let mut user = scene.user();
    user.write_head("PUT", "/upload", &[("host", HOST), ("expect", "100-continue")], 1 << 30).unwrap();
    let answer = user.read_response(false).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (413, "too large"), "the answer instead of a 100");
    assert_eq!(told.recv_timeout(SOON).unwrap(), "closed: true");
    // The gateway's own refusals come before anything else, too.
    let mut user = scene.directory.user("localhost");
    let head = [("host", "localhost"), ("expect", "100-continue")];
    user.write_head("PUT", "/upload", &head, 1 << 30).unwrap();
    assert_eq!(user.read_head().unwrap().status, 404);
}

#[test]
fn an_upstream_that_never_asks_gets_the_upload_after_a_while() {
    let upstream = Scripted::start(|wire| {
        wire.head()?;
        let body = wire.bytes(5)?;
        wire.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", String::from_utf8_lossy(&body)))
    });
    let scene = Published::at(&upstream.url());
    let mut user = scene.user();
    user.write_head("POST", "/upload", &[("host", HOST), ("expect", "100-continue")], 5).unwrap();
    assert_eq!(user.read_head().unwrap().status, 100);
    user.write(b"asked").unwrap();
    assert_eq!(user.read_response(false).unwrap().text(), "asked");
    // curl would send after a while of its own: here it waits for longer than the test.
    let waits = ["--http2", "--expect100-timeout", "600", "-H", "expect: 100-continue", "-d", "asked"];
    let (status, head, body) = scene.curl("upload", &waits);
    assert_eq!((status, body.as_str()), (200, "asked"), "{head}");
}

#[test]
fn an_event_arrives_before_the_next_is_sent() {
    for protocol in ["--http1.1", "--http2"] {
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let upstream = Scripted::start(move |wire| {
            wire.head()?;
            wire.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for number in 0..20 {
                let event = format!("data: {number:02}\n\n");
                wire.say(&format!("{:x}\r\n{event}\r\n", event.len()))?;
                if wait.lock().unwrap().recv_timeout(SOON).is_err() {
                    return Ok(());
                }
            }
            wire.say("0\r\n\r\n")
        });
        let scene = Published::at(&upstream.url());
        let (ca, url) = (scene.directory.ca().display().to_string(), scene.directory.external_url(HOST));
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--no-buffer", "--max-time", "60", "--noproxy", "*", protocol, "--cacert", &ca, &url]);
        let mut curl = curl.stdout(Stdio::piped()).spawn().unwrap();
        let mut events = curl.stdout.take().unwrap();
        for number in 0..20 {
            let mut event = [0; 10];
            events.read_exact(&mut event).unwrap_or_else(|error| panic!("event {number}, {protocol}: {error}"));
            assert_eq!(event, *format!("data: {number:02}\n\n").as_bytes());
            go.send(()).unwrap();
        }
        assert!(curl.wait().unwrap().success());
    }
}

#[test]
fn trailers_pass_both_ways_but_for_those_that_a_head_decides() {
    let (tell, told) = telling();
    let upstream = Scripted::start(move |wire| {
        let head = wire.head()?;
        assert_eq!((wire.line()?.as_str(), wire.line()?.as_str(), wire.line()?.as_str()), ("5", "hello", "0"));
        let trailers = wire.lines_until_empty()?;
        tell.lock().unwrap().send(format!("{head}--\n{trailers}")).unwrap();
        wire.say(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum, set-cookie, x-adit-reason\r\n\r\n\
             3\r\nbye\r\n0\r\nx-sum: 7\r\nset-cookie: a=b\r\nx-adit-reason: forged\r\n\r\n",
        )
    });
    let scene = Published::at(&upstream.url());
    let mut user = scene.user();
    let request = format!(
        "POST /t HTTP/1.1\r\nhost: {HOST}\r\nte: trailers\r\nconnection: te\r\ntransfer-encoding: chunked\r\n\
         trailer: x-sum, host, x-forwarded-for\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\nhost: evil\r\n\
         x-forwarded-for: 6.6.6.6\r\nauthorization: Basic eA==\r\n\r\n"
    );
    user.write(request.as_bytes()).unwrap();
    let seen = told.recv_timeout(SOON).unwrap();
    let (head, trailers) = seen.split_once("--\n").unwrap();
    assert!(head.contains("te: trailers\n"), "{head}");
    assert_eq!(trailers, "x-sum: 5\n", "{head}");
    let answer = user.read_head().unwrap();
    assert_eq!(answer.status, 200);
    let expected = "3\r\nbye\r\n0\r\nx-sum: 7\r\n\r\n";
    let mut rest = vec![0; expected.len()];
    user.read_exact(&mut rest).unwrap();
    assert_eq!(String::from_utf8_lossy(&rest), expected, "{answer:?}");
}

#[test]
fn ranges_and_heads_alone_pass_as_they_are() {
    let upstream = Scripted::start(|wire| {
        loop {
            let head = wire.head()?;
            if head.starts_with("HEAD ") {
                wire.say("HTTP/1.1 200 OK\r\ncontent-length: 123456789\r\netag: \"x\"\r\n\r\n")?;
            } else if head.to_ascii_lowercase().contains("range: bytes=2-4\n") {
                wire.say("HTTP/1.1 206 Partial\r\ncontent-range: bytes 2-4/10\r\ncontent-length: 3\r\n\r\ncde")?;
            } else {
                wire.say("HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 10\r\n\r\n")?;
            }
        }
    });
    let scene = Published::at(&upstream.url());
    for protocol in ["--http1.1", "--http2"] {
        let (status, head, _) = scene.curl("", &[protocol, "--head"]);
        assert_eq!(status, 200);
        assert!(head.contains("content-length: 123456789"), "{head}");
        let (status, head, body) = scene.curl("", &[protocol, "--range", "2-4"]);
        assert_eq!((status, body.as_str()), (206, "cde"), "{head}");
        assert!(head.contains("content-range: bytes 2-4/10"), "{head}");
        let (status, head, body) = scene.curl("", &[protocol, "-H", "if-none-match: \"x\""]);
        assert_eq!((status, body.as_str()), (304, ""), "{head}");
    }
}

#[test]
fn informational_answers_of_an_upstream_cost_nothing() {
    let upstream = Scripted::start(|wire| {
        wire.head()?;
        wire.say("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")?;
        wire.say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
    });
    let scene = Published::at(&upstream.url());
    for protocol in ["--http1.1", "--http2"] {
        let (status, head, body) = scene.curl("", &[protocol]);
        assert_eq!((status, body.as_str()), (200, "hello"), "{head}");
    }
}

#[test]
fn an_upstream_that_agrees_to_another_websocket_is_not_believed() {
    let answers = [
        "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
        "upgrade: websocket\r\nconnection: upgrade\r\n",
        "upgrade: h2c\r\nconnection: upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
        "upgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    ];
    let upstream = Scripted::start(move |wire| {
        let head = wire.head()?;
        let number: usize = head[5..6].parse().unwrap();
        wire.say(&format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\nsecret bytes", answers[number]))
    });
    let scene = Published::at(&upstream.url());
    for number in 0..answers.len() {
        let answer = open_websocket(&mut scene.user(), &format!("/{number}"), "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!((answer.status, answer.header("x-adit-reason")), (502, Some("upstream_invalid")), "{number}");
    }
    let answer = open_websocket(&mut scene.user(), "/0", "short");
    assert_eq!((answer.status, answer.header("x-adit-reason")), (400, Some("bad_request")));
}

#[test]
fn a_refused_websocket_passes_the_upstreams_answer() {
    let upstream =
        Scripted::start(|wire| wire.head().and_then(|_| wire.say("HTTP/1.1 403 No\r\ncontent-length: 4\r\n\r\nnope")));
    let scene = Published::at(&upstream.url());
    let answer = open_websocket(&mut scene.user(), "/", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!((answer.status, answer.text().as_str()), (403, "nope"));
}

fn open_websocket(user: &mut Connection, target: &str, key: &str) -> adit_tests::http::Response {
    let headers = [
        ("host", HOST),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", key),
    ];
    user.send("GET", target, &headers, b"").unwrap()
}

#[test]
fn a_browser_opens_a_websocket_on_its_http2_connection() {
    let upstream = Upstream::start();
    let scene = Published::at(&upstream.url());
    scene.directory.wait_until_served(HOST);
    let home = Scratch::new();
    browser::home(home.path(), &scene.directory.ca());
    let url = scene.directory.external_url(HOST);
    let printed = python::run("websocket.py", &[&url, home.path().to_str().unwrap()]);
    assert!(printed.contains("the page came over h2"), "{printed}");
    assert!(printed.contains("100 messages came back"), "{printed}");
    assert!(printed.contains("asked for on a stream of HTTP/2: True"), "{printed}");
    let heads = upstream.heads();
    let upgrade = heads.iter().find(|head| head.target.starts_with("/websocket")).expect("the WebSocket's head");
    assert_eq!((upgrade.method.as_str(), upgrade.header("upgrade")), ("GET", Some("websocket")), "{upgrade:?}");
    assert_eq!(upgrade.header("sec-websocket-version"), Some("13"), "{upgrade:?}");
    assert_eq!(upgrade.header("sec-websocket-protocol"), Some("chat, superchat"), "{upgrade:?}");
    assert_eq!(upgrade.header("origin"), Some(upstream.url().trim_end_matches('/')), "{upgrade:?}");
}
