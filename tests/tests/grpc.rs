//! gRPC through the gateway, end to end: a client and a server that we did not write (grpcio), every kind of call,
//! without any setting, over plain HTTP/2 and over TLS between connector and server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use adit_tests::{Directory, Process, Scratch, eventually, python, repository, settles};
use serde_json::json;

const HOST: &str = "grpc.localhost";

/// An interpreter that starts on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What a deadline or a cancellation takes to reach the server.
const NOTICED: Duration = Duration::from_secs(10);

struct Server {
    process: Process,
    port: u16,
}

impl Server {
    fn start(scratch: &Scratch, certificate: &[&Path]) -> Self {
        let mut command = Command::new(python::program("python"));
        command.arg(repository().join("tests/python/grpc_server.py")).args(certificate);
        let process = Process::start("grpc_server.py", &mut command, &scratch.join("grpc.log"));
        let (port, _) = eventually("a gRPC server", START_LIMIT, || {
            process.log().lines().find_map(|line| line.strip_prefix("port: ")?.parse().ok())
        });
        Self { process, port }
    }

    fn was_told(&self, call: &str) -> bool {
        self.process.log().lines().any(|line| line == format!("gone: {call}"))
    }
}

/// Every kind of call, and how many connections the server has seen.
fn calls(directory: &Directory) -> usize {
    let address = format!("127.0.0.1:{}", directory.addresses().gateway.port());
    let printed = python::run("grpc_calls.py", &[&address, HOST, directory.ca().to_str().unwrap()]);
    for line in [
        "unary calls, with metadata at both ends",
        "server streaming",
        "client streaming",
        "bidirectional streaming, one message at a time",
        "errors, before the first message and after some",
        "a deadline and a cancellation",
        "100 calls over 20 connections",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    let connections = printed.lines().find_map(|line| line.strip_prefix("connections to the server: ")?.parse().ok());
    connections.expect("how many connections the server has seen")
}

fn every_kind_of_call(directory: &Directory, server: &Server) {
    let connections = calls(directory);
    // One for each core of the gateway, and one where a call was given up over it.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    assert!(connections <= 2 * cores, "{connections} connections to the server of {cores} cores");
    settles("the server learns of the deadline", NOTICED, || server.was_told("deadline"));
    settles("the server learns of the cancellation", NOTICED, || server.was_told("cancelled"));
}

#[test]
fn every_kind_of_call_reaches_a_server_over_plain_http2() {
    let (directory, scratch) = (Directory::start(), Scratch::new());
    let _connector = directory.connector("beside-grpc");
    let server = Server::start(&scratch, &[]);
    let _application = directory.publish_url("grpc", &format!("http://127.0.0.1:{}/", server.port), HOST, "Default");
    every_kind_of_call(&directory, &server);
}

#[test]
fn every_kind_of_call_reaches_a_server_over_tls() {
    let (directory, scratch) = (Directory::start(), Scratch::new());
    let _connector = directory.connector("beside-grpc");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (scratch.join("server.pem"), scratch.join("server-key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = Server::start(&scratch, &[&certificate, &key]);
    let url = format!("https://127.0.0.1:{}/", server.port);
    let application = directory.publish_url("grpc", &url, HOST, "Default");
    let change = json!({"onPremisesPublishing": {"isBackendCertificateValidationEnabled": false}});
    let changed = directory.graph().send("PATCH", &format!("/applications/{application}"), Some(&change));
    assert_eq!(changed.status, 204, "{}", changed.text());
    every_kind_of_call(&directory, &server);
}
