//! One request: decided, cleaned, sent through a connector, answered, recorded.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{Request, Response, Version};
use tokio::time::Instant;

use crate::affinity::Affinity;
use crate::answer::{self, Asked};
use crate::arriving::Arriving;
use crate::attempt::{self, Job};
use crate::body::GatewayBody;
use crate::core::Core;
use crate::edge::Client;
use crate::failure::Failure;
use crate::head::{self, UpstreamHead};
use crate::interim::{Interim, Way};
use crate::reason::Reason;
use crate::record::Record;
use crate::replay::ReplayBody;
use crate::respond::{self, Responded};
use crate::sign_in::gate::{self, Admitted, Visitor};
use crate::sign_in::leash::Leash;
use crate::sign_on;
use crate::translate::Entered;
use crate::upgrade;

/// Answers one request, whatever happens. The error is an answer as well: an HTTP/2 stream that is reset with a reason.
pub(crate) async fn serve(
    core: &Rc<Core>,
    client: &Rc<Client>,
    request: Request<Arriving>,
    way: Way<'_>,
) -> Result<Response<GatewayBody>, h2::Error> {
    let asked = Asked::of(&request);
    let mut record = Record::begin(&core.recorder, client, &request);
    match forward(core, client, request, way, &mut record).await {
        Ok(Responded { mut response, switch, .. }) => {
            record.answered(response.status());
            if core.shared.server_timing {
                record.tell_times(response.headers_mut());
            }
            match switch {
                Some(switch) => {
                    switch.join(record);
                    Ok(response)
                }
                None => Ok(response.map(|body| body.recorded(record))),
            }
        }
        Err(failure) => refuse(core, client, failure, &asked, record),
    }
}

fn refuse(
    core: &Core,
    client: &Client,
    failure: Failure,
    asked: &Asked,
    mut record: Box<Record>,
) -> Result<Response<GatewayBody>, h2::Error> {
    let (request_id, reason, detail) = (record.id, failure.reason.as_str(), &failure.detail);
    let is_failure = failure.reason.status().is_server_error() && failure.reason != Reason::VersionNotSupported;
    if is_failure && record.fails(&failure) {
        tracing::warn!(%request_id, client = %client.address, reason, ?detail, "a request failed");
    } else {
        tracing::debug!(%request_id, client = %client.address, reason, ?detail, "a request was refused");
    }
    let answered = failure
        .reason
        .is_answered()
        .then(|| answer::answer(failure.reason, failure.notice.as_deref(), record.id_value(), asked));
    let (status, head) = (failure.status(), failure.head.clone());
    record.refused(failure);
    match answered {
        Some(mut response) => {
            if let Some(head) = head {
                *response.status_mut() = status;
                head.apply(response.headers_mut());
            }
            if core.shared.server_timing {
                record.tell_times(response.headers_mut());
            }
            Ok(response.map(|body| body.recorded(record)))
        }
        None => Err(h2::Reason::HTTP_1_1_REQUIRED.into()),
    }
}

/// Answers what the guard beneath the HTTP library did not let through; `stand_in` is what the library read in its place.
pub(crate) fn turn_away(
    core: &Core,
    client: &Rc<Client>,
    stand_in: &Request<Arriving>,
    failure: Failure,
) -> Result<Response<GatewayBody>, h2::Error> {
    let mut record = Record::begin(&core.recorder, client, stand_in);
    record.was_not_read();
    refuse(core, client, failure, &Asked::default(), record)
}

async fn forward(
    core: &Rc<Core>,
    client: &Client,
    mut request: Request<Arriving>,
    way: Way<'_>,
    record: &mut Record,
) -> Result<Responded, Failure> {
    let place = head::place(&request, client);
    // What is refused has its place in the trace as well; what is told the upstream counts for no limit.
    record.joins_trace(request.headers_mut(), &mut core.random.borrow_mut());
    let place = place?;
    record.asks_for(&place.host);
    let sign_in = core.shared.sign_in.as_ref();
    if let Some(sign_in) = sign_in.filter(|sign_in| sign_in.is_asked(&place.host, request.uri().path())) {
        let from = client.sender(request.headers(), &core.shared.trusted_proxies);
        let answered = Box::pin(sign_in.answer(core, &place, &request, from, record.id_value())).await;
        if let Some(response) = answered.transpose()? {
            return Ok(Responded { response, switch: None, challenges: false });
        }
    }
    let Admitted { grant, rules, links, visitor } = gate::admit(core, &place, &request).await?;
    record.goes_by(&rules);
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut leash = Leash::new(core, visitor, rules.application.id, &place.host, path);
    if let Some(visitor) = leash.visitor() {
        record.is_asked_by(visitor.owner().1);
    }
    let entered = Entered::of(&grant, request.uri().path());
    let upgrade = upgrade::requested(&mut request)?;
    // Browsers send cookies with the WebSockets of any page, whoever made it.
    let by_cookie = leash.visitor().is_some_and(Visitor::has_cookie);
    if upgrade.is_some() && (by_cookie || core.shared.client_limits.same_origin_websockets) {
        upgrade::check_origin(request.headers(), &place.authority)?;
    }
    let over_http2 = request.version() == Version::HTTP_2;
    let (mut parts, incoming) = request.into_parts();
    if let Some(visitor) = leash.visitor() {
        visitor.withhold(&mut parts.headers);
        client.bonds.belong_to(visitor.owner());
    }
    let affinity = Affinity::of(grant.application(), &parts.headers, &core.random);
    let body = ReplayBody::new(incoming, &parts.headers, rules.sign_on.as_ref());
    let mut head = UpstreamHead::new(parts, &grant, &place, &rules, client)?;
    head.identify(record.id_value());
    if let Some(upgrade) = &upgrade {
        head.upgrade(upgrade);
    }
    if let (Some(visitor), Some(sign_in), Some(fields)) = (leash.visitor(), sign_in, &rules.sign_on) {
        sign_on::tell(core, sign_in, fields, (&grant, visitor), head.headers_mut())?;
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
    record.receives(body.received());
    let (bonds, course) = (&client.bonds, &record.course);
    let begun = record.begun();
    let interim = Interim::new(if upgrade.is_some() { Way::Closed } else { way }, &rules, entered);
    let job =
        Job { rules: &rules, head: &head, body: &body, bonds, session, begun, deadline, course, interim: &interim };
    let answered = {
        let sending = pin!(attempt::send(core, job));
        tokio::select! {
            biased;
            answered = sending => answered?,
            () = leash.ended() => return Err(leash.failure()),
        }
    };
    let Responded { mut response, switch, challenges } =
        respond::respond(answered, &rules, entered, bonds, upgrade, deadline)?;
    if challenges && bonds.is_of_one_user() {
        // As it is published: under a wildcard clients choose the names.
        core.shared.http1_hosts.remember(grant.url().host());
    }
    if let Some(links) = &links {
        let translating = Box::pin(respond::with_links(core, response, &head.method, links));
        response = tokio::select! {
            biased;
            translated = translating => translated?,
            () = leash.ended() => return Err(leash.failure()),
        };
    }
    if let Some(affinity) = affinity {
        affinity.tell(response.headers_mut());
    }
    if let (None, Some(visitor), Some(sign_in)) = (&switch, leash.visitor(), sign_in) {
        sign_in.note_use(visitor, grant.application(), &place.host, response.headers_mut());
    }
    Ok(match switch {
        Some(switch) => Responded { response, switch: Some(switch.held_by(leash)), challenges },
        None => Responded { response: response.map(|body| body.held_by(leash)), switch: None, challenges },
    })
}
