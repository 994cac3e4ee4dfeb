//! A core: one thread, one runtime, its connections and its pool of upstream connections.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adit_tunnel::connection::Parked;
use adit_tunnel::socket::TunnelSocket;
use adit_tunnel::unread::Unread;
use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, interval, timeout, timeout_at};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::admission::{Admission, ByAddress, Place, Room};
use crate::directory::ConnectorDirectory;
use crate::http1_hosts::Http1Hosts;
use crate::limits::ClientLimits;
use crate::losses::Losses;
use crate::metrics::{Crowd, Metrics};
use crate::pool::Pool;
use crate::record::{RecordWriter, Recorder};
use crate::registration::rate::RegistrationRate;
use crate::serving::Serving;
use crate::sign_in::leash::{self, Changes};
use crate::sign_in::opened::OpenedLately;
use crate::sign_in::{self, SignIn};
use crate::sign_on::{self, ToldLately};
use crate::span::Spans;
use crate::tls::{Purpose, TlsConfigs};
use crate::translate::Held;
use crate::tunnel::{self, Arrived, Book, Complaints};
use crate::{edge, limits, probe, registration};

/// What a core is told.
#[derive(Debug)]
pub(crate) enum CoreCommand {
    /// Serve a connection that was just accepted.
    Connection(Parked, SocketAddr, Admitted),
    /// Serve a tunnel connection that another core shook hands with.
    Tunnel(Box<Arrived>),
    /// Drop the idle upstream connections on that tunnel connection.
    Purge(u64),
    /// Hand on the access records that are gathered; the sender is dropped once they are written.
    HandOnRecords(mpsc::Sender<()>),
}

/// Whether a connection is that of anybody, and the place of its address that it takes.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) admission: Admission,
    /// The limit that speaks against a client.
    pub(crate) crowd: Crowd,
    pub(crate) place: Place,
}

/// How a core is reached from outside.
#[derive(Debug)]
pub(crate) struct CoreHandle {
    pub(crate) commands: mpsc::Sender<CoreCommand>,
    /// Connections it has, those of clients and those that are still shaking hands.
    pub(crate) connections: AtomicUsize,
}

/// What all cores share.
pub(crate) struct Shared {
    pub(crate) serving: Arc<ArcSwap<Serving>>,
    pub(crate) book: Arc<Book>,
    pub(crate) cores: Vec<CoreHandle>,
    pub(crate) directory: Arc<dyn ConnectorDirectory>,
    pub(crate) metrics: Metrics,
    /// Where access records go, if they are wanted.
    pub(crate) records: Option<RecordWriter>,
    /// Where spans go, if they are wanted.
    pub(crate) spans: Option<Spans>,
    /// Whether answers have `Server-Timing`.
    pub(crate) server_timing: bool,
    pub(crate) tls: TlsConfigs,
    /// Hosts that are offered over HTTP/1.1 alone.
    pub(crate) http1_hosts: Http1Hosts,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) client_limits: ClientLimits,
    pub(crate) by_address: Arc<ByAddress>,
    /// What waits in tunnels for clients.
    pub(crate) unread: Arc<Unread>,
    pub(crate) registrations: Semaphore,
    /// How users sign in, if they can.
    pub(crate) sign_in: Option<SignIn>,
    /// Requests under which tunnels were lost.
    pub(crate) losses: Losses,
    /// How many more requests may wait for connectors that are away.
    pub(crate) waiting: Semaphore,
    /// How many more probes may be under way.
    pub(crate) probes: Arc<Semaphore>,
    pub(crate) registration_rate: RegistrationRate,
    /// `true` once the tunnels that were awaited at the start have come, or their time is over: clients are served then.
    pub(crate) settled: watch::Receiver<bool>,
    pub(crate) complaints: Complaints,
    /// The same of registrations with tokens that nobody made.
    pub(crate) guesses: Complaints,
    /// `true` once the gateway drains.
    pub(crate) draining: watch::Receiver<bool>,
}

impl Shared {
    /// Tells a core something; waits while it is behind.
    pub(crate) async fn hand_over(&self, core: usize, command: CoreCommand) {
        if let Some(handle) = self.cores.get(core) {
            // It fails only when the core is gone, at the end of the process.
            let _ = handle.commands.send(command).await;
        }
    }

    /// Has all cores hand on their access records, and waits until these are written or that takes too long.
    pub(crate) async fn finish_records(&self) {
        let (reached, mut all) = mpsc::channel(1);
        for core in &self.cores {
            let _ = core.commands.send(CoreCommand::HandOnRecords(reached.clone())).await;
        }
        drop(reached);
        if timeout(limits::RECORDS_WRITTEN, all.recv()).await.is_err() {
            tracing::warn!("the last access records were not written in time");
        }
    }

    /// Lets one more connection of `from` in, if its address has room; `admission` is what there is room for at all.
    pub(crate) fn let_in(&self, from: SocketAddr, admission: Admission) -> Option<Admitted> {
        let address = from.ip().to_canonical();
        let stands_for_many = self.trusted_proxies.iter().any(|network| network.contains(&address));
        let Room { admission: of_address, place, log } = self.by_address.take(address, stands_for_many, Instant::now());
        if log {
            let most = self.client_limits.connections_per_address;
            tracing::warn!(%address, most, "clients of an address are turned away: it has too many connections");
        }
        let crowd = if admission == Admission::Anyone { Crowd::Address } else { Crowd::All };
        let admission = if admission == Admission::Anyone { of_address } else { admission };
        if admission == Admission::Nobody || of_address == Admission::Nobody {
            self.metrics.turned_away.count(if of_address == Admission::Nobody { Crowd::Address } else { crowd });
            return None;
        }
        Some(Admitted { admission, crowd, place })
    }

    /// Connections that cores have or are about to get: those of clients, and those that are still shaking hands.
    pub(crate) fn connections(&self) -> usize {
        self.cores.iter().map(|core| core.connections.load(Ordering::Relaxed)).sum()
    }

    /// Has all cores drop the idle upstream connections on one tunnel connection. A core that is too far behind to be
    /// told finds out when it next looks at its pool.
    pub(crate) fn purge_everywhere(&self, connection: u64) {
        for core in &self.cores {
            let _ = core.commands.try_send(CoreCommand::Purge(connection));
        }
    }
}

/// Completes once the gateway drains.
pub(crate) async fn drain_of(draining: watch::Receiver<bool>) {
    becomes_true(draining).await;
}

/// Completes once it is so.
pub(crate) async fn becomes_true(mut what: watch::Receiver<bool>) {
    // It fails only when the gateway is gone.
    let _ = what.wait_for(|is_so| *is_so).await;
}

/// One core, as its tasks see it.
pub(crate) struct Core {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: RefCell<Pool>,
    pub(crate) random: RefCell<fastrand::Rng>,
    /// Whether somebody who was let in may have to go.
    pub(crate) changes: Changes,
    /// Sessions whose cookies come again and again.
    pub(crate) opened_lately: RefCell<OpenedLately>,
    /// What upstreams were told of who asks.
    pub(crate) told_lately: RefCell<ToldLately>,
    /// What the bodies that are collected take.
    pub(crate) held: Held,
    pub(crate) recorder: Rc<Recorder>,
    /// Places for connectors that shake hands.
    pub(crate) tunnel_places: Semaphore,
    /// Turns of those to be answered.
    pub(crate) tunnel_handshakes: Semaphore,
}

impl Core {
    /// What is served at this moment.
    pub(crate) fn serving(&self) -> Guard<Arc<Serving>> {
        self.shared.serving.load()
    }
}

/// Runs a core on the calling thread until its commands end.
pub(crate) fn run(index: usize, shared: Arc<Shared>, commands: mpsc::Receiver<CoreCommand>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(index, shared, commands));
    Ok(())
}

/// Is a core on the calling task's [`LocalSet`] until the commands end.
pub(crate) async fn serve(index: usize, shared: Arc<Shared>, mut commands: mpsc::Receiver<CoreCommand>) {
    let recorder = Recorder::new(shared.records.clone(), shared.spans.clone(), shared.metrics.core(index));
    let random = RefCell::new(fastrand::Rng::new());
    let core = Rc::new(Core {
        index,
        shared,
        pool: RefCell::default(),
        random,
        changes: Changes::default(),
        opened_lately: RefCell::default(),
        told_lately: RefCell::default(),
        held: Held::default(),
        recorder,
        tunnel_places: Semaphore::new(limits::TUNNEL_PLACES),
        tunnel_handshakes: Semaphore::new(limits::TUNNEL_HANDSHAKES),
    });
    let (mut tidy, mut forget) = (interval(limits::IDLE / 4), interval(limits::SESSION_UNASKED));
    let recorder = Rc::clone(&core.recorder);
    spawn_local(async move { recorder.hand_on_in_time().await });
    spawn_local(probe::run(Rc::clone(&core)));
    spawn_local(leash::look(Rc::clone(&core)));
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(CoreCommand::Connection(socket, from, admitted)) => {
                    spawn_local(receive(Rc::clone(&core), socket, from, admitted));
                }
                Some(CoreCommand::Tunnel(arrived)) => {
                    spawn_local(tunnel::serve(Rc::clone(&core), arrived));
                }
                Some(CoreCommand::Purge(connection)) => core.pool.borrow_mut().purge(connection),
                Some(CoreCommand::HandOnRecords(reached)) => core.recorder.hand_on_until(reached),
                None => return,
            },
            _ = tidy.tick() => {
                core.pool.borrow_mut().tidy(&core.serving());
                sign_on::tidy(&mut core.told_lately.borrow_mut(), sign_in::now());
                core.shared.http1_hosts.tidy();
            }
            _ = forget.tick() => core.opened_lately.borrow_mut().forget_old(),
        }
    }
}

/// Counts a connection on its core until dropped.
struct Counted<'c>(&'c AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads the client's hello and hands the connection to whom it is for. The acceptor has counted it already.
async fn receive(core: Rc<Core>, socket: Parked, from: SocketAddr, admitted: Admitted) {
    let Admitted { admission, crowd, place } = admitted;
    let Some(handle) = core.shared.cores.get(core.index) else { return };
    let _counted = Counted(&handle.connections);
    let Ok(socket) = socket.resume() else { return };
    let acceptor = LazyConfigAcceptor::new(Acceptor::default(), TunnelSocket::new(socket));
    let time = if admission == Admission::Anyone { limits::HANDSHAKE } else { limits::HURRIED_HELLO };
    let deadline = Instant::now() + time;
    // In boxes, each for its time: what a handshake takes, an idle connection does not.
    let start = match timeout_at(deadline, Box::pin(acceptor)).await {
        Ok(Ok(start)) => Box::new(start),
        Ok(Err(error)) => return tracing::debug!(%from, %error, "no TLS handshake"),
        Err(_) => return tracing::debug!(%from, "no TLS hello in time"),
    };
    match Purpose::of(&start.client_hello()) {
        Purpose::Browser if admission == Admission::Anyone => {
            let settling = Instant::now();
            becomes_true(core.shared.settled.clone()).await;
            let deadline = deadline + settling.elapsed();
            if let Some(arrived) = Box::pin(edge::shake_hands(&core, *start, from, deadline)).await {
                edge::serve(&core, arrived, place).await;
            }
        }
        Purpose::Browser => {
            core.shared.metrics.turned_away.count(crowd);
            tracing::debug!(%from, "a client is turned away: there are too many");
        }
        // Until it has shown its certificate, it takes a place of a client.
        Purpose::Tunnel => Box::pin(tunnel::accept(&core, *start, from)).await,
        Purpose::Registration => Box::pin(registration::serve(&core, *start, from)).await,
        Purpose::AcmeChallenge => Box::pin(answer_challenge(&core, *start, from, deadline)).await,
    }
}

/// Shows an ACME authority what it asked to see: the handshake is all of it.
async fn answer_challenge(core: &Core, start: StartHandshake<TunnelSocket>, from: SocketAddr, deadline: Instant) {
    let shown = start.into_stream(Arc::clone(&core.shared.tls.acme_challenge));
    match timeout_at(deadline, async { shown.await?.shutdown().await }).await {
        Ok(Ok(())) => tracing::info!(%from, "an ACME challenge was answered"),
        Ok(Err(error)) => tracing::debug!(%from, %error, "an ACME challenge was not answered"),
        Err(_) => tracing::debug!(%from, "an ACME challenge took too long"),
    }
}
