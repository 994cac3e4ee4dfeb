//! Sending a request to an upstream, and deciding what may be sent again.
//!
//! Rule (architecture, section 4): any request is sent again when it is certain that none of it reached an upstream and
//! its body is still held; a request that may have reached one is sent again once, and only if it is idempotent. So a
//! request that is not idempotent reaches an upstream at most once.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use adit_core::connector::ConnectorIdentity;
use adit_tunnel::stream::StreamAccount;
use adit_tunnel::target::OpenReason;
use http::{Method, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use crate::answer::Reason;
use crate::bond::Bonds;
use crate::core::Core;
use crate::failure::Failure;
use crate::head::UpstreamHead;
use crate::limits;
use crate::pool::{Lease, PoolKey, Reuse, Upstream};
use crate::replay::ReplayBody;
use crate::serving::{ForwardingRules, LiveConnector};

/// One request to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Job<'r> {
    pub(crate) rules: &'r ForwardingRules,
    pub(crate) head: &'r UpstreamHead,
    pub(crate) body: &'r ReplayBody,
    /// What is bound to the client's connection.
    pub(crate) bonds: &'r Rc<Bonds>,
}

/// An upstream's answer, and the connection it comes over.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

/// Where the upstream connection of an attempt comes from.
enum Over {
    /// It is bound to the client's connection.
    Bound(Upstream),
    /// The pool, if an idle one is there.
    Idle,
    /// A stream opened for it.
    New,
}

/// What may follow a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Nothing: it may have had its effect.
    No,
    /// None of it reached an upstream: it may be sent again.
    NothingArrived,
    /// The connector cannot reach the upstream; another one may.
    OtherConnector,
    /// It may have arrived, but is idempotent: once more.
    Idempotent,
}

#[derive(Debug)]
struct AttemptFailed {
    failure: Failure,
    again: Again,
}

/// Sends the request, again where that is safe.
pub(crate) async fn send(core: &Rc<Core>, job: Job<'_>) -> Result<Answered, Failure> {
    let mut tried: Vec<ConnectorIdentity> = Vec::new();
    let mut resent = false;
    let mut last = None;
    let mut bound = if job.bonds.is_empty() { None } else { job.bonds.take(core, job.rules).await };
    for attempt in 0..limits::ATTEMPTS {
        let (connector, over) = match bound.take() {
            Some(bound) => (bound.connector, Over::Bound(bound.upstream)),
            None if attempt == 0 => (choose(core, job.rules, &tried, &last)?, Over::Idle),
            None => (choose(core, job.rules, &tried, &last)?, Over::New),
        };
        if attempt > 0 {
            core.shared.metrics.retries.inc();
        }
        let AttemptFailed { failure, again } = match send_once(core, job, &connector, over).await {
            Ok(answered) => return Ok(answered),
            Err(failed) => failed,
        };
        tracing::debug!(connector = %connector.identity.connector, reason = failure.reason.as_str(), detail = ?failure.detail, ?again, "an attempt failed");
        match again {
            Again::No => return Err(failure),
            Again::Idempotent if resent => return Err(failure),
            Again::Idempotent => resent = true,
            Again::NothingArrived | Again::OtherConnector => {}
        }
        tried.push(connector.identity);
        last = Some((failure, again));
    }
    Err(last.map_or_else(|| Failure::new(Reason::NoConnector, "no attempt was made"), |(failure, _)| failure))
}

/// A connector that was not tried; or, where a connection and not the connector was at fault, any one again.
fn choose(
    core: &Core,
    rules: &ForwardingRules,
    tried: &[ConnectorIdentity],
    last: &Option<(Failure, Again)>,
) -> Result<Arc<LiveConnector>, Failure> {
    let serving = core.serving();
    // Between two attempts the application may have moved to another group, which is followed. Where it leads elsewhere
    // now, or nowhere, the head that was made is not for it any more.
    let current = serving.rules(rules.application.id).filter(|current| current.leads_where(rules));
    let group = match (current, last) {
        (Some(current), _) => current.application.connector_group,
        (None, Some((failure, _))) => return Err(failure.clone()),
        (None, None) => rules.application.connector_group,
    };
    let mut random = core.random.borrow_mut();
    let chosen = serving.choose(group, tried, &mut random);
    let chosen = match (chosen, last) {
        (None, Some((_, Again::NothingArrived | Again::Idempotent))) => serving.choose(group, &[], &mut random),
        (chosen, _) => chosen,
    };
    match (chosen, last) {
        (Some(connector), _) if connector.in_flight() >= limits::IN_FLIGHT => {
            Err(Failure::new(Reason::ConnectorBusy, "the limit of requests under way is reached"))
        }
        (Some(connector), _) => Ok(Arc::clone(connector)),
        (None, Some((failure, _))) => Err(failure.clone()),
        (None, None) => Err(Failure::new(Reason::NoConnector, "no connector of the group has a live tunnel")),
    }
}

async fn send_once(
    core: &Rc<Core>,
    job: Job<'_>,
    connector: &LiveConnector,
    over: Over,
) -> Result<Answered, AttemptFailed> {
    let in_flight = connector.begin();
    let application = &job.rules.application;
    let key = PoolKey { connector: connector.identity, application: application.id, revision: application.revision };
    let is_bound = job.head.connection_bound || matches!(over, Over::Bound(_));
    let reuse = if is_bound { Reuse::Only(Rc::clone(job.bonds)) } else { Reuse::Anybodys };
    let ready = match over {
        Over::Bound(upstream) => Some(upstream),
        Over::Idle => core.pool.borrow_mut().take(&key),
        Over::New => None,
    };
    let mut upstream = match ready {
        Some(upstream) => upstream,
        None => open(core, job.rules, connector).await?,
    };
    let account = Arc::clone(&upstream.account);
    let start = account.written();
    let sending = upstream.sender.try_send_request(job.head.request(job.body));
    let limit = Duration::from_secs(application.timeout.seconds());
    match within(limit, job.body, sending).await {
        Some(Ok(response)) => {
            Ok(Answered { response, lease: Lease::new(Rc::clone(core), key, upstream, in_flight, reuse) })
        }
        Some(Err(mut error)) => {
            let not_sent = error.take_message().is_some();
            Err(classify(&job, &account, start, not_sent, error.error()))
        }
        None => Err(timed_out(&account)),
    }
}

/// Waits for the answer: `limit` from the moment the body last moved.
async fn within<T>(limit: Duration, body: &ReplayBody, answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    let mut since = Instant::now();
    loop {
        if let Ok(answer) = timeout_at(since + limit, answer.as_mut()).await {
            return Some(answer);
        }
        match body.moved() {
            Some(moved) if moved > since => since = moved,
            _ => return None,
        }
    }
}

/// Opens an upstream connection through a stream of the connector.
async fn open(core: &Core, rules: &ForwardingRules, connector: &LiveConnector) -> Result<Upstream, AttemptFailed> {
    let lost = |detail: &str| AttemptFailed {
        failure: Failure::new(Reason::TunnelLost, detail),
        again: Again::NothingArrived,
    };
    let tunnel = connector.connection_for(core.index).ok_or_else(|| lost("no connection takes streams"))?;
    let stream = tunnel.open(&rules.target).await.map_err(|error| lost(&error.to_string()))?;
    core.shared.metrics.streams_opened.inc();
    let account = stream.account();
    let (sender, connection) = http1::Builder::new()
        .max_headers(limits::FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| lost(&error.to_string()))?;
    spawn_local(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "an upstream connection ended");
        }
    });
    Ok(Upstream { sender, account, tunnel: Arc::clone(tunnel) })
}

fn timed_out(account: &StreamAccount) -> AttemptFailed {
    let reason = if account.opened() { Reason::UpstreamTimeout } else { Reason::UpstreamConnectTimeout };
    AttemptFailed { failure: Failure::new(reason, "no answer in time"), again: Again::No }
}

/// Says what went wrong and what may follow.
fn classify(job: &Job<'_>, account: &StreamAccount, start: u64, not_sent: bool, error: &hyper::Error) -> AttemptFailed {
    if job.body.is_broken() {
        return AttemptFailed { failure: Failure::caused(Reason::BodyBroken, error), again: Again::No };
    }
    let failure = match account.failure() {
        Some(failure) => Failure { reason: opening_failed(failure.reason), detail: failure.detail.clone() },
        None if error.is_parse() => Failure::caused(Reason::UpstreamInvalid, error),
        None if account.ended_in_order() => Failure::caused(Reason::UpstreamClosed, error),
        None => Failure::caused(Reason::TunnelLost, error),
    };
    let nothing_arrived = not_sent || account.nothing_reached_beyond(start);
    let again = if !job.body.is_replayable() || failure.reason == Reason::UpstreamInvalid {
        Again::No
    } else if account.failure().is_some() {
        Again::OtherConnector
    } else if nothing_arrived {
        Again::NothingArrived
    } else if is_idempotent(&job.head.method) {
        Again::Idempotent
    } else {
        Again::No
    };
    AttemptFailed { failure, again }
}

const fn opening_failed(reason: OpenReason) -> Reason {
    match reason {
        OpenReason::NotAllowed => Reason::UpstreamNotAllowed,
        OpenReason::NameNotResolved => Reason::UpstreamNameNotResolved,
        OpenReason::Refused => Reason::UpstreamRefused,
        OpenReason::TimedOut => Reason::UpstreamConnectTimeout,
        OpenReason::TlsFailed => Reason::UpstreamTlsFailed,
        OpenReason::Malformed => Reason::TunnelLost,
    }
}

/// Methods whose repetition has no further effect (RFC 9110, section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}
