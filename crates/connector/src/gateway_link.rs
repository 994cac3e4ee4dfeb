//! One connection to the gateway, kept up: dialled, served, dialled again when it is lost.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_tunnel::message::{ControlReceiver, ControlSender};
use adit_tunnel::socket::TunnelSocket;
use adit_tunnel::{carrier, protocol};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response, StatusCode};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use crate::backoff::Backoff;
use crate::control;
use crate::member::Member;
use crate::{clock, dial, relay, tls};

/// How long the gateway may take to begin HTTP/2 once TLS is up.
const SPEAK: Duration = Duration::from_secs(10);

/// How often the gateway is asked for a sign of life.
const PING: Duration = Duration::from_secs(1);

/// A gateway that gives no sign of life for this long is gone; the gateway judges connectors by the same time.
const DEAD: Duration = Duration::from_secs(10);

/// Keeps one connection up until the connector leaves: the first always, the others while the gateway asks for something. One
/// that the gateway asked to replace goes on beside its successor until the gateway closes it.
pub(crate) async fn keep(member: Arc<Member>, number: usize) {
    let mut backoff = Backoff::default();
    let mut leaving = member.leaving.clone();
    let mut replaced = JoinSet::new();
    while !*leaving.borrow() {
        if number > 0 {
            tokio::select! {
                () = member.asked.wait() => {}
                _ = leaving.wait_for(|leaving| *leaving) => break,
            }
        }
        let mut up_since = None;
        let ended = connect_and_serve(&member, &mut replaced, &mut up_since).await;
        if *leaving.borrow() {
            break;
        }
        match ended {
            Ok(Ended::Replaced) => {
                tracing::info!("the gateway asks for another connection");
                backoff.succeeded();
                continue;
            }
            Ok(Ended::Closed) => tracing::info!("the connection to the gateway ended"),
            Err(error) => {
                let why = clock::trouble(&error).map_or_else(|| error.to_string(), |trouble| trouble.to_string());
                tracing::warn!(gateway = %member.identity().gateway, %why, "no connection to the gateway");
            }
        }
        member.asked.forget();
        // A gateway that many reach at once may take longer than that to turn one away.
        backoff.ended_after(up_since.map_or(Duration::ZERO, |since: Instant| since.elapsed()));
        let wait = backoff.next(fastrand::f64());
        tokio::select! {
            () = sleep(wait) => {}
            _ = leaving.wait_for(|leaving| *leaving) => {}
        }
    }
    while replaced.join_next().await.is_some() {}
}

/// Why a connection is not the link's any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It was closed.
    Closed,
    /// It goes on, but another one is wanted in its place.
    Replaced,
}

async fn connect_and_serve(
    member: &Arc<Member>,
    replaced: &mut JoinSet<io::Result<()>>,
    up_since: &mut Option<Instant>,
) -> io::Result<Ended> {
    let mut leaving = member.leaving.clone();
    let (carrier, reads) = tokio::select! {
        carrier = connect(member) => carrier?,
        _ = leaving.wait_for(|leaving| *leaving) => return Ok(Ended::Closed),
    };
    *up_since = Some(Instant::now());
    let (replace, mut wanted) = mpsc::channel(1);
    // A task like those of its streams: one that woke what the thread itself waits for would cost a system call each time.
    let mut serving =
        AbortOnDropHandle::new(tokio::spawn(serve_connection(Arc::clone(member), carrier, reads, replace)));
    tokio::select! {
        ended = &mut serving => ended.map_err(io::Error::other)?.map(|()| Ended::Closed),
        Some(()) = wanted.recv() => {
            replaced.spawn(async move { serving.await.map_err(io::Error::other)? });
            Ok(Ended::Replaced)
        }
    }
}

/// Serves a connection to its end, or until the grace of a connector that leaves is over.
async fn serve_connection(
    member: Arc<Member>,
    mut carrier: Carrier,
    reads: Arc<AtomicU64>,
    replace: mpsc::Sender<()>,
) -> io::Result<()> {
    let mut leaving = member.leaving.clone();
    let mut silent = pin!(silence(carrier.ping_pong(), reads));
    let mut deadline: Option<Instant> = None;
    loop {
        let accepted = match deadline {
            None => tokio::select! {
                accepted = carrier.accept() => accepted,
                () = &mut silent => return Err(io::Error::new(io::ErrorKind::TimedOut, "the gateway fell silent")),
                _ = leaving.wait_for(|leaving| *leaving) => {
                    // The control stream says so as well; this turns away streams that cross it on the way.
                    carrier.graceful_shutdown();
                    deadline = Some(Instant::now() + member.grace);
                    continue;
                }
            },
            Some(deadline) => tokio::select! {
                accepted = timeout_at(deadline, carrier.accept()) => match accepted {
                    Ok(accepted) => accepted,
                    Err(_) => return Ok(()),
                },
                // Nobody is there to finish anything.
                () = &mut silent => return Ok(()),
            },
        };
        match accepted {
            Some(Ok((request, respond))) => serve(&member, &replace, request, respond),
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        }
    }
}

/// Completes when nothing was heard of the gateway for [`DEAD`]: a firewall that forgot the connection tells neither end.
/// Any byte counts, for an answer to a ping may be stuck behind a long upload.
async fn silence(ping: Option<h2::PingPong>, reads: Arc<AtomicU64>) {
    let pinging = async {
        if let Some(mut ping) = ping {
            while ping.ping(h2::Ping::opaque()).await.is_ok() {
                sleep(PING).await;
            }
        }
        std::future::pending::<()>().await;
    };
    let listening = async {
        let (mut heard, mut since) = (0, Instant::now());
        while since.elapsed() < DEAD {
            sleep(PING).await;
            let reads = reads.load(Ordering::Relaxed);
            if reads != heard {
                (heard, since) = (reads, Instant::now());
            }
        }
    };
    tokio::select! {
        () = pinging => {}
        () = listening => {}
    }
}

type Carrier = carrier::ConnectorEnd<TlsStream<TunnelSocket>>;

async fn connect(member: &Member) -> io::Result<(Carrier, Arc<AtomicU64>)> {
    let identity = member.identity();
    let config = tls::for_tunnel(&identity, &member.key).map_err(io::Error::other)?;
    let proxy = member.proxy.for_gateway(&identity.gateway);
    let mut connection = dial::gateway(member.dialler.network.as_ref(), &identity.gateway, config, proxy).await?;
    carrier::take_whole_frames(connection.get_mut().1);
    let reads = connection.get_ref().0.reads();
    let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the gateway did not begin to speak");
    let carrier =
        timeout(SPEAK, carrier::connector_end(connection)).await.map_err(silent)?.map_err(io::Error::other)?;
    Ok((carrier, reads))
}

/// Starts the task of one stream.
fn serve(
    member: &Arc<Member>,
    replace: &mpsc::Sender<()>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let member = Arc::clone(member);
    match request.uri().path() {
        protocol::STREAM_PATH => {
            tokio::spawn(async move {
                let _under_way = member.asked.begin();
                relay::serve(request, respond, &member.dialler).await
            });
        }
        protocol::CONTROL_PATH => {
            tokio::spawn(async move {
                if let Err(error) = serve_control(&member, request, respond).await {
                    tracing::debug!(%error, "a control stream ended");
                }
            });
        }
        protocol::REDIAL_PATH => {
            // Full means that it was asked already, and an error below that the gateway is no longer interested.
            let _ = replace.try_send(());
            let _ = respond.send_response(Response::new(()), true);
        }
        _ => {
            let mut answer = Response::new(());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            // An error means that the gateway is no longer interested.
            let _ = respond.send_response(answer, true);
        }
    }
}

async fn serve_control(
    member: &Arc<Member>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> io::Result<()> {
    let send = respond.send_response(Response::new(()), false).map_err(io::Error::other)?;
    let (welcomed, mut welcome) = watch::channel(false);
    let gateway = member.identity().gateway.clone();
    let said = tokio::spawn(async move {
        if welcome.wait_for(|welcomed| *welcomed).await.is_ok() {
            tracing::info!(%gateway, "connected to the gateway");
        }
    });
    let sender = ControlSender::new(send);
    let end = control::converse(member, sender, ControlReceiver::new(request.into_body()), welcomed).await;
    said.abort();
    end
}
