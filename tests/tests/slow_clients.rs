//! Clients that keep the gateway waiting, alone and in numbers: each kind is given up after its time, what it held is
//! free again, and a user beside them does not notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_tests::http::Connection;
use adit_tests::load::{Load, failures};
use adit_tests::{ConnectorProcess, Directory, Upstream, long, settles};

const HOST: &str = "patient.localhost";

/// Short times, so that a test does not take minutes.
const LIMITS: &str =
    "[client_limits]\nidle = '2s'\nhead = '1s'\nbody_grace = '1s'\nbody_pause = '2s'\nwrite_stall = '2s'\n";

/// The longest of those, five times.
const PATIENCE: Duration = Duration::from_secs(10);

struct Site {
    directory: Directory,
    upstream: Upstream,
    // Held for its drop.
    _connector: ConnectorProcess,
}

impl Site {
    fn start(configuration: &str) -> Self {
        let directory = Directory::start_configured(configuration);
        let upstream = Upstream::start();
        let connector = directory.connector("beside-it");
        let _application = directory.publish("patient", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { directory, upstream, _connector: connector }
    }

    fn user(&self) -> Connection {
        let user = self.directory.user(HOST);
        user.set_patience(PATIENCE);
        user
    }

    /// Connections of clients, by the gateway's own count.
    fn clients(&self) -> usize {
        let mut operations = Connection::plain(self.directory.addresses().metrics).unwrap();
        let text = operations.get("localhost", "/metrics").unwrap().text();
        let line = text.lines().find_map(|line| line.strip_prefix("adit_gateway_client_connections "));
        line.unwrap_or_else(|| panic!("no count of clients in {text}")).trim().parse().unwrap()
    }
}

/// Whether the gateway ends the connection before the test loses patience, whatever it says before.
#[track_caller]
fn assert_ended(what: &str, user: &mut Connection) {
    let start = Instant::now();
    let mut rest = Vec::new();
    let ended = user.read_to_end(&mut rest);
    let silent = ended.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!silent, "{what}: still open after {:?}", start.elapsed());
}

#[test]
fn a_head_that_comes_too_slowly_is_answered_408() {
    let site = Site::start(LIMITS);
    for start in
        ["G", "GET / HTTP/1.1\r\nHost: patient.localhost\r\n", "GET / HTTP/1.1\r\nHost: patient.localhost\r\nX: "]
    {
        let mut user = site.user();
        user.write(start.as_bytes()).unwrap();
        let answer = user.read_response(false).unwrap();
        assert_eq!((answer.status, answer.header("x-adit-reason")), (408, Some("request_timeout")), "{start:?}");
        assert_ended(start, &mut user);
    }
    // A byte now and then does not help.
    let mut user = site.user();
    user.write(b"GET / HTTP/1.1\r\nHost: patient.localhost\r\nX: ").unwrap();
    let begun = Instant::now();
    while user.write(b"x").is_ok() && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(200));
    }
    assert!(begun.elapsed() < PATIENCE, "a slow head was read for {:?}", begun.elapsed());
    // Nor does it hurt who was served before: the time is a head's, not the connection's.
    let mut user = site.user();
    for _ in 0..3 {
        user.write(b"GET / HTTP/1.1\r\nHost: patient.localhost\r\n").unwrap();
        sleep(Duration::from_millis(500));
        user.write(b"\r\n").unwrap();
        assert_eq!(user.read_response(false).unwrap().status, 200);
    }
}

#[test]
fn a_body_that_comes_too_slowly_is_given_up_and_one_that_keeps_its_pace_is_not() {
    let site = Site::start(LIMITS);
    let mut user = site.user();
    user.write_head("POST", "/upload", &[("host", HOST)], 1000).unwrap();
    let begun = Instant::now();
    while user.write(b"x").is_ok() && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() < PATIENCE, "a slow body was read for {:?}", begun.elapsed());
    let mut user = site.user();
    user.write_head("POST", "/upload", &[("host", HOST)], 20 * 200).unwrap();
    for _ in 0..20 {
        user.write(&[b'x'; 200]).unwrap();
        sleep(Duration::from_millis(200));
    }
    assert_eq!(user.read_response(false).unwrap().json()["bytes"], 20 * 200);
}

#[test]
fn an_answer_that_is_not_taken_is_given_up() {
    let site = Site::start(LIMITS);
    let mut user = site.user();
    user.write_head("GET", "/download/200000000", &[("host", HOST)], 0).unwrap();
    settles("that the gateway counts the connection", PATIENCE, || site.clients() == 1);
    settles("that the connection is given up", PATIENCE, || site.clients() == 0);
    let mut taken = Vec::new();
    let _ = user.read_to_end(&mut taken);
    assert!(taken.len() < 200_000_000, "{} bytes", taken.len());
}

#[test]
fn idle_connections_end_and_those_that_wait_for_an_application_do_not() {
    let site = Site::start(LIMITS);
    let mut user = site.user();
    assert_eq!(user.get(HOST, "/1k").unwrap().status, 200);
    assert_ended("an idle connection", &mut user);
    assert_ended("a connection that never asked", &mut site.user());
    let mut user = site.user();
    assert_eq!(user.get(HOST, "/slow/5000").unwrap().status, 200, "five seconds of the application's own");
    // A greeting that never comes, over HTTP/2.
    let trust = site.directory.trust().offering(b"h2");
    let mut silent = Connection::tls(site.directory.addresses().gateway, HOST, &trust).unwrap();
    silent.set_patience(PATIENCE);
    assert_ended("HTTP/2 without a greeting", &mut silent);
    let mut half = Connection::tls(site.directory.addresses().gateway, HOST, &trust).unwrap();
    half.set_patience(PATIENCE);
    half.write(b"PRI * HTTP/2.0\r\n").unwrap();
    assert_ended("HTTP/2 with half a greeting", &mut half);
    settles("that nobody is left", PATIENCE, || site.clients() <= 1);
}

#[test]
fn a_handshake_that_does_not_come_is_given_up() {
    let site = Site::start("");
    let hello: &[&[u8]] = &[b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n"];
    for start in hello {
        let mut socket = TcpStream::connect(site.directory.addresses().gateway).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
        socket.write_all(start).unwrap();
        let mut rest = Vec::new();
        let ended = socket.read_to_end(&mut rest);
        assert!(!ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{start:?}");
    }
}

/// What a slow client has sent, one of each kind in turn.
const SLOW: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: patient.localhost\r\nX: ",
    "POST /upload HTTP/1.1\r\nHost: patient.localhost\r\nContent-Length: 100000\r\n\r\nx",
    "POST /upload HTTP/1.1\r\nHost: patient.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5",
    "GET /download/10000000 HTTP/1.1\r\nHost: patient.localhost\r\n\r\n",
    "",
];

#[test]
fn slow_clients_in_numbers_keep_nobody_else_waiting() {
    let site = Site::start(
        "[client_limits]\nwrite_stall = '5s'\nhead = '5s'\nbody_grace = '5s'\nbody_pause = '5s'\nidle = '5s'\n",
    );
    let count = if long() { 5_000 } else { 500 };
    let load = Load::start(4, site.directory.addresses().gateway, HOST, "/1k", &site.directory.trust());
    let start = Instant::now();
    let (mut crowd, mut strangers) = (Vec::new(), Vec::new());
    for number in 0..count {
        let mut user = site.user();
        let mut sent = SLOW[number % SLOW.len()].to_owned();
        if number >= 500 {
            // So many sockets with megabytes in each would be a test of the kernel's memory.
            sent = sent.replace("10000000", "10000");
        }
        let _ = user.write(sent.as_bytes());
        crowd.push(user);
        // And one that never gets to a request.
        let mut stranger = TcpStream::connect(site.directory.addresses().gateway).unwrap();
        let _ = stranger.write_all(b"\x16\x03\x01\x02\x00\x01");
        strangers.push(stranger);
    }
    assert_eq!(site.directory.get(HOST, "/1k").status, 200);
    // All of them are given up; the load's own connections stay.
    settles("that the slow ones are gone", Duration::from_secs(60), || site.clients() <= 8);
    drop((crowd, strangers));
    let mut shots = load.stop();
    let failed = failures(&shots, start);
    assert!(failed.is_empty(), "of {} requests of another user: {failed:#?}", shots.len());
    shots.sort_by_key(|shot| shot.ended - shot.sent);
    let slowest = &shots[shots.len() - 1 - shots.len() / 100];
    println!("beside {count}: {} requests, 99 % within {:?}", shots.len(), slowest.ended - slowest.sent);
    assert!(site.upstream.requests() > 0);
}

#[test]
fn without_file_descriptors_clients_wait_but_connectors_and_the_api_do_not() {
    let mut site = Site::start("");
    site.directory.process().terminate();
    let _ = site.directory.process().finish(Duration::from_secs(60));
    site.directory.restart_under(&["prlimit", "--nofile=256:256"]);
    site.directory.wait_until_served(HOST);
    let gateway = site.directory.addresses().gateway;
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.extend(TcpStream::connect_timeout(&gateway, Duration::from_secs(5)));
    }
    // While they are there: the API answers, a connector registers, and what is written is kept.
    let late = site.directory.connector("late");
    assert!(!late.id().is_empty());
    let _ = site.directory.graph().create_group("Written without a file to spare");
    drop(crowd);
    settles("that clients are served again", Duration::from_secs(60), || {
        Connection::tls(gateway, HOST, &site.directory.trust())
            .and_then(|mut user| user.get(HOST, "/1k"))
            .is_ok_and(|answer| answer.status == 200)
    });
    assert!(!site.directory.process().log().contains("panicked"));
}
