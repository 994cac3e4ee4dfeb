//! gRPC through the gateway, end to end: a client and a server that we did not write (grpcio), every kind of call,
//! without any setting, over plain HTTP/2 and over TLS between connector and server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use adit_tests::{Directory, Process, Scratch, command, eventually, python, repository, settles};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
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
    publish_unverified(&directory, &format!("https://127.0.0.1:{}/", server.port));
    every_kind_of_call(&directory, &server);
}

fn publish_unverified(directory: &Directory, url: &str) {
    let application = directory.publish_url("grpc", url, HOST, "Default");
    let change = json!({"onPremisesPublishing": {"isBackendCertificateValidationEnabled": false}});
    let changed = directory.graph().send("PATCH", &format!("/applications/{application}"), Some(&change));
    assert_eq!(changed.status, 204, "{}", changed.text());
}

/// What TLS with an upstream settles is what is spoken, also where it settles nothing.
#[test]
fn a_server_that_chooses_http1_is_spoken_to_in_http1() {
    for protocols in [&[b"http/1.1".to_vec()][..], &[]] {
        let directory = Directory::start();
        let _connector = directory.connector("beside-grpc");
        publish_unverified(&directory, &format!("https://127.0.0.1:{}/", http1_alone(protocols)));
        directory.wait_until_served(HOST);
        for round in 0..3 {
            let (ca, url) = (directory.ca().display().to_string(), directory.external_url(HOST));
            let call =
                ["--cacert", &ca, "--http2", "--header", "content-type: application/grpc", "--data", "call", &url];
            let (status, head, body) = command::curl(&call);
            assert_eq!((status, body.as_str()), (200, "POST / HTTP/1.1"), "round {round}: {head}");
        }
    }
}

/// A TLS server that answers each request with its first line; its port.
fn http1_alone(protocols: &[Vec<u8>]) -> u16 {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.to_vec();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let session = ServerConnection::new(config.clone()).unwrap();
            std::thread::spawn(move || answer_with_first_lines(StreamOwned::new(session, socket)));
        }
    });
    port
}

fn answer_with_first_lines(tls: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    let mut tls = BufReader::new(tls);
    loop {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| line != "\r\n") {
            let mut line = String::new();
            if tls.read_line(&mut line)? == 0 {
                return Ok(());
            }
            lines.push(line);
        }
        if lines.iter().any(|line| line.eq_ignore_ascii_case("content-length: 4\r\n")) {
            tls.read_exact(&mut [0; 4])?;
        }
        let first = lines[0].trim_end();
        write!(tls.get_mut(), "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{first}", first.len())?;
    }
}
