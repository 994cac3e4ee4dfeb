//! Connectors that are none, or mean ill: certificates that are not good, and messages that no connector sends. Each is
//! refused and counted, and others are served meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use adit_core::application::PreAuthentication::Passthrough;
use adit_core::connector::{ConnectorIdentity, KeyGeneration};
use adit_tunnel::carrier;
use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{Response, StatusCode};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use world::upstream::Upstream;
use world::{ELSEWHERE, World, identity};

const APP: &str = "app.localhost";

/// Five times what a gateway waits for a hello.
const GIVEN_UP: Duration = Duration::from_secs(25);

/// A certificate and its key.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

/// A connector's certificate for `identity`, but for what `change` makes of it.
fn shown(
    issuer: &Issuer<'_, KeyPair>,
    identity: ConnectorIdentity,
    change: impl FnOnce(&mut CertificateParams),
) -> Shown {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![uri(identity)];
    change(&mut params);
    Shown { chain: vec![params.signed_by(&key, issuer).unwrap().der().clone()], key }
}

fn uri(identity: ConnectorIdentity) -> SanType {
    SanType::URI(identity.to_uri().try_into().unwrap())
}

async fn dial(world: &World, shown: Option<&Shown>) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(world.address).await?;
    TlsConnector::from(Arc::new(dialling(world, shown))).connect(name, stream).await
}

/// Says the first word of a dial, and no more.
async fn only_begin(world: &World) -> TcpStream {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut tls = rustls::ClientConnection::new(Arc::new(dialling(world, None)), name).unwrap();
    let mut word = Vec::new();
    tls.write_tls(&mut word).unwrap();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(&word).await.unwrap();
    stream
}

fn dialling(world: &World, shown: Option<&Shown>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(world.ca()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        None => builder.with_no_client_auth(),
        Some(Shown { chain, key }) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder.with_client_auth_cert(chain.clone(), key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"adit-tunnel/1".to_vec()];
    config
}

/// Whether the gateway begins to speak, as it does with connectors and nobody else.
async fn is_served(world: &World, shown: Option<&Shown>) -> bool {
    let Ok(mut stream) = dial(world, shown).await else { return false };
    let mut first = [0; 3];
    let read = timeout(GIVEN_UP, stream.read_exact(&mut first)).await.expect("an answer or an end");
    read.is_ok() && first == *b"PRI"
}

/// A tunnel connection up to the point where hello is to be said: its control stream.
async fn control(world: &World, shown: &Shown) -> (SendStream<Bytes>, RecvStream) {
    let mut carrier = carrier::connector_end(dial(world, Some(shown)).await.unwrap()).await.unwrap();
    let (request, mut respond) = carrier.accept().await.unwrap().unwrap();
    let send = respond.send_response(Response::new(()), false).unwrap();
    tokio::spawn(async move { while let Some(Ok(_)) = carrier.accept().await {} });
    (send, request.into_body())
}

/// What the gateway says until it ends the stream.
async fn said(mut body: RecvStream) -> String {
    let mut said = Vec::new();
    let reading = async {
        while let Some(Ok(bytes)) = body.data().await {
            let _ = body.flow_control().release_capacity(bytes.len());
            said.extend_from_slice(&bytes);
        }
    };
    timeout(GIVEN_UP, reading).await.expect("the gateway ends it");
    String::from_utf8(said).unwrap()
}

fn hello(protocol: u32) -> String {
    format!(
        "{{\"hello\":{{\"protocol\":{protocol},\"version\":\"6\",\"machine_name\":\"rogue\",\
         \"instance\":\"00000000-0000-0000-0000-000000000007\"}}}}\n"
    )
}

/// An application that an honest connector serves. Connectors 1 to 8 are known.
async fn scene() -> (World, Upstream, world::RunningConnector) {
    let upstream = Upstream::start();
    let mut world = World::start();
    world.publish(&format!("https://{APP}/"), &upstream.url(), Passthrough).await;
    world.know(1..=8).await;
    let honest = world.connector(&[]).await;
    (world, upstream, honest)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_to_dial_and_says_no_more_keeps_connectors_waiting_for_a_moment_only() {
    let (world, _upstream, _honest) = scene().await;
    let good = shown(&world.issuer(), identity(2), |_| {});
    // More than there are places on both cores.
    let silent = futures_util::future::join_all((0..600).map(|_| only_begin(&world))).await;
    let begun = std::time::Instant::now();
    while !is_served(&world, Some(&good)).await {
        assert!(begun.elapsed() < GIVEN_UP, "nobody gets in beside those who say nothing");
    }
    let mut open = 0;
    for mut stream in silent {
        // The gateway's answer, unless it was put off; then the end, for nobody says anything.
        let mut heard = Vec::new();
        let ended = timeout(GIVEN_UP, stream.read_to_end(&mut heard)).await;
        ended.expect("an end").ok();
        open += usize::from(!heard.is_empty());
    }
    assert!(open > 0, "some were answered, or nothing was shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_not_a_connectors_are_refused_and_counted() {
    let (world, _upstream, _honest) = scene().await;
    let issuer = world.issuer();
    let other_key = KeyPair::generate().unwrap();
    let mut other_params = CertificateParams::default();
    other_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let other_ca = Issuer::new(other_params, other_key);
    let two = identity(2);
    let good = shown(&issuer, two, |_| {});
    assert!(is_served(&world, Some(&good)).await, "what is refused below is refused for its difference");

    let below = KeyPair::generate().unwrap();
    let mut intermediate = CertificateParams::default();
    intermediate.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let intermediate_certificate = intermediate.clone().signed_by(&below, &issuer).unwrap().der().clone();
    let mut chained = shown(&Issuer::new(intermediate, below), two, |_| {});
    chained.chain.push(intermediate_certificate);
    let cases = [
        ("self-signed or of another CA", shown(&other_ca, two, |_| {})),
        ("below a CA that our CA did not allow", chained),
        (
            "ended",
            shown(&issuer, two, |params| {
                (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
            }),
        ),
        (
            "not valid yet",
            shown(&issuer, two, |params| {
                (params.not_before, params.not_after) = (date_time_ymd(2200, 1, 1), date_time_ymd(2201, 1, 1));
            }),
        ),
        (
            "a server's",
            shown(&issuer, two, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
        ),
        ("a CA's", shown(&issuer, two, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
        ("of nobody", shown(&issuer, two, |params| params.subject_alt_names.clear())),
        ("of two", shown(&issuer, two, |params| params.subject_alt_names.push(uri(identity(3))))),
        (
            "of a host",
            shown(&issuer, two, |params| {
                params.subject_alt_names = vec![SanType::DnsName("connector.example".try_into().unwrap())];
            }),
        ),
    ];
    let before = world.tunnels_refused();
    for (what, case) in &cases {
        assert!(!is_served(&world, Some(case)).await, "{what}");
    }
    assert!(!is_served(&world, None).await, "without a certificate");
    world::eventually("each is counted", || world.tunnels_refused() - before == cases.len() as u64 + 1).await;
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK, "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_or_was_replaced_is_told_so_and_gets_nothing() {
    let (world, upstream, _honest) = scene().await;
    let replaced = ConnectorIdentity { generation: KeyGeneration(0), ..identity(1) };
    for stranger in [identity(99), replaced] {
        let (mut send, body) = control(&world, &shown(&world.issuer(), stranger, |_| {})).await;
        send.send_data(Bytes::from(hello(1)), false).unwrap();
        let said = said(body).await;
        assert!(said.contains("goodbye") && said.contains("never") && !said.contains("welcome"), "{said}");
    }
    assert_eq!(world.present(), 1, "only the honest one");
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    assert!(upstream.count("/") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_connector_says_ends_its_connection_and_no_other() {
    let (world, _upstream, _honest) = scene().await;
    let issuer = world.issuer();
    let endless = "x".repeat(64 * 1024);
    let cases = [
        ("a renewal before hello", "{\"renew\":{\"request\":\"AA==\"}}\n".to_owned()),
        ("nonsense", "hello\n".to_owned()),
        ("an endless line", endless),
        ("a hello without an end, then silence", "{\"hello\":".to_owned()),
        ("nothing", String::new()),
        ("hello twice", hello(1) + &hello(1)),
        ("a protocol that is long gone", hello(0)),
        ("a protocol that is not there yet", hello(4_000_000_000)),
        ("no instance", "{\"hello\":{\"protocol\":1,\"version\":\"\",\"machine_name\":\"\"}}\n".to_owned()),
    ];
    for (what, sent) in cases {
        let (mut send, body) = control(&world, &shown(&issuer, identity(5), |_| {})).await;
        send.send_data(Bytes::from(sent), false).unwrap();
        let answer = said(body).await;
        println!("{what}: {answer}");
        assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK, "{what}: others are served");
    }
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 9000], &[0, 0, 4, 0xee, 0, 0, 0, 0, 0, 1, 2, 3, 4]] {
        let mut stream = dial(&world, Some(&shown(&issuer, identity(5), |_| {}))).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut rest = Vec::new();
        let ended = timeout(GIVEN_UP, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the gateway ends it");
        assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_of_another_group_is_never_given_a_request_whatever_it_says() {
    let (mut world, _upstream, _honest) = scene().await;
    world.know([1, ELSEWHERE]).await;
    let rogue = shown(&world.issuer(), identity(ELSEWHERE), |_| {});
    let mut carrier = carrier::connector_end(dial(&world, Some(&rogue)).await.unwrap()).await.unwrap();
    let (request, mut respond) = carrier.accept().await.unwrap().unwrap();
    let mut send = respond.send_response(Response::new(()), false).unwrap();
    // It says that it is another, and of a kind of message that nobody knows it says a lot.
    send.send_data(Bytes::from(hello(1).replace("rogue", "test-machine")), false).unwrap();
    for _ in 0..100 {
        let claim = "{\"group\":\"00000000-0000-0000-0000-000000000001\"}\n".repeat(100);
        send.send_data(Bytes::from(claim), false).unwrap();
    }
    let given = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&given);
    tokio::spawn(async move {
        while let Some(Ok(_)) = carrier.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    world::eventually("both are present", || world.present() == 2).await;
    for _ in 0..50 {
        assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    }
    assert_eq!(given.load(std::sync::atomic::Ordering::SeqCst), 0);
    drop((send, request));
}
