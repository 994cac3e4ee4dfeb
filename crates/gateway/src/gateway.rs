//! The gateway as a whole: started on a listening socket, drained on request.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use adit_core::Snapshot;
use adit_core::explain::Explainer;
use adit_core::health::HealthReporter;
use adit_core::id::ConnectorId;
use adit_core::revision::{Epoch, Revision};
use adit_identity::UnusableIssuer;
use adit_tunnel::unread::Unread;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use rustls_pki_types::CertificateDer;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::admission::ByAddress;
use crate::certificate::by_name::{BrowserCertificates, ChallengeCertificates, ShownCertificates};
use crate::certificate::keeper::CertificateKeeper;
use crate::certificate::metrics::CertificateMetrics;
use crate::core::{CoreCommand, CoreHandle, Shared, becomes_true};
use crate::directory::{ConnectorDirectory, ServerCertificates};
use crate::explain::GatewayExplainer;
use crate::health::GatewayHealth;
use crate::http1_hosts::Http1Hosts;
use crate::limits::ClientLimits;
use crate::losses::Losses;
use crate::metrics::Metrics;
use crate::record::{RecordDestination, RecordWriter};
use crate::registration::rate::RegistrationRate;
use crate::serving::Serving;
use crate::sign_in::{SignIn, SignInSettings};
use crate::span::Spans;
use crate::tls::TlsConfigs;
use crate::tunnel::{Book, Complaints, Drains, Stint, keep_presence};
use crate::{acceptor, core, limits};

/// What a gateway is started with.
pub struct Settings {
    /// Threads that serve requests.
    pub cores: NonZeroUsize,
    /// Versions of the directory, the newest first seen.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Registration and presence.
    pub directory: Arc<dyn ConnectorDirectory>,
    /// Where certificates come from.
    pub certificates: Arc<dyn ServerCertificates>,
    /// The CA that signs connectors' certificates.
    pub connector_ca: CertificateDer<'static>,
    /// The names by which connectors dial this gateway.
    pub own_names: Vec<String>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long clients may keep it waiting.
    pub client_limits: ClientLimits,
    /// Connectors with tunnels to the gateway that this one follows: clients wait a short time for theirs to this one.
    pub awaited: Vec<ConnectorId>,
    /// How long what is under way through a connector may take to finish once it is drained or moved.
    pub grace: Duration,
    /// How users sign in; without it, applications that require that stay closed.
    pub sign_in: Option<SignInSettings>,
    /// What is told about requests.
    pub observation: Observation,
}

/// What a gateway tells about the requests it serves, beside its metrics.
#[derive(Default)]
pub struct Observation {
    /// Where access records go; `None` writes none.
    pub records: Option<Box<dyn RecordDestination>>,
    /// Who takes the spans of sampled traces; `None` makes none.
    pub spans: Option<Spans>,
    /// Whether answers say in `Server-Timing` how long their parts took.
    pub server_timing: bool,
}

/// The gateway was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A certificate could not be made or used.
    #[error("the gateway was not started: {0}")]
    Certificate(String),
    /// The provider at which users sign in.
    #[error("the gateway was not started: {0}")]
    SignIn(#[from] UnusableIssuer),
    /// A thread or a socket.
    #[error("the gateway was not started: {0}")]
    Io(#[from] std::io::Error),
}

/// A running gateway. [`Gateway::drain`] ends it in order; its threads otherwise live as long as the process.
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    browsers: Arc<BrowserCertificates>,
    accepting: Arc<AtomicBool>,
    draining: watch::Sender<bool>,
    stop_accepting: Option<oneshot::Sender<()>>,
}

impl Gateway {
    /// Starts threads and serves on `listener`, which is bound and listens already. Counters go into `registry`.
    ///
    /// # Errors
    /// [`StartError`]; nothing is served then.
    pub fn start(listener: TcpListener, settings: Settings, registry: &mut Registry) -> Result<Self, StartError> {
        listener.set_nonblocking(true)?;
        let (mut gateway, receivers, front) = Self::make(listener.local_addr()?, settings, registry)?;
        start_cores(&gateway.shared, receivers)?;
        let (stop_accepting, stopped) = oneshot::channel();
        gateway.accepts_until(stop_accepting);
        start_front(front, listener, stopped)?;
        Ok(gateway)
    }

    /// Everything but what runs it.
    pub(crate) fn make(
        address: SocketAddr,
        settings: Settings,
        registry: &mut Registry,
    ) -> Result<(Self, Vec<mpsc::Receiver<CoreCommand>>, Front), StartError> {
        let challenges = ChallengeCertificates(Arc::clone(&settings.certificates));
        let certificate_metrics = CertificateMetrics::register(registry);
        let sign_in = settings.sign_in.map(SignIn::new).transpose()?;
        let sign_in_host = sign_in.as_ref().map(|sign_in| sign_in.host().to_owned());
        let (certificates, own_names) = (settings.certificates, settings.own_names);
        let keeper = CertificateKeeper::new(certificates, own_names, sign_in_host, certificate_metrics)
            .map_err(StartError::Certificate)?;
        let browsers = Arc::clone(&keeper.browsers);
        let tls = TlsConfigs::new(&settings.connector_ca, &keeper.own, &browsers, challenges)
            .map_err(StartError::Certificate)?;
        let serving = Arc::new(ArcSwap::from_pointee(Serving::default()));
        let (draining, draining_seen) = watch::channel(false);
        let (handles, receivers): (Vec<_>, Vec<_>) = (0..settings.cores.get())
            .map(|_| {
                let (commands, receiver) = mpsc::channel(limits::HANDED_OVER);
                (CoreHandle { commands, connections: AtomicUsize::new(0) }, receiver)
            })
            .unzip();
        let settlement = watch::Sender::new(settings.awaited.is_empty());
        let settled = settlement.subscribe();
        let metrics = Metrics::register(registry, handles.len());
        let Observation { records, spans, server_timing } = settings.observation;
        let records = records.map(|to| RecordWriter::start(to, metrics.records_dropped.clone())).transpose()?;
        let book = Arc::new(Book::new(handles.len(), Arc::clone(&serving)));
        let drains = Box::new(Drains(Arc::clone(&book)));
        registry.sub_registry_with_prefix("adit_gateway").register_collector(drains);
        let shared = Arc::new(Shared {
            book,
            serving,
            cores: handles,
            directory: settings.directory,
            metrics,
            records,
            spans,
            server_timing,
            tls,
            http1_hosts: Http1Hosts::default(),
            trusted_proxies: settings.trusted_proxies,
            client_limits: settings.client_limits,
            by_address: ByAddress::new(settings.client_limits.connections_per_address),
            unread: Unread::new(settings.client_limits.unread),
            registrations: Semaphore::new(limits::REGISTRATIONS),
            sign_in,
            losses: Losses::default(),
            waiting: Semaphore::new(limits::WAITING),
            probes: Arc::new(Semaphore::new(limits::PROBES_AT_ONCE)),
            registration_rate: RegistrationRate::new(&settings.client_limits),
            settled,
            complaints: Complaints::default(),
            guesses: Complaints::default(),
            draining: draining_seen,
        });
        let health = Box::new(GatewayHealth(Arc::clone(&shared)));
        registry.sub_registry_with_prefix("adit_gateway").register_collector(health);
        let accepting = Arc::new(AtomicBool::new(false));
        let mut front = Front {
            shared: Arc::clone(&shared),
            keeper,
            snapshots: settings.snapshots,
            accepting: Arc::clone(&accepting),
            awaited: settings.awaited,
            settlement,
            grace: settings.grace,
        };
        // Before the first connection is accepted: a connector that comes back must not be taken for an unknown one.
        let snapshot = Arc::clone(&front.snapshots.borrow_and_update());
        front.serve_from(snapshot);
        Ok((Self { address, shared, browsers, accepting, draining, stop_accepting: None }, receivers, front))
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// It has stopped accepting once this is dropped.
    pub(crate) fn accepts_until(&mut self, stop: oneshot::Sender<()>) {
        self.stop_accepting = Some(stop);
    }

    /// The version of the directory that is served.
    #[must_use]
    pub fn version(&self) -> (Epoch, Revision) {
        self.shared.serving.load().snapshot.version()
    }

    /// The address that is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the gateway has a snapshot to serve from, accepts connections and has not begun to drain.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.shared.serving.load().snapshot.version().1.0 > 0
            && self.accepting.load(Ordering::Relaxed)
            && !*self.draining.borrow()
    }

    /// Which certificate is shown for each host, now and later.
    #[must_use]
    pub fn certificates(&self) -> ShownCertificates {
        ShownCertificates(Arc::clone(&self.browsers))
    }

    /// Whom to ask what a request would meet here.
    #[must_use]
    pub fn explainer(&self) -> Arc<dyn Explainer> {
        Arc::new(GatewayExplainer(Arc::clone(&self.shared)))
    }

    /// Whom to ask how groups and applications are.
    #[must_use]
    pub fn health(&self) -> Arc<dyn HealthReporter> {
        Arc::new(GatewayHealth(Arc::clone(&self.shared)))
    }

    /// How many requests were sent through each connected connector since its tunnel came up.
    #[must_use]
    pub fn exchanges_by_connector(&self) -> Vec<(ConnectorId, u64)> {
        self.shared.book.exchanges()
    }

    /// The connectors that have tunnels.
    #[must_use]
    pub fn connectors(&self) -> Vec<ConnectorId> {
        self.shared.book.connectors().into_iter().collect()
    }

    /// Gives the connectors that have tunnels, whenever it is asked.
    pub fn connected(&self) -> impl Fn() -> Vec<ConnectorId> + Send + Sync + 'static {
        let book = Arc::clone(&self.shared.book);
        move || book.connectors().into_iter().collect()
    }

    /// Completes once clients are served: the connectors that were awaited have come, or their time is over.
    pub async fn settled(&self) {
        becomes_true(self.shared.settled.clone()).await;
    }

    /// Accepts no more, and asks the connectors for a tunnel to whoever listens on the same socket now. Everything else
    /// goes on as before, until [`Self::drain`].
    pub async fn give_way(&mut self) {
        self.stop_accepting.take();
        while self.accepting.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(5)).await;
        }
        self.shared.book.ask_all_to_redial().await;
    }

    /// Clients that are not done, those that are still shaking hands and the listener's queue included.
    fn unfinished(&self) -> usize {
        let queued = usize::from(self.accepting.load(Ordering::Relaxed));
        // WebSockets are clients, but no connections of a core any more.
        let clients = usize::try_from(self.shared.metrics.clients.count()).unwrap_or_default();
        queued + self.shared.connections().max(clients)
    }

    /// Stops accepting, lets what is under way finish for at most `grace`, then closes the tunnels.
    pub async fn drain(mut self, grace: Duration) {
        self.draining.send_replace(true);
        self.stop_accepting.take();
        let deadline = Instant::now() + grace;
        while self.unfinished() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        let left = self.unfinished();
        if left > 0 {
            tracing::warn!(left, "the grace period is over: connections are cut");
        }
        self.shared.book.close_all();
        // Presence is told by the front's thread; give it a moment, then let go.
        let gone = async {
            while !self.shared.book.present().is_empty() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = timeout(Duration::from_secs(1), gone).await;
        sleep(Duration::from_millis(50)).await;
        self.shared.finish_records().await;
    }
}

/// Threads live until their channels end or the process does: nobody waits for them.
fn start_thread(name: String, run: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> std::io::Result<()> {
    let shown = name.clone();
    let run = move || {
        if let Err(error) = run() {
            tracing::error!(%error, thread = shown, "a thread of the gateway could not run");
        }
    };
    std::thread::Builder::new().name(name).spawn(run).map(drop)
}

fn start_cores(shared: &Arc<Shared>, receivers: Vec<mpsc::Receiver<CoreCommand>>) -> std::io::Result<()> {
    receivers.into_iter().enumerate().try_for_each(|(index, receiver)| {
        let shared = Arc::clone(shared);
        start_thread(format!("gateway-core-{index}"), move || core::run(index, shared, receiver))
    })
}

fn start_front(front: Front, listener: TcpListener, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
    start_thread("gateway-front".to_owned(), move || front.run(listener, stopped))
}

/// Lets what is under way finish in a stint that has ended, for as long as the grace lasts.
async fn cut_in_time(stint: Arc<Stint>, grace: Duration) {
    sleep(grace).await;
    let left = stint.under_way();
    if left > 0 {
        tracing::warn!(connector = %stint.connector, left, "the grace period of a drain is over: streams are cut");
        stint.cut();
    }
}

/// Waits for the tunnels of these connectors, for some time, and says that clients may come.
async fn settle(book: Arc<Book>, awaited: Vec<ConnectorId>, settlement: watch::Sender<bool>) {
    let all_are_there = async {
        loop {
            let present = book.connectors();
            if awaited.iter().all(|connector| present.contains(connector)) {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    if timeout(limits::TUNNELS_AWAITED, all_are_there).await.is_err() {
        tracing::warn!("not all connectors of the gateway before this one have come; clients are served without them");
    }
    book.catch_up();
    settlement.send_replace(true);
}

/// The thread in front of the cores: accepts, follows the snapshots, keeps certificates and presence.
pub(crate) struct Front {
    shared: Arc<Shared>,
    keeper: CertificateKeeper,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    accepting: Arc<AtomicBool>,
    awaited: Vec<ConnectorId>,
    settlement: watch::Sender<bool>,
    grace: Duration,
}

impl Front {
    fn run(self, listener: TcpListener, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let shared = Arc::clone(&self.shared);
            self.attend(acceptor::accept(listener, shared, stopped)).await;
            Ok(())
        })
    }

    /// Follows the snapshots and tells of presence while `accept` runs, and after it while the cores drain.
    pub(crate) async fn attend(mut self, accept: impl Future<Output = ()>) {
        self.catch_up().await;
        let (shared, accepting) = (Arc::clone(&self.shared), Arc::clone(&self.accepting));
        accepting.store(true, Ordering::Relaxed);
        let awaited = std::mem::take(&mut self.awaited);
        tokio::spawn(settle(Arc::clone(&shared.book), awaited, self.settlement.clone()));
        let book = Arc::clone(&shared.book);
        let compiling = tokio::spawn(async move { book.keep_compiled().await });
        let presence = tokio::spawn(keep_presence(Arc::clone(&shared.book), Arc::clone(&shared.directory)));
        let following = tokio::spawn(self.follow());
        accept.await;
        accepting.store(false, Ordering::Relaxed);
        let _ = tokio::join!(presence, following, compiling);
    }

    /// Has all certificates that are wanted, or as many as come in time.
    pub(crate) async fn catch_up(&mut self) {
        self.keeper.catch_up().await;
    }

    /// Serves a snapshot, its certificates first; never one that is older than what is served.
    pub(crate) fn serve_from(&mut self, snapshot: Arc<Snapshot>) {
        let (served, given) = (self.shared.serving.load().snapshot.version(), snapshot.version());
        if given < served {
            return tracing::warn!(?served, ?given, "an older snapshot was not taken");
        }
        self.keeper.follow(&snapshot);
        for ended in self.shared.book.replace_snapshot(snapshot) {
            self.shared.purge_everywhere(ended.connection);
            tokio::spawn(cut_in_time(ended, self.grace));
        }
        self.shared.metrics.revision.set(i64::try_from(given.1.0).unwrap_or(i64::MAX));
    }

    /// Serves each snapshot as it comes.
    async fn follow(mut self) {
        let mut control_plane_lives = true;
        loop {
            tokio::select! {
                changed = self.snapshots.changed(), if control_plane_lives => match changed {
                    Ok(()) => {
                        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
                        self.serve_from(snapshot);
                    }
                    // The last snapshot stays in service.
                    Err(_) => control_plane_lives = false,
                },
                () = self.keeper.attend() => {}
            }
        }
    }
}
