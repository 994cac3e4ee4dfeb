//! The sign-in host: it sends browsers to the provider, takes them back, hands sessions over to applications, and ends them.

use std::net::IpAddr;
use std::sync::Arc;

use adit_core::access::{self, AccessRequest, Principal, Who};
use adit_core::{PreAuthentication, PrincipalKind};
use adit_identity::cookie::{self, CookieSettings, RequestCookies};
use adit_identity::hand_over::HandOverRequest;
use adit_identity::relying_party::SignedIn;
use adit_identity::session::Person;
use adit_identity::sign_out::ToEnd;
use adit_identity::{Audience, Session};
use http::header::{ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};

use super::documents::{self, DISCOVERY};
use super::page::{self, Listed, Way};
use super::{PLACES, SignIn, authority_at, cookie_lines, failed, is_signed_in_at, now, parameter};
use crate::arriving::Arriving;
use crate::body::GatewayBody;
use crate::core::Core;
use crate::failure::Failure;
use crate::reason::Reason;
use crate::serving::Serving;

/// The most applications that are listed for one user.
const MOST_LISTED: usize = 200;

/// Answers a request at the sign-in host.
pub(crate) async fn answer(
    core: &Core,
    sign_in: &SignIn,
    request: &Request<Arriving>,
    from: Option<IpAddr>,
    request_id: HeaderValue,
) -> Result<Response<GatewayBody>, Failure> {
    let visit = Visit { core, sign_in, headers: request.headers(), query: request.uri().query(), from, request_id };
    let path = request.uri().path();
    match (request.method(), path.strip_prefix(PLACES)) {
        (&Method::GET, Some("sign-in")) => visit.begin_for_application().await,
        (&Method::GET, Some("callback")) => visit.take_answer().await,
        (&Method::GET, Some("sign-out")) => Ok(visit.page(page::sign_out(visit.carried().as_deref()), &[])),
        (&Method::POST, Some("sign-out")) => visit.sign_out().await,
        (&Method::GET, Some("signed-out")) => Ok(visit.page(page::signed_out(), &[])),
        (&Method::GET, Some("jwks")) => Ok(documents::keys(sign_in, visit.request_id)),
        (&Method::GET, None) if path == DISCOVERY => Ok(documents::discovery(sign_in, visit.request_id)),
        (&Method::GET, None) if path == "/" => visit.home().await,
        (_, Some("sign-in" | "callback" | "sign-out" | "signed-out" | "jwks")) => {
            Err(Failure::new(Reason::MethodNotAllowed, "the sign-in takes GET"))
        }
        _ => Err(Failure::new(Reason::NotPublished, "nothing is published at the sign-in host")),
    }
}

/// One request at the sign-in host.
struct Visit<'r> {
    core: &'r Core,
    sign_in: &'r SignIn,
    headers: &'r HeaderMap,
    query: Option<&'r str>,
    from: Option<IpAddr>,
    request_id: HeaderValue,
}

impl Visit<'_> {
    fn page(&self, html: String, set_cookies: &[String]) -> Response<GatewayBody> {
        page::answer(html, set_cookies, self.request_id.clone())
    }

    /// The session that counts, of who is signed in here.
    fn session(&self, now: u64) -> Option<Session> {
        self.sign_in.own_session(self.headers).filter(|session| self.sign_in.counts(self.core, session, None, now))
    }

    /// An application's host asks who somebody is.
    async fn begin_for_application(&self) -> Result<Response<GatewayBody>, Failure> {
        let now = now();
        let text = parameter(self.query, "request").ok_or_else(|| failed(&"there is no request"))?;
        let asked = self.open(&text, now)?;
        match self.session(now) {
            Some(session) => {
                let session = Session { seen: now, ..session };
                let to = self.way_back(&asked, &session, now)?;
                Ok(page::redirect(&to, &[self.set_own(&session, now)?], self.request_id.clone()))
            }
            None => self.begin(&text, now).await,
        }
    }

    /// What an application's host asks, if it may still ask it, and the authority of the application there.
    fn open(&self, text: &str, now: u64) -> Result<(HandOverRequest, String), Failure> {
        let ring = self.sign_in.keys.load();
        let opened = HandOverRequest::open(&ring, &self.sign_in.host, text, now);
        let request = opened.map_err(|refused| failed(&refused))?;
        let serving = self.core.serving();
        let application = serving.rules(request.application).map(|rules| &rules.application);
        let application = application.filter(|application| is_signed_in_at(application, &request.host));
        let gone = || Failure::new(Reason::NotPublished, "the application is not published there any more");
        let authority = authority_at(application.ok_or_else(gone)?, &request.host);
        Ok((request, authority))
    }

    /// Sends a browser to the provider; `carried` says for what.
    async fn begin(&self, carried: &str, now: u64) -> Result<Response<GatewayBody>, Failure> {
        let lines = cookie_lines(self.headers);
        let ring = self.sign_in.keys.load_full();
        let (cookies, at) = (RequestCookies::new(&lines), self.core.serving().snapshot.version());
        let departure = self.sign_in.party.begin(&ring, carried, &cookies, at, now).await?;
        let html = page::on_the_way(Way::There, &departure.attempt, &departure.location);
        Ok(self.page(html, &departure.set_cookies))
    }

    /// The provider sends a browser back.
    async fn take_answer(&self) -> Result<Response<GatewayBody>, Failure> {
        let (lines, ring, now) = (cookie_lines(self.headers), self.sign_in.keys.load_full(), now());
        let cookies = RequestCookies::new(&lines);
        let query = self.query.unwrap_or_default();
        let finished = self.sign_in.party.finish(&ring, &cookies, query, self.from, now).await;
        let mut set_cookies: Vec<String> = finished.remove.iter().map(|name| cookie::remove(name)).collect();
        let arrived = match finished.outcome {
            Ok(signed_in) => self.arrive(signed_in, now).await,
            Err(failed) => Err(failed.into()),
        };
        match arrived {
            Ok((html, own)) => {
                set_cookies.push(own);
                Ok(self.page(html, &set_cookies))
            }
            Err(failure) => Err(set_cookies.iter().fold(failure, |failure, set| failure.with_field(SET_COOKIE, set))),
        }
    }

    /// Somebody has signed in: the page that sends them on, and the cookie of their new session.
    async fn arrive(&self, signed_in: SignedIn, now: u64) -> Result<(String, String), Failure> {
        let SignedIn { mut person, groups, carried, attempt, began_at } = signed_in;
        person.keep_groups(groups, |group| self.core.serving().snapshot.names_group(group));
        let session = Session::begin(person, &self.sign_in.limits, began_at, now).map_err(|error| failed(&error))?;
        if !self.sign_in.counts(self.core, &session, None, now) {
            return Err(failed(&"the sessions of the user were ended at this very moment"));
        }
        // Whoever was signed in here before is not any more, nor anywhere else; nor is the same person in a session that
        // was stolen.
        if let Some(old) = self.sign_in.own_session(self.headers) {
            self.end(ToEnd::from(&old)).await?;
        }
        tracing::info!(user = %session.person.principal, session = ?session.id, "a user has signed in");
        let to = match carried.as_str() {
            "" => format!("https://{}/", self.sign_in.authority),
            carried => self.way_back(&self.open(carried, now)?, &session, now)?,
        };
        Ok((page::on_the_way(Way::Back, &attempt, &to), self.set_own(&session, now)?))
    }

    /// Where a browser takes its session to the application that asked.
    fn way_back(&self, asked: &(HandOverRequest, String), session: &Session, now: u64) -> Result<String, Failure> {
        let (request, authority) = asked;
        let at = self.core.serving().snapshot.version();
        let code = request.answer(&self.sign_in.keys.load(), session, at, now).map_err(|error| failed(&error))?;
        let application = request.application.uuid();
        Ok(format!("https://{authority}{PLACES}signed-in?app={application}&code={code}"))
    }

    fn set_own(&self, session: &Session, now: u64) -> Result<String, Failure> {
        let here = Audience::sign_in_host(&self.sign_in.host);
        let sealed = session.seal(&self.sign_in.keys.load(), here).map_err(|error| failed(&error))?;
        let seconds = session.ends.saturating_sub(now) / 1000;
        Ok(cookie::set_session(cookie::SIGN_IN, &sealed, CookieSettings::default(), seconds))
    }

    /// The session that an application's host says is to be ended, as it is sealed, if it opens.
    fn carried(&self) -> Option<String> {
        parameter(self.query, "session").filter(|sealed| self.to_end(sealed).is_some())
    }

    fn to_end(&self, sealed: &str) -> Option<ToEnd> {
        ToEnd::open(&self.sign_in.keys.load(), &self.sign_in.host, sealed).ok()
    }

    /// Ends the session, here and at all applications, and that of the application that somebody comes from. Only a page of
    /// this host may ask for that.
    async fn sign_out(&self) -> Result<Response<GatewayBody>, Failure> {
        let own = format!("https://{}", self.sign_in.authority);
        let mut origins = self.headers.get_all(ORIGIN).iter();
        let is_own =
            origins.next().is_some_and(|origin| origin.as_bytes() == own.as_bytes()) && origins.next().is_none();
        if !is_own {
            return Err(Failure::new(Reason::ForeignOrigin, "a sign-out that no page of the sign-in host asked for"));
        }
        // One that is over may count at other gateways, whose clocks differ.
        let own_session = self.sign_in.own_session(self.headers).map(|session| ToEnd::from(&session));
        let carried =
            self.carried().and_then(|sealed| self.to_end(&sealed)).filter(|other| Some(*other) != own_session);
        for ended in own_session.into_iter().chain(carried) {
            self.end(ended).await?;
            tracing::info!(session = ?ended.session, "a user has signed out");
        }
        let removed = [cookie::remove(cookie::SIGN_IN)];
        match self.sign_in.party.end_session(&self.sign_in.signed_out).await {
            Some(to) => Ok(self.page(page::on_the_way(Way::There, "out", &to), &removed)),
            None => Ok(self.page(page::signed_out(), &removed)),
        }
    }

    async fn end(&self, ToEnd { session, until }: ToEnd) -> Result<(), Failure> {
        let ended = self.sign_in.sessions.end(session, until).await;
        ended.map_err(|why| Failure::new(Reason::ProviderUnavailable, &format!("a session could not be ended: {why}")))
    }

    /// Who is signed in, and what they may open.
    async fn home(&self) -> Result<Response<GatewayBody>, Failure> {
        let now = now();
        let Some(session) = self.session(now) else { return self.begin("", now).await };
        let session = Session { seen: now, ..session };
        let set_cookies = [self.set_own(&session, now)?];
        let person = session.person;
        let name = person.display_name.as_deref().or(person.user_name.as_deref()).unwrap_or(&person.subject).to_owned();
        let serving = self.core.shared.serving.load_full();
        // Somebody may be named by very many applications, and requests do not wait for the list.
        let listed = tokio::task::spawn_blocking(move || list(&serving, &person)).await;
        let (listed, is_cut) = listed.map_err(|error| failed(&error))?;
        Ok(self.page(page::home(&name, &listed, is_cut), &set_cookies))
    }
}

/// The applications that somebody may open, by name, and whether there are more than are listed.
fn list(serving: &Serving, person: &Person) -> (Vec<Listed>, bool) {
    let Person { principal, groups, groups_left_out, .. } = person;
    let who = Principal { kind: PrincipalKind::User, id: *principal, groups, groups_left_out: *groups_left_out };
    let is_open = |application: &Arc<adit_core::snapshot::PublishedApplication>| {
        let url = &application.external_url;
        let asked = AccessRequest { host: url.host(), path: url.prefix().as_str() };
        application.pre_authentication == PreAuthentication::SignIn
            && !url.is_wildcard()
            && access::decide_for(&serving.snapshot, asked, Who::Principal(who)).is_ok()
    };
    let open = serving.snapshot.openable(*principal, groups).filter(|application| is_open(application));
    let mut listed: Vec<Listed> = open
        .map(|application| Listed { name: application.name.clone(), url: application.external_url.to_string() })
        .take(MOST_LISTED + 1)
        .collect();
    let is_cut = listed.len() > MOST_LISTED;
    listed.truncate(MOST_LISTED);
    listed.sort_by_cached_key(|listed| listed.name.to_lowercase());
    (listed, is_cut)
}
