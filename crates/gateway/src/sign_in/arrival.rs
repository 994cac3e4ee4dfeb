//! The places of the sign-in on an application's own host: where a browser comes back with a code, and where a page of the
//! application sends somebody who wants to sign out.

use std::sync::Arc;

use adit_core::ApplicationId;
use adit_core::snapshot::PublishedApplication;
use adit_identity::Audience;
use adit_identity::cookie::{self, RequestCookies};
use adit_identity::hand_over::{self, HandOverRefused};
use adit_identity::sign_out::ToEnd;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use uuid::Uuid;

use super::{PLACES, SignIn, authority_at, cookie_lines, failed, is_signed_in_at, now, page, parameter, prefix_at};
use crate::arriving::Arriving;
use crate::body::GatewayBody;
use crate::core::Core;
use crate::failure::Failure;
use crate::head::Place;
use crate::reason::Reason;

/// Answers a request for a place of the sign-in at an application's host; nothing where it is none, and the application's
/// to answer.
pub(crate) fn answer(
    core: &Core,
    sign_in: &SignIn,
    place: &Place,
    request: &Request<Arriving>,
    request_id: HeaderValue,
) -> Option<Result<Response<GatewayBody>, Failure>> {
    let application = match request.uri().path().strip_prefix(PLACES)? {
        "signed-in" => named(core, place, request)?,
        "sign-out" => {
            let serving = core.serving();
            let route = serving.snapshot.route(&place.host, request.uri().path())?;
            is_signed_in_at(route.application, &place.host).then_some(())?;
            let to = sign_out(sign_in, route.application.id, &place.host, request.headers());
            return Some(Ok(page::redirect(&to, &[], request_id)));
        }
        _ => return None,
    };
    if request.method() != Method::GET {
        return Some(Err(Failure::new(Reason::MethodNotAllowed, "a code comes with GET")));
    }
    Some(arrive(core, sign_in, &application, place, request, request_id))
}

/// Where somebody signs out: with the session of the application, for the sign-in host's may be gone.
fn sign_out(sign_in: &SignIn, application: ApplicationId, host: &str, headers: &HeaderMap) -> String {
    let to = format!("https://{}{PLACES}sign-out", sign_in.authority);
    let here = Audience::application(application, host);
    let session = sign_in.session(&cookie::session_name(application), here, headers);
    match session.and_then(|session| ToEnd::from(&session).seal(&sign_in.keys.load(), &sign_in.host).ok()) {
        Some(sealed) => format!("{to}?session={sealed}"),
        None => to,
    }
}

/// The application that a code is for, if it is one of this host.
fn named(core: &Core, place: &Place, request: &Request<Arriving>) -> Option<Arc<PublishedApplication>> {
    let id = Uuid::try_parse(&parameter(request.uri().query(), "app")?).ok().map(ApplicationId::new)?;
    let serving = core.serving();
    let application = &serving.rules(id)?.application;
    is_signed_in_at(application, &place.host).then(|| Arc::clone(application))
}

fn arrive(
    core: &Core,
    sign_in: &SignIn,
    application: &PublishedApplication,
    place: &Place,
    request: &Request<Arriving>,
    request_id: HeaderValue,
) -> Result<Response<GatewayBody>, Failure> {
    let (headers, now) = (request.headers(), now());
    let code = parameter(request.uri().query(), "code").ok_or_else(|| failed(&"there is no code"))?;
    let lines = cookie_lines(headers);
    let cookies = RequestCookies::new(&lines);
    let authority = authority_at(application, &place.host);
    let here = (&*place.host, authority.as_str());
    let ring = sign_in.keys.load();
    let arrived = match hand_over::redeem(&ring, application.id, here, &code, &cookies, &sign_in.used, now) {
        Ok(arrived) => arrived,
        // The back button, or the same page twice: who has a session by now goes on to the application.
        Err(HandOverRefused::Used | HandOverRefused::OtherBrowser | HandOverRefused::Expired)
            if sign_in.session_of(core, application.id, &place.host, headers, now).is_some() =>
        {
            let to = format!("https://{authority}{}", prefix_at(application, &place.host));
            return Ok(page::redirect(&to, &[], request_id));
        }
        Err(refused) => return Err(failed(&refused)),
    };
    let mut set_cookies: Vec<String> = arrived.remove.iter().map(|name| cookie::remove(name)).collect();
    // One that did not count would be sent to sign in again, and again.
    if !sign_in.counts(core, &arrived.session, Some(application.id), now) {
        let over = failed(&"the session that was handed over does not count");
        return Err(set_cookies.iter().fold(over, |over, cookie| over.with_field(SET_COOKIE, cookie)));
    }
    let session = sign_in.set_session(&arrived.session, application, &place.host, now);
    let session = session.ok_or_else(|| failed(&"the session could not be sealed"))?;
    let surplus = cookies.sessions_beside(&cookie::session_name(application.id), session.len());
    set_cookies.extend(surplus.iter().map(|name| cookie::remove(name)));
    set_cookies.push(session);
    tracing::info!(
        application = %application.id, user = %arrived.session.person.principal, session = ?arrived.session.id,
        "a user is signed in at an application"
    );
    Ok(page::redirect(arrived.return_url.as_str(), &set_cookies, request_id))
}
