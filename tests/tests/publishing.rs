//! What an administrator sets through Graph, as users and upstreams meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::{Directory, Graph, Scratch, Upstream, settles};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

const HOST: &str = "localhost";

/// How long a change may take until it is in service; a slow machine included.
const IN_SERVICE: Duration = Duration::from_secs(30);

/// Publishes without pre-authentication; the application's id.
fn publish(directory: &Directory, internal: &str, more: &Value) -> String {
    let mut publishing = json!({"externalUrl": directory.external_url(HOST), "internalUrl": internal,
        "externalAuthenticationType": "passthru"});
    publishing.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    directory.graph().publish("application", &publishing)
}

fn change(graph: &Graph, application: &str, publishing: &Value) {
    let path = format!("/applications/{application}/onPremisesPublishing");
    let changed = graph.send("PATCH", &path, Some(publishing));
    assert_eq!(changed.status, 204, "{}", changed.text());
}

/// Waits until `/` is answered so, which is the reason of a failure or nothing.
fn until(directory: &Directory, reason: Option<&str>) {
    let what = format!("an answer with reason {reason:?}");
    settles(&what, IN_SERVICE, || directory.get(HOST, "/").header("x-adit-reason") == reason);
}

#[test]
fn an_application_is_closed_and_opened_while_it_is_used() {
    let directory = Directory::start();
    let _connector = directory.connector("one");
    let upstream = Upstream::start();
    let application = publish(&directory, &upstream.url(), &json!({}));
    directory.wait_until_served(HOST);
    let graph = directory.graph();
    change(&graph, &application, &json!({"adit": {"isInMaintenance": true, "maintenanceText": "Back at <ten>."}}));
    until(&directory, Some("maintenance"));
    let before = upstream.requests();
    let fields = [("host", HOST), ("accept", "application/json")];
    let told = directory.user(HOST).send("GET", "/", &fields, b"").unwrap();
    assert_eq!((told.status, told.header("retry-after")), (503, Some("60")));
    assert_eq!(told.json()["error"]["text"], "Back at <ten>.");
    assert_eq!(upstream.requests(), before, "nothing was forwarded");
    change(&graph, &application, &json!({"adit": {"isInMaintenance": false}}));
    directory.wait_until_served(HOST);
}

#[test]
fn times_are_set_through_graph_and_hold() {
    let directory = Directory::start();
    let _connector = directory.connector("one");
    let upstream = Upstream::start();
    let application = publish(&directory, &upstream.url(), &json!({"adit": {"firstByteTimeoutInSeconds": 1}}));
    directory.wait_until_served(HOST);
    let start = Instant::now();
    let late = directory.get(HOST, "/slow/30000");
    let after = start.elapsed();
    assert_eq!((late.status, late.header("x-adit-reason")), (504, Some("upstream_timeout")));
    assert!(after >= Duration::from_secs(1) && after < Duration::from_secs(5), "after {after:?}");
    change(&directory.graph(), &application, &json!({"adit": null}));
    settles("the usual time", IN_SERVICE, || directory.get(HOST, "/slow/1500").status == 200);
}

#[test]
fn a_session_stays_with_its_connector_and_moves_when_that_leaves() {
    let directory = Directory::start();
    let first = directory.connector("one");
    let mut second = Some(directory.connector("two"));
    let upstream = Upstream::start();
    let pids = [first.pid(), second.as_ref().unwrap().pid()].map(|pid| {
        upstream.recognise(pid);
        pid.to_string()
    });
    let _application = publish(&directory, &upstream.url(), &json!({"trafficRoutingMethod": "sessionPersistence"}));
    directory.wait_until_served(HOST);
    let carrier = |cookie: Option<&str>| {
        let cookie = cookie.map(|cookie| ("cookie", cookie));
        let fields: Vec<_> = [("host", HOST)].into_iter().chain(cookie).collect();
        let seen = directory.user(HOST).send("GET", "/who", &fields, b"").unwrap();
        (seen.header("x-carried-by").unwrap_or_default().to_owned(), seen.header("set-cookie").map(str::to_owned))
    };
    // About every other session is one of the second connector.
    let given = (0..64).map(|_| carrier(None)).find(|(by, _)| *by == pids[1]);
    let given = given.expect("a session of the second connector").1.expect("a cookie");
    assert!(given.starts_with("__Host-adit-affinity=") && given.contains("; Secure; HttpOnly"), "{given}");
    let cookie = format!("theme=dark; {}", given.split(';').next().unwrap());
    for _ in 0..12 {
        assert_eq!(carrier(Some(&cookie)), (pids[1].clone(), None), "one connector, and no new cookie");
    }
    assert_eq!(upstream.heads().last().unwrap().header("cookie"), Some("theme=dark"), "it is not for the application");
    assert!((0..64).any(|_| carrier(None).0 == pids[0]), "other sessions go elsewhere");
    drop(second.take());
    settles("another connector", IN_SERVICE, || carrier(Some(&cookie)) == (pids[0].clone(), None));
}

/// An `https` upstream with a certificate of its own for `localhost`, which is written to `file`.
fn https_upstream(scratch: &Scratch, file: &str) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(scratch.join(file), made.cert.pem()).unwrap();
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || greet(StreamOwned::new(ServerConnection::new(config).unwrap(), socket)));
        }
    });
    address
}

/// Answers the requests of one connection until it ends.
fn greet(stream: StreamOwned<ServerConnection, TcpStream>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
        if line == "\r\n" && reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
            return;
        }
        line.clear();
    }
}

#[test]
fn an_upstreams_certificate_is_checked_unless_an_administrator_says_otherwise() {
    let (directory, scratch) = (Directory::start(), Scratch::new());
    let known = https_upstream(&scratch, "known.pem");
    let unknown = https_upstream(&scratch, "unknown.pem");
    let _connector = directory.connector_trusting("one", &scratch.join("known.pem"));
    let graph = directory.graph();
    let at = |host: &str, upstream: SocketAddr| format!("https://{host}:{}/", upstream.port());
    let application = publish(&directory, &at("localhost", known), &json!({}));
    until(&directory, None);
    assert_eq!(directory.get(HOST, "/").text(), "ok");
    let health = graph.get(&format!("/applications/{application}/adit.health()"));
    let ends = health["connectors"][0]["certificateExpirationDateTime"].as_str().expect("when it ends");
    assert!(ends.starts_with("4096-01-01"), "as it is in the certificate: {ends}");
    for internal in [at("localhost", unknown), at("127.0.0.1", known)] {
        let check = |verified: bool| {
            let checked = json!({"internalUrl": internal, "isBackendCertificateValidationEnabled": verified});
            change(&graph, &application, &checked);
            until(&directory, if verified { Some("upstream_tls_failed") } else { None });
            assert_eq!(directory.get(HOST, "/").status, if verified { 502 } else { 200 }, "{internal}");
        };
        check(true);
        check(false);
        // Nothing that was opened without the check serves any more.
        check(true);
    }
}
