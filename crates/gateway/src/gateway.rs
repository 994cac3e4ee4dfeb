//! The gateway as a whole: started on a listening socket, drained on request.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use adit_core::Snapshot;
use adit_core::id::ConnectorId;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, interval, sleep, timeout};

use crate::core::{CoreCommand, CoreHandle, Shared};
use crate::directory::{ConnectorDirectory, ServerCertificates};
use crate::limits::ClientLimits;
use crate::metrics::Metrics;
use crate::serving::Serving;
use crate::tls::{BrowserCertificates, OwnCertificate, TlsConfigs, certified};
use crate::tunnel::{Book, keep_presence};
use crate::{acceptor, core, limits};

/// Certificates are issued anew this often; they are valid much longer.
const REISSUE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a gateway is started with.
pub struct Settings {
    /// The socket to serve; already bound and listening.
    pub listener: TcpListener,
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
}

/// The gateway was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A certificate could not be made or used.
    #[error("the gateway was not started: {0}")]
    Certificate(String),
    /// A thread or a socket.
    #[error("the gateway was not started: {0}")]
    Io(#[from] std::io::Error),
}

/// A running gateway. [`Gateway::drain`] ends it in order; its threads otherwise live as long as the process.
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    draining: watch::Sender<bool>,
    stop_accepting: Option<oneshot::Sender<()>>,
}

impl Gateway {
    /// Starts threads and serves. Counters go into `registry`.
    ///
    /// # Errors
    /// [`StartError`]; nothing is served then.
    pub fn start(settings: Settings, registry: &mut Registry) -> Result<Self, StartError> {
        settings.listener.set_nonblocking(true)?;
        let address = settings.listener.local_addr()?;
        let keeper = CertificateKeeper::new(settings.certificates, settings.own_names)?;
        let tls =
            TlsConfigs::new(&settings.connector_ca, &keeper.own, &keeper.browsers).map_err(StartError::Certificate)?;
        let serving = Arc::new(ArcSwap::from_pointee(Serving::default()));
        let (draining, draining_seen) = watch::channel(false);
        let (handles, receivers): (Vec<_>, Vec<_>) = (0..settings.cores.get())
            .map(|_| {
                let (commands, receiver) = mpsc::channel(limits::HANDED_OVER);
                (CoreHandle { commands, connections: AtomicUsize::new(0) }, receiver)
            })
            .unzip();
        let shared = Arc::new(Shared {
            book: Arc::new(Book::new(handles.len(), Arc::clone(&serving))),
            serving,
            cores: handles,
            directory: settings.directory,
            metrics: Metrics::register(registry),
            tls,
            trusted_proxies: settings.trusted_proxies,
            client_limits: settings.client_limits,
            registrations: Semaphore::new(limits::REGISTRATIONS),
            draining: draining_seen,
        });
        start_cores(&shared, receivers)?;
        let front = Front { shared: Arc::clone(&shared), keeper, snapshots: settings.snapshots };
        let (stop_accepting, stopped) = oneshot::channel();
        start_front(front, settings.listener, stopped)?;
        Ok(Self { address, shared, draining, stop_accepting: Some(stop_accepting) })
    }

    /// The address that is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the gateway has a snapshot to serve from and has not begun to drain.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.shared.serving.load().snapshot.version().1.0 > 0 && !*self.draining.borrow()
    }

    /// How many requests were sent through each connected connector since its tunnel came up.
    #[must_use]
    pub fn exchanges_by_connector(&self) -> Vec<(ConnectorId, u64)> {
        self.shared.book.exchanges()
    }

    /// Stops accepting, lets what is under way finish for at most `grace`, then closes the tunnels.
    pub async fn drain(mut self, grace: Duration) {
        self.draining.send_replace(true);
        self.stop_accepting.take();
        let deadline = Instant::now() + grace;
        while self.shared.metrics.clients.count() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        let left = self.shared.metrics.clients.count();
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

fn start_front(mut front: Front, listener: TcpListener, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
    // Before the first connection is accepted: a connector that comes back must not be taken for an unknown one.
    let snapshot = Arc::clone(&front.snapshots.borrow_and_update());
    front.serve_from(snapshot);
    start_thread("gateway-front".to_owned(), move || front.run(listener, stopped))
}

/// The thread in front of the cores: accepts, follows the snapshots, keeps certificates and presence.
struct Front {
    shared: Arc<Shared>,
    keeper: CertificateKeeper,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Front {
    fn run(self, listener: TcpListener, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let shared = Arc::clone(&self.shared);
            let presence = tokio::spawn(keep_presence(Arc::clone(&shared.book), Arc::clone(&shared.directory)));
            let following = tokio::spawn(self.follow());
            tokio::select! {
                () = acceptor::accept(listener, shared) => {}
                // The listener is closed here; snapshots and presence go on while the cores drain.
                _ = stopped => {}
            }
            let _ = tokio::join!(presence, following);
            Ok(())
        })
    }

    /// Serves a snapshot, its certificates first; never one that is older than what is served.
    fn serve_from(&mut self, snapshot: Arc<Snapshot>) {
        let (served, given) = (self.shared.serving.load().snapshot.version(), snapshot.version());
        if given < served {
            return tracing::warn!(?served, ?given, "an older snapshot was not taken");
        }
        self.keeper.keep(&snapshot);
        self.shared.book.replace_snapshot(snapshot);
        self.shared.metrics.revision.set(i64::try_from(given.1.0).unwrap_or(i64::MAX));
    }

    /// Serves each snapshot as it comes.
    async fn follow(mut self) {
        let mut reissue = interval(REISSUE);
        reissue.tick().await;
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
                _ = reissue.tick() => self.keeper.reissue(),
            }
        }
    }
}

/// Has a certificate for every published name.
struct CertificateKeeper {
    certificates: Arc<dyn ServerCertificates>,
    own_names: Vec<String>,
    own: Arc<OwnCertificate>,
    browsers: Arc<BrowserCertificates>,
    /// The last snapshot for which there was a certificate for every name.
    complete: Option<Arc<Snapshot>>,
}

impl CertificateKeeper {
    fn new(certificates: Arc<dyn ServerCertificates>, own_names: Vec<String>) -> Result<Self, StartError> {
        let issue = || certificates.issue(&own_names).and_then(certified).map_err(StartError::Certificate);
        let own = Arc::new(OwnCertificate::new(issue()?));
        let browsers = Arc::new(BrowserCertificates::new(Arc::clone(&own)));
        Ok(Self { certificates, own_names, own, browsers, complete: None })
    }

    /// Issues what is missing for `snapshot`, and forgets what it no longer names.
    fn keep(&mut self, snapshot: &Arc<Snapshot>) {
        // Most versions change nothing that a gateway knows, and looking at each of many names would cost more than the
        // change did.
        if self.complete.as_ref().is_some_and(|complete| snapshot.has_content_of(complete)) {
            return;
        }
        let known = self.browsers.by_name();
        let complete = known.len() == snapshot.hosts().count() && snapshot.hosts().all(|host| known.contains_key(host));
        self.complete = complete.then(|| Arc::clone(snapshot));
        if complete {
            return;
        }
        let mut wanted: HashMap<String, Arc<CertifiedKey>> = HashMap::new();
        for host in snapshot.hosts() {
            let certificate = known.get(host).map_or_else(|| self.issue(host), |known| Some(Arc::clone(known)));
            wanted.extend(certificate.map(|certificate| (host.to_owned(), certificate)));
        }
        self.browsers.replace(wanted);
    }

    /// Issues everything anew, long before it expires.
    fn reissue(&self) {
        match self.certificates.issue(&self.own_names).and_then(certified) {
            Ok(certificate) => self.own.replace(certificate),
            Err(error) => tracing::error!(%error, "the gateway's own certificate was not renewed"),
        }
        // Where none can be had, the old one is still valid for a while.
        let renewed = |(host, old): (&String, &Arc<CertifiedKey>)| {
            (host.clone(), self.issue(host).unwrap_or_else(|| Arc::clone(old)))
        };
        let fresh = self.browsers.by_name().iter().map(renewed).collect();
        self.browsers.replace(fresh);
    }

    fn issue(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let issued = self.certificates.issue(&[name]).and_then(certified);
        issued.inspect_err(|error| tracing::error!(host, %error, "no certificate for a published name")).ok()
    }
}
