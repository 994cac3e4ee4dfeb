//! Sending a request to an upstream, and deciding what may be sent again.
//!
//! Rule (architecture, section 4): any request is sent again when it is certain that none of it reached an upstream and
//! its body is still held; a request that may have reached one is sent again once, and only if it is idempotent. So a
//! request that is not idempotent reaches an upstream at most once.

mod absence;
mod no_answer;
mod patience;

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_core::connector::ConnectorIdentity;
use adit_core::health::{Observer, Unreached};
use adit_tunnel::stream::StreamAccount;
use futures_util::FutureExt as _;
use http::{Method, Response};
use tokio::time::{Instant, timeout_at};

use crate::affinity::Session;
use crate::arriving::Arriving;
use crate::bond::Bonds;
use crate::connect::{self, Connected, Over};
use crate::core::Core;
use crate::failure::Failure;
use crate::head::UpstreamHead;
use crate::http1::NotSent;
use crate::http1::body::AnswerBody;
use crate::http2::client;
use crate::interim::Interim;
use crate::limits;
use crate::losses::Fingerprint;
use crate::pool::{Lease, PoolKey, Reuse};
use crate::reason::Reason;
use crate::record::Course;
use crate::replay::ReplayBody;
use crate::serving::{ForwardingRules, LiveConnector, group_of};
use crate::sight::{Moment, Sight};
use crate::tunnel::TunnelConnection;

use absence::Chosen;
pub(crate) use no_answer::{NoAnswer, NotAnswered};
pub(crate) use patience::Patience;
use patience::{GivenUp, Waiting};

/// One request to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Job<'r> {
    pub(crate) rules: &'r Arc<ForwardingRules>,
    pub(crate) head: &'r UpstreamHead,
    pub(crate) body: &'r ReplayBody,
    /// What is bound to the client's connection.
    pub(crate) bonds: &'r Rc<Bonds>,
    /// The session that stays with its connector, if there is one.
    pub(crate) session: Option<Session>,
    /// When its head arrived.
    pub(crate) begun: Instant,
    /// When the answer must be there, to its last byte.
    pub(crate) deadline: Option<Instant>,
    /// Where it is noted what was done.
    pub(crate) course: &'r Course,
    /// What the client may be told before its answer.
    pub(crate) interim: &'r Interim<'r>,
}

/// An upstream's answer, and the connection it comes over.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<Arriving>,
    pub(crate) lease: Lease,
}

/// What may follow a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Nothing: it may have had its effect.
    No,
    /// None of it reached an upstream: it may be sent again.
    NothingArrived,
    /// The connector cannot reach the upstream; another one may.
    OtherConnector,
    /// It may have arrived, but is idempotent: once more.
    Idempotent,
}

/// An attempt that brought no answer.
#[derive(Debug, Clone)]
pub(crate) struct AttemptFailed {
    pub(crate) failure: Failure,
    pub(crate) again: Again,
}

/// Sends the request, again where that is safe.
pub(crate) async fn send(core: &Rc<Core>, job: Job<'_>) -> Result<Answered, Failure> {
    let sending = pin!(send_in_time(core, job));
    let Some(deadline) = job.deadline else { return sending.await };
    let too_long = |_| Failure::new(Reason::UpstreamTimeout, "no answer within the application's total time");
    timeout_at(deadline, sending).await.map_err(too_long)?
}

async fn send_in_time(core: &Rc<Core>, job: Job<'_>) -> Result<Answered, Failure> {
    let mut tried: Vec<ConnectorIdentity> = Vec::new();
    let mut resent = false;
    let mut last = None;
    // When the latest sending began; the clock is not read for a request that is answered at once.
    let mut begun = job.begun;
    let mut bound = if job.bonds.is_empty() { None } else { job.bonds.take(core, job.rules).await };
    for attempt in 0..limits::ATTEMPTS {
        let (connector, over) = match bound.take() {
            Some(bound) => (bound.connector, Over::Bound(bound.upstream)),
            None => {
                let Chosen { connector, has_waited } = absence::choose(core, job, &tried, &last).await?;
                if has_waited {
                    begun = Instant::now();
                }
                (connector, if attempt == 0 { Over::Idle } else { Over::New })
            }
        };
        if attempt > 0 {
            core.shared.metrics.retries.inc();
        }
        let AttemptFailed { failure, again } = match send_once(core, job, &connector, over, !resent).await {
            Ok(answered) => {
                if resent {
                    core.shared.losses.answered(fingerprint(core, job));
                }
                return Ok(answered);
            }
            Err(failed) => failed,
        };
        note(job, &connector, &failure);
        tracing::debug!(connector = %connector.identity.connector, reason = failure.reason.as_str(), detail = ?failure.detail, ?again, "an attempt failed");
        match again {
            Again::No => return Err(failure),
            Again::Idempotent if ends_tunnels(core, job, begun, &failure) => {
                return Err(Failure::new(Reason::RepeatedLoss, &failure.detail));
            }
            Again::Idempotent if resent => return Err(failure),
            Again::Idempotent => resent = true,
            Again::NothingArrived | Again::OtherConnector => {}
        }
        tried.push(connector.identity);
        last = Some((failure, again));
        begun = Instant::now();
    }
    Err(last.map_or_else(|| Failure::new(Reason::NoConnector, "no attempt was made"), |(failure, _)| failure))
}

/// Whether several tunnels were lost under such a request, this one included.
fn ends_tunnels(core: &Core, job: Job<'_>, begun: Instant, failure: &Failure) -> bool {
    failure.reason == Reason::TunnelLost && !core.shared.losses.lost(fingerprint(core, job), begun, Instant::now())
}

fn fingerprint(core: &Core, job: Job<'_>) -> Fingerprint {
    core.shared.losses.fingerprint(&job.head.method, job.rules.application.id, job.head.uri().path())
}

/// What a failure says of the connector's way to the upstream.
fn note(job: Job<'_>, connector: &LiveConnector, failure: &Failure) {
    let Some(sight) = job.rules.ledger.sights.find(connector.identity) else { return };
    let now = Moment::at(Instant::now());
    match failure.reason {
        Reason::UpstreamRefused
        | Reason::UpstreamNameNotResolved
        | Reason::UpstreamNotAllowed
        | Reason::UpstreamTlsFailed
        | Reason::UpstreamConnectTimeout => sight.failed(why(failure, Observer::Request), now),
        Reason::UpstreamTimeout => sight.measured(Patience::of(&job.rules.application).answer, now),
        _ => {}
    }
}

/// A failure as it is kept of the connector.
pub(crate) fn why(failure: &Failure, by: Observer) -> Unreached {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Unreached {
        at_millis: u64::try_from(wall.as_millis()).unwrap_or_default(),
        reason: failure.reason.as_str(),
        detail: failure.detail.clone(),
        by,
    }
}

/// The application as the connector sees it, while the directory knows the connector.
fn sight_of(core: &Core, job: Job<'_>, connector: &LiveConnector) -> Option<Arc<Sight>> {
    let still = |identity| group_of(&core.serving().snapshot, identity).is_some();
    job.rules.ledger.sights.through(connector.identity, Moment::at(job.begun), still)
}

/// A connector that was not tried; or, where a connection and not the connector was at fault, any one again.
fn choose(
    core: &Core,
    job: Job<'_>,
    tried: &[ConnectorIdentity],
    last: &Option<(Failure, Again)>,
) -> Result<Arc<LiveConnector>, Failure> {
    let (serving, rules) = (core.serving(), job.rules);
    // Between two attempts the application may have moved to another group, which is followed. Where it leads elsewhere
    // now, or nowhere, the head that was made is not for it any more.
    let current = serving.rules(rules.application.id).filter(|current| current.leads_where(rules));
    let group = match (current, last) {
        (Some(current), _) => current.application.connector_group,
        (None, Some((failure, _))) => return Err(failure.clone()),
        (None, None) => rules.application.connector_group,
    };
    let mut random = core.random.borrow_mut();
    // The first attempt follows the head at once; a later one is rare enough to look at the clock.
    let now = Moment::at(if last.is_none() { job.begun } else { Instant::now() });
    let known = (&rules.ledger.sights, now);
    let chosen = serving.choose(group, tried, job.session, known, &mut random);
    let chosen = match (chosen, last) {
        (None, Some((_, Again::NothingArrived | Again::Idempotent))) => {
            serving.choose(group, &[], job.session, known, &mut random)
        }
        (chosen, _) => chosen,
    };
    let is_full = |connector: &&Arc<LiveConnector>| connector.in_flight() >= limits::IN_FLIGHT;
    // The choice is by speed and by how much a connector has proved itself: another may have room.
    let chosen = match chosen {
        Some(full) if is_full(&full) => {
            let others: Vec<_> = tried.iter().copied().chain([full.identity]).collect();
            let other = serving.choose(group, &others, None, known, &mut random);
            other.filter(|other| !is_full(other)).or(Some(full))
        }
        chosen => chosen,
    };
    match (chosen, last) {
        (Some(connector), _) if is_full(&connector) => {
            Err(Failure::new(Reason::ConnectorBusy, "the limit of requests under way is reached"))
        }
        (Some(connector), _) => Ok(Arc::clone(connector)),
        (None, Some((failure, _))) => Err(failure.clone()),
        (None, None) => Err(Failure::new(Reason::NoConnector, "no connector of the group has a live tunnel")),
    }
}

/// One attempt. One that may be the first of two is given up where the tunnel falls silent and another connector is there.
async fn send_once(
    core: &Rc<Core>,
    job: Job<'_>,
    connector: &LiveConnector,
    over: Over,
    may_resend: bool,
) -> Result<Answered, AttemptFailed> {
    let in_flight = connector.begin();
    job.course.goes_through(connector.identity.connector);
    let sight = sight_of(core, job, connector);
    let application = &job.rules.application;
    let key = PoolKey {
        connector: connector.identity,
        application: application.id,
        revision: application.revision,
        destination: job.rules.destination.clone(),
    };
    let is_bound = job.head.connection_bound || matches!(over, Over::Bound(_));
    let reuse = if is_bound { Reuse::Only(Rc::clone(job.bonds)) } else { Reuse::Anybodys };
    let patience = Patience::of(application);
    // In a block of its own: what connecting takes, waiting for the answer does not.
    let (begun, connected) = {
        let mut connecting = pin!(connect::connect(core, job, connector, key.clone(), over));
        // Mostly there is nothing to wait for, and no clock is read.
        match connecting.as_mut().now_or_never() {
            Some(connected) => (None, connected?),
            None => {
                let begun = Instant::now();
                let in_time = timeout_at(begun + patience.for_connection(), connecting).await;
                (Some(begun), in_time.map_err(|_| not_in_time(Reason::UpstreamConnectTimeout))??)
            }
        }
    };
    let account = Arc::clone(connected.account());
    let start = account.written();
    let opened_at = || account.opened_at();
    let since = Instant::now();
    let elsewhere = |tunnel: &TunnelConnection| {
        let idempotent = may_resend && is_idempotent(&job.head.method) && job.body.is_replayable();
        let group = application.connector_group;
        idempotent && tunnel.is_silent() && core.serving().has_other(group, connector.identity)
    };
    let (opened_at, body) = (&opened_at, job.body);
    let answered = match &connected {
        Connected::Own(upstream) => {
            let sending = upstream.client.send(job.head.http1_request(body), body, |said| job.interim.tell(said));
            let sending = sending.map(over_http1);
            let elsewhere = &|| elsewhere(&upstream.tunnel);
            patience.answer(Waiting { begun, since, opened_at, body, elsewhere }, sending).await
        }
        Connected::Shared(place) => {
            let request = job.head.http2_request(body, job.rules).map_err(not_made)?;
            let sending = client::send(place.sender(), request, body, job.interim);
            let elsewhere = &|| elsewhere(place.tunnel());
            patience.answer(Waiting { begun, since, opened_at, body, elsewhere }, sending).await
        }
    };
    let failed = match answered {
        Ok(Ok(response)) => {
            if let Some(sight) = sight {
                // On its own connection nothing was written before the first request; a shared one begins with a preface.
                if start == 0 || job.course.was_opened(&account) {
                    sight.connected(&account);
                }
                // Neither connecting nor a slow client counts.
                let asked = [opened_at(), job.body.moved()].into_iter().flatten().fold(since, Instant::max);
                job.course.was_answered_by(sight, asked);
            }
            let reuse = match &connected {
                Connected::Own(_) if job.body.refuse_if_held() => Reuse::Nobodys,
                _ => reuse,
            };
            return Ok(Answered { response, lease: Lease::new(Rc::clone(core), key, connected, in_flight, reuse) });
        }
        Ok(Err(NotAnswered { not_sent, error })) => {
            if let Connected::Shared(place) = &connected
                && !error.is_of_one_stream()
            {
                place.retire();
            }
            classify(&job, &account, start, not_sent, &error)
        }
        Err(given_up) => {
            if let Connected::Shared(place) = &connected {
                place.retire();
            }
            match given_up {
                GivenUp::TooLong => timed_out(&account),
                GivenUp::Silent => fell_silent(),
            }
        }
    };
    Err(failed)
}

fn not_made(failure: Failure) -> AttemptFailed {
    AttemptFailed { failure, again: Again::No }
}

/// It may have arrived, and is idempotent: the same as a tunnel that was lost, some seconds earlier.
fn fell_silent() -> AttemptFailed {
    let failure = Failure::new(Reason::TunnelLost, "the connector fell silent");
    AttemptFailed { failure, again: Again::Idempotent }
}

fn timed_out(account: &StreamAccount) -> AttemptFailed {
    not_in_time(if account.opened() { Reason::UpstreamTimeout } else { Reason::UpstreamConnectTimeout })
}

pub(crate) fn not_in_time(reason: Reason) -> AttemptFailed {
    AttemptFailed { failure: Failure::new(reason, "no answer in time"), again: Again::No }
}

/// Says what went wrong and what may follow.
fn classify(job: &Job<'_>, account: &StreamAccount, start: u64, not_sent: bool, error: &NoAnswer) -> AttemptFailed {
    if job.body.is_too_slow() {
        return AttemptFailed { failure: Failure::caused(Reason::RequestTimeout, error), again: Again::No };
    }
    if job.body.is_broken() {
        return AttemptFailed { failure: Failure::caused(Reason::BodyBroken, error), again: Again::No };
    }
    let failure = error.failure(account);
    let nothing_arrived = not_sent || account.nothing_reached_beyond(start) || error.was_not_processed();
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

/// What HTTP/1.1 gives, as HTTP/2 does.
fn over_http1(answered: Result<Response<AnswerBody>, NotSent>) -> Result<Response<Arriving>, NotAnswered> {
    match answered {
        Ok(response) => Ok(response.map(Arriving::Answer)),
        Err(NotSent { not_begun, error }) => Err(NotAnswered { not_sent: not_begun, error: NoAnswer::Http1(error) }),
    }
}

/// Methods whose repetition has no further effect (RFC 9110, section 9.2.2).
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}
