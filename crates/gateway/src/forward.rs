//! One request: decided, cleaned, sent through a connector, answered.

use std::rc::Rc;
use std::time::Duration;

use adit_core::access::{self, AccessRequest};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use tokio::time::Instant;
use uuid::Uuid;

use crate::affinity::Affinity;
use crate::answer::{self, Reason};
use crate::attempt::{self, Job};
use crate::body::GatewayBody;
use crate::core::Core;
use crate::edge::Client;
use crate::failure::Failure;
use crate::head::{self, UpstreamHead};
use crate::replay::ReplayBody;
use crate::{respond, upgrade};

/// Answers one request, whatever happens. The error is an answer as well: an HTTP/2 stream that is reset with a reason.
pub(crate) async fn serve(
    core: &Rc<Core>,
    client: &Client,
    request: Request<Incoming>,
) -> Result<Response<GatewayBody>, h2::Error> {
    let accept = request.headers().get(ACCEPT).cloned();
    match forward(core, client, request).await {
        Ok(response) => {
            core.shared.metrics.forwarded.inc();
            Ok(response)
        }
        Err(failure) if failure.reason == Reason::Http1Required => {
            core.shared.metrics.failed(failure.reason);
            Err(h2::Reason::HTTP_1_1_REQUIRED.into())
        }
        Err(failure) => Ok(refuse(core, client, accept, &failure)),
    }
}

/// Answers a request that is not forwarded, and says why in the log.
pub(crate) fn refuse(
    core: &Core,
    client: &Client,
    accept: Option<HeaderValue>,
    failure: &Failure,
) -> Response<GatewayBody> {
    let request_id = Uuid::new_v4();
    core.shared.metrics.failed(failure.reason);
    let (reason, detail) = (failure.reason.as_str(), &failure.detail);
    if failure.reason.status().is_server_error() && failure.reason != Reason::VersionNotSupported {
        tracing::warn!(%request_id, client = %client.address, reason, ?detail, "a request failed");
    } else {
        tracing::debug!(%request_id, client = %client.address, reason, ?detail, "a request was refused");
    }
    let asked = accept.map(|accept| HeaderMap::from_iter([(ACCEPT, accept)]));
    answer::answer(failure.reason, failure.notice.as_deref(), request_id, asked.as_ref())
}

async fn forward(
    core: &Rc<Core>,
    client: &Client,
    mut request: Request<Incoming>,
) -> Result<Response<GatewayBody>, Failure> {
    let place = head::place(&request, client)?;
    let (grant, rules) = {
        let serving = core.serving();
        let asked = AccessRequest { host: &place.host, path: request.uri().path() };
        let grant = access::decide(&serving.snapshot, asked)?;
        let rules = serving.rules(grant.application().id).and_then(|rules| rules.for_host(&place.host));
        (grant, rules.ok_or_else(|| Failure::new(Reason::NotPublished, "no rules for the application"))?)
    };
    let upgrade = upgrade::requested(&mut request)?;
    if upgrade.is_some() && core.shared.client_limits.same_origin_websockets {
        upgrade::check_origin(request.headers(), &place.authority)?;
    }
    let over_http2 = request.version() == Version::HTTP_2;
    let (parts, incoming) = request.into_parts();
    let affinity = Affinity::of(grant.application(), &parts.headers, &core.random);
    let body = ReplayBody::new(incoming, &parts.headers);
    let mut head = UpstreamHead::new(parts, &grant, &place, &rules, client)?;
    if let Some(upgrade) = &upgrade {
        head.upgrade(upgrade);
    }
    if head.connection_bound && client.bonds.needs_http1() {
        return Err(Failure::new(Reason::Http1Required, "a sign-in that is bound to its connection, over HTTP/2"));
    }
    // A call's messages come when there is something to say; its limit is the application's timeout.
    if over_http2 && !head.is_grpc() {
        body.demand_pace(core.shared.client_limits);
    }
    let deadline = rules.application.upstream_times.total.map(|total| Instant::now() + Duration::from(total));
    let session = affinity.map(|affinity| affinity.session);
    let job = Job { rules: &rules, head: &head, body: &body, bonds: &client.bonds, session, deadline };
    let answered = attempt::send(core, job).await?;
    let mut response = respond::respond(answered, &rules, &client.bonds, upgrade, deadline)?;
    if let Some(links) = &rules.links {
        response = Box::pin(respond::with_links(core, response, &head.method, links)).await?;
    }
    if let Some(affinity) = affinity {
        affinity.tell(response.headers_mut());
    }
    Ok(response)
}
