//! A name server that changes its mind (DNS rebinding): what counts is the address that is really dialled, each time.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use adit_core::id::{ApplicationId, ConnectorId};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;
use crate::network::SystemNetwork;

fn target(port: u16) -> Target {
    let application = ApplicationId::new(Uuid::from_u128(1));
    Target { application, host: "wiki.corp".to_owned(), port, tls: UpstreamTls::Off }
}

/// The system's network, with a name server that says something else each time.
#[derive(Debug)]
struct Fickle(Mutex<Vec<Vec<IpAddr>>>);

impl Network for Fickle {
    fn resolve<'n>(&'n self, _: &'n str, port: u16) -> BoxFuture<'n, io::Result<Vec<SocketAddr>>> {
        let answer = self.0.lock().unwrap().remove(0);
        ready(Ok(answer.into_iter().map(|address| SocketAddr::new(address, port)).collect())).boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        SystemNetwork.connect(address)
    }
}

/// A connector whose name server gives these answers, one after the other.
fn dialler(allow: &[&str], answers: &[&[&str]]) -> UpstreamDialler {
    let ca = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
    let addresses = |answer: &&[&str]| answer.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect();
    UpstreamDialler {
        policy: TargetPolicy::new(ConnectorId::new(Uuid::from_u128(1)), ca.der(), false).unwrap(),
        allow: AllowList::new(allow.iter().map(|entry| entry.parse().unwrap()).collect()),
        refusals: RefusalLog::default(),
        tls: UpstreamConfigs::default(),
        network: Arc::new(Fickle(Mutex::new(answers.iter().map(addresses).collect()))),
    }
}

/// Whether anybody dials the listener soon.
async fn is_dialled(listener: &TcpListener) -> bool {
    timeout(Duration::from_millis(200), listener.accept()).await.is_ok()
}

#[tokio::test]
async fn a_name_that_turns_to_the_metadata_service_is_not_dialled_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = target(listener.local_addr().unwrap().port());
    let answers: [&[&str]; 6] = [
        &["127.0.0.1"],
        &["169.254.169.254"],
        &["::ffff:169.254.169.254"],
        &["64:ff9b::a9fe:a9fe"],
        &["fe80::1"],
        &["169.254.169.254", "127.0.0.1"],
    ];
    let dialler = dialler(&[], &answers);
    assert!(dialler.dial(&target, Offer::Http1).await.is_ok());
    assert!(is_dialled(&listener).await);
    for _ in 1..5 {
        let refused = timeout(Duration::from_secs(1), dialler.dial(&target, Offer::Http1)).await;
        let refused = refused.expect("nothing is dialled, so nothing is waited for").unwrap_err();
        assert_eq!(refused.reason, OpenReason::NotAllowed, "{refused}");
    }
    assert!(dialler.dial(&target, Offer::Http1).await.is_ok(), "a good address beside a bad one is dialled");
    assert!(is_dialled(&listener).await);
}

#[tokio::test]
async fn a_name_that_leaves_the_allowed_network_is_not_followed() {
    let allowed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = allowed.local_addr().unwrap().port();
    let elsewhere = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let dialler = dialler(&["127.0.0.1/32:*"], &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2", "127.0.0.1"]]);
    assert!(dialler.dial(&target(port), Offer::Http1).await.is_ok());
    assert!(is_dialled(&allowed).await);
    assert_eq!(dialler.dial(&target(port), Offer::Http1).await.unwrap_err().reason, OpenReason::NotAllowed);
    assert!(dialler.dial(&target(port), Offer::Http1).await.is_ok());
    assert!(is_dialled(&allowed).await);
    assert!(!is_dialled(&elsewhere).await, "not even a connection was opened");
}
