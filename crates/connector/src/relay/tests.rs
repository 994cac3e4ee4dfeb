//! Streams relayed between two ends of a real carrier and a real socket.

use std::sync::Arc;
use std::time::Duration;

use adit_core::{ApplicationId, ConnectorId};
use adit_tunnel::carrier;
use adit_tunnel::stream::{self, StreamAccount, TunnelStream};
use adit_tunnel::target::{Offer, Shown, Target, UpstreamTls};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::allow::AllowList;
use crate::network::SystemNetwork;
use crate::refusal_log::RefusalLog;
use crate::target_policy::TargetPolicy;
use crate::tls::UpstreamConfigs;

/// A stream through a tunnel to a socket that the test holds.
struct Relayed {
    stream: TunnelStream,
    account: Arc<StreamAccount>,
    upstream: TcpStream,
}

async fn relayed() -> Relayed {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let ca = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let dialler = Arc::new(UpstreamDialler {
            policy: TargetPolicy::new(ConnectorId::new(uuid::Uuid::from_u128(1)), ca.der(), false).unwrap(),
            allow: AllowList::default(),
            refusals: RefusalLog::default(),
            tls: UpstreamConfigs::default(),
            network: Arc::new(SystemNetwork),
        });
        let mut connection = carrier::connector_end(far).await.unwrap();
        while let Some(Ok((request, respond))) = connection.accept().await {
            let dialler = Arc::clone(&dialler);
            tokio::spawn(async move { serve(request, respond, &dialler).await });
        }
    });
    let (requests, connection) = carrier::gateway_end(near).await.unwrap();
    tokio::spawn(connection);
    let target = Target {
        application: ApplicationId::new(uuid::Uuid::from_u128(1)),
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        tls: UpstreamTls::Off,
    };
    let mut requests = requests.ready().await.unwrap();
    let stream =
        stream::open(&mut requests, &target, Offer::Http1, &Shown::default(), tokio::time::Instant::now()).unwrap();
    let account = stream.account();
    let (upstream, _) = listener.accept().await.unwrap();
    Relayed { stream, account, upstream }
}

/// The relay runs on the test's only thread: a relay that spins would starve the test, so a thread beside it watches.
fn within_five_seconds(test: impl Future<Output = ()> + Send + 'static) {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
        done.send(()).unwrap();
    });
    finished.recv_timeout(Duration::from_secs(5)).expect("the relay neither spins nor hangs, and the test holds");
}

#[test]
fn a_gateway_that_has_finished_writing_still_gets_the_answer() {
    within_five_seconds(async {
        let Relayed { mut stream, account, mut upstream } = relayed().await;
        stream.write_all(b"question").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut question = Vec::new();
        upstream.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question", "the upstream sees the end");
        tokio::time::sleep(Duration::from_millis(100)).await;
        upstream.write_all(b"answer").await.unwrap();
        drop(upstream);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
        assert!(account.nothing_reached_beyond(8) && !account.nothing_reached_beyond(7), "eight bytes were delivered");
    });
}

#[test]
fn a_gateway_that_lets_go_frees_the_upstream_even_while_it_takes_nothing() {
    within_five_seconds(async {
        let Relayed { mut stream, mut upstream, .. } = relayed().await;
        let flood = vec![0_u8; 16 * 1024 * 1024];
        let stalled = timeout(Duration::from_millis(500), stream.write_all(&flood)).await;
        assert!(stalled.is_err(), "the upstream takes nothing, so the gateway is held back");
        drop(stream);
        let mut rest = Vec::new();
        // An end or a reset: in both cases the connector has let go.
        let _ = upstream.read_to_end(&mut rest).await;
        assert!(rest.len() < flood.len());
    });
}

#[test]
fn an_upstream_that_breaks_is_told_from_one_that_closes() {
    within_five_seconds(async {
        let Relayed { mut stream, account, upstream } = relayed().await;
        stream.write_all(b"question").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Closing with unread bytes resets the connection.
        drop(upstream);
        let broken = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(broken.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(account.ended_in_order(), "the connector said how it ended");
    });
}
