//! A gateway and its connectors in one process, with a directory that the test writes by hand.

#![allow(dead_code, reason = "each test program uses a part of it")]

mod directory;
pub(crate) mod http2;
#[path = "../../../identity/tests/provider/mod.rs"]
pub(crate) mod provider;
pub(crate) mod records;
pub(crate) mod relay;
pub(crate) mod sign_in;
pub(crate) mod upstream;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use adit_connector::AllowList;
use adit_control::CertificateAuthority;
use adit_core::application::{Application, Attributes, PreAuthentication, Publishing};
use adit_core::connector::{ConnectorIdentity, KeyGeneration};
use adit_core::explain::{Explained, Place, Visitor};
use adit_core::health::ApplicationHealth;
use adit_core::id::{ApplicationId, ConnectorGroupId, ConnectorId, TunnelId};
use adit_core::permit::{Membership, Permit};
use adit_core::revision::{Epoch, Revision};
use adit_core::revocation::{Revocation, SessionsOf};
use adit_core::snapshot::{KnownConnector, PublishedApplication, Snapshot, SnapshotChanges};
use adit_core::{AppId, DisplayName, ExternalUrl, InternalUrl, MachineName, RegistrationToken};
use adit_gateway::{ClientLimits, Entrance, Gateway, Observation, Settings, SignInSettings};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use uuid::Uuid;

use directory::{LocalCertificates, OpenDirectory};
use records::Records;

pub(crate) use directory::GOOD_SECRET;

/// The group that everything is in.
pub(crate) fn group() -> ConnectorGroupId {
    ConnectorGroupId::new(Uuid::from_u128(1))
}

/// The number from which on connectors are in another group.
pub(crate) const ELSEWHERE: u32 = 1_000;

fn group_of(number: u32) -> ConnectorGroupId {
    if number < ELSEWHERE { group() } else { ConnectorGroupId::new(Uuid::from_u128(2)) }
}

/// In a day, in seconds since 1970.
fn tomorrow() -> i64 {
    jiff::Timestamp::now().as_second() + 24 * 3600
}

/// The n-th connector to register.
pub(crate) fn identity(number: u32) -> ConnectorIdentity {
    ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(u128::from(number))), generation: KeyGeneration(1) }
}

/// A running connector; leaves when told to.
pub(crate) struct RunningConnector {
    leave: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    data: tempfile::TempDir,
}

impl RunningConnector {
    /// Leaves in order and waits until it has; its data folder is left.
    pub(crate) async fn leave(mut self) -> tempfile::TempDir {
        self.leave.take();
        self.task.await.unwrap();
        self.data
    }
}

/// A gateway with its surroundings.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    authority: CertificateAuthority,
    directory: Arc<OpenDirectory>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    applications: Vec<PublishedApplication>,
    ended: HashMap<SessionsOf, Revocation>,
    revision: u64,
    gateway: Option<Gateway>,
    /// Whether the control plane signs what connectors may dial.
    pub(crate) signed: bool,
    pem: adit_control::Pem,
    registry: prometheus_client::registry::Registry,
}

impl World {
    /// A gateway on two cores that publishes nothing.
    pub(crate) fn start() -> Self {
        Self::start_behind(&[])
    }

    /// The same, behind proxies that it trusts.
    pub(crate) fn start_behind(trusted: &[&str]) -> Self {
        Self::start_observed(trusted, Observation::default())
    }

    /// The same, with the access records that it writes.
    pub(crate) fn start_recorded(trusted: &[&str]) -> (Self, Records) {
        let records = Records::default();
        let observation = Observation { records: Some(Box::new(records.clone())), ..Observation::default() };
        (Self::start_observed(trusted, observation), records)
    }

    /// The same, observed otherwise.
    pub(crate) fn start_observed(trusted: &[&str], observation: Observation) -> Self {
        Self::start_limited(trusted, observation, ClientLimits::default())
    }

    /// The same, with other limits.
    pub(crate) fn start_limited(trusted: &[&str], observation: Observation, client_limits: ClientLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::start_by(trusted, observation, client_limits, |settings, registry| {
            Gateway::start(listener, settings, registry).unwrap()
        })
    }

    /// One without a socket, on the calling task's `LocalSet`: connections are brought to it, from wherever they come.
    pub(crate) fn start_solo(trusted: &[&str], client_limits: ClientLimits) -> (Self, Entrance) {
        let mut entrance = None;
        let world = Self::start_by(trusted, Observation::default(), client_limits, |settings, registry| {
            let address = "127.0.0.1:1".parse().unwrap();
            let (gateway, brought_to) = Gateway::start_solo(address, settings, registry).unwrap();
            entrance = Some(brought_to);
            gateway
        });
        (world, entrance.unwrap())
    }

    /// The same, where users can sign in.
    pub(crate) fn start_signing_in(sign_in: SignInSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::start_by(&[], Observation::default(), ClientLimits::default(), |settings, registry| {
            Gateway::start(listener, Settings { sign_in: Some(sign_in), ..settings }, registry).unwrap()
        })
    }

    fn start_by(
        trusted: &[&str],
        observation: Observation,
        client_limits: ClientLimits,
        start: impl FnOnce(Settings, &mut prometheus_client::registry::Registry) -> Gateway,
    ) -> Self {
        // Shown when a test fails; the second and later tests of a process find it set.
        let own = Targets::new().with_target("adit", Level::DEBUG);
        let all = tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_test_writer().finish();
        let _ = all.with(own).try_init();
        let (authority, pem) = CertificateAuthority::generate().unwrap();
        let directory = Arc::new(OpenDirectory {
            authority: authority.clone(),
            registered: AtomicU32::new(0),
            renewed: AtomicU32::new(0),
            present: Mutex::default(),
        });
        let (snapshots, receiver) = watch::channel(Arc::new(Snapshot::default()));
        let settings = Settings {
            cores: NonZeroUsize::new(2).unwrap(),
            snapshots: receiver,
            directory: directory.clone(),
            certificates: Arc::new(LocalCertificates(authority.clone())),
            connector_ca: authority.certificate_der().clone(),
            own_names: vec!["127.0.0.1".to_owned()],
            trusted_proxies: trusted.iter().map(|network| network.parse().unwrap()).collect(),
            client_limits,
            awaited: Vec::new(),
            grace: Duration::from_secs(2),
            sign_in: None,
            observation,
        };
        let mut registry = prometheus_client::registry::Registry::default();
        let gateway = start(settings, &mut registry);
        let address = gateway.address();
        Self {
            address,
            authority,
            directory,
            snapshots,
            applications: Vec::new(),
            ended: HashMap::new(),
            revision: 0,
            gateway: Some(gateway),
            signed: true,
            pem,
            registry,
        }
    }

    /// Publishes `external` for `internal`; connectors 1 to 9 are known.
    pub(crate) async fn publish(&mut self, external: &str, internal: &str, pre_authentication: PreAuthentication) {
        self.publish_as(external, internal, |publishing| publishing.pre_authentication = pre_authentication).await;
    }

    /// The same with other settings than the defaults.
    pub(crate) async fn publish_as(&mut self, external: &str, internal: &str, set: impl FnOnce(&mut Publishing)) {
        let mut publishing =
            Publishing::new(ExternalUrl::parse(external).unwrap(), InternalUrl::parse(internal).unwrap());
        set(&mut publishing);
        publishing.check().unwrap();
        let number = 100 + self.applications.len() as u128;
        let mut application = Application::new(
            ApplicationId::new(Uuid::from_u128(number)),
            AppId::new(Uuid::from_u128(number)),
            DisplayName::parse(external).unwrap(),
            jiff::Timestamp::UNIX_EPOCH,
            Attributes::new(),
        );
        application.publish(publishing, group());
        application.revision = Revision(1);
        let mut published = PublishedApplication::of(&application).unwrap();
        let (url, certificate) = (&published.internal_url, published.upstream_certificate);
        let permit = Permit::new(published.id, published.connector_group, url, certificate, tomorrow());
        published.permit = self.signed.then(|| self.authority.sign(&permit).unwrap());
        self.applications.push(published);
        self.know(1..=9).await;
    }

    /// Changes what was published last.
    pub(crate) async fn change(&mut self, set: impl FnOnce(&mut PublishedApplication)) {
        let application = self.applications.last_mut().unwrap();
        set(application);
        application.revision = Revision(application.revision.0 + 1);
        self.know(1..=9).await;
    }

    /// Withdraws what was published last.
    pub(crate) async fn withdraw(&mut self) {
        self.applications.pop();
        self.know(1..=9).await;
    }

    /// Has what was published last lead to another upstream.
    pub(crate) async fn lead_to(&mut self, internal_url: InternalUrl) {
        let published = self.applications.last().unwrap();
        let certificate = published.upstream_certificate;
        let permit = Permit::new(published.id, published.connector_group, &internal_url, certificate, tomorrow());
        let permit = self.signed.then(|| self.authority.sign(&permit).unwrap());
        self.change(|application| {
            application.internal_url = internal_url;
            application.permit = permit;
        })
        .await;
    }

    /// Ends all sessions of somebody, or at an application.
    pub(crate) async fn end_sessions(&mut self, of: SessionsOf) {
        let before = (Epoch(1), Revision(self.revision + 1));
        self.ended.insert(of, Revocation { before, at: provider::now() * 1000 });
        self.know(1..=9).await;
    }

    /// How what was published last is.
    pub(crate) fn health(&self) -> ApplicationHealth {
        let gateway = self.gateway.as_ref().unwrap();
        gateway.health().application(self.applications.last().unwrap().id).unwrap()
    }

    /// What a request would meet, of somebody or of nobody in particular.
    pub(crate) fn explain(&self, url: &str, visitor: Option<&Visitor>) -> Explained {
        self.gateway.as_ref().unwrap().explainer().explain(Place::parse(url).unwrap(), visitor)
    }

    /// What the gateway has counted.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    /// The directory's CA.
    pub(crate) fn ca(&self) -> rustls_pki_types::CertificateDer<'static> {
        self.authority.certificate_der().clone()
    }

    /// What signs in the name of the directory's CA whatever a test wants.
    pub(crate) fn issuer(&self) -> rcgen::Issuer<'static, rcgen::KeyPair> {
        let key = rcgen::KeyPair::from_pem(&self.pem.key).unwrap();
        rcgen::Issuer::from_ca_cert_pem(&self.pem.certificate, key).unwrap()
    }

    /// How many tunnel connections were refused, by the metrics.
    pub(crate) fn tunnels_refused(&self) -> u64 {
        self.metric("adit_gateway_tunnels_refused_total")
    }

    /// What the metric of that name, with its labels, says.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Makes exactly these connectors known.
    pub(crate) async fn know(&mut self, connectors: impl IntoIterator<Item = u32>) {
        self.revision += 1;
        let version = (Epoch(1), Revision(self.revision));
        let known = connectors.into_iter().map(|number| KnownConnector {
            id: identity(number).connector,
            connector_group: group_of(number),
            key_generation: KeyGeneration(1),
            drained: None,
            membership: self.signed.then(|| {
                let (connector, (epoch, revision)) = (identity(number).connector, version);
                let connector_group = group_of(number);
                let membership = Membership { connector, connector_group, epoch, revision, until: tomorrow() };
                self.authority.sign(&membership).unwrap()
            }),
        });
        let revocations = self.ended.iter().map(|(of, ended)| (*of, *ended)).collect();
        let snapshot = Snapshot::compile(Epoch(1), Revision(self.revision), self.applications.clone(), known).changed(
            version.0,
            version.1,
            SnapshotChanges { revocations, ..SnapshotChanges::default() },
        );
        self.snapshots.send_replace(Arc::new(snapshot));
        // The gateway issues certificates first; a test goes on when the snapshot is in service.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// Offers a snapshot from before anything was published.
    pub(crate) async fn offer_older_empty_snapshot(&self) {
        self.snapshots.send_replace(Arc::new(Snapshot::compile(Epoch(1), Revision(0), [], [])));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// Starts a connector and waits until it is present.
    pub(crate) async fn connector(&self, allow: &[&str]) -> RunningConnector {
        self.connector_by(&self.address.to_string(), allow).await
    }

    /// The same, with another address to dial.
    pub(crate) async fn connector_by(&self, gateway: &str, allow: &[&str]) -> RunningConnector {
        self.connector_on(tempfile::tempdir().unwrap(), GOOD_SECRET, gateway, allow).await
    }

    /// The same, on a data folder that may be that of an earlier start, and with another token.
    pub(crate) async fn connector_on(
        &self,
        data: tempfile::TempDir,
        secret: [u8; 32],
        gateway: &str,
        allow: &[&str],
    ) -> RunningConnector {
        let before: Vec<TunnelId> = self.directory.present.lock().unwrap().keys().copied().collect();
        let token =
            RegistrationToken { gateway: gateway.to_owned(), ca_fingerprint: self.authority.fingerprint(), secret };
        let settings = adit_connector::Settings {
            data: data.path().to_owned(),
            token: Some(token),
            machine_name: MachineName::parse("test-machine").unwrap(),
            allow: AllowList::new(allow.iter().map(|entry| entry.parse().unwrap()).collect()),
            version: "1.0.0-test".to_owned(),
            connections: NonZeroUsize::new(2).unwrap(),
            proxy: adit_connector::ProxyChoice::Direct,
            grace: adit_connector::GRACE,
        };
        let (leave, told) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let shutdown = async {
                let _ = told.await;
            };
            adit_connector::run(settings, shutdown).await.unwrap();
        });
        let is_new = || self.directory.present.lock().unwrap().keys().any(|tunnel| !before.contains(tunnel));
        eventually("the connector is present", is_new).await;
        // It is in service a moment later.
        tokio::time::sleep(Duration::from_millis(100)).await;
        RunningConnector { leave: Some(leave), task, data }
    }

    /// The token that is good, for whoever dials `gateway`.
    pub(crate) fn token(&self, gateway: SocketAddr) -> RegistrationToken {
        let (gateway, ca_fingerprint) = (gateway.to_string(), self.authority.fingerprint());
        RegistrationToken { gateway, ca_fingerprint, secret: GOOD_SECRET }
    }

    /// The next connector that registers is the one after `number`.
    pub(crate) fn has_registered(&self, number: u32) {
        self.directory.registered.store(number, Ordering::SeqCst);
    }

    /// How many tunnels are up.
    pub(crate) fn present(&self) -> usize {
        self.directory.present.lock().unwrap().len()
    }

    /// How many connectors were registered.
    pub(crate) fn registered(&self) -> u32 {
        self.directory.registered.load(Ordering::SeqCst)
    }

    /// How many certificates were renewed.
    pub(crate) fn renewed(&self) -> u32 {
        self.directory.renewed.load(Ordering::SeqCst)
    }

    /// Where the gateway sees its connectors come from, and what they call themselves.
    pub(crate) fn seen(&self) -> Vec<(IpAddr, String, String)> {
        let present = self.directory.present.lock().unwrap();
        present.values().map(|up| (up.from, up.machine_name.clone(), up.version.clone())).collect()
    }

    /// Ends the gateway in order.
    pub(crate) async fn drain(&mut self) {
        self.gateway.take().unwrap().drain(Duration::from_secs(5)).await;
    }

    /// A TLS connection to the gateway for `name`, offering `protocols`.
    pub(crate) async fn tls(&self, name: &str, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        self.tls_connector(protocols).connect(name, socket).await.unwrap()
    }

    /// What opens TLS to the gateway, offering `protocols`.
    pub(crate) fn tls_connector(&self, protocols: &[&[u8]]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate_der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    /// Sends one HTTP/1.1 request on a connection of its own.
    pub(crate) async fn send(&self, name: &str, request: Request<Full<Bytes>>) -> Response<Bytes> {
        let io = TokioIo::new(self.tls(name, &[b"http/1.1"]).await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        whole(sender.send_request(request).await.unwrap()).await
    }

    /// Gets a path of an application.
    pub(crate) async fn get(&self, name: &str, path: &str) -> Response<Bytes> {
        self.send(name, Request::get(path).header("host", name).body(Full::default()).unwrap()).await
    }
}

/// Reads a response to its end.
pub(crate) async fn whole(response: Response<hyper::body::Incoming>) -> Response<Bytes> {
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// Waits for something that is promised within a second: at most five.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "not within five seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
