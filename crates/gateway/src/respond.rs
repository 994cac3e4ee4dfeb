//! An upstream's answer on its way to the client.

use std::rc::Rc;

use http::header::{CONNECTION, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::answer::{REASON_HEADER, Reason};
use crate::attempt::Answered;
use crate::body::{GatewayBody, UpstreamBody};
use crate::bond::Bonds;
use crate::failure::Failure;
use crate::head::{is_connection_bound, remove_hop_by_hop};
use crate::pool::Lease;
use crate::serving::ForwardingRules;
use crate::translate;
use crate::upgrade::Upgrade;

/// Turns the answer into the client's: hop-by-hop fields removed, URLs translated, an upgrade joined.
pub(crate) fn respond(
    answered: Answered,
    rules: &ForwardingRules,
    bonds: &Rc<Bonds>,
    upgrade: Option<Upgrade>,
) -> Result<Response<GatewayBody>, Failure> {
    let Answered { mut response, mut lease } = answered;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upgrade =
            upgrade.ok_or_else(|| Failure::new(Reason::UpstreamInvalid, "101 to a request that did not ask for it"))?;
        return Ok(switch(response, lease, rules, upgrade));
    }
    if response.headers().get_all(WWW_AUTHENTICATE).iter().any(is_connection_bound) {
        lease.bind(bonds);
    }
    clean(response.headers_mut(), rules);
    let connector = lease.connector();
    tracing::trace!(connector = %connector.connector, status = response.status().as_u16(), "answered");
    Ok(response.map(|incoming| GatewayBody::Upstream(UpstreamBody::new(incoming, lease))))
}

fn switch(
    mut response: Response<hyper::body::Incoming>,
    lease: Lease,
    rules: &ForwardingRules,
    upgrade: Upgrade,
) -> Response<GatewayBody> {
    let protocol = upgrade.protocol.clone();
    upgrade.join(&mut response, lease);
    clean(response.headers_mut(), rules);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, protocol);
    response.map(|_| GatewayBody::empty())
}

fn clean(headers: &mut HeaderMap, rules: &ForwardingRules) {
    remove_hop_by_hop(headers);
    // Only the gateway gives reasons.
    headers.remove(REASON_HEADER);
    translate::to_client(headers, rules.mapping.as_ref());
}
