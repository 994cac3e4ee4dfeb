//! More connections that say nothing than a listener takes, and somebody who has something to say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use adit_tests::http::Connection;
use adit_tests::{Directory, Process, Scratch, eventually, python, repository};

/// More than the 1024 that a listener other than the gateway's takes.
const MANY: usize = 1200;

/// An interpreter that starts on a busy machine, and so many connections.
const START_LIMIT: Duration = Duration::from_secs(60);

fn hold_silent_connections(scratch: &Scratch, address: SocketAddr) -> Process {
    let mut command = Command::new(python::program("python"));
    command.arg(repository().join("tests/python/silent_clients.py"));
    command.args([&MANY.to_string(), &address.to_string()]);
    let process = Process::start("silent_clients.py", &mut command, &scratch.join(&format!("{}.log", address.port())));
    let _ = eventually("silent connections", START_LIMIT, || process.log().contains("held").then_some(()));
    process
}

#[test]
fn whoever_asks_is_answered_however_many_connections_say_nothing() {
    let (scratch, mut directory) = (Scratch::new(), Directory::start_with(&["--http-listen", "127.0.0.1:0"]));
    let addresses = directory.addresses();
    for (address, path, status) in [
        (addresses.control, "/v1.0/applications", 401),
        (directory.http_address(), "/", 404),
        (addresses.metrics, "/readyz", 200),
    ] {
        let silent = hold_silent_connections(&scratch, address);
        for _ in 0..10 {
            let answer = Connection::plain(address).and_then(|mut connection| connection.get("localhost", path));
            assert_eq!(answer.expect("an answer").status, status, "{address}{path}");
        }
        drop(silent);
    }
    let silent = hold_silent_connections(&scratch, addresses.control_tls);
    let trust = directory.trust();
    let mut connection = Connection::tls(addresses.control_tls, "localhost", &trust).expect("a handshake");
    assert_eq!(connection.get("localhost", "/v1.0/applications").expect("an answer").status, 401);
    drop(silent);
    assert!(directory.process().is_running());
}
