//! One address that opens very many connections: it has its places and no more, and nobody else has less.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::net::SocketAddr;
use std::time::Duration;

use adit_core::application::PreAuthentication::Passthrough;
use adit_gateway::{ClientLimits, Entrance};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;
use world::World;

const APP: &str = "app.localhost";

/// A connection from there that was asked something and answered; nothing if it was closed instead.
async fn answered(world: &World, entrance: &Entrance, from: &str, protocol: &[u8]) -> Option<TlsStream<DuplexStream>> {
    let (near, far) = tokio::io::duplex(1 << 16);
    entrance.admit(far, SocketAddr::new(from.parse().unwrap(), 7)).await;
    let connecting = world.tls_connector(&[protocol]).connect(ServerName::try_from(APP).unwrap(), near);
    let mut tls = timeout(Duration::from_secs(20), connecting).await.expect("an answer or a close").ok()?;
    let question: &[u8] = if protocol == b"h2" {
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
    } else {
        b"GET / HTTP/1.1\r\nhost: app.localhost\r\n\r\n"
    };
    tls.write_all(question).await.ok()?;
    let mut some = [0; 9];
    timeout(Duration::from_secs(20), tls.read_exact(&mut some)).await.expect("an answer or a close").ok()?;
    Some(tls)
}

/// The same until it is answered: a place is free soon after its connection has ended.
async fn answered_soon(world: &World, entrance: &Entrance, from: &str) -> TlsStream<DuplexStream> {
    for _ in 0..250 {
        if let Some(tls) = answered(world, entrance, from, b"http/1.1").await {
            return tls;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("no place became free");
}

#[tokio::test]
async fn an_address_has_its_places_and_others_have_theirs() {
    LocalSet::new().run_until(the_places_of_an_address()).await;
}

async fn the_places_of_an_address() {
    let limits = ClientLimits { connections_per_address: 2, ..ClientLimits::default() };
    let (mut world, entrance) = World::start_solo(&["198.51.100.0/24"], limits);
    world.publish(&format!("https://{APP}/"), "http://127.0.0.1:1/", Passthrough).await;
    let (world, entrance) = (&world, &entrance);
    let first = answered(world, entrance, "192.0.2.1", b"http/1.1").await.expect("its first place");
    let _second = answered(world, entrance, "192.0.2.1", b"h2").await.expect("its second place");
    for protocol in [&b"http/1.1"[..], b"h2"] {
        assert!(answered(world, entrance, "192.0.2.1", protocol).await.is_none(), "a third connection");
    }
    assert_eq!(world.metric("adit_gateway_clients_refused_total{limit=\"address\"}"), 2);
    let mut others = Vec::new();
    for from in ["192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"] {
        others.push(answered(world, entrance, from, b"http/1.1").await.expect(from));
    }
    assert!(answered(world, entrance, "2001:db8::3", b"http/1.1").await.is_none(), "a third one of a network");
    // This host, and a trusted proxy.
    for from in ["127.0.0.1", "::1", "198.51.100.7"] {
        for _ in 0..5 {
            others.push(answered(world, entrance, from, b"http/1.1").await.expect(from));
        }
    }
    drop(first);
    let _first = answered_soon(world, entrance, "192.0.2.1").await;
}
