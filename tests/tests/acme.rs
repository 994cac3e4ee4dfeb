//! Certificates by ACME, from an authority that really validates: Debian's pebble.
//!
//! A client that believes pebble's root alone sees the new certificate, without a restart of anything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_tests::http::{Connection, Trust};
use adit_tests::pebble::{Behaviour, Pebble};
use adit_tests::{ConnectorProcess, Directory, Scratch, Upstream, eventually, settles};

/// An order takes about three seconds; the server waits for two before it makes one.
const ISSUED: Duration = Duration::from_secs(60);

const HOST: &str = "wiki.adit.test";

const YEAR: u32 = 365 * 24 * 60 * 60;

/// A server that orders certificates for hosts below `adit.test`, an application, and the authority.
struct Scene {
    _connector: ConnectorProcess,
    upstream: Upstream,
    directory: Directory,
    http: SocketAddr,
    pebble: Pebble,
}

impl Scene {
    /// Nothing is published yet, and pebble does not run.
    fn set(challenge: &str) -> Self {
        let pebble = Pebble::prepare();
        let scratch = Scratch::new();
        let settings = format!(
            "http_listen = '127.0.0.1:0'\n[acme]\ndirectory = '{}'\nca = '{}'\ncontact = ['mailto:a@adit.test']\n\
             agree_to_terms = true\ndomains = ['adit.test']\nchallenges = ['{challenge}']\n",
            pebble.directory(),
            pebble.ca().display(),
        );
        let directory = Directory::start_configured_in(scratch, &settings);
        let connector = directory.connector("one");
        let http = directory.http_address();
        Self { _connector: connector, upstream: Upstream::start(), directory, http, pebble }
    }

    fn start_pebble(&mut self, lifetime: u32, rejected_nonces: u8) {
        self.pebble.start(Behaviour {
            http_port: self.http.port(),
            tls_port: self.directory.addresses().gateway.port(),
            lifetime,
            rejected_nonces,
        });
    }

    fn publish(&self, host: &str) -> String {
        self.directory.publish(host, &self.upstream, host, "Default")
    }

    /// A connection of a client that believes pebble's root alone.
    fn connect(&self, root: &Trust, host: &str) -> Option<Connection> {
        Connection::tls(self.directory.addresses().gateway, host, root).ok()
    }

    fn root(&self) -> Trust {
        let path = self.directory.scratch().join("pebble-root.pem");
        fs::write(&path, self.pebble.root()).unwrap();
        Trust::of(&path)
    }

    /// Waits until the authority's certificate is shown.
    fn issued(&self, root: &Trust, host: &str) -> Connection {
        eventually("a certificate of the authority", ISSUED, || self.connect(root, host)).0
    }

    /// The only folder of an authority.
    fn kept(&self) -> PathBuf {
        let mut folders = fs::read_dir(self.directory.data().join("acme")).unwrap();
        folders.next().unwrap().unwrap().path()
    }

    fn metrics(&self) -> String {
        let mut connection = Connection::plain(self.directory.addresses().metrics).unwrap();
        connection.get("localhost", "/metrics").unwrap().text()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_certificate_is_issued_by_http_01_and_outlives_a_restart_without_the_authority() {
    let mut scene = Scene::set("http-01");
    scene.start_pebble(YEAR, 5);
    let _wiki = scene.publish(HOST);
    let _other = scene.directory.publish("other", &Upstream::start(), "wiki.elsewhere.test", "Default");
    let root = scene.root();
    let mut user = scene.issued(&root, HOST);
    assert_eq!(user.get(HOST, "/").unwrap().status, 200);
    assert!(scene.connect(&root, "wiki.elsewhere.test").is_none(), "it is below no domain");
    let log = scene.directory.process().log();
    assert!(log.contains("challenge=http-01"), "{log}");

    for name in ["account.json", &format!("{HOST}.pem")] {
        assert_eq!(mode(&scene.kept().join(name)), 0o600, "{name}");
    }
    let shown = user.peer_certificate();
    scene.pebble.stop();
    scene.directory.crash_and_restart();
    let again = scene.connect(&root, HOST).expect("what was kept");
    assert_eq!(again.peer_certificate(), shown);
}

#[test]
fn a_certificate_is_issued_by_tls_alpn_01_beside_open_connections_and_let_go_with_the_application() {
    let mut scene = Scene::set("tls-alpn-01");
    scene.start_pebble(YEAR, 5);
    let wiki = scene.publish(HOST);
    scene.directory.wait_until_served(HOST);
    let mut open = scene.directory.user(HOST);
    let root = scene.root();
    let mut user = scene.issued(&root, HOST);
    assert_eq!(user.get(HOST, "/").unwrap().status, 200);
    assert_eq!(open.get(HOST, "/").unwrap().status, 200, "an open connection stays");
    let log = scene.directory.process().log();
    assert!(log.contains("an ACME challenge was answered"), "{log}");
    let metrics = scene.metrics();
    for line in [
        "adit_acme_orders_total{outcome=\"issued\"} 1",
        "adit_acme_hosts{state=\"held\"} 1",
        "adit_gateway_certificates{source=\"acme\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    let kept = scene.kept().join(format!("{HOST}.pem"));
    assert!(kept.exists());
    let answer = scene.directory.graph().send("DELETE", &format!("/applications/{wiki}"), None);
    assert_eq!(answer.status, 204);
    settles("no certificate for the name", Duration::from_secs(5), || scene.connect(&root, HOST).is_none());
    settles("no key of it", Duration::from_secs(5), || !kept.exists());
}

#[test]
fn a_certificate_is_renewed_before_it_ends_though_nonces_are_rejected() {
    let mut scene = Scene::set("tls-alpn-01");
    // Renewed after 40 seconds or up to 2.5 seconds later.
    scene.start_pebble(60, 25);
    let _wiki = scene.publish(HOST);
    let root = scene.root();
    let mut open = scene.issued(&root, HOST);
    let first = open.peer_certificate();
    settles("the next certificate", Duration::from_secs(200), || {
        assert_eq!(open.get(HOST, "/").unwrap().status, 200, "an open connection stays");
        let shown = scene.connect(&root, HOST).map(|connection| connection.peer_certificate());
        // Without one that is valid, a client that believes the authority alone does not get in at all.
        shown.expect("a valid certificate of the authority at any time") != first
    });
    assert_eq!(open.get(HOST, "/").unwrap().status, 200, "an open connection stays");
    assert!(scene.pebble.log().contains("nonce"), "{}", scene.pebble.log());
}

#[test]
fn an_authority_that_refuses_is_not_asked_again_at_once() {
    let mut scene = Scene::set("http-01");
    // It looks where nobody answers.
    scene.pebble.start(Behaviour { http_port: 1, tls_port: 1, lifetime: YEAR, rejected_nonces: 0 });
    let _wiki = scene.publish(HOST);
    let failed = "adit_acme_orders_total{outcome=\"refused\"}";
    settles("a refusal", ISSUED, || scene.metrics().contains(failed));
    std::thread::sleep(Duration::from_secs(5));
    let metrics = scene.metrics();
    assert!(metrics.contains(&format!("{failed} 1\n")), "{metrics}");
    assert!(metrics.contains("adit_acme_hosts{state=\"failing\"} 1"), "{metrics}");
    let failures = fs::read_to_string(scene.kept().join("failures.json")).unwrap();
    assert!(failures.contains(HOST) && failures.contains("http-01"), "{failures}");
    // The local authority's is shown meanwhile, and the answer to the challenge was taken back.
    assert!(Connection::tls(scene.directory.addresses().gateway, HOST, &scene.directory.trust()).is_ok());

    scene.directory.crash_and_restart();
    std::thread::sleep(Duration::from_secs(5));
    assert!(!scene.metrics().contains(failed), "a restart does not end the pause");
}

#[test]
fn plain_http_answers_challenges_and_sends_browsers_to_https() {
    let scene = Scene::set("http-01");
    let _wiki = scene.publish(HOST);
    let ask = |method: &str, host: &str, target: &str| {
        let mut connection = Connection::plain(scene.http).unwrap();
        connection.send(method, target, &[("host", host)], b"").unwrap()
    };
    let sent = ask("GET", HOST, "/a?b=c");
    let expected = format!("{}a?b=c", scene.directory.external_url(HOST));
    assert_eq!((sent.status, sent.header("location")), (308, Some(expected.as_str())));
    assert_eq!(ask("GET", "elsewhere.test", "/").status, 404);
    assert_eq!(ask("GET", HOST, "/.well-known/acme-challenge/guess").status, 404);
    assert_eq!(ask("POST", HOST, "/").status, 405);
    assert_eq!(scene.upstream.requests(), 0, "nothing is forwarded");
}
