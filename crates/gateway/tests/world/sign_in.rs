//! A world in which users sign in, and browsers that keep cookies as browsers do: each host its own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use adit_core::admission::{Admission, Assignee};
use adit_core::application::Attributes;
use adit_core::application::PreAuthentication::SignIn;
use adit_core::id::{PrincipalId, ServicePrincipalId};
use adit_core::revision::Revision;
use adit_core::{AppId, Application, ApplicationId, DisplayName, PrincipalKind, ServicePrincipal};
use adit_gateway::{SessionDirectory, SignInSettings};
use adit_identity::session::{SessionId, SessionLimits};
use adit_identity::{
    AssertionKey, AssertionKeys, ClientSecret, ProviderSettings, SealingRing, SealingSecret, Transport,
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use super::provider::{CLIENT, Provider, SECRET};
use super::upstream::Upstream;

/// The sign-in host.
pub(crate) const LOGIN: &str = "login.localhost";

/// What a browser says of itself when a page is opened.
pub(crate) const PAGE: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Ends sessions in memory.
struct Sessions(Arc<ArcSwap<HashSet<SessionId>>>);

impl SessionDirectory for Sessions {
    fn end(&self, session: SessionId, _: u64) -> BoxFuture<'static, Result<(), String>> {
        end(&self.0, session);
        Box::pin(async { Ok(()) })
    }
}

/// Ends one session.
pub(crate) fn end(all: &ArcSwap<HashSet<SessionId>>, session: SessionId) {
    all.rcu(|before| before.iter().copied().chain([session]).collect::<HashSet<_>>());
}

/// A ring of numbered keys.
pub(crate) fn ring(current: u8, previous: Option<u8>) -> Arc<SealingRing> {
    let secret = |number| SealingSecret::new([number; 32]);
    Arc::new(SealingRing::new(&secret(current), previous.map(secret).as_ref()).unwrap())
}

/// A gateway at which users sign in, and their provider.
pub(crate) struct SignInWorld {
    pub(crate) world: World,
    pub(crate) provider: Provider,
    pub(crate) keys: Arc<ArcSwap<SealingRing>>,
    pub(crate) assertions: Arc<ArcSwap<AssertionKeys>>,
    pub(crate) ended: Arc<ArcSwap<HashSet<SessionId>>>,
}

impl SignInWorld {
    pub(crate) async fn start() -> Self {
        Self::start_with(SessionLimits::default()).await
    }

    /// The same with other limits.
    pub(crate) async fn start_with(limits: SessionLimits) -> Self {
        let provider = Provider::start().await;
        let keys = Arc::new(ArcSwap::new(ring(1, None)));
        let signs = AssertionKey::generate().unwrap().0;
        let assertions = Arc::new(ArcSwap::from_pointee(AssertionKeys::new(signs, [])));
        let ended: Arc<ArcSwap<HashSet<SessionId>>> = Arc::default();
        let world = World::start_signing_in(SignInSettings {
            authority: LOGIN.to_owned(),
            provider: ProviderSettings {
                issuer: provider.url().to_owned(),
                client_id: CLIENT.to_owned(),
                client_secret: Some(ClientSecret::new(SECRET.to_owned())),
                transport: Transport::Platform,
                groups_claim: "groups".to_owned(),
                scopes: Vec::new(),
            },
            keys: Arc::clone(&keys),
            assertions: Arc::clone(&assertions),
            limits,
            ended: Arc::clone(&ended),
            sessions: Arc::new(Sessions(Arc::clone(&ended))),
        });
        Self { world, provider, keys, assertions, ended }
    }

    /// Publishes an application that requires sign-in at `host`, for whom `admission` says.
    pub(crate) async fn publish(&mut self, host: &str, upstream: &Upstream, admission: Admission) -> ApplicationId {
        self.world.publish(&format!("https://{host}/"), &upstream.url(), SignIn).await;
        let mut id = None;
        self.world
            .change(|application| {
                application.admission = Some(Arc::new(admission));
                id = Some(application.id);
            })
            .await;
        id.unwrap()
    }

    /// Opens a page of an application in `browser`, which signs in as `user` wherever that is asked.
    pub(crate) async fn open(&self, browser: &mut Browser, host: &str, path: &str, user: &Value) -> Response<Bytes> {
        let mut at = format!("https://{host}{path}");
        for _ in 0..10 {
            if at.starts_with(self.provider.url()) {
                at = format!("https://{LOGIN}/.adit/callback?{}", self.provider.sign_in(&at, user));
            }
            let answer = browser.get(&self.world, &at).await;
            at = match (answer.headers().get("location"), link(&answer)) {
                (Some(location), _) => location.to_str().unwrap().to_owned(),
                (None, Some(link)) => link,
                (None, None) => return answer,
            };
        }
        panic!("there is no end of it: {at}");
    }
}

/// Where a page on the way sends its browser.
pub(crate) fn link(answer: &Response<Bytes>) -> Option<String> {
    let text = std::str::from_utf8(answer.body()).ok()?;
    let (_, rest) = text.split_once("<a id=\"on\"")?;
    let href = rest.split_once("href=\"")?.1.split_once('"')?.0;
    Some(href.replace("&amp;", "&"))
}

/// Who may use an application: users and groups by number; everybody who signed in without any.
pub(crate) fn admission(attributes: Value, users: &[u128], groups: &[u128]) -> Admission {
    let id = ServicePrincipalId::new(Uuid::from_u128(7));
    let (app, name) = (AppId::new(Uuid::from_u128(1)), DisplayName::parse("Application").unwrap());
    let created = jiff::Timestamp::UNIX_EPOCH;
    let application =
        Application::new(ApplicationId::new(Uuid::from_u128(1)), app, name.clone(), created, Attributes::new());
    let attributes = attributes.as_object().unwrap().clone();
    let principal =
        ServicePrincipal { id, app_id: app, display_name: name, created, attributes, revision: Revision(1) };
    let users = users.iter().map(|number| (PrincipalKind::User, *number));
    let groups = groups.iter().map(|number| (PrincipalKind::Group, *number));
    let assignees = users.chain(groups).map(|(kind, number)| Assignee {
        principal: PrincipalId::new(Uuid::from_u128(number)),
        kind,
        app_role: Uuid::nil(),
    });
    Admission::of(&application, &principal, assignees)
}

/// Only those who are assigned.
pub(crate) fn only(users: &[u128], groups: &[u128]) -> Admission {
    admission(json!({"appRoleAssignmentRequired": true}), users, groups)
}

/// Everybody who has signed in.
pub(crate) fn everybody() -> Admission {
    admission(json!({}), &[], &[])
}

/// The claims of a user by number, in groups by number.
pub(crate) fn user(number: u128, groups: &[u128]) -> Value {
    let groups: Vec<Uuid> = groups.iter().copied().map(Uuid::from_u128).collect();
    let name = format!("user{number}@corp.example");
    json!({"sub": Uuid::from_u128(number), "preferred_username": name, "groups": groups})
}

/// A browser: its cookies, by host.
#[derive(Default, Clone)]
pub(crate) struct Browser(pub(crate) HashMap<String, Vec<(String, String)>>);

impl Browser {
    /// What it sends to `host`.
    pub(crate) fn line(&self, host: &str) -> String {
        let cookies = self.0.get(host).into_iter().flatten();
        cookies.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// The value of the cookie at `host` whose name starts so.
    pub(crate) fn cookie(&self, host: &str, start: &str) -> Option<String> {
        let cookies = self.0.get(host)?;
        cookies.iter().find(|(name, _)| name.starts_with(start)).map(|(_, value)| value.clone())
    }

    /// Keeps what an answer sets.
    pub(crate) fn keep(&mut self, host: &str, answer: &Response<Bytes>) {
        let jar = self.0.entry(host.to_owned()).or_default();
        for set in answer.headers().get_all("set-cookie") {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            jar.retain(|(own, _)| own != name);
            if !attributes.contains("Max-Age=0") {
                jar.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Opens a page.
    pub(crate) async fn get(&mut self, world: &World, url: &str) -> Response<Bytes> {
        let request = Request::get("/").header("accept", PAGE).header("sec-fetch-mode", "navigate");
        self.send(world, url, request.header("sec-fetch-dest", "document")).await
    }

    /// Sends a request with its cookies to a URL.
    pub(crate) async fn send(&mut self, world: &World, url: &str, request: http::request::Builder) -> Response<Bytes> {
        let rest = url.strip_prefix("https://").unwrap_or_else(|| panic!("{url}"));
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        let path = path.split('#').next().unwrap();
        let request = request.uri(path).header("host", host).header("cookie", self.line(host));
        let answer = world.send(host, request.body(Full::default()).unwrap()).await;
        self.keep(host, &answer);
        answer
    }
}

/// Limits for tests that wait.
pub(crate) fn short_limits(absolute: u64, idle: u64) -> SessionLimits {
    SessionLimits { absolute: Duration::from_millis(absolute), idle: Duration::from_millis(idle) }
}
