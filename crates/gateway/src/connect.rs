//! The upstream connection of an attempt: which protocol, one that is there already, or a stream opened for a new one.
//!
//! HTTP/1.1 connections carry one request at a time ([`crate::pool`]), HTTP/2 ones many ([`crate::multiplex`]). Browsers'
//! requests go over HTTP/1.1 unless the application says otherwise; gRPC needs HTTP/2 and gets it.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use adit_core::UpstreamProtocol;
use adit_tunnel::stream::{StreamAccount, TunnelStream};
use adit_tunnel::target::{Offer, OpenFailure, OpenReason, Shown, UpstreamTls};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_util::io::InspectReader;

use crate::attempt::{Again, AttemptFailed, Job, Patience, is_idempotent, not_in_time};
use crate::core::Core;
use crate::failure::Failure;
use crate::framing::answers::AnswerGuard;
use crate::http1::client::Client;
use crate::http2::client;
use crate::limits;
use crate::multiplex::{Found, Multiplexed, Opened, Opener, Opening, Place};
use crate::pool::{PoolKey, Upstream};
use crate::reason::Reason;
use crate::serving::{ForwardingRules, LiveConnector};
use crate::tunnel::{Carried, TunnelConnection};

/// Where an attempt's connection comes from.
pub(crate) enum Over {
    /// It is bound to the client's connection.
    Bound(Upstream),
    /// The pool, if an idle one is there.
    Idle,
    /// A stream opened for it.
    New,
}

/// A connection for one request.
pub(crate) enum Connected {
    /// The request's alone.
    Own(Upstream),
    /// A place beside other requests.
    Shared(Place),
}

impl Connected {
    /// The account of the stream that carries it.
    pub(crate) fn account(&self) -> &Arc<StreamAccount> {
        match self {
            Self::Own(upstream) => &upstream.account,
            Self::Shared(place) => place.account(),
        }
    }
}

/// Finds or opens the connection for one attempt.
pub(crate) async fn connect(
    core: &Rc<Core>,
    job: Job<'_>,
    connector: &LiveConnector,
    key: PoolKey,
    over: Over,
) -> Result<Connected, AttemptFailed> {
    let over = match over {
        Over::Bound(upstream) => return Ok(Connected::Own(upstream)),
        over => over,
    };
    if let Some(offer) = http2_offer(job)
        // Boxed: room for it would be kept for every request, and few ever come here.
        && let Some(place) = Box::pin(share(core, job, connector, &key, offer)).await?
    {
        return Ok(Connected::Shared(place));
    }
    let limit = if is_idempotent(&job.head.method) { limits::IDLE } else { limits::IDLE_UNREPEATABLE };
    let idle = if matches!(over, Over::Idle) { core.pool.borrow_mut().take(&key, limit) } else { None };
    match idle {
        Some(upstream) => Ok(Connected::Own(upstream)),
        // Boxed for the same reason, and seldom.
        None => Box::pin(open(core, job, connector)).await.map(Connected::Own),
    }
}

/// What is offered to an upstream that shall speak HTTP/2 for this request; `None` for HTTP/1.1. Over plain TCP nothing is
/// negotiated: the offer is what is spoken.
fn http2_offer(job: Job<'_>) -> Option<Offer> {
    let is_wanted = match job.rules.application.upstream_protocol {
        UpstreamProtocol::Http1 => false,
        UpstreamProtocol::Automatic => job.head.is_grpc(),
        UpstreamProtocol::Http2 => true,
    };
    // These need a connection of their own, or HTTP/1.1.
    if !is_wanted || job.head.connection_bound || job.head.is_upgrade() {
        return None;
    }
    let may_choose = job.rules.application.upstream_protocol == UpstreamProtocol::Automatic;
    Some(if may_choose && job.rules.target.tls != UpstreamTls::Off { Offer::Either } else { Offer::Http2 })
}

/// A place on an HTTP/2 connection; `None` if the upstream turns out to speak HTTP/1.1.
async fn share(
    core: &Rc<Core>,
    job: Job<'_>,
    connector: &LiveConnector,
    key: &PoolKey,
    offer: Offer,
) -> Result<Option<Place>, AttemptFailed> {
    let mut opened = false;
    // Others may have taken all places of a connection before this request sees it, and it may have ended again.
    for _ in 0..=limits::UPSTREAM_HTTP2_CONNECTIONS {
        let found = core.pool.borrow_mut().multiplex.find(key);
        let opening: Opening = match found {
            Found::Place(place) => {
                if opened {
                    job.course.opened(place.account());
                }
                return Ok(Some(place));
            }
            Found::Http1 => return Ok(None),
            Found::Opening(opening) => opening,
            Found::Full => return Err(not_sent(Reason::ConnectorBusy, "every HTTP/2 connection is full")),
            Found::Nothing(tell, opening) => {
                let (pool, kept) = (Rc::clone(core), key.clone());
                let opener = Opener::new(tell, move |opened| {
                    pool.pool.borrow_mut().multiplex.opened(kept.clone(), opened);
                });
                let tunnel = tunnel(core, connector)?;
                opened = true;
                let (core, rules, key) = (Rc::clone(core), Arc::clone(job.rules), key.clone());
                let shown = connector.shown(&rules, &core.serving());
                // A task of its own: the request may be given up, while others wait for the connection.
                spawn_local(async move {
                    let limit = Patience::of(&rules.application).for_connection();
                    let opened = timeout(limit, open_shared(&core, &rules, &shown, tunnel, &key, offer)).await;
                    opener.ended(opened.unwrap_or_else(|_| Err(not_in_time(Reason::UpstreamConnectTimeout))));
                });
                opening
            }
        };
        opening.await.map_err(|_| lost("the connection was not opened"))??;
    }
    Err(not_sent(Reason::UpstreamClosed, "HTTP/2 connections to the upstream do not last"))
}

fn tunnel(core: &Core, connector: &LiveConnector) -> Result<Arc<TunnelConnection>, AttemptFailed> {
    connector.connection_for(core.index).map(Arc::clone).ok_or_else(|| lost("no connection takes streams"))
}

fn lost(detail: &str) -> AttemptFailed {
    not_sent(Reason::TunnelLost, detail)
}

/// A failure before anything was sent.
fn not_sent(reason: Reason, detail: &str) -> AttemptFailed {
    AttemptFailed { failure: Failure::new(reason, detail), again: Again::NothingArrived }
}

/// A connector that could not open a stream, as it said.
pub(crate) fn opening_failed(failure: &OpenFailure) -> Failure {
    let reason = match failure.reason {
        OpenReason::NotAllowed => Reason::UpstreamNotAllowed,
        OpenReason::NameNotResolved => Reason::UpstreamNameNotResolved,
        OpenReason::Refused => Reason::UpstreamRefused,
        OpenReason::TimedOut => Reason::UpstreamConnectTimeout,
        OpenReason::TlsFailed => Reason::UpstreamTlsFailed,
        OpenReason::Malformed => Reason::TunnelLost,
    };
    Failure::new(reason, &failure.detail)
}

/// Opens an HTTP/1.1 connection through a stream of the connector.
async fn open(core: &Core, job: Job<'_>, connector: &LiveConnector) -> Result<Upstream, AttemptFailed> {
    let tunnel = tunnel(core, connector)?;
    let (stream, carried) =
        open_stream(core, job.rules, &connector.shown(job.rules, &core.serving()), &tunnel, Offer::Http1).await?;
    job.course.opened(&stream.account());
    Ok(speak_http1(stream, carried, tunnel))
}

/// A connection that is nobody's, for a probe: it is in no pool, and ends with this value.
pub(crate) enum Apart {
    Http1(Upstream),
    Http2(Place),
}

impl Apart {
    /// The account of the stream that carries it.
    pub(crate) fn account(&self) -> &Arc<StreamAccount> {
        match self {
            Self::Http1(upstream) => &upstream.account,
            Self::Http2(place) => place.account(),
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It ends when nobody can send over it any more.
        if let Self::Http2(place) = self {
            place.retire();
        }
    }
}

/// Opens one, for the version of HTTP that most of the application's requests are sent in.
pub(crate) async fn open_apart(
    core: &Core,
    rules: &ForwardingRules,
    connector: &LiveConnector,
    tunnel: Arc<TunnelConnection>,
) -> Result<Apart, AttemptFailed> {
    let is_http2 = rules.application.upstream_protocol == UpstreamProtocol::Http2;
    let offer = if is_http2 { Offer::Http2 } else { Offer::Http1 };
    let shown = connector.shown(rules, &core.serving());
    let (stream, carried) = open_stream(core, rules, &shown, &tunnel, offer).await?;
    if is_http2 {
        return speak_http2(stream, carried, tunnel).await.map(|connection| Apart::Http2(connection.alone()));
    }
    Ok(Apart::Http1(speak_http1(stream, carried, tunnel)))
}

async fn open_stream(
    core: &Core,
    rules: &ForwardingRules,
    shown: &Shown,
    tunnel: &TunnelConnection,
    offer: Offer,
) -> Result<(TunnelStream, Carried), AttemptFailed> {
    let stint = tunnel.stint();
    let stream = tunnel.open(&rules.target, offer, shown).await.map_err(|error| lost(&error.to_string()))?;
    core.shared.metrics.streams_opened.inc();
    Ok((stream, stint.carry(&core.shared.metrics.streams)))
}

fn speak_http1(stream: TunnelStream, carried: Carried, tunnel: Arc<TunnelConnection>) -> Upstream {
    let (account, stint) = (stream.account(), Arc::clone(&carried.stint));
    Upstream { client: Client::new(stream, Some(carried.without_task())), account, tunnel, stint }
}

/// Opens a connection for many requests. One whose upstream chose HTTP/1.1 is put into the pool.
async fn open_shared(
    core: &Rc<Core>,
    rules: &ForwardingRules,
    shown: &Shown,
    tunnel: Arc<TunnelConnection>,
    key: &PoolKey,
    offer: Offer,
) -> Result<Opened, AttemptFailed> {
    let (mut stream, carried) = open_stream(core, rules, shown, &tunnel, offer).await?;
    if offer == Offer::Either {
        let account = stream.account();
        let http2 = stream.negotiated_http2().await.map_err(|error| match account.failure() {
            Some(failure) => AttemptFailed { failure: opening_failed(failure), again: Again::OtherConnector },
            None => lost(&error.to_string()),
        })?;
        if !http2 {
            core.pool.borrow_mut().put(key.clone(), speak_http1(stream, carried, tunnel));
            return Ok(Opened::Http1);
        }
    }
    speak_http2(stream, carried, tunnel).await.map(|connection| Opened::Http2(Rc::new(connection)))
}

async fn speak_http2(
    stream: TunnelStream,
    carried: Carried,
    tunnel: Arc<TunnelConnection>,
) -> Result<Multiplexed, AttemptFailed> {
    let account = stream.account();
    // The first that an upstream says is its SETTINGS.
    let (heard, mut spoke) = oneshot::channel();
    let mut heard = Some(heard);
    let stream = InspectReader::new(stream, move |_: &[u8]| {
        // An error means that the connection has ended.
        let _ = heard.take().map(|heard| heard.send(()));
    });
    let handshake = client::builder().handshake::<_, Bytes>(AnswerGuard::new(stream));
    let (sender, connection) = handshake.await.map_err(|error| lost(&error.to_string()))?;
    let allowed = Rc::new(Cell::new(limits::UPSTREAM_HTTP2_STREAMS));
    let said = Rc::clone(&allowed);
    let stint = Arc::clone(&carried.stint);
    carried.drive(|carried| async move {
        let _carried = carried;
        let mut connection = pin!(connection);
        let mut has_spoken = false;
        let ended = std::future::poll_fn(|cx| {
            let polled = connection.as_mut().poll(cx);
            has_spoken = has_spoken || Pin::new(&mut spoke).poll(cx).is_ready();
            // Before, it is not what the upstream says: requests wait for that on the connection, and open no others.
            if has_spoken {
                said.set(connection.max_concurrent_send_streams());
            }
            polled
        });
        if let Err(error) = ended.await {
            tracing::debug!(%error, "an HTTP/2 connection to an upstream ended");
        }
    });
    Ok(Multiplexed::new(sender, account, (tunnel, stint), allowed))
}
