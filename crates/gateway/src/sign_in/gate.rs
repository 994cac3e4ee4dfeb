//! Whether a request is granted: to an application that requires sign-in by the session of its browser, or by an access
//! token. Who has neither is sent to sign in, or told to.

use std::rc::Rc;
use std::sync::Arc;

use adit_core::access::{self, AccessRequest, Grant, Principal, Refused, Who};
use adit_core::snapshot::PublishedApplication;
use adit_core::{PrincipalId, PrincipalKind};
use adit_identity::cookie::{self, Found, RequestCookies};
use adit_identity::hand_over;
use adit_identity::relying_party;
use adit_identity::return_url::{NotAReturnUrl, ReturnUrl};
use adit_identity::session::{Person, Revocations, SessionId};
use adit_identity::{Bearer, Session, TokenRefused};
use http::header::{AUTHORIZATION, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, StatusCode, Uri};

use super::navigation::is_navigation;
use super::{PLACES, SignIn, authority_at, cookie_lines, now, prefix_at};
use crate::arriving::Arriving;
use crate::core::Core;
use crate::failure::Failure;
use crate::head::Place;
use crate::reason::Reason;
use crate::serving::{ForwardingRules, Serving};
use crate::translate::PageLinks;
use crate::upgrade;

/// A request that may be forwarded.
pub(crate) struct Admitted {
    pub(crate) grant: Grant,
    pub(crate) rules: Arc<ForwardingRules>,
    /// How links in the pages of the application are translated, if they are: of the same version as the rules.
    pub(crate) links: Option<PageLinks>,
    /// Who sent it; nobody where the application is open to everybody.
    pub(crate) visitor: Option<Visitor>,
}

/// Somebody whose request was granted.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) session: Rc<Session>,
    pub(crate) kind: PrincipalKind,
    by: By,
    /// The credentials of the request are ours, and no upstream's.
    keeps_credentials: bool,
}

/// What vouches for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Cookie,
    Token,
}

impl Visitor {
    /// A user by number who has signed in.
    #[cfg(test)]
    pub(crate) fn imagined(number: u128, name: &str) -> Self {
        use adit_core::revision::{Epoch, Revision};
        let person = Person {
            issuer: "https://id.example".to_owned(),
            subject: number.to_string(),
            principal: PrincipalId::new(uuid::Uuid::from_u128(number)),
            display_name: Some(name.to_owned()),
            user_name: None,
            groups: Vec::new(),
            groups_left_out: 0,
            roles: Vec::new(),
            claims: Vec::new(),
        };
        let limits = adit_identity::session::SessionLimits::default();
        let session = Session::begin(person, &limits, (Epoch(1), Revision(1)), 5_000).unwrap();
        Self { session: Rc::new(session), kind: PrincipalKind::User, by: By::Cookie, keeps_credentials: false }
    }

    /// Takes out of a request's head what is between us and the client. (Cookies of ours are never passed on.)
    pub(crate) fn withhold(&self, headers: &mut HeaderMap) {
        if self.keeps_credentials {
            headers.remove(AUTHORIZATION);
        }
    }

    /// Whether a session's cookie vouched.
    pub(crate) fn has_cookie(&self) -> bool {
        self.by == By::Cookie
    }

    /// Whose connection it is, for what is bound to one.
    pub(crate) fn owner(&self) -> (SessionId, PrincipalId) {
        (self.session.id, self.session.person.principal)
    }

    /// As the access decision has them.
    pub(super) fn principal(&self) -> Principal<'_> {
        let Person { principal, groups, groups_left_out, .. } = &self.session.person;
        Principal { kind: self.kind, id: *principal, groups, groups_left_out: *groups_left_out }
    }
}

/// Decides about a request.
///
/// # Errors
/// [`Failure`]: why the application is not served, the way to sign in, or why whoever signed in may not.
pub(crate) async fn admit(core: &Core, place: &Place, request: &Request<Arriving>) -> Result<Admitted, Failure> {
    match admit_at_once(core, place, request)? {
        Decided::Admitted(admitted) => Ok(admitted),
        // Boxed: hardly any request has a token, and all others would carry its room.
        Decided::ByToken(sign_in, application, token) => {
            let visitor = Box::pin(sign_in.vouched_by(core, &application, token)).await?;
            admit_visitor(core, sign_in, &application, visitor, place, request)
        }
    }
}

/// What is known of a request without waiting for anything.
enum Decided<'r> {
    Admitted(Admitted),
    /// An access token has to vouch for it.
    ByToken(&'r SignIn, Arc<PublishedApplication>, &'r str),
}

fn admit_at_once<'r>(core: &'r Core, place: &Place, request: &'r Request<Arriving>) -> Result<Decided<'r>, Failure> {
    let serving = core.serving();
    let asked = AccessRequest { host: &place.host, path: request.uri().path() };
    let reached = access::reach(&serving.snapshot, asked).map_err(Refused::from)?;
    let application = reached.application();
    if reached.is_open_to_all() {
        return Ok(Decided::Admitted(admitted(&serving, reached.decide(Who::Anonymous)?, place, None)?));
    }
    let Some(sign_in) = core.shared.sign_in.as_ref() else {
        // Nobody has signed in where nobody can, so this is a refusal.
        let refused = reached.decide(Who::SignInUnavailable).err().map(Failure::from);
        return Err(refused.unwrap_or_else(|| Failure::new(Reason::SignInUnavailable, "no provider is configured")));
    };
    let headers = request.headers();
    let Some(session) = sign_in.session_of(core, application.id, &place.host, headers, now()) else {
        return match bearer(headers) {
            Some(token) => Ok(Decided::ByToken(sign_in, Arc::clone(application), token)),
            None => Err(sign_in.ask(application, place, request)),
        };
    };
    let is_ours = |token| relying_party::says_it_is_for(token, &as_texts(&audiences(application)));
    let keeps_credentials = bearer(headers).is_some_and(is_ours);
    let visitor = Visitor { session, kind: PrincipalKind::User, by: By::Cookie, keeps_credentials };
    let granted = reached.decide(Who::Principal(visitor.principal()));
    let grant = granted.map_err(|refused| explained(refused, &visitor.session.person, &sign_in.authority))?;
    Ok(Decided::Admitted(admitted(&serving, grant, place, Some(visitor))?))
}

/// The same for somebody for whom a token vouched, at what is served by now.
fn admit_visitor(
    core: &Core,
    sign_in: &SignIn,
    application: &PublishedApplication,
    visitor: Visitor,
    place: &Place,
    request: &Request<Arriving>,
) -> Result<Admitted, Failure> {
    let serving = core.serving();
    let asked = AccessRequest { host: &place.host, path: request.uri().path() };
    let granted = access::decide_for(&serving.snapshot, asked, Who::Principal(visitor.principal()));
    let grant = granted.map_err(|refused| explained(refused, &visitor.session.person, &sign_in.authority))?;
    // The token is for the application that was asked for; it may be another one's place by now.
    if grant.application().id != application.id {
        return Err(sign_in.ask(grant.application(), place, request));
    }
    admitted(&serving, grant, place, Some(visitor))
}

fn admitted(serving: &Serving, grant: Grant, at: &Place, visitor: Option<Visitor>) -> Result<Admitted, Failure> {
    let rules = serving.rules(grant.application().id).and_then(|rules| rules.for_host(&at.host));
    let rules = rules.ok_or_else(|| Failure::new(Reason::NotPublished, "no rules for the application"))?;
    let links = serving.page_links(&rules, grant.entrance());
    Ok(Admitted { grant, rules, links, visitor })
}

/// Tells who was refused as whom they are signed in, and what may be the reason.
fn explained(refused: Refused, person: &Person, sign_in: &str) -> Failure {
    let left_out = match &refused {
        Refused::NotAssigned { groups_left_out, .. } => *groups_left_out,
        Refused::Disabled { .. } => 0,
        _ => return refused.into(),
    };
    let name = person.user_name.as_deref().or(person.display_name.as_deref()).unwrap_or(&person.subject);
    let mut notice = format!("You are signed in as {name}.");
    notice.push_str(&format!("\nTo sign in as somebody else, sign out at https://{sign_in}/ first."));
    if left_out > 0 {
        notice.push_str("\nYou are in more groups than could be looked at.");
    }
    Failure::from(refused).with_notice(notice)
}

/// What an access token for an application may have as its audience.
fn audiences(application: &PublishedApplication) -> Vec<String> {
    let id = application.app_id.uuid();
    let own = [id.to_string(), format!("api://{id}")];
    own.into_iter().chain(application.identifier_uris.iter().map(ToString::to_string)).collect()
}

fn as_texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// The token of the one `Authorization: Bearer` that a request has.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl SignIn {
    /// Who an access token speaks for.
    async fn vouched_by(
        &self,
        core: &Core,
        application: &PublishedApplication,
        token: &str,
    ) -> Result<Visitor, Failure> {
        let audiences = audiences(application);
        let verified = self.party.verify_access_token(token, &as_texts(&audiences)).await;
        let refused = |why: &dyn std::fmt::Display| {
            let detail = format!("the access token does not count: {why}");
            let challenge = "Bearer error=\"invalid_token\"";
            Failure::new(Reason::SignInRequired, &detail).with_field(WWW_AUTHENTICATE, challenge)
        };
        let bearer = match verified {
            Ok(bearer) => bearer,
            Err(TokenRefused::IssuerUnavailable) => {
                return Err(Failure::new(Reason::ProviderUnavailable, "the keys of the provider cannot be fetched"));
            }
            Err(why) => return Err(refused(&why)),
        };
        let Bearer { kind, mut person, groups, issued, ends } = bearer;
        person.keep_groups(groups, |group| core.serving().snapshot.names_group(group));
        // A user whose sessions were ended has no more with older tokens.
        let session = {
            let (ended, serving) = (self.ended.load(), core.serving());
            let revocations = Revocations { sessions: &ended, directory: &serving.snapshot };
            Session::of_token(person, (issued, ends), application.id, revocations, now())
        };
        let session = session.map_err(|over| refused(&over))?;
        if !self.counts(core, &session, Some(application.id), now()) {
            return Err(refused(&"it was issued too long ago"));
        }
        Ok(Visitor { session: Rc::new(session), kind, by: By::Token, keeps_credentials: true })
    }

    /// Sends a browser that opens a page to sign in, and tells everybody else to.
    fn ask(&self, application: &PublishedApplication, place: &Place, request: &Request<Arriving>) -> Failure {
        let (method, headers) = (request.method(), request.headers());
        let detail = format!("application {} requires sign-in", application.id);
        let told = Failure::new(Reason::SignInRequired, &detail).with_field(WWW_AUTHENTICATE, "Bearer");
        if is_upgrade(request) || !is_navigation(method, headers) {
            return told;
        }
        match self.leave(application, place, request.uri(), &cookie_lines(headers)) {
            Some((location, set_cookies)) => {
                let sent = Failure::new(Reason::SignInRequired, &detail).with_status(StatusCode::FOUND);
                let sent = sent.with_field(LOCATION, &location);
                set_cookies.iter().fold(sent, |sent, cookie| sent.with_field(SET_COOKIE, cookie))
            }
            None => told,
        }
    }

    /// Where a browser goes to sign in, and the cookies that it gets.
    fn leave(
        &self,
        application: &PublishedApplication,
        place: &Place,
        uri: &Uri,
        lines: &[&[u8]],
    ) -> Option<(String, Vec<String>)> {
        let cookies = RequestCookies::new(lines);
        let authority = authority_at(application, &place.host);
        let url = return_url(&authority, uri, prefix_at(application, &place.host));
        let (ring, now) = (self.keys.load(), now());
        let left = hand_over::leave(&ring, application.id, &place.host, &self.host, &url.ok()?, &cookies, now);
        let leaving = left.ok()?;
        let mut set_cookies = Vec::new();
        let session = cookie::session_name(application.id);
        if cookies.find(&session) != Found::Nothing {
            // Whatever is there does not count.
            set_cookies.push(cookie::remove(&session));
        }
        set_cookies.extend(leaving.set_cookies);
        Some((format!("https://{}{PLACES}sign-in?request={}", self.authority, leaving.request), set_cookies))
    }
}

fn is_upgrade(request: &Request<Arriving>) -> bool {
    upgrade::is_extended_connect(request)
        || *request.method() == Method::CONNECT
        || request.headers().contains_key(http::header::UPGRADE)
}

/// The URL that was asked, or the nearest one that can be kept. Browsers write a few characters as they are that could end a
/// header or an attribute elsewhere: these come back escaped, which is the same to servers.
fn return_url(authority: &str, uri: &Uri, home: &str) -> Result<ReturnUrl, NotAReturnUrl> {
    let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
    let mut escaped = String::with_capacity(asked.len());
    for byte in asked.bytes() {
        if byte.is_ascii_graphic() && !b"\\\"<>#".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    ReturnUrl::nearest(authority, &escaped, home)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_url_that_was_asked_is_kept_and_odd_characters_in_it_are_escaped() {
        let of =
            |asked: &str| return_url("a.example", &asked.parse().unwrap(), "/home").map(|url| url.as_str().to_owned());
        assert_eq!(of("/x%2fy?a=b&c=%7B"), Ok("https://a.example/x%2fy?a=b&c=%7B".to_owned()));
        assert_eq!(of("/x?filter={a|b}^c"), Ok("https://a.example/x?filter={a|b}^c".to_owned()));
        let long = "y".repeat(8_000);
        assert_eq!(of(&format!("/x?{long}")), Ok("https://a.example/x".to_owned()), "without the query");
        assert_eq!(of(&format!("/{long}")), Ok("https://a.example/home".to_owned()));
        assert_eq!(of("//b.example/"), Ok("https://a.example//b.example/".to_owned()));
    }

    #[test]
    fn one_bearer_token_is_one() {
        let of = |fields: &[&'static str]| {
            let fields = fields.iter().map(|field| (AUTHORIZATION, HeaderValue::from_static(field)));
            bearer(&fields.collect()).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(of(&["bearer  abc "]).as_deref(), Some("abc"));
        for none in [&[][..], &["Basic abc"], &["Bearer"], &["Bearer a", "Bearer b"], &["Bearera b"]] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
