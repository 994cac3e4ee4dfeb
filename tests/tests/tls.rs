//! TLS as strangers meet it, at the gateway and at the API: no old versions, no weak suites, and a handshake that does
//! not come to its end has its place for seconds only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::{Directory, Upstream};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};

const HOST: &str = "wiki.example";

/// Five times what a handshake may take.
const GIVEN_UP: Duration = Duration::from_secs(25);

/// What TLS 1.2 servers may still take, by name: suites without forward secrecy, with CBC, with RC4 and 3DES.
const WEAK_SUITES: [u16; 6] = [0x009c, 0x002f, 0xc013, 0xc014, 0x0005, 0x000a];

/// ECDHE with AES-GCM.
const STRONG_SUITES: [u16; 2] = [0xc02b, 0xc02f];

const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

#[test]
fn old_versions_and_weak_suites_are_refused_with_the_right_alert() {
    let directory = Directory::start();
    for server in [directory.addresses().gateway, directory.addresses().control_tls] {
        for old in [0x0300, 0x0301, 0x0302] {
            let answer = answer_to(server, &hello(old, &STRONG_SUITES));
            assert_eq!(alert(&answer), Some(PROTOCOL_VERSION), "version {old:04x}: {answer:02x?}");
        }
        let answer = answer_to(server, &hello(0x0303, &WEAK_SUITES));
        assert_eq!(alert(&answer), Some(HANDSHAKE_FAILURE), "{answer:02x?}");
        // The same hello with other suites, so that nothing else of it was the reason.
        let mut answer = [0; 6];
        say(server, &hello(0x0303, &STRONG_SUITES)).read_exact(&mut answer).unwrap();
        assert_eq!((answer[0], answer[5]), (22, 2), "a ServerHello: {answer:02x?}");
        for nonsense in [&b"GET / HTTP/1.1\r\nhost: wiki.example\r\n\r\n"[..], &SSL_2_HELLO, &[0; 64], &[0xff; 64]] {
            let answer = answer_to(server, nonsense);
            assert!(answer.is_empty() || alert(&answer).is_some(), "{nonsense:02x?}: {answer:02x?}");
        }
    }
}

#[test]
fn clients_of_tls_1_2_and_1_3_are_served() {
    let directory = Directory::start();
    for server in [directory.addresses().gateway, directory.addresses().control_tls] {
        for (offered, expected) in
            [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
        {
            assert_eq!(negotiated(&directory, server, offered), expected);
        }
    }
}

#[test]
fn half_handshakes_are_given_up_while_others_are_served() {
    let directory = Directory::start();
    let _connector = directory.connector("one");
    let upstream = Upstream::start();
    let _application = directory.publish("wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let gateway = directory.addresses().gateway;
    let whole = hello(0x0303, &STRONG_SUITES);
    // Silence from the start, within the hello, and after it.
    let beginnings = [&[][..], &whole[..3], &whole[..whole.len() / 2], &whole];
    let opened = Instant::now();
    let halves: Vec<TcpStream> = beginnings.iter().cycle().take(200).map(|begun| say(gateway, begun)).collect();
    let dripping = thread::spawn(move || drip(gateway, &whole));

    for _ in 0..20 {
        assert_eq!(directory.user(HOST).get(HOST, "/").unwrap().status, 200);
    }
    for half in halves {
        ended(half, GIVEN_UP.saturating_sub(opened.elapsed()));
    }
    assert!(dripping.join().unwrap() < GIVEN_UP, "a byte now and then does not put the end off");
    assert_eq!(directory.user(HOST).get(HOST, "/").unwrap().status, 200);
}

/// The hello of SSL 2, up to where it says which version.
const SSL_2_HELLO: [u8; 9] = [0x80, 0x2e, 0x01, 0x00, 0x02, 0x00, 0x15, 0x00, 0x00];

/// A ClientHello of TLS 1.2 and before that says this version, in a record.
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let name = [&[0][..], &with_length(HOST.as_bytes())].concat();
    let extensions = [
        extension(0, &with_length(&name)),
        extension(10, &with_length(&[0x00, 0x1d, 0x00, 0x17])),
        extension(11, &[1, 0]),
        extension(13, &with_length(&[0x04, 0x03, 0x08, 0x04, 0x04, 0x01])),
    ];
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    // The random bytes, no session, the suites, no compression.
    let body = [&version.to_be_bytes()[..], &[7; 32], &[0], &with_length(&suites), &[1, 0]].concat();
    let body = [body, with_length(&extensions.concat())].concat();
    let message = [&[1, 0][..], &with_length(&body)].concat();
    [&[22, 3, 1][..], &with_length(&message)].concat()
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &with_length(content)].concat()
}

/// The content after its length in two bytes.
fn with_length(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

fn say(server: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server).expect("a connection");
    stream.set_read_timeout(Some(GIVEN_UP)).unwrap();
    stream.write_all(bytes).expect("a server that reads");
    stream
}

/// All that comes back before the end.
fn answer_to(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    ended(say(server, bytes), GIVEN_UP)
}

/// What came before the end, which must come in time; closed in anger counts.
fn ended(mut stream: TcpStream, limit: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(limit.max(Duration::from_millis(1)))).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection was not ended in time: {error}"),
    }
    answer
}

/// The fatal alert of which an answer consists.
fn alert(answer: &[u8]) -> Option<u8> {
    match answer {
        [21, _, _, 0, 2, 2, alert] => Some(*alert),
        _ => None,
    }
}

/// Sends a hello a byte at a time, again and again, and says how long that was put up with.
fn drip(server: SocketAddr, hello: &[u8]) -> Duration {
    let opened = Instant::now();
    let mut stream = say(server, &[]);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    for byte in hello {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        match stream.read(&mut [0; 64]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => break,
        }
    }
    opened.elapsed()
}

fn negotiated(
    directory: &Directory,
    server: SocketAddr,
    offered: &'static SupportedProtocolVersion,
) -> ProtocolVersion {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.ca()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[offered])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(GIVEN_UP)).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut stream).expect("a handshake");
    }
    client.protocol_version().unwrap()
}
