//! One probe: a GET of the gateway's own, through a connection of its own, and what came of it.
//!
//! It goes where a request would go, by what the control plane signed, with the same TLS and the same `Host`. It carries
//! nobody's identity, and its connection is never lent to a request.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use adit_core::health::Observer;
use adit_core::snapshot::Entrance;
use adit_tunnel::stream::StreamAccount;
use adit_tunnel::target::UpstreamTls;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::arriving::Arriving;
use crate::attempt::{NoAnswer, why};
use crate::connect::{self, Apart};
use crate::core::Core;
use crate::failure::Failure;
use crate::head::{HTTPS, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::http1::head::Question;
use crate::http2::client;
use crate::interim::{Interim, Way};
use crate::limits;
use crate::reason::Reason;
use crate::replay::{ReplayBody, RequestBody};
use crate::serving::{ForwardingRules, LiveConnector, group_of};
use crate::sight::{Moment, Sight};
use crate::translate::{DefaultPath, Entered};
use crate::tunnel::TunnelConnection;

/// By what upstreams know probes in their logs.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("Adit-Health-Probe/", env!("CARGO_PKG_VERSION")));
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The word for an answer whose status is not one of those that are expected.
const UNEXPECTED_STATUS: &str = "probe_status";

/// An answer to a probe.
struct Told {
    status: StatusCode,
    latency: Duration,
    account: Arc<StreamAccount>,
}

/// Probes an application through a connector, and notes what came of it.
pub(super) async fn ask(core: &Rc<Core>, rules: &Arc<ForwardingRules>, connector: &LiveConnector) {
    let still = |identity| group_of(&core.serving().snapshot, identity).is_some();
    let now = Moment::at(Instant::now());
    let Some(sight) = rules.ledger.sights.through(connector.identity, now, still) else { return };
    let Some(tunnel) = connector.connection_for(core.index).map(Arc::clone) else { return };
    let stint = tunnel.stint();
    let asking = question(core, rules, connector, tunnel);
    // A connector that begins to drain does not wait for a probe.
    let asked = tokio::select! {
        asked = asking => asked,
        () = stint.over() => Err(Failure::new(Reason::TunnelLost, "the connector drains")),
    };
    // What was asked by other settings, or through a connector that has left since, would be held against nobody's probes.
    let outcome = if is_wanted_still(core, rules, connector) { note(&sight, rules, asked) } else { "not_wanted" };
    core.shared.metrics.probed(outcome);
    tracing::debug!(application = %rules.application.id, connector = %connector.identity.connector, outcome, "a probe");
}

fn is_wanted_still(core: &Core, rules: &ForwardingRules, connector: &LiveConnector) -> bool {
    let serving = core.serving();
    let current = serving.rules(rules.application.id).filter(|current| current.is_probed());
    current.is_some_and(|current| {
        current.application.health_probe == rules.application.health_probe
            && serving.find(current.application.connector_group, connector.identity).is_some()
    })
}

async fn question(
    core: &Rc<Core>,
    rules: &Arc<ForwardingRules>,
    connector: &LiveConnector,
    tunnel: Arc<TunnelConnection>,
) -> Result<Told, Failure> {
    let deadline = Instant::now() + rules.application.health_probe.timeout();
    let too_long = |reason| move |_| Failure::new(reason, "the probe was not answered in time");
    let opening = timeout_at(deadline, connect::open_apart(core, rules, connector, Arc::clone(&tunnel)));
    // Until here only the tunnel was waited for.
    let mut connection = opening.await.map_err(too_long(Reason::TunnelLost))?.map_err(|it| it.failure)?;
    let account = Arc::clone(connection.account());
    let since = Instant::now();
    let answer = timeout_at(deadline, send(&mut connection, rules)).await;
    let waited = || match account.opened() {
        _ if tunnel.is_silent() => Reason::TunnelLost,
        true => Reason::UpstreamTimeout,
        false => Reason::UpstreamConnectTimeout,
    };
    let answer = answer.map_err(|late| too_long(waited())(late))?.map_err(|error| error.failure(&account))?;
    let asked = account.opened_at().map_or(since, |opened| opened.max(since));
    let told = Told { status: answer.status(), latency: asked.elapsed(), account };
    // Read, so that the upstream can end in order; whatever it is, and however it ends.
    let _ = timeout(deadline.saturating_duration_since(Instant::now()), drop_body(answer)).await;
    Ok(told)
}

async fn send(connection: &mut Apart, rules: &ForwardingRules) -> Result<Response<Arriving>, NoAnswer> {
    match connection {
        Apart::Http1(upstream) => {
            let mut request = request(rules, Uri::from(path(rules)));
            request.headers_mut().insert(HOST, host(rules));
            request.headers_mut().insert(CONNECTION, CLOSE);
            let question = Question {
                method: request.method(),
                uri: request.uri(),
                fields: request.headers(),
                takes_trailers: false,
                asks_first: false,
                switches: false,
                body: RequestBody::Empty,
            };
            let answer = upstream.client.send(question, &ReplayBody::Empty, |_| {}).await;
            answer.map(|answer| answer.map(Arriving::Answer)).map_err(|not_sent| NoAnswer::Http1(not_sent.error))
        }
        Apart::Http2(place) => {
            let uri = http2_uri(rules).unwrap_or_else(|| Uri::from(path(rules)));
            // Nobody is there to be told of early hints.
            let entered = Entered { entrance: Entrance::External, default_path: DefaultPath::Within };
            let interim = Interim::new(Way::Closed, rules, entered);
            let sending = client::send(place.sender(), request(rules, uri), &ReplayBody::Empty, &interim);
            sending.await.map_err(|not_answered| not_answered.error)
        }
    }
}

fn request(rules: &ForwardingRules, uri: Uri) -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::Empty);
    *request.uri_mut() = uri;
    let fields = request.headers_mut();
    fields.insert(USER_AGENT, AGENT);
    fields.insert(ACCEPT, ANYTHING);
    // As of a request: there are upstreams that redirect whatever did not come over https.
    fields.insert(X_FORWARDED_PROTO.clone(), HTTPS.clone());
    if let Ok(public) = HeaderValue::from_str(&rules.application.external_url.authority()) {
        fields.insert(X_FORWARDED_HOST.clone(), public);
    }
    request
}

/// What is asked for. It was checked when it was set.
fn path(rules: &ForwardingRules) -> PathAndQuery {
    let path = rules.application.health_probe.path.as_ref();
    let parsed = path.and_then(|path| PathAndQuery::try_from(path.as_str()).ok());
    parsed.unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// The `Host` that a request would show.
fn host(rules: &ForwardingRules) -> HeaderValue {
    let public = || HeaderValue::from_str(&rules.application.external_url.authority()).ok();
    rules.host.clone().or_else(public).unwrap_or_else(|| HeaderValue::from_static(""))
}

fn http2_uri(rules: &ForwardingRules) -> Option<Uri> {
    let mut parts = Uri::from(path(rules)).into_parts();
    parts.scheme = Some(if rules.target.tls == UpstreamTls::Off { Scheme::HTTP } else { Scheme::HTTPS });
    parts.authority = Some(Authority::try_from(host(rules).as_bytes()).ok()?);
    Uri::from_parts(parts).ok()
}

/// Reads a body until it ends or is longer than anybody wants to know.
async fn drop_body(answer: Response<Arriving>) {
    let (mut body, mut bytes) = (answer.into_body(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
        if bytes >= limits::PROBE_BODY {
            return;
        }
    }
}

/// Notes it where requests note theirs. The word by which it is counted.
fn note(sight: &Sight, rules: &ForwardingRules, asked: Result<Told, Failure>) -> &'static str {
    let (probe, now) = (&rules.application.health_probe, Moment::at(Instant::now()));
    // One that is late does not end what the last one said.
    let holds = probe.interval() * 2 + probe.timeout();
    let failure = match asked {
        Ok(told) => {
            sight.connected(&told.account);
            sight.probe_answered(told.latency, told.status.as_u16(), now);
            if probe.statuses().contains(told.status.as_u16()) {
                sight.probe_passed(now);
                return "passed";
            }
            let detail = format!("the probe was answered {}, not {}", told.status.as_u16(), probe.statuses());
            let failure = Failure::new(Reason::UpstreamInvalid, &detail);
            let why = why(&failure, Observer::Probe);
            sight.probe_failed(adit_core::health::Unreached { reason: UNEXPECTED_STATUS, ..why }, holds, now);
            return "unexpected_status";
        }
        Err(failure) => failure,
    };
    match failure.reason {
        // The tunnel's health is watched by other means, and says nothing of the upstream.
        Reason::TunnelLost => "not_sent",
        Reason::UpstreamTimeout => {
            sight.measured(probe.timeout(), now);
            sight.probe_failed(why(&failure, Observer::Probe), holds, now);
            "timed_out"
        }
        Reason::UpstreamClosed | Reason::UpstreamInvalid => {
            sight.probe_failed(why(&failure, Observer::Probe), holds, now);
            "invalid"
        }
        _ => {
            sight.failed(why(&failure, Observer::Probe), now);
            sight.probe_failed(why(&failure, Observer::Probe), holds, now);
            "not_reached"
        }
    }
}
