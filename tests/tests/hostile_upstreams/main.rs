//! Upstreams that answer badly: contradictory framing, answers nobody asked for, heads without end, resets, silence.
//! The user of that application gets a 502 with a reason, or an answer that is cut where its framing ends; the
//! connection is never used again; nothing of it becomes anybody's next answer; and other applications do not notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod scripted;

use std::io;
use std::time::{Duration, Instant};

use adit_tests::http::{Connection, Response};
use adit_tests::load::{Load, failures};
use adit_tests::{ConnectorProcess, Directory, Upstream, settles};

use scripted::{Scripted, Step, say};

const HOSTILE: &str = "hostile.localhost";
const VICTIM: &str = "victim.localhost";

/// What no user may ever see: it stands where no answer is.
const POISON: &str = "POISON";

/// The longest that a refusal may take. A second is promised; a busy machine is given five.
const PATIENCE: Duration = Duration::from_secs(5);

/// A hostile application beside one that is used all the time.
struct Site {
    directory: Directory,
    hostile: Scripted,
    victim: Upstream,
    // Held for its drop.
    _connector: ConnectorProcess,
}

impl Site {
    fn start() -> Self {
        let directory = Directory::start();
        let (hostile, victim) = (Scripted::start(), Upstream::start());
        let connector = directory.connector("beside-both");
        let _ = directory.publish_url("hostile", &hostile.url(), HOSTILE, "Default");
        let _ = directory.publish("victim", &victim, VICTIM, "Default");
        directory.wait_until_served(HOSTILE);
        directory.wait_until_served(VICTIM);
        Self { directory, hostile, victim, _connector: connector }
    }

    fn user(&self) -> Connection {
        let user = self.directory.user(HOSTILE);
        user.set_patience(PATIENCE);
        user
    }

    /// Asks for the script with `method`; what came of it.
    fn ask(&self, method: &str, steps: &[Step]) -> io::Result<Response> {
        self.hostile.will(steps);
        let mut user = self.user();
        user.write_head(method, "/script", &[("host", HOSTILE)], 0)?;
        user.read_response(method == "HEAD")
    }

    /// Everybody after that gets the answer to what they asked.
    #[track_caller]
    fn is_not_poisoned(&self, what: &str) {
        let mut user = self.user();
        for number in 0..4 {
            let target = format!("/well-{number}");
            let answer = user.get(HOSTILE, &target).unwrap_or_else(|error| panic!("after {what}: {error}"));
            assert_eq!((answer.status, answer.text()), (200, format!("well: {target}")), "after {what}");
        }
        assert_eq!(self.hostile.used_again(), 0, "after {what}: the connection was used again");
    }

    #[track_caller]
    fn demand_502(&self, what: &str, steps: &[Step]) {
        let start = Instant::now();
        let answer = self.ask("GET", steps).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status, 502, "{what}: {}", answer.text());
        let reason = answer.header("x-adit-reason").unwrap_or_default();
        assert!(matches!(reason, "upstream_invalid" | "upstream_closed"), "{what}: {reason}");
        assert!(!answer.text().contains(POISON), "{what}: {}", answer.text());
        assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
        self.is_not_poisoned(what);
    }
}

/// A good head with these lines in it.
fn head(lines: &str) -> Step {
    say(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n"))
}

#[test]
fn an_answer_with_two_meanings_is_a_502() {
    let site = Site::start();
    let load = Load::start(2, site.directory.addresses().gateway, VICTIM, "/1k", &site.directory.trust());
    let start = Instant::now();
    let framings = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5a\r\n",
        "Content-Length: five\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content_Length: 5\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer_Encoding: chunked\r\n",
        "Content-Length: 5\n",
        "X: y\nContent-Length: 5\r\n",
        "X: y\r\n folded\r\nContent-Length: 5\r\n",
        "X: a\0b\r\nContent-Length: 5\r\n",
        "X : y\r\nContent-Length: 5\r\n",
        "X\r\nContent-Length: 5\r\n",
        ": y\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    ];
    for lines in framings {
        site.demand_502(
            lines,
            &[head(lines), say("5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")],
        );
    }
    let rest = "\r\nContent-Length: 5\r\n\r\nhello";
    for line in [
        "",
        "hello",
        "HTTP/2 200 OK",
        "HTTP/1.2 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "HTTP/1.1 99 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1",
        "\u{16}\u{3}\u{1}\u{2}\0",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket",
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.1 200 OK\nX: y",
    ] {
        site.demand_502(line, &[say(&format!("{line}{rest}")), Step::Wait(Duration::from_millis(50)), Step::Close]);
    }
    site.demand_502(
        "TE in HTTP/1.0",
        &[say("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")],
    );
    site.demand_502(
        "TE and CL in HTTP/1.0",
        &[say("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello")],
    );
    finish(&site, load, start);
}

#[test]
fn an_upstream_that_ends_or_never_ends_is_a_502() {
    let site = Site::start();
    let load = Load::start(2, site.directory.addresses().gateway, VICTIM, "/1k", &site.directory.trust());
    let start = Instant::now();
    let field = || say("X: y\r\n");
    for (what, steps) in [
        ("a close without an answer", vec![Step::Close]),
        ("a reset without an answer", vec![Step::Reset]),
        ("a close in the head", vec![say("HTTP/1.1 200 OK\r\nContent-"), Step::Close]),
        ("a reset in the head", vec![say("HTTP/1.1 200 OK\r\nContent-"), Step::Reset]),
        ("a close after an interim answer", vec![say("HTTP/1.1 103 Early Hints\r\n\r\n"), Step::Close]),
        ("a head without end", vec![say("HTTP/1.1 200 OK\r\n"), Step::SayForEver(b"X: y\r\n".to_vec())]),
        ("a field without end", vec![say("HTTP/1.1 200 OK\r\nX: "), Step::SayForEver(b"y".to_vec())]),
        ("a status line without end", vec![say("HTTP/1.1 200 "), Step::SayForEver(b"OK".to_vec())]),
        ("no line end at all", vec![Step::SayForEver(b"x".to_vec())]),
        (
            "101 fields",
            [vec![say("HTTP/1.1 200 OK\r\n")], vec![field(); 101], vec![say("Content-Length: 0\r\n\r\n")]].concat(),
        ),
        (
            "interim answers without end",
            vec![Step::SayForEver(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec())],
        ),
        ("continues without end", vec![Step::SayForEver(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())]),
        (
            "1,000 interim answers and a good one",
            vec![
                say(&"HTTP/1.1 102 Processing\r\n\r\n".repeat(1000)),
                say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ],
        ),
        (
            "a head of 70,000 bytes",
            vec![say(&format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(70_000)))],
        ),
    ] {
        site.demand_502(what, &steps);
    }
    finish(&site, load, start);
}

#[test]
fn a_body_that_breaks_its_framing_is_cut_there() {
    let site = Site::start();
    let load = Load::start(2, site.directory.addresses().gateway, VICTIM, "/1k", &site.directory.trust());
    let start = Instant::now();
    let chunked = || head("Transfer-Encoding: chunked\r\n");
    for (what, steps) in [
        ("a short body", vec![head("Content-Length: 10\r\n"), say("hello"), Step::Close]),
        ("a short body and a reset", vec![head("Content-Length: 10\r\n"), say("hello"), Step::Reset]),
        ("chunks without a last one", vec![chunked(), say("5\r\nhello\r\n"), Step::Close]),
        ("a chunk that is short", vec![chunked(), say("a\r\nhello"), Step::Close]),
        ("a signed chunk size", vec![chunked(), say("+5\r\nhello\r\n0\r\n\r\n")]),
        ("a chunk size in C", vec![chunked(), say("0x5\r\nhello\r\n0\r\n\r\n")]),
        ("a chunk size with a space", vec![chunked(), say("5 \r\nhello\r\n0\r\n\r\n")]),
        ("an empty chunk size", vec![chunked(), say("\r\nhello\r\n0\r\n\r\n")]),
        ("a chunk size beyond all", vec![chunked(), say("fffffffffffffffff\r\nhello\r\n0\r\n\r\n")]),
        ("a chunk line with LF", vec![chunked(), say("5\nhello\r\n0\r\n\r\n")]),
        ("chunk data without its end", vec![chunked(), say("5\r\nhelloPOISON\r\n0\r\n\r\n")]),
        ("a later chunk that is bad", vec![chunked(), say("5\r\nhello\r\nzz\r\nPOISON\r\n0\r\n\r\n")]),
        ("a last line with LF", vec![chunked(), say("5\r\nhello\r\n0\n\n")]),
        ("a trailer that is a status line", vec![chunked(), say("5\r\nhello\r\n0\r\nHTTP/1.1 200 OK\r\n\r\nPOISON")]),
        ("extensions without end", vec![chunked(), say("5;"), Step::SayForEver(b"a".to_vec())]),
        ("trailers without end", vec![chunked(), say("0\r\n"), Step::SayForEver(b"X: y\r\n".to_vec())]),
    ] {
        match site.ask("GET", &steps) {
            // The head was on its way: the answer must not look complete.
            Err(error) => println!("{what}: cut, {error}"),
            Ok(answer) => assert_eq!(answer.status, 502, "{what}: {:?}", answer.text()),
        }
        site.is_not_poisoned(what);
    }
    finish(&site, load, start);
}

#[test]
fn what_follows_an_answer_is_nobodys() {
    let site = Site::start();
    let load = Load::start(2, site.directory.addresses().gateway, VICTIM, "/1k", &site.directory.trust());
    let start = Instant::now();
    let poison = || say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{POISON}", POISON.len()));
    let length = || say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let chunked = || say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let moment = || Step::Wait(Duration::from_millis(20));
    let body = || say(&POISON.repeat(10));
    for (what, method, steps, text) in [
        ("an answer too many", "GET", vec![length(), poison()], "hello"),
        ("an answer too many after chunks", "GET", vec![chunked(), poison()], "hello"),
        ("a hundred answers too many", "GET", [vec![length()], vec![poison(); 100]].concat(), "hello"),
        ("an answer too many, later", "GET", vec![length(), moment(), poison()], "hello"),
        ("an answer too many after chunks, later", "GET", vec![chunked(), moment(), poison()], "hello"),
        ("a longer body", "GET", vec![length(), body()], "hello"),
        ("a longer body, later", "GET", vec![length(), moment(), body()], "hello"),
        ("an empty line more", "GET", vec![length(), say("\r\n")], "hello"),
        ("half an answer", "GET", vec![length(), say("HTTP/1.1 200 OK\r\nX: ")], "hello"),
        ("a body for HEAD", "HEAD", vec![head("Content-Length: 60\r\n"), body()], ""),
        ("a body for HEAD, later", "HEAD", vec![head("Content-Length: 60\r\n"), moment(), body()], ""),
        ("an answer as a body for HEAD", "HEAD", vec![head("Content-Length: 60\r\n"), poison()], ""),
        ("chunks for HEAD", "HEAD", vec![head("Transfer-Encoding: chunked\r\n"), say("6\r\nPOISON\r\n0\r\n\r\n")], ""),
        ("a body with 204", "GET", vec![say("HTTP/1.1 204 No Content\r\nContent-Length: 60\r\n\r\n"), body()], ""),
        (
            "chunks with 204",
            "GET",
            vec![say("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nPOISON\r\n0\r\n\r\n")],
            "",
        ),
        ("a body with 304", "GET", vec![say("HTTP/1.1 304 Not Modified\r\nContent-Length: 60\r\n\r\n"), body()], ""),
        ("an answer with 304", "GET", vec![say("HTTP/1.1 304 Not Modified\r\n\r\n"), poison()], ""),
    ] {
        for _ in 0..5 {
            let answer = site.ask(method, &steps).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(answer.text(), text, "{what}: cut where it ends");
            // Only what came before the next request can be told from its answer: HTTP/1.1 has no numbers.
            settles("that the connection is dropped", PATIENCE, || site.hostile.is_left_alone());
            site.is_not_poisoned(what);
        }
    }
    finish(&site, load, start);
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole_whatever_it_says_of_the_connection() {
    let site = Site::start();
    for lines in ["", "Connection: keep-alive\r\n", "Connection: close\r\n", "Keep-Alive: timeout=100\r\n"] {
        let steps = [head(lines), say("hello, "), Step::Wait(Duration::from_millis(20)), say("world"), Step::Close];
        let answer = site.ask("GET", &steps).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello, world"), "{lines:?}");
        site.is_not_poisoned(lines);
    }
    let steps = [say("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nold"), Step::Close];
    assert_eq!(site.ask("GET", &steps).unwrap().text(), "old");
    // A few interim answers are usual.
    let steps = [
        say("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"),
        say("HTTP/1.1 102 Processing\r\n\r\n"),
        say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ];
    assert_eq!(site.ask("GET", &steps).unwrap().text(), "hello");
}

#[test]
fn slow_upstreams_keep_nobody_else_waiting() {
    let site = Site::start();
    let load = Load::start(4, site.directory.addresses().gateway, VICTIM, "/1k", &site.directory.trust());
    let start = Instant::now();
    site.hostile.will(&[say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), Step::Wait(Duration::from_secs(60))]);
    let mut waiting: Vec<Connection> = (0..100).map(|_| site.user()).collect();
    for user in &mut waiting {
        user.write_head("GET", "/script", &[("host", HOSTILE)], 0).unwrap();
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(site.directory.get(HOSTILE, "/well").text(), "well: /well", "the same application, another request");
    drop(waiting);
    finish(&site, load, start);
}

/// Ends the load on the other application, which must have seen nothing.
#[track_caller]
fn finish(site: &Site, load: Load, start: Instant) {
    let shots = load.stop();
    assert!(site.victim.requests() > 0);
    let failed = failures(&shots, start);
    assert!(failed.is_empty(), "of {} requests to another application: {failed:#?}", shots.len());
}
