//! The parts put together into one server: data folder, control plane, gateway, API and their listeners.
//!
//! Everything that can fail fails before anything is served: the folder is locked, the four addresses are taken, the
//! directory is open, and only then do the listeners accept and `addresses.json` appear.
//!
//! Control plane and gateway do not know each other. What the gateway declares that it needs is implemented here, in
//! [`control_link`].

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use adit_control::{CertificateAuthority, ControlPlane, Principals};
use adit_core::ConnectorId;
use adit_gateway::{CertificateSource, ClientLimits, Gateway, Observation, SignInSettings};
use adit_identity::{LocalKey, Verifier};
use adit_provider::Provider;
use axum::Router;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::acme;
use crate::assertion_keys::AssertionKeyFile;
use crate::certificate::{CertificateFiles, Certificates};
use crate::configuration::{Configuration, GatewayAddress, SignIn};
use crate::data_folder::{Addresses, DataFolder, KeyPair};
use crate::fingerprint::Fingerprint;
use crate::listener::{self, Bound, operations};
#[cfg(feature = "otlp")]
use crate::otlp::Exporter;
use crate::retention;
use crate::session_keys::SessionKeys;
use crate::succession::{Estate, Heir, HeirSocket, Listeners};

mod api_metrics;
mod control_link;
mod control_metrics;
mod directory;
mod provider;
mod session_link;
mod sockets;
mod start_error;
mod successor;

use sockets::Sockets;
pub(crate) use start_error::StartError;
pub(crate) use successor::{HandedOver, Leaving};

/// How long requests of the API may take to finish when the server stops.
const API_GRACE: Duration = Duration::from_secs(10);

/// How long the gateway may take to serve from its first snapshot.
const GATEWAY_READY: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct Server {
    folder: DataFolder,
    /// Where another process can take over.
    heirs: HeirSocket,
    addresses: Addresses,
    /// The listening sockets, to be given to such a process.
    listeners: Listeners,
    control: ControlPlane,
    gateway: Gateway,
    /// Says that the API shall stop, and that the server is not ready any more.
    stop_api: watch::Sender<bool>,
    /// Says that health and metrics shall stop, at the very end.
    stop_operations: watch::Sender<bool>,
    api: JoinSet<()>,
    background: JoinSet<()>,
    /// Signs users and programs in, unless another issuer does.
    provider: Option<Provider>,
    /// Sends the gateway's spans, if somebody wants them.
    #[cfg(feature = "otlp")]
    exporter: Option<Exporter>,
}

impl Server {
    /// Starts everything, on the sockets of `estate` as far as it has them.
    ///
    /// # Errors
    /// [`StartError`]; nothing is served then.
    pub(crate) async fn start(configuration: Configuration, estate: Estate) -> Result<Self, StartError> {
        let lock = if estate.is_of_a_server() { DataFolder::take_over } else { DataFolder::lock };
        let folder = lock(&configuration.data)?;
        let files = CertificateFiles::load(configuration.certificates.clone(), &folder.certificates())?;
        let Estate { listeners, connectors } = estate;
        let (sockets, listeners) = Sockets::take(&configuration.listen, listeners)?;
        let records = configuration.access_records.open()?;
        let addresses = sockets.addresses();
        let dialled = dialled_by_connectors(configuration.gateway_address.as_ref(), addresses.gateway);

        // Both secrets before the directory: with a directory beside it, a missing secret counts as lost.
        let authority = authority(&folder)?;
        let local_key = local_key(&folder)?;
        // Where another issuer signs people in, its users and groups are known only by what it calls them.
        let has_issuer = !configuration.api.issuers.is_empty()
            || configuration.sign_in.as_ref().is_some_and(|sign_in| sign_in.provider.is_some());
        let principals = if has_issuer { Principals::Foreign } else { Principals::OwnOnly };
        let control = directory::open(&folder, configuration.database.clone(), authority, &dialled, principals).await?;
        let provider = provider::start(&control, &configuration.api, &addresses).await?;
        let verifier = verifier(&local_key, &configuration, provider.as_ref())?;
        let mut registry = Registry::default();
        let names = own_names(&configuration, &dialled, &addresses);
        let certificates = Certificates::new(control.clone(), names, &files).map_err(StartError::Certificate)?;
        let acme =
            configuration.acme.map(|settings| acme::Keeper::open(settings, &folder, &mut registry)).transpose()?;
        if let Some(acme) = &acme {
            certificates.replace(CertificateSource::Acme, &acme.certificates());
        }
        let acceptor = certificates.acceptor().map_err(StartError::Certificate)?;
        #[cfg(feature = "otlp")]
        let exporter = configuration.otlp.map(|settings| Exporter::start(settings, &mut registry)).transpose()?;
        #[cfg(feature = "otlp")]
        let spans = exporter.as_ref().map(Exporter::spans);
        #[cfg(not(feature = "otlp"))]
        let spans = None;
        let observation = Observation { records, spans, server_timing: configuration.server_timing };
        let clients = (configuration.api.trusted_proxies.clone(), configuration.client_limits);
        let user_keys = user_keys(&folder, configuration.sign_in.as_ref())?;
        let users = configuration.sign_in.map(|sign_in| sign_in.at(addresses.gateway.port()));
        let sign_in = sign_in(users, user_keys.as_ref(), &control, provider.as_ref())?;
        let door = Door { listener: sockets.gateway, awaited: connectors, grace: configuration.grace, sign_in };
        let gateway = start_gateway(door, &control, &certificates, clients, observation, &mut registry)?;
        until_ready(&gateway).await?;
        let trusted_proxies = configuration.api.trusted_proxies.clone();
        let api = adit_graph::router(adit_graph::Settings {
            control: control.clone(),
            explainer: gateway.explainer(),
            health: gateway.health(),
            verifier,
            public_url: configuration.api.public_url,
            trusted_proxies: configuration.api.trusted_proxies,
        });
        let api = provider::beside(api, provider.as_ref(), &trusted_proxies);
        let api = api_metrics::counted(api, &mut registry);
        control_metrics::register(&control, &mut registry);

        let mut server = Self {
            heirs: HeirSocket::open(folder.path()),
            folder,
            addresses,
            listeners,
            control,
            gateway,
            stop_api: watch::Sender::new(false),
            stop_operations: watch::Sender::new(false),
            api: JoinSet::new(),
            background: JoinSet::new(),
            provider,
            #[cfg(feature = "otlp")]
            exporter,
        };
        server.serve_api(sockets.control, sockets.control_tls, acceptor, &api);
        server.serve_operations(sockets.metrics, registry);
        server.serve_plain(sockets.http, &certificates);
        server.keep_acme(acme, &certificates);
        server.background.spawn(Arc::clone(&certificates).look_after(files));
        let (control, kept) = (server.control.clone(), configuration.inactive_connectors);
        let connected = Arc::new(server.gateway.connected());
        server.background.spawn(retention::delete_inactive_connectors(control, connected, kept));
        if let Some(provider) = server.provider.clone() {
            server.background.spawn(provider.look_after_keys());
        }
        if let Some(UserKeys { sessions, assertions }) = user_keys {
            server.background.spawn(sessions.keep());
            server.background.spawn(assertions.keep());
        }
        server.folder.announce(&addresses)?;
        tracing::info!(
            control = %addresses.control, control_tls = %addresses.control_tls, gateway = %addresses.gateway,
            metrics = %addresses.metrics, connectors_dial = %dialled, data = %server.folder.path().display(),
            ca = %server.ca_fingerprint(), "serving"
        );
        Ok(server)
    }

    /// Where it listens.
    pub(crate) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The data folder it serves from.
    pub(crate) const fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// SHA-256 of the CA's certificate, by which people recognise it.
    pub(crate) fn ca_fingerprint(&self) -> Fingerprint {
        Fingerprint(self.control.authority().fingerprint())
    }

    /// The link by which the first administrator is made, while there is nobody.
    pub(crate) async fn first_administrator_link(&self) -> Option<String> {
        let link = self.provider.as_ref()?.first_administrator_link().await;
        link.inspect_err(|error| tracing::warn!(%error, "there is no link for the first administrator")).ok()?
    }

    /// Requests that were sent through each connector so far.
    pub(crate) fn requests_by_connector(&self) -> Vec<(ConnectorId, u64)> {
        self.gateway.exchanges_by_connector()
    }

    /// Ends in order: the API finishes what is under way, then the gateway does within `grace`, then the rest goes.
    pub(crate) async fn stop(mut self, grace: Duration) {
        self.heirs.close();
        self.folder.withdraw_addresses();
        // A socket that nobody accepts from must not keep clients waiting.
        drop(self.listeners);
        self.stop_api.send_replace(true);
        while self.api.join_next().await.is_some() {}
        self.gateway.drain(grace).await;
        #[cfg(feature = "otlp")]
        if let Some(exporter) = self.exporter {
            exporter.finish().await;
        }
        self.stop_operations.send_replace(true);
        self.background.shutdown().await;
        directory::close(&self.control, &self.folder).await;
        tracing::info!("stopped");
    }

    /// Waits for a process that takes over.
    pub(crate) async fn heir(&self) -> Heir {
        self.heirs.heir().await
    }

    /// Completes once clients are served through the connectors of the server before this one.
    pub(crate) async fn settled(&self) {
        self.gateway.settled().await;
    }

    fn serve_api(&mut self, plain: Bound, tls: Bound, acceptor: tokio_rustls::TlsAcceptor, api: &Router) {
        let stopping = || self.stop_api.subscribe();
        self.api.spawn(plain.serve(None, api.clone(), stopping(), API_GRACE));
        self.api.spawn(tls.serve(Some(acceptor), api.clone(), stopping(), API_GRACE));
    }

    /// Challenges and redirects. Nothing is lost when they end at once.
    fn serve_plain(&mut self, socket: Option<Bound>, certificates: &Certificates) {
        let Some(socket) = socket else { return };
        let router = listener::plain::router(self.control.snapshots(), Arc::clone(certificates.challenges()));
        self.background.spawn(socket.serve(None, router, self.stop_operations.subscribe(), Duration::from_secs(1)));
    }

    fn keep_acme(&mut self, keeper: Option<acme::Keeper>, certificates: &Arc<Certificates>) {
        let Some(keeper) = keeper else { return };
        self.background.spawn(keeper.run(acme::Surroundings {
            snapshots: self.control.snapshots(),
            certificates: Arc::clone(certificates),
            challenges: Arc::clone(certificates.challenges()),
            shown: self.gateway.certificates(),
        }));
    }

    fn serve_operations(&mut self, socket: Bound, registry: Registry) {
        let router = operations::router(registry, self.stop_api.subscribe());
        let ended = self.stop_operations.subscribe();
        self.background.spawn(socket.serve(None, router, ended, Duration::from_secs(1)));
    }
}

/// `host:port` for registration tokens: as configured, else `localhost` and the gateway's port.
fn dialled_by_connectors(configured: Option<&GatewayAddress>, gateway: SocketAddr) -> GatewayAddress {
    let mut dialled = configured.cloned().unwrap_or_else(|| GatewayAddress { host: "localhost".to_owned(), port: 0 });
    if dialled.port == 0 {
        dialled.port = gateway.port();
    }
    dialled
}

fn authority(folder: &DataFolder) -> Result<CertificateAuthority, StartError> {
    let pair = folder.ca(|| {
        let (_, pem) = CertificateAuthority::generate()?;
        Ok::<_, StartError>(KeyPair { certificate: pem.certificate, key: pem.key })
    })?;
    Ok(CertificateAuthority::from_pem(&pair.certificate, &pair.key)?)
}

fn local_key(folder: &DataFolder) -> Result<LocalKey, StartError> {
    let pem = folder.signing_key(|| LocalKey::generate().map(|(_, pem)| pem).map_err(StartError::from))?;
    Ok(LocalKey::from_pem(&pem)?)
}

/// Whose tokens the API accepts: the local key's, and those of the configured issuers or of the built-in provider.
fn verifier(
    local_key: &LocalKey,
    configuration: &Configuration,
    provider: Option<&Provider>,
) -> Result<Arc<Verifier>, StartError> {
    let verifier = Verifier::new(local_key, configuration.api.issuers.clone())?;
    Ok(Arc::new(match provider {
        Some(provider) => verifier.with_provider(provider.issuer()),
        None => verifier,
    }))
}

/// The names by which this server is reached, for certificates of the local CA.
fn own_names(configuration: &Configuration, dialled: &GatewayAddress, addresses: &Addresses) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned).into();
    let public = configuration.api.public_url.as_ref().and_then(|url| url.host_str()).map(ToOwned::to_owned);
    let listening = [addresses.control_tls.ip(), addresses.gateway.ip()];
    let listening =
        listening.into_iter().filter(|address| !address.is_unspecified()).map(|address| address.to_string());
    for name in public.into_iter().chain([dialled.host.clone()]).chain(listening) {
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The keys under which users' sessions are sealed, and those by which upstreams are told who asks.
struct UserKeys {
    sessions: SessionKeys,
    assertions: AssertionKeyFile,
}

/// Those keys, if users are to sign in.
fn user_keys(folder: &DataFolder, sign_in: Option<&SignIn>) -> Result<Option<UserKeys>, StartError> {
    let Some(sign_in) = sign_in else { return Ok(None) };
    let sessions = SessionKeys::open(folder.session_keys(), sign_in.limits.absolute)?;
    Ok(Some(UserKeys { sessions, assertions: AssertionKeyFile::open(folder.assertion_keys())? }))
}

/// How users sign in at the gateway: at the provider of the configuration, else at the built-in one.
fn sign_in(
    configured: Option<SignIn>,
    keys: Option<&UserKeys>,
    control: &ControlPlane,
    built_in: Option<&Provider>,
) -> Result<Option<SignInSettings>, StartError> {
    let (Some(SignIn { authority, provider, limits }), Some(keys)) = (configured, keys) else { return Ok(None) };
    let provider = match provider {
        Some(provider) => provider,
        None => built_in.and_then(|own| provider::for_gateway(own, &authority)).ok_or(StartError::NoSignIn)?,
    };
    Ok(Some(SignInSettings {
        authority,
        provider,
        keys: keys.sessions.ring(),
        assertions: keys.assertions.in_use(),
        limits,
        ended: control.ended_sessions(),
        sessions: Arc::new(session_link::SessionLink::new(control.clone())),
    }))
}

/// How a gateway begins and how connectors end.
struct Door {
    listener: std::net::TcpListener,
    /// Connectors that have tunnels to the server before this one.
    awaited: Vec<ConnectorId>,
    grace: Duration,
    sign_in: Option<SignInSettings>,
}

fn start_gateway(
    door: Door,
    control: &ControlPlane,
    certificates: &Arc<Certificates>,
    (trusted_proxies, client_limits): (Vec<ipnet::IpNet>, ClientLimits),
    observation: Observation,
    registry: &mut Registry,
) -> Result<Gateway, StartError> {
    let Door { listener, awaited, grace, sign_in } = door;
    let settings = adit_gateway::Settings {
        cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        snapshots: control.snapshots(),
        directory: Arc::new(control_link::ControlLink::new(control.clone())),
        certificates: Arc::<Certificates>::clone(certificates),
        connector_ca: control.authority().certificate_der().clone(),
        own_names: certificates.own_names().to_vec(),
        trusted_proxies,
        client_limits,
        awaited,
        grace,
        sign_in,
        observation,
    };
    Ok(Gateway::start(listener, settings, registry)?)
}

/// Waits until the gateway serves from a snapshot: it has one already and only has to take it up.
async fn until_ready(gateway: &Gateway) -> Result<(), StartError> {
    let ready = async {
        while !gateway.ready() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(GATEWAY_READY, ready).await.map_err(|_| StartError::GatewayNotReady)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_dial_localhost_and_the_real_port_unless_told_otherwise() {
        let listening: SocketAddr = "[::]:40123".parse().unwrap();
        assert_eq!(dialled_by_connectors(None, listening).to_string(), "localhost:40123");
        let configured = "adit.example.com:443".parse().unwrap();
        assert_eq!(dialled_by_connectors(Some(&configured), listening).to_string(), "adit.example.com:443");
        let configured = "adit.example.com:0".parse().unwrap();
        assert_eq!(dialled_by_connectors(Some(&configured), listening).to_string(), "adit.example.com:40123");
    }
}
