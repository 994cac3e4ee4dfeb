//! Sign-in of users: what vouches for a request of an application that requires it, and the ways to the provider and back.
//!
//! One sign-in host holds the only redirect URI and a session of its own. An application's host gets a copy of that
//! session by a sealed hand-over ([`adit_identity::hand_over`]) and keeps it in a cookie that is named after the application.
//!
//! - [`gate`]: whether a request is granted, and where it is sent or what it is answered if not.
//! - [`arrival`]: the places on an application's host, below `/.adit/`.
//! - [`host`]: the sign-in host, at which nothing is published.
//! - [`documents`]: by which upstreams verify what they are told of who asks.
//! - [`opened`]: sessions that need not be opened again.
//! - [`leash`]: what ends a request, an answer or a WebSocket that may not go on.
//!
//! Invariant: an application that requires sign-in gets a [`adit_core::Grant`] here and nowhere else, from a session that
//! [`session::judge`] has let pass or an access token that was verified.

mod arrival;
mod cacheable;
mod documents;
pub(crate) mod gate;
mod host;
pub(crate) mod leash;
mod navigation;
pub(crate) mod opened;
mod page;

use std::collections::HashSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_core::access::Who;
use adit_core::snapshot::PublishedApplication;
use adit_core::{ApplicationId, ExternalUrl, PreAuthentication, wildcard};
use adit_identity::cookie::{self, CookieSettings, RequestCookies};
use adit_identity::hand_over::UsedCodes;
use adit_identity::relying_party::SignInFailed;
use adit_identity::session::{self, Revocations, SessionId, SessionLimits};
use adit_identity::{AssertionKeys, Audience, ProviderSettings, RelyingParty, SealingRing, Session, UnusableIssuer};
use arc_swap::{ArcSwap, Guard};
use futures_util::future::BoxFuture;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response};

use crate::arriving::Arriving;
use crate::body::GatewayBody;
use crate::core::Core;
use crate::failure::Failure;
use crate::head::Place;
use crate::reason::Reason;
use cacheable::Shared;
use gate::Visitor;

/// What the paths of the sign-in begin with, on the sign-in host and on those of applications.
const PLACES: &str = "/.adit/";

/// What the provider has to know of a gateway whose sign-in host is `authority`: the only redirect URI, and where it sends
/// who has signed out.
#[must_use]
pub fn sign_in_places(authority: &str) -> [String; 2] {
    ["callback", "signed-out"].map(|place| format!("https://{authority}{PLACES}{place}"))
}

/// How users sign in.
pub struct SignInSettings {
    /// The sign-in host, in lower case, with its port if that is not 443. Nothing that is published there is served.
    pub authority: String,
    /// The provider, and how we are known there. It has been told the [`sign_in_places`].
    pub provider: ProviderSettings,
    /// The keys under which cookies are sealed.
    pub keys: Arc<ArcSwap<SealingRing>>,
    /// The keys by which upstreams are told who asks.
    pub assertions: Arc<ArcSwap<AssertionKeys>>,
    /// How long sessions last.
    pub limits: SessionLimits,
    /// The single sessions that were ended before their time. Whoever changes them swaps new ones in.
    pub ended: Arc<ArcSwap<HashSet<SessionId>>>,
    /// Who is told of sign-outs.
    pub sessions: Arc<dyn SessionDirectory>,
}

/// Keeps what was ended before its time, for this and other gateways.
pub trait SessionDirectory: Send + Sync + 'static {
    /// Ends a session, which would last until `until` (milliseconds since 1970). Once it has returned, those that
    /// the gateway knows to be ended have the session. The error is a sentence for the log.
    fn end(&self, session: SessionId, until: u64) -> BoxFuture<'static, Result<(), String>>;
}

/// Sign-in at work.
pub(crate) struct SignIn {
    party: RelyingParty,
    /// Lower case, without port.
    host: String,
    authority: String,
    /// The URL of the sign-in host.
    url: String,
    /// Where the provider sends who has signed out.
    signed_out: String,
    keys: Arc<ArcSwap<SealingRing>>,
    assertions: Arc<ArcSwap<AssertionKeys>>,
    limits: SessionLimits,
    ended: Arc<ArcSwap<HashSet<SessionId>>>,
    sessions: Arc<dyn SessionDirectory>,
    used: UsedCodes,
}

impl SignIn {
    pub(crate) fn new(settings: SignInSettings) -> Result<Self, UnusableIssuer> {
        let SignInSettings { authority, provider, keys, assertions, limits, ended, sessions } = settings;
        let host = without_port(&authority).to_owned();
        let [callback, signed_out] = sign_in_places(&authority);
        let party = RelyingParty::new(provider, &host, &callback)?;
        let (url, used) = (format!("https://{authority}"), UsedCodes::default());
        Ok(Self { party, host, authority, url, signed_out, keys, assertions, limits, ended, sessions, used })
    }

    /// The sign-in host, in lower case and without port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The URL of the sign-in host: who signs what upstreams are told.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The keys by which upstreams are told who asks.
    pub(crate) fn assertions(&self) -> Guard<Arc<AssertionKeys>> {
        self.assertions.load()
    }

    /// Whether a request is for a place of the sign-in, or may be.
    pub(crate) fn is_asked(&self, host: &str, path: &str) -> bool {
        self.is_at(host) || path.starts_with(PLACES)
    }

    fn is_at(&self, host: &str) -> bool {
        self.host == host
    }

    /// Answers a request for a place of the sign-in itself, which came `from` an address that is one client's; nothing where
    /// it is for an application.
    pub(crate) async fn answer(
        &self,
        core: &Core,
        place: &Place,
        request: &Request<Arriving>,
        from: Option<IpAddr>,
        request_id: HeaderValue,
    ) -> Option<Result<Response<GatewayBody>, Failure>> {
        if self.is_at(&place.host) {
            return Some(host::answer(core, self, request, from, request_id).await);
        }
        arrival::answer(core, self, place, request, request_id)
    }

    /// The session of an application that a request has, if it counts.
    fn session_of(
        &self,
        core: &Core,
        application: ApplicationId,
        host: &Rc<str>,
        headers: &HeaderMap,
        now: u64,
    ) -> Option<Rc<Session>> {
        let lines = cookie_lines(headers);
        let text = RequestCookies::new(&lines).find(&cookie::session_name(application)).one()?;
        let session =
            opened::session(&mut core.opened_lately.borrow_mut(), &self.keys.load(), (application, host), text)?;
        self.counts(core, &session, Some(application), now).then_some(session)
    }

    /// The session at the sign-in host that a request has, whether it counts or not.
    fn own_session(&self, headers: &HeaderMap) -> Option<Session> {
        self.session(cookie::SIGN_IN, Audience::sign_in_host(&self.host), headers)
    }

    /// The session that the cookie called `name` says, whether it counts or not.
    fn session(&self, name: &str, audience: Audience<'_>, headers: &HeaderMap) -> Option<Session> {
        let lines = cookie_lines(headers);
        let text = RequestCookies::new(&lines).find(name).one()?;
        Session::open(&self.keys.load(), audience, text).ok()
    }

    /// Whether a session counts, by what this core knows of the directory.
    fn counts(&self, core: &Core, session: &Session, application: Option<ApplicationId>, now: u64) -> bool {
        let (ended, serving) = (self.ended.load(), core.serving());
        let revocations = Revocations { sessions: &ended, directory: &serving.snapshot };
        let judged = session::judge(session, application, &self.limits, revocations, now);
        judged.inspect_err(|over| tracing::debug!(session = ?session.id, %over, "a session does not count")).is_ok()
    }

    /// The `Set-Cookie` value that gives an application's session to its browser.
    fn set_session(
        &self,
        session: &Session,
        application: &PublishedApplication,
        host: &str,
        now: u64,
    ) -> Option<String> {
        let here = Audience::application(application.id, host);
        let sealed = session.seal(&self.keys.load(), here).ok()?;
        let settings = CookieSettings::of(application.is_http_only_cookie, application.is_persistent_cookie);
        let seconds = session.ends.saturating_sub(now) / 1000;
        Some(cookie::set_session(&cookie::session_name(application.id), &sealed, settings, seconds))
    }

    /// Gives the session out again where it was last noted some time ago: never with an answer that others may get out of a
    /// cache.
    pub(crate) fn note_use(
        &self,
        visitor: &Visitor,
        application: &PublishedApplication,
        host: &str,
        to: &mut HeaderMap,
    ) {
        let (session, now) = (&visitor.session, now());
        if !visitor.has_cookie() || !self.limits.is_to_be_noted(session, now) {
            return;
        }
        match cacheable::shared(to) {
            Shared::Yes => return,
            Shared::Unsaid => cacheable::keep_private(to),
            Shared::No => {}
        }
        let used = Session { seen: now, ..Session::clone(session) };
        let cookie = self.set_session(&used, application, host, now);
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
            to.append(SET_COOKIE, cookie);
        }
    }
}

/// Who asks where nobody has signed in.
pub(crate) fn nobody(core: &Core) -> Who<'static> {
    if core.shared.sign_in.is_some() { Who::Anonymous } else { Who::SignInUnavailable }
}

/// The `Cookie` fields of a request.
fn cookie_lines(headers: &HeaderMap) -> Vec<&[u8]> {
    headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect()
}

/// Whether an application requires sign-in and is to be found at `host`.
fn is_signed_in_at(application: &PublishedApplication, host: &str) -> bool {
    let external = application.external_url.host();
    let below_wildcard = || wildcard::domain(external).is_some_and(|domain| wildcard::star(host, domain).is_some());
    application.pre_authentication == PreAuthentication::SignIn
        && (application.hosts().any(|own| own == host) || below_wildcard())
}

/// The URL by which an application is found at one of its hosts.
fn url_at<'a>(application: &'a PublishedApplication, host: &str) -> &'a ExternalUrl {
    application.alternate_url.as_ref().filter(|url| url.host() == host).unwrap_or(&application.external_url)
}

/// Where an application begins at one of its hosts.
fn prefix_at<'a>(application: &'a PublishedApplication, host: &str) -> &'a str {
    url_at(application, host).prefix().as_str()
}

/// An application's authority at one of its hosts, with the port that it is published with: whoever sends a request chooses
/// the one in its `Host`, and nobody is sent there.
fn authority_at(application: &PublishedApplication, host: &str) -> String {
    match url_at(application, host).port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A host and port without the port.
fn without_port(authority: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    authority.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(authority, |(host, _)| host)
}

/// The one value of a parameter of a query.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(own, _)| own == name).map(|(_, value)| value.into_owned());
    values.next().filter(|_| values.next().is_none())
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl From<SignInFailed> for Failure {
    fn from(failed: SignInFailed) -> Self {
        let reason = if failed.is_fault_of_provider() { Reason::ProviderUnavailable } else { Reason::SignInFailed };
        Self::new(reason, &failed.to_string())
    }
}

/// A sign-in that cannot go on here.
fn failed(detail: &dyn std::fmt::Display) -> Failure {
    Failure::new(Reason::SignInFailed, &detail.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_without_its_port() {
        assert_eq!(without_port("login.example:8443"), "login.example");
        assert_eq!(without_port("login.example"), "login.example");
    }

    #[test]
    fn a_parameter_that_is_there_twice_is_none() {
        assert_eq!(parameter(Some("a=1&b=2"), "b").as_deref(), Some("2"));
        assert_eq!(parameter(Some("b=1&b=2"), "b"), None);
        assert_eq!(parameter(Some("a=1"), "b"), None);
        assert_eq!(parameter(None, "b"), None);
    }
}
