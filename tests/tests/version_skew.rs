//! Connectors of other versions, spoken by hand with the key of a registered one: one version older and one newer serve,
//! the older one shows that it needs an upgrade, and those further away are told what to upgrade.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_tests::command::run;
use adit_tests::graph::PROFILE;
use adit_tests::{ConnectorProcess, Directory, Upstream, settles};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

const HOST: &str = "localhost";

const PATIENCE: Duration = Duration::from_secs(60);

/// A connector of another version, as long as this lives.
struct OtherVersion {
    said: Arc<Mutex<String>>,
    _runtime: Runtime,
}

impl OtherVersion {
    /// Speaks with the key of `registered`, which must have ended.
    fn start(directory: &Directory, registered: &ConnectorProcess, oldest: u32, newest: u32) -> Self {
        let hello = json!({"hello": {
            "protocol": oldest, "newest": newest, "version": format!("0.0.{newest}"), "machine_name": registered.name(),
            "instance": format!("00000000-0000-4000-8000-{newest:012}"),
        }});
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let said = Arc::<Mutex<String>>::default();
        let (config, gateway) = (credentials(registered), directory.addresses().gateway);
        runtime.spawn(serve(config, gateway, format!("{hello}\n"), Arc::clone(&said)));
        Self { said, _runtime: runtime }
    }

    /// All that the gateway said to it.
    fn heard(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

fn credentials(registered: &ConnectorProcess) -> Arc<ClientConfig> {
    let read = |file| std::fs::read_to_string(registered.data().join(file)).unwrap();
    let identity: Value = serde_json::from_str(&read("connector.json")).unwrap();
    let der = |name: &str| CertificateDer::from(BASE64_STANDARD.decode(identity[name].as_str().unwrap()).unwrap());
    let key = PrivateKeyDer::from_pem_slice(read("connector-key.pem").as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(der("ca")).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![der("certificate")], key)
        .unwrap();
    config.alpn_protocols = vec![b"adit-tunnel/1".to_vec()];
    Arc::new(config)
}

async fn serve(config: Arc<ClientConfig>, gateway: SocketAddr, hello: String, said: Arc<Mutex<String>>) {
    let socket = TcpStream::connect(gateway).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(config).connect(name, socket).await.unwrap();
    let mut carrier = h2::server::handshake(tls).await.unwrap();
    while let Some(Ok((request, respond))) = carrier.accept().await {
        match request.uri().path() {
            "/control" => drop(tokio::spawn(converse(request.into_body(), respond, hello.clone(), Arc::clone(&said)))),
            "/stream" => drop(tokio::spawn(relay(request, respond))),
            other => panic!("a gateway that asks an older connector for {other}"),
        }
    }
}

async fn converse(mut body: RecvStream, mut respond: SendResponse<Bytes>, hello: String, said: Arc<Mutex<String>>) {
    let mut send = respond.send_response(Response::new(()), false).unwrap();
    send.send_data(Bytes::from(hello), false).unwrap();
    while let Some(Ok(bytes)) = body.data().await {
        let _ = body.flow_control().release_capacity(bytes.len());
        said.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes));
    }
}

/// Bytes both ways, and at the end how many reached the upstream: all that the first version did.
async fn relay(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let target = request.headers()["adit-target"].to_str().unwrap().to_owned();
    let (mut read, mut write) = TcpStream::connect(&target).await.unwrap().into_split();
    let mut send = respond.send_response(Response::new(()), false).unwrap();
    let (mut body, delivered) = (request.into_body(), Arc::<AtomicU64>::default());
    let counted = Arc::clone(&delivered);
    tokio::spawn(async move {
        while let Some(Ok(bytes)) = body.data().await {
            let _ = body.flow_control().release_capacity(bytes.len());
            write.write_all(&bytes).await.unwrap();
            counted.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        }
    });
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = read.read(&mut buffer).await {
        if send.send_data(Bytes::copy_from_slice(&buffer[..count]), false).is_err() {
            return;
        }
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("adit-delivered", HeaderValue::from(delivered.load(Ordering::SeqCst)));
    let _ = send.send_trailers(trailers);
}

/// What the API and the command line say of the connector: whether it needs an upgrade.
fn needs_upgrade(directory: &Directory, id: &str) -> bool {
    let path = format!("{PROFILE}/connectors/{id}?$select=adit");
    let in_api = directory.graph().get(&path)["adit"]["isUpgradeNeeded"].as_bool().unwrap();
    let listed = run(&["connectors", "list", "--data", &directory.data_argument(), "--output", "json"]).succeeded();
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let own = listed.iter().find(|connector| connector["id"] == id).unwrap();
    assert_eq!(own["adit"]["isUpgradeNeeded"], in_api, "the command line says what the API does");
    in_api
}

#[test]
fn one_version_older_or_newer_serves_and_what_is_further_away_is_told_what_to_upgrade() {
    let directory = Directory::start();
    let mut registered = directory.connector("srv1");
    let upstream = Upstream::start();
    let _application = directory.publish("wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let id = registered.id().to_owned();
    registered.process().kill();
    let graph = directory.graph();
    let is_gone = || graph.status_of(&id) == "inactive";
    settles("the connector is gone", PATIENCE, is_gone);

    // Much too old: the refusal says what this gateway speaks.
    let ancient = OtherVersion::start(&directory, &registered, 0, 0);
    settles("it is told to be upgraded", PATIENCE, || ancient.heard().contains("upgrade the connector"));
    let refusal = ancient.heard();
    let (_, speaks) = refusal.split_once("this gateway ").unwrap();
    let numbers: Vec<u32> = speaks.split([' ', ':']).filter_map(|word| word.parse().ok()).collect();
    let (oldest, newest) = (numbers[0], numbers[1]);
    assert_eq!(newest, oldest + 1, "one version older is spoken: {refusal}");
    settles("its administrator sees it", PATIENCE, || needs_upgrade(&directory, &id));
    assert_eq!((graph.status_of(&id).as_str(), directory.get(HOST, "/1k").status), ("inactive", 503));
    drop(ancient);

    for (from, to, is_old) in [(oldest - 1, oldest, true), (newest, newest + 1, false), (oldest, newest, false)] {
        let other = OtherVersion::start(&directory, &registered, from, to);
        settles("it is active", PATIENCE, || graph.status_of(&id) == "active");
        settles("it is welcomed", PATIENCE, || other.heard().contains("welcome"));
        let answer = directory.get(HOST, "/1k");
        assert_eq!((answer.status, answer.body.len()), (200, 1024), "{from} to {to}: {}", answer.text());
        settles("its version is judged", PATIENCE, || needs_upgrade(&directory, &id) == is_old);
        drop(other);
        settles("it is gone", PATIENCE, is_gone);
    }
    let table = run(&["connectors", "list", "--data", &directory.data_argument()]).succeeded();
    assert!(table.contains("Upgrade needed"), "{table}");

    let future = OtherVersion::start(&directory, &registered, newest + 1, newest + 2);
    settles("the server is to be upgraded", PATIENCE, || future.heard().contains("upgrade the server"));
    assert_eq!(directory.get(HOST, "/1k").status, 503);
}
