//! An upstream's answer on its way to the client.

use std::rc::Rc;
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method, Response, StatusCode};
use tokio::time::Instant;

use crate::answer::REASON_HEADER;
use crate::attempt::Answered;
use crate::body::{GatewayBody, UpstreamBody};
use crate::bond::Bonds;
use crate::core::Core;
use crate::failure::Failure;
use crate::head::fields::{is_connection_bound, remove_hop_by_hop};
use crate::limits;
use crate::pace::{BodyError, Pace};
use crate::reason::Reason;
use crate::serving::ForwardingRules;
use crate::translate::{self, Entered, Outward, PageLinks};
use crate::upgrade::{Switch, Upgrade};

/// What the client gets, and what follows it.
pub(crate) struct Responded {
    pub(crate) response: Response<GatewayBody>,
    /// The connections to join, where the upstream agreed to another protocol.
    pub(crate) switch: Option<Switch>,
    /// The application signs in connections, and asked for it.
    pub(crate) challenges: bool,
}

/// Turns the answer into the client's: hop-by-hop fields removed, URLs translated, an upgrade joined.
pub(crate) fn respond(
    answered: Answered,
    rules: &ForwardingRules,
    entered: Entered,
    bonds: &Rc<Bonds>,
    upgrade: Option<Upgrade>,
    deadline: Option<Instant>,
) -> Result<Responded, Failure> {
    let Answered { mut response, mut lease } = answered;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let unasked = || Failure::new(Reason::UpstreamInvalid, "101 to a request that did not ask for it");
        let upgrade = upgrade.ok_or_else(unasked)?;
        upgrade.check(response.headers())?;
        clean(response.headers_mut(), rules, entered);
        let idle = rules.application.upstream_times.idle.map_or(limits::WEBSOCKET_IDLE, Duration::from);
        let (response, switch) = upgrade.switch(response, lease, idle);
        return Ok(Responded { response, switch: Some(switch), challenges: false });
    }
    if response.status().is_success() && upgrade.is_some_and(|upgrade| upgrade.over_http2()) {
        // For the client it would be the WebSocket it asked for.
        return Err(Failure::new(Reason::UpstreamInvalid, "no WebSocket, but a page instead of it"));
    }
    let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter().any(is_connection_bound);
    if challenges {
        lease.bind(bonds);
    }
    clean(response.headers_mut(), rules, entered);
    let connector = lease.connector();
    tracing::trace!(connector = %connector.connector, status = response.status().as_u16(), "answered");
    let pace = Pace::of(&rules.application.upstream_times, deadline);
    let response = response.map(|incoming| GatewayBody::of_upstream(UpstreamBody::new(incoming, lease, pace)));
    Ok(Responded { response, switch: None, challenges })
}

/// Translates the links in an answer's body, if it has any.
pub(crate) async fn with_links(
    core: &Core,
    response: Response<GatewayBody>,
    method: &Method,
    links: &PageLinks,
) -> Result<Response<GatewayBody>, Failure> {
    let (head, mut body) = response.into_parts();
    let Some(body) = body.take_upstream() else { return Ok(Response::from_parts(head, body)) };
    let translated = translate::translate(Response::from_parts(head, body), method, links, &core.held).await;
    let translated = translated.map_err(|error| not_collected(&error))?;
    Ok(translated.map(GatewayBody::passing))
}

/// A body that had to be collected first and did not come whole: nothing has been said to the client yet.
fn not_collected(error: &BodyError) -> Failure {
    let reason = match error {
        BodyError::Broken(_) | BodyError::SessionEnded => Reason::UpstreamClosed,
        BodyError::Silent | BodyError::TooLong => Reason::UpstreamTimeout,
    };
    Failure::caused(reason, error)
}

/// Removes what ends at this hop or is the gateway's to say, and translates URLs and cookies.
pub(crate) fn clean(headers: &mut HeaderMap, rules: &ForwardingRules, entered: Entered) {
    remove_hop_by_hop(headers);
    // Only the gateway gives reasons.
    headers.remove(REASON_HEADER);
    let mapping = rules.translations.at(entered.entrance);
    let Entered { default_path, .. } = entered;
    translate::to_client(headers, Outward { mapping, host_header: rules.application.host_header, default_path });
}
