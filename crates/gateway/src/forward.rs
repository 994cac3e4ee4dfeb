//! One request: decided, cleaned, sent through a connector, answered.

use std::rc::Rc;
use std::sync::Arc;

use adit_core::access::{self, AccessRequest};
use http::header::ACCEPT;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use uuid::Uuid;

use crate::answer::{self, Reason};
use crate::attempt::{self, Job};
use crate::body::GatewayBody;
use crate::core::Core;
use crate::edge::Client;
use crate::failure::Failure;
use crate::head::{self, UpstreamHead};
use crate::replay::ReplayBody;
use crate::{respond, upgrade};

/// Answers one request, whatever happens.
pub(crate) async fn serve(core: &Rc<Core>, client: &Client, request: Request<Incoming>) -> Response<GatewayBody> {
    let accept = request.headers().get(ACCEPT).cloned();
    match forward(core, client, request).await {
        Ok(response) => {
            core.shared.metrics.forwarded.inc();
            response
        }
        Err(failure) => {
            let request_id = Uuid::new_v4();
            core.shared.metrics.failed(failure.reason);
            let (reason, detail) = (failure.reason.as_str(), &failure.detail);
            if failure.reason.status().is_server_error() {
                tracing::warn!(%request_id, client = %client.address, reason, ?detail, "a request failed");
            } else {
                tracing::debug!(%request_id, client = %client.address, reason, ?detail, "a request was refused");
            }
            let asked = accept.map(|accept| HeaderMap::from_iter([(ACCEPT, accept)]));
            answer::answer(failure.reason, request_id, asked.as_ref())
        }
    }
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
        let rules = serving.rules(grant.application().id).map(Arc::clone);
        (grant, rules.ok_or_else(|| Failure::new(Reason::NotPublished, "no rules for the application"))?)
    };
    let upgrade = upgrade::requested(&mut request);
    let (parts, incoming) = request.into_parts();
    let mut head = UpstreamHead::new(parts, &grant, &place, &rules, client)?;
    if let Some(upgrade) = &upgrade {
        head.upgrade_to(upgrade.protocol.clone());
    }
    let body = ReplayBody::new(incoming);
    let answered = attempt::send(core, Job { rules: &rules, head: &head, body: &body }).await?;
    respond::respond(answered, &rules, head.connection_bound, upgrade)
}
