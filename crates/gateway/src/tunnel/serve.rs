//! The life of one tunnel connection on its core: hello, service, end.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::connector::ConnectorIdentity;
use adit_tunnel::message::{
    self, Binary, ControlReceiver, ControlSender, FromConnector, FromGateway, Hello, Refused, Retry,
};
use adit_tunnel::socket::TunnelSocket;
use adit_tunnel::unread::{self, Counted, UnreadHere};
use adit_tunnel::{carrier, protocol, target};
use bytes::Bytes;
use h2::PingPong;
use h2::client::SendRequest;
use http::{Method, Request};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::accept::Arrived;
use super::admission::{GAVE_WAY, unacceptable};
use super::connection::{ConnectionState, TunnelConnection};
use super::life::{Silence, keep_pinging};
use crate::core::Core;
use crate::directory::{Noticed, TunnelUp};
use crate::limits;
use crate::sight::Moment;

/// Serves the connection on the calling core until it ends. What only its beginning needs is in a block of its own, which is
/// given back then: a connection is idle for nearly all of its life, and there are thousands of them.
pub(crate) async fn serve(core: Rc<Core>, arrived: Box<Arrived>) {
    let Arrived { mut tls, socket, identity, not_after, from, assignment } = *arrived;
    if let Err(error) = tls.get_mut().0.put(socket) {
        return tracing::warn!(%from, %error, "a tunnel connection could not be taken over");
    }
    carrier::take_whole_frames(tls.get_mut().1);
    let reads = tls.get_ref().0.reads();
    core.shared.metrics.tunnel_connections.inc();
    let unread = UnreadHere::new(&core.shared.unread);
    let beginning = Box::pin(begin(Rc::clone(&core), tls, unread.clone(), identity));
    let connector = Peer { identity, not_after, from };
    if let Err(error) = converse(&core, beginning, unread, reads, &connector).await {
        // What comes and goes all the time is told once in a while, as a loss.
        if core.shared.book.flaps(identity) {
            tracing::debug!(connector = %identity.connector, %from, %error, "a tunnel connection ended");
        } else {
            tracing::info!(connector = %identity.connector, %from, %error, "a tunnel connection ended");
        }
    }
    core.shared.metrics.tunnel_connections.dec();
    drop(assignment);
}

/// Whose connection it is.
struct Peer {
    identity: ConnectorIdentity,
    not_after: i64,
    from: SocketAddr,
}

/// A connection whose connector has said hello, and was accepted.
struct Begun {
    requests: SendRequest<Bytes>,
    ping: Option<PingPong>,
    control: Control,
    hello: Hello,
    /// Dropped when the conversation is over: the connection goes with it.
    abandon: oneshot::Sender<()>,
    end: oneshot::Receiver<()>,
}

async fn begin(
    core: Rc<Core>,
    tls: TlsStream<TunnelSocket>,
    unread: UnreadHere,
    identity: ConnectorIdentity,
) -> Result<Begun, TunnelEnded> {
    let (requests, connection) = carrier::gateway_end(Counted::new(tls, unread.clone())).await?;
    let mut connection = Box::new(connection);
    let ping = connection.ping_pong();
    let (ended, end) = oneshot::channel::<()>();
    let (abandon, mut abandoned) = oneshot::channel::<()>();
    spawn_local(async move {
        // When the conversation is over, the connection goes with it, and so do its streams.
        tokio::select! {
            result = unread::run(connection, unread) => {
                if let Err(error) = result {
                    tracing::debug!(%error, "tunnel carrier ended");
                }
            }
            _ = &mut abandoned => {}
        }
        drop(ended);
    });
    let mut control = timeout(limits::HELLO, Control::open(&requests)).await??;
    let hello = timeout(limits::HELLO, control.hello()).await??;
    if let Some(goodbye) = unacceptable(&core, identity, &hello).await {
        if goodbye.retry == Retry::Never {
            core.shared.metrics.tunnels_refused.inc();
        }
        control.sender.send(&FromGateway::Goodbye(goodbye.clone()))?;
        // Leaves the message time to get out before the connection is dropped.
        sleep(Duration::from_millis(200)).await;
        return Err(TunnelEnded::NotAccepted(goodbye.reason));
    }
    Ok(Begun { requests, ping, control, hello, abandon, end })
}

async fn converse(
    core: &Rc<Core>,
    beginning: Pin<Box<impl Future<Output = Result<Begun, TunnelEnded>>>>,
    unread: UnreadHere,
    reads: Arc<AtomicU64>,
    peer: &Peer,
) -> Result<(), TunnelEnded> {
    let Begun { requests, ping, control, hello, abandon, mut end } = beginning.await?;
    let connection = enter(core, hello, (requests, unread), peer);
    let heartbeats = Arc::<AtomicU32>::default();
    let pinging = ping.map(|ping| spawn_local(keep_pinging(ping, Arc::clone(&heartbeats))));
    let silence = Silence::new(reads);
    let mut service = Service {
        core,
        connection: &connection,
        control,
        silence,
        heartbeats,
        trial_began: 0,
        renewed: None,
        gave_way_at: None,
    };
    let result = service.run(&mut end).await;
    service.check_overlap();
    core.shared.book.remove(&connection);
    if let Some(pinging) = pinging {
        pinging.abort();
    }
    drop(abandon);
    result
}

/// Enters the connection into the book, from where requests find it.
fn enter(core: &Core, hello: Hello, carrier: (SendRequest<Bytes>, UnreadHere), peer: &Peer) -> Arc<TunnelConnection> {
    let (book, identity) = (&core.shared.book, peer.identity);
    let needs_upgrade = hello.agreed() != Some(message::PROTOCOL);
    let make = |tunnel, load| {
        let up = TunnelUp {
            tunnel,
            instance: hello.instance,
            connector: identity.connector,
            machine_name: hello.machine_name,
            version: hello.version.chars().filter(char::is_ascii_graphic).take(64).collect(),
            from: peer.from.ip().to_canonical(),
            needs_upgrade,
        };
        let id = book.next_id();
        (TunnelConnection::new(id, core.index, identity, tunnel, hello.instance, carrier, load), up)
    };
    book.add(identity, hello.instance, peer.not_after, make)
}

/// Why a tunnel connection ended.
#[derive(Debug, thiserror::Error)]
enum TunnelEnded {
    #[error("carrier: {0}")]
    Carrier(#[from] h2::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("nothing was heard in time")]
    Silent(#[from] tokio::time::error::Elapsed),
    #[error("not accepted: {0}")]
    NotAccepted(String),
    #[error("no hello")]
    NoHello,
    #[error("the connector closed it")]
    Closed,
    #[error("it was revoked, or the gateway is shutting down")]
    Revoked,
    #[error("the connector's certificate has expired")]
    Expired,
    #[error("a newer process of the connector has come, and the grace period is over")]
    GaveWay,
}

/// The control stream, from the gateway's side.
struct Control {
    sender: ControlSender,
    receiver: ControlReceiver,
}

impl Control {
    async fn open(requests: &SendRequest<Bytes>) -> Result<Self, TunnelEnded> {
        let mut requests = requests.clone().ready().await?;
        let uri = target::in_tunnel(protocol::CONTROL_PATH).map_err(std::io::Error::other)?;
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri;
        let (answer, send) = requests.send_request(head, false)?;
        let receiver = ControlReceiver::new(answer.await?.into_body());
        Ok(Self { sender: ControlSender::new(send), receiver })
    }

    async fn hello(&mut self) -> Result<Hello, TunnelEnded> {
        match self.receiver.next().await? {
            Some(FromConnector::Hello(hello)) => Ok(hello),
            _ => Err(TunnelEnded::NoHello),
        }
    }
}

/// A connection in service.
struct Service<'c> {
    core: &'c Rc<Core>,
    connection: &'c Arc<TunnelConnection>,
    control: Control,
    silence: Silence,
    /// Answers to pings.
    heartbeats: Arc<AtomicU32>,
    /// How many of them there had been when the connection was put on trial.
    trial_began: u32,
    /// When a renewal was last asked for.
    renewed: Option<Instant>,
    /// How much was read when it gave way to a newer process; nothing once that was looked at.
    gave_way_at: Option<u64>,
}

impl Service<'_> {
    async fn run(&mut self, end: &mut oneshot::Receiver<()>) -> Result<(), TunnelEnded> {
        let mut tick = interval(limits::LIFE_LOOKED_AT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.control.sender.send(&FromGateway::Welcome)?;
        let mut leaving = false;
        let mut gone_by: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = &mut *end => return Err(TunnelEnded::Closed),
                () = self.connection.superseded() => {
                    gone_by = Some(Instant::now() + limits::GIVE_WAY);
                    self.give_way()?;
                }
                () = until(gone_by) => return Err(TunnelEnded::GaveWay),
                () = self.connection.closing() => return Err(TunnelEnded::Revoked),
                _ = tick.tick() => self.check_life()?,
                message = self.control.receiver.next(), if !leaving => match message? {
                    // Rare, and larger than all else that is kept here.
                    Some(message) => Box::pin(self.handle(message)).await?,
                    None => {
                        leaving = true;
                        self.leave();
                    }
                },
            }
        }
    }

    /// A newer process of the connector has come: this one is told, and ends what it has begun.
    fn give_way(&mut self) -> Result<(), TunnelEnded> {
        self.core.shared.purge_everywhere(self.connection.id);
        let goodbye = Refused { retry: Retry::Never, reason: GAVE_WAY.to_owned() };
        self.control.sender.send(&FromGateway::Goodbye(goodbye))?;
        self.gave_way_at = Some(self.silence.reads());
        Ok(())
    }

    /// Whether it is a process that gave way and has said something since.
    fn check_overlap(&mut self) {
        if self.gave_way_at.is_none_or(|reads| reads == self.silence.reads()) {
            return;
        }
        self.gave_way_at = None;
        let identity = self.connection.identity;
        if self.core.shared.book.overlap(identity, self.connection.tunnel) {
            tracing::error!(
                connector = %identity.connector,
                "two processes take turns with this connector's key: it was copied; delete the connector and register it again"
            );
            spawn_local(self.core.shared.directory.noticed(identity.connector, Noticed::KeyCopied));
        }
    }

    async fn handle(&mut self, message: FromConnector) -> Result<(), TunnelEnded> {
        match message {
            FromConnector::Renew { request } => self.renew(request).await,
            FromConnector::Leaving => {
                self.leave();
                Ok(())
            }
            FromConnector::Hello(_) => Err(TunnelEnded::NoHello),
        }
    }

    async fn renew(&mut self, request: Binary) -> Result<(), TunnelEnded> {
        let identity = self.connection.identity;
        if self.renewed.is_some_and(|renewed| renewed.elapsed() < limits::RENEWAL) {
            let reason = "a certificate was asked for a moment ago".to_owned();
            let refused = FromGateway::RenewRefused(Refused { retry: Retry::Later, reason });
            return Ok(self.control.sender.send(&refused)?);
        }
        self.renewed = Some(Instant::now());
        let renewing = self.core.shared.directory.renew(identity, request.0);
        let renewing = tokio::select! {
            renewed = timeout(limits::REGISTRATION, renewing) => renewed,
            () = self.connection.closing() => return Err(TunnelEnded::Revoked),
        };
        let answer = match renewing {
            Ok(Ok(renewed)) => {
                self.core.shared.book.renewed(identity, renewed.not_after);
                let certificate = Binary(renewed.certificate);
                FromGateway::Renewed { certificate, not_after: renewed.not_after, now: Some(now()) }
            }
            Ok(Err(refused)) => FromGateway::RenewRefused(refused),
            Err(_) => FromGateway::RenewRefused(Refused {
                retry: Retry::Later,
                reason: "the control plane did not answer in time".to_owned(),
            }),
        };
        Ok(self.control.sender.send(&answer)?)
    }

    /// No new streams from here on; idle ones are dropped on every core, busy ones finish.
    fn leave(&mut self) {
        if self.connection.set_state(ConnectionState::Leaving) {
            tracing::info!(connector = %self.connection.identity.connector, "a connector is leaving");
        }
        self.control.sender.close();
        self.core.shared.book.refresh();
        self.core.shared.purge_everywhere(self.connection.id);
    }

    fn check_life(&mut self) -> Result<(), TunnelEnded> {
        self.check_overlap();
        let silent_for = self.silence.length();
        if silent_for >= limits::DEAD {
            return Err(TunnelEnded::Io(std::io::ErrorKind::TimedOut.into()));
        }
        let state = if silent_for + limits::LIFE_LOOKED_AT > limits::SILENT {
            ConnectionState::Silent
        } else {
            ConnectionState::Serving
        };
        self.change_to(state);
        self.judge();
        self.connection.load.grow(Moment::at(Instant::now()));
        match self.core.shared.book.not_after(self.connection.identity) {
            Some(end) if now() > end => Err(TunnelEnded::Expired),
            _ => Ok(()),
        }
    }

    /// Takes the connection out of service, or back in. One whose connector comes and goes has to prove itself first.
    fn change_to(&mut self, state: ConnectionState) {
        let (book, identity) = (&self.core.shared.book, self.connection.identity);
        let returns = state == ConnectionState::Serving && !self.connection.takes_streams();
        let flaps = returns && book.flaps(identity);
        if flaps {
            self.connection.put_on_trial(true);
            self.trial_began = self.heartbeats.load(Ordering::Relaxed);
        }
        if !book.change(self.connection, state) {
            return;
        }
        if !flaps && !book.flaps(identity) {
            tracing::warn!(connector = %identity.connector, ?state, "a tunnel connection's state changed");
        }
    }

    /// Ends the trial of a connection that has given enough signs of life.
    fn judge(&self) {
        let heartbeats = self.heartbeats.load(Ordering::Relaxed).saturating_sub(self.trial_began);
        if self.connection.is_on_trial() && heartbeats >= limits::HEARTBEATS {
            self.connection.put_on_trial(false);
            self.core.shared.book.refresh();
        }
    }
}

/// Seconds since 1970, by this machine's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what the function's call makes.
    fn size<A, B, F>(_: fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_keeps_nothing_of_its_beginning() {
        assert!(size(serve) <= 3072, "{} bytes for as long as a connector is there", size(serve));
    }
}
