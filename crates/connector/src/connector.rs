//! The connector as a whole: registered or not yet, its links to the gateway, its end.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use adit_core::id::NotAnId;
use adit_core::{MachineName, RegistrationToken};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, interval, sleep, timeout};
use uuid::Uuid;

use crate::allow::AllowList;
use crate::asked::Asked;
use crate::clock::Ended;
use crate::gateway_link;
use crate::identity::{ConnectorKey, FolderError, Identity, IdentityFolder};
use crate::member::{Fatal, Member};
use crate::network::{Network, SystemNetwork};
use crate::own_identity::OwnIdentity;
use crate::proxy::ProxyChoice;
use crate::refusal_log::RefusalLog;
use crate::register::RegistrationError;
use crate::registered::{self, Start};
use crate::target_policy::TargetPolicy;
use crate::tls::UpstreamConfigs;
use crate::upstream::UpstreamDialler;

/// How long what is under way may take to finish when a connector leaves, unless it is said otherwise: downloads of some
/// size, and less than service managers wait before they kill.
pub const GRACE: Duration = Duration::from_secs(30);

/// How long the links of an old registration go on after those of a new one were begun, so that there is no gap.
const OVERLAP: Duration = Duration::from_secs(5);

/// How often what could not be written to the data folder is tried again.
const KEPT_AGAIN: Duration = Duration::from_secs(60);

/// What a connector is started with.
#[derive(Debug)]
pub struct Settings {
    /// Where its key and certificate are kept.
    pub data: PathBuf,
    /// Needed to register, once; another one than it was registered with registers it anew.
    pub token: Option<RegistrationToken>,
    /// What the machine calls itself.
    pub machine_name: MachineName,
    /// What it may dial.
    pub allow: AllowList,
    /// Through which proxy it dials the gateway.
    pub proxy: ProxyChoice,
    /// Its software version.
    pub version: String,
    /// Connections to the gateway, each on a thread of its own. Until something is asked of it, a connector has one.
    pub connections: NonZeroUsize,
    /// How long what is under way may take to finish once it leaves; [`GRACE`] is a good one.
    pub grace: Duration,
}

/// A connector that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// Something in its data folder.
    #[error("the connector was not started: {0}")]
    Folder(#[from] FolderError),
    /// It is not registered and has no token.
    #[error(
        "the connector was not started: {0} holds no registration; give --token with a token from \
         'adit registration-token'"
    )]
    NotRegistered(PathBuf),
    /// Its certificate ended while it was away.
    #[error("the connector was not started: {0}; give --token with a new registration token, or set the clock right")]
    Expired(Ended),
    /// Registration failed.
    #[error("the connector was not registered: {0}")]
    Registration(#[from] RegistrationError),
    /// A thread could not be started.
    #[error("a thread for a connection to the gateway could not be started: {0}")]
    Thread(std::io::Error),
    /// The gateway said that this connector must not come back.
    #[error("the gateway does not accept this connector: {0}")]
    TurnedAway(String),
}

/// Runs a connector until `shutdown` completes, then leaves in order: no new streams, busy ones finish within the grace.
///
/// # Errors
/// [`ConnectorError`] when it cannot start or must not go on.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), ConnectorError> {
    run_with(settings, Arc::new(SystemNetwork), start_link, shutdown).await
}

/// The same on another network, and all of it on the calling task's [`tokio::task::LocalSet`]: for where time and network
/// are not the system's.
///
/// # Errors
/// See [`run`].
pub async fn run_solo(
    settings: Settings,
    network: Arc<dyn Network>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ConnectorError> {
    run_with(settings, network, start_link_here, shutdown).await
}

/// The same as the only thing that its thread does, on the calling task's [`tokio::task::LocalSet`]: the first link needs no
/// thread of its own then, and for most connectors there is no other.
///
/// # Errors
/// See [`run`].
pub async fn run_alone(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), ConnectorError> {
    let start = |number, member, done| {
        if number == 0 { start_link_here(number, member, done) } else { start_link(number, member, done) }
    };
    run_with(settings, Arc::new(SystemNetwork), start, shutdown).await
}

async fn run_with(
    settings: Settings,
    network: Arc<dyn Network>,
    start_link: impl Fn(usize, Arc<Member>, mpsc::Sender<()>) -> Result<(), ConnectorError>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ConnectorError> {
    let folder = Arc::new(IdentityFolder::open(&settings.data)?);
    let key = Arc::new(folder.key()?);
    let mut shutdown = pin!(shutdown);
    let Start { identity, is_put_off } = tokio::select! {
        start = registered::at_start(network.as_ref(), &settings, &folder, &key) => start?,
        () = &mut shutdown => return Ok(()),
    };
    let mut own = OwnIdentity::new(folder, identity);
    let (done, mut all_done) = mpsc::channel::<()>(1);
    let begin = |own: &Arc<OwnIdentity>| Stint::begin(&settings, &network, &key, own, &done, &start_link);
    let mut stint = begin(&own)?;
    let mut registering = pin!(put_off(is_put_off, network.as_ref(), &settings, &key));
    let mut is_registering = is_put_off;
    let mut old: Option<Stint> = None;
    let mut overlap = pin!(sleep(Duration::ZERO));
    let mut unkept = interval(KEPT_AGAIN);
    let result = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            registered = &mut registering, if is_registering => {
                is_registering = false;
                match registered {
                    Ok(identity) => {
                        let (later, kept) = own.replaced_by(identity);
                        own = later;
                        if let Err(error) = kept {
                            tracing::error!(%error, "the new registration could not be kept; it is used, and kept when it can be");
                        }
                        old = Some(std::mem::replace(&mut stint, begin(&own)?));
                        overlap.as_mut().reset(Instant::now() + OVERLAP);
                    }
                    Err(error) => tracing::error!(%error, "not registered anew; going on with the registration there is"),
                }
            }
            // The links of the new registration are there by now.
            () = &mut overlap, if old.is_some() => old = None,
            () = stint.member.asked.wait(), if !stint.further.is_empty() => {
                for number in std::mem::take(&mut stint.further) {
                    if let Err(error) = start_link(number, Arc::clone(&stint.member), done.clone()) {
                        tracing::error!(%error, "going on with fewer connections to the gateway");
                    }
                }
            }
            _ = unkept.tick() => match own.keep_again() {
                Ok(true) => tracing::info!("what could not be kept is kept now"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "what changed in this connector's registration cannot be kept yet"),
            },
            // While it registers anew, the end of its old registration may be heard of before the new one has come.
            Some(fatal) = stint.turned_away.recv(), if !is_registering => {
                break Err(ConnectorError::TurnedAway(fatal.reason));
            }
        }
    };
    drop((stint, old));
    drop(done);
    // Links hold a sender each; the channel ends when the last has left.
    if timeout(settings.grace + Duration::from_secs(1), all_done.recv()).await.is_err() {
        tracing::warn!("the grace period is over: streams are cut");
    }
    result
}

/// The registration that the gateway has put off; never, if it has not.
async fn put_off(
    is_put_off: bool,
    network: &dyn Network,
    settings: &Settings,
    key: &ConnectorKey,
) -> Result<Identity, RegistrationError> {
    match &settings.token {
        Some(token) if is_put_off => registered::by_token(network, settings, token, key).await,
        _ => std::future::pending().await,
    }
}

/// A time under one registration. Dropped, it has its links leave: no new streams, busy ones finish within the grace.
struct Stint {
    leave: watch::Sender<bool>,
    turned_away: mpsc::Receiver<Fatal>,
    member: Arc<Member>,
    /// The links that are not started yet: for them there is nothing to do.
    further: Range<usize>,
}

impl Stint {
    /// Starts the first link.
    fn begin(
        settings: &Settings,
        network: &Arc<dyn Network>,
        key: &Arc<ConnectorKey>,
        own: &Arc<OwnIdentity>,
        done: &mpsc::Sender<()>,
        start_link: impl Fn(usize, Arc<Member>, mpsc::Sender<()>) -> Result<(), ConnectorError>,
    ) -> Result<Self, ConnectorError> {
        let identity = own.current();
        tracing::info!(connector = %identity.connector, machine = %identity.machine_name, gateway = %identity.gateway, "starting");
        let policy = policy_of(&identity, &settings.data)?.remembering(Arc::clone(own));
        let (leave, leaving) = watch::channel(false);
        let (fatal, turned_away) = mpsc::channel(1);
        let member = Arc::new(Member {
            key: Arc::clone(key),
            version: settings.version.clone(),
            proxy: settings.proxy.clone(),
            instance: Uuid::new_v4(),
            dialler: UpstreamDialler {
                policy,
                allow: settings.allow.clone(),
                refusals: RefusalLog::default(),
                tls: UpstreamConfigs::default(),
                network: Arc::clone(network),
            },
            leaving,
            grace: settings.grace,
            own: Arc::clone(own),
            fatal,
            asked: Asked::default(),
        });
        start_link(0, Arc::clone(&member), done.clone())?;
        Ok(Self { leave, turned_away, member, further: 1..settings.connections.get() })
    }
}

impl Drop for Stint {
    fn drop(&mut self) {
        self.leave.send_replace(true);
    }
}

fn policy_of(identity: &Identity, data: &Path) -> Result<TargetPolicy, FolderError> {
    let damaged =
        |reason: &dyn std::fmt::Display| FolderError::Damaged { path: data.to_owned(), reason: reason.to_string() };
    let connector = identity.connector.parse().map_err(|error: NotAnId| damaged(&error))?;
    TargetPolicy::new(connector, &identity.ca(), identity.signs_targets).map_err(|error| damaged(&error))
}

#[allow(clippy::unnecessary_wraps, reason = "it stands for one that may fail")]
fn start_link_here(number: usize, member: Arc<Member>, done: mpsc::Sender<()>) -> Result<(), ConnectorError> {
    spawn_local(async move {
        tokio::select! {
            () = gateway_link::keep(member, number) => {}
            // There is no thread that ends with the process: what is left goes when nobody waits for it any more.
            () = done.closed() => {}
        }
    });
    Ok(())
}

/// Each link has a thread and a runtime of its own, as the gateway's cores do: no wake-ups across threads.
fn start_link(number: usize, member: Arc<Member>, done: mpsc::Sender<()>) -> Result<(), ConnectorError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ConnectorError::Thread)?;
    let thread = std::thread::Builder::new().name(format!("connector-link-{number}"));
    thread
        .spawn(move || {
            runtime.block_on(gateway_link::keep(member, number));
            // What its tasks still hold goes first, the lock of the data folder among it: a connector that has ended
            // must not keep the next one from starting.
            drop(runtime);
            drop(done);
        })
        .map(drop)
        .map_err(ConnectorError::Thread)
}
