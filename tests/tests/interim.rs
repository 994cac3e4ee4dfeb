//! Interim answers (1xx) of upstreams on their way to clients: early hints reach them, cleaned as answers are, before the
//! answer and never after it; and no number of them is anybody's trouble.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{self, Read as _};
use std::time::Duration;

use adit_tests::Scripted;
use adit_tests::http::Connection;
use adit_tests::published::{HOST, Published};

const HINT: &str = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// An application whose upstream says, after each head, what `says` has for its path, piece by piece.
fn publish(says: fn(&str) -> Vec<String>) -> Published {
    let upstream = Scripted::start(move |wire| {
        loop {
            let head = wire.head()?;
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            for piece in says(&path) {
                wire.say(&piece)?;
                std::thread::sleep(Duration::from_millis(30));
            }
            if path.ends_with("close") {
                return Ok(());
            }
        }
    });
    Published::at(&upstream.url())
}

fn strings<const N: usize>(pieces: [&str; N]) -> Vec<String> {
    pieces.map(str::to_owned).to_vec()
}

/// Everything that comes until the connection ends.
fn rest(user: &mut Connection) -> io::Result<String> {
    let mut all = String::new();
    user.read_to_string(&mut all)?;
    Ok(all)
}

/// The statuses of the heads in what was read.
fn statuses(text: &str) -> Vec<&str> {
    text.match_indices("HTTP/1.1 ").filter_map(|(at, _)| text.get(at + 9..at + 12)).collect()
}

fn ask(user: &mut Connection, version: &str, path: &str, last: bool) {
    let close = if last { "connection: close\r\n" } else { "" };
    user.write(format!("GET {path} HTTP/{version}\r\nhost: {HOST}\r\n{close}\r\n").as_bytes()).unwrap();
}

#[test]
fn early_hints_come_before_the_answer_and_say_what_an_answer_may_say() {
    let scene = publish(|path| {
        match path {
        "/together" => vec![format!("{HINT}{HELLO}")],
        "/cleaned" => vec![
            "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\nSet-Cookie: a=b\r\nconnection: x-hop\r\n\
             x-hop: 1\r\nx-adit-reason: no_connector\r\nx-other: 2\r\ncontent-length: 7\r\n\r\n"
                .to_owned(),
            HELLO.to_owned(),
        ],
        _ => strings([HINT, "HTTP/1.1 102 Processing\r\n\r\n", HINT, HELLO]),
    }
    });
    let mut user = scene.user();
    for path in ["/apart", "/together", "/apart"] {
        ask(&mut user, "1.1", path, false);
        let hint = user.read_head().unwrap();
        assert_eq!((hint.status, hint.header("link")), (103, Some("</style.css>; rel=preload")), "{path}");
        if path == "/apart" {
            assert_eq!(user.read_head().unwrap().status, 102);
            assert_eq!(user.read_head().unwrap().status, 103);
        }
        assert_eq!(user.read_response(false).unwrap().text(), "hello");
    }
    ask(&mut user, "1.1", "/cleaned", true);
    let all = rest(&mut user).unwrap();
    let hint =
        "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\nlink: </b>\r\nx-other: 2\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(all.starts_with(hint), "{all}");
}

#[test]
fn pipelined_requests_each_have_their_hints_before_their_answer() {
    let scene = publish(|path| {
        let large = "y".repeat(100_000);
        match path {
            "/plain" => vec![HELLO.to_owned()],
            "/large" => vec![HINT.to_owned(), format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{large}")],
            _ => vec![format!("{HINT}{HELLO}")],
        }
    });
    let mut user = scene.user();
    for (path, last) in [("/large", false), ("/hint", false), ("/plain", false), ("/large", false), ("/hint", true)] {
        ask(&mut user, "1.1", path, last);
    }
    let all = rest(&mut user).unwrap();
    assert_eq!(statuses(&all), ["103", "200", "103", "200", "200", "103", "200", "103", "200"]);
    let large = "y".repeat(100_000);
    assert_eq!(
        all.matches(&format!("\r\n\r\n{large}HTTP/1.1 103 Early Hints\r\n")).count(),
        2,
        "no body was cut in two"
    );
    assert!(all.ends_with("hello"));
}

#[test]
fn a_client_of_http_1_0_and_one_that_asks_for_a_websocket_are_told_nothing() {
    let scene = publish(|_| strings([HINT, HELLO]));
    let mut user = scene.user();
    ask(&mut user, "1.0", "/", false);
    let all = rest(&mut user).unwrap();
    assert_eq!(all.matches("HTTP/").count(), 1, "{all}");
    assert!(all.ends_with("hello"), "{all}");
    let mut user = scene.user();
    let head = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: \
                dGhlIHNhbXBsZSBub25jZQ==\r\n";
    user.write(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n{head}\r\n").as_bytes()).unwrap();
    assert_eq!(user.read_head().unwrap().status, 200);
}

#[test]
fn more_hints_than_a_few_are_left_out_and_a_flood_is_an_error_of_its_own() {
    let scene = publish(|path| match path {
        "/many" => vec![HINT.repeat(30), HELLO.to_owned()],
        "/huge" => {
            let link = format!("link: </{}>\r\n", "x".repeat(200));
            vec![format!("HTTP/1.1 103 Early Hints\r\n{}\r\n{HINT}{HELLO}", link.repeat(90))]
        }
        _ => vec![HINT.repeat(1000)],
    });
    let mut user = scene.user();
    for (path, hints) in [("/many", 8), ("/huge", 1), ("/many", 8)] {
        ask(&mut user, "1.1", path, false);
        for number in 0..hints {
            assert_eq!(user.read_head().unwrap().status, 103, "{number} of {path}");
        }
        assert_eq!(user.read_response(false).unwrap().text(), "hello", "{path}");
    }
    ask(&mut user, "1.1", "/flood-close", true);
    let all = rest(&mut user).unwrap();
    let seen = statuses(&all);
    assert!(seen.len() <= 9 && seen.last() == Some(&"502"), "{seen:?}");
    assert!(all.contains("x-adit-reason: upstream_invalid"), "{all}");
}

#[test]
fn an_answer_that_fails_after_its_hints_has_an_answer_of_its_own() {
    let scene = publish(|path| match path {
        "/framing" => {
            strings([HINT, "HTTP/1.1 103 Early Hints\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"])
        }
        "/folded" => strings([HINT, "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n b\r\n\r\n"]),
        "/name" => strings([HINT, "HTTP/1.1 103 Early Hints\r\na b: c\r\n\r\n", HELLO]),
        _ => strings([HINT]),
    });
    for path in ["/framing", "/folded", "/name", "/close"] {
        let mut user = scene.user();
        ask(&mut user, "1.1", path, true);
        let all = rest(&mut user).unwrap();
        let seen = statuses(&all);
        // What closed is asked once more, and its hints may come again.
        assert!(seen.first() == Some(&"103") && seen.last() == Some(&"502") && seen.len() <= 4, "{path}: {seen:?}");
        assert!(!all.contains("a b: c") && !all.contains("transfer-encoding"), "{all}");
        assert_eq!(scene.curl("close", &["--http1.1"]).0, 502, "{path}");
    }
}

#[test]
fn curl_prints_early_hints_over_both_versions() {
    let scene = publish(|_| strings([HINT, HELLO]));
    for (protocol, shown) in [("--http1.1", "HTTP/1.1 103"), ("--http2", "HTTP/2 103")] {
        let (status, head, body) = scene.curl("", &[protocol]);
        assert_eq!((status, body.as_str()), (200, "hello"), "{head}");
        assert!(head.contains(shown) && head.contains("link: </style.css>; rel=preload"), "{protocol}: {head}");
    }
}
