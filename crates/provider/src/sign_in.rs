//! The sign-in page: name and password of a user of this directory, and another password first where one has to be chosen.
//!
//! A sign-in under way belongs to the browser that began it: the form holds its key, a cookie holds the browser's, and only
//! both together go on. So nobody signs a stranger's browser in (login CSRF), and a form that was saved does nothing. Wrong
//! passwords are counted by name and address and by address; nobody locks a user out from elsewhere.

mod form;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use adit_control::{SignInRefused, SignedInUser};
use adit_core::operation::Actor;
use adit_core::{OperationContext, UserId};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::authorize::{CodeRequest, sent_back, stays};
use crate::device;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::grant::authorization_code::Code;
use crate::permission_list::Asked;
use crate::provider::{Provider, address_of};
use crate::shelf::{hash, random_key};
use crate::throttle::place;
use form::{Shown, form};

/// How long a sign-in may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The cookie of the browser. `__Host-` cannot be set by another host of the domain.
const COOKIE: &str = "__Host-adit-sign-in";

/// What makes a browser forget that cookie.
pub(crate) const NO_COOKIE: &str = "__Host-adit-sign-in=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

/// A sign-in under way.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    purpose: Purpose,
    /// What the user signs in to.
    name: String,
    /// What it asks for.
    permissions: Vec<Asked>,
    hint: Option<String>,
    /// Where the browser may be sent after the form.
    leads_to: Option<String>,
    /// SHA-256 of the browser's cookie.
    browser: [u8; 32],
}

/// What comes of it.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// A code for an application.
    Code(Box<CodeRequest>),
    /// A device that waits, by the key of its entry.
    Device(String),
}

impl Flow {
    pub(crate) fn new(purpose: Purpose, name: String, permissions: Vec<Asked>) -> Self {
        Self { purpose, name, permissions, hint: None, leads_to: None, browser: [0; 32] }
    }

    /// With the name that the user probably has.
    pub(crate) fn hinted(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// With where the browser may be sent after the form.
    pub(crate) fn leading_to(mut self, source: Option<String>) -> Self {
        self.leads_to = source;
        self
    }
}

/// As much of a name as counts where attempts are counted: longer ones nobody has.
const LONGEST_NAME: usize = 256;

/// Begins a sign-in in the browser that asks, at the address `from`, and shows the form.
pub(crate) fn begin(provider: &Provider, headers: &HeaderMap, from: Option<IpAddr>, mut flow: Flow) -> Response {
    // A browser that has one keeps it, so that two tabs do not end each other.
    let Some(browser) = browser_of(headers).map(str::to_owned).or_else(random_key) else {
        return stays(&OAuthError::Unavailable.into());
    };
    flow.browser = hash(&browser);
    let shown = flow.clone();
    let Some(key) = provider.0.flows.put(flow, from, Instant::now()) else {
        return stays(&OAuthError::Unavailable.into());
    };
    let mut response = form(provider, &key, &shown, &Shown::default());
    let cookie = format!("{COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={}", PATIENCE.as_secs());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Answers the form.
pub(crate) async fn answer(provider: &Provider, request: Request) -> Response {
    let address = address_of(&request);
    let (parts, body) = request.into_parts();
    if let Err(refused) = check_origin(provider, &parts.headers) {
        return stays(&refused);
    }
    let form_sent = match Form::read(&parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return stays(&error.into()),
    };
    let Some((key, flow)) = flow_of(provider, &parts.headers, &form_sent) else {
        return stays(&OAuthError::SignInOver.into());
    };
    if form_sent.find("decline").is_some() {
        return decline(provider, &key, flow);
    }
    let name = form_sent.find("name").unwrap_or_default().trim().to_owned();
    let now = Instant::now();
    let who =
        address.map(|address| (name.chars().take(LONGEST_NAME).collect::<String>().to_lowercase(), place(address)));
    if let Some(seconds) = who.as_ref().and_then(|who| begin_attempt(provider, who, now)) {
        return form(provider, &key, &flow, &Shown::waiting(&name, seconds));
    }
    let outcome = signed_in(provider, &form_sent, &name).await;
    if let (Some(who), false) = (&who, matches!(outcome, Err(SignInRefused::Wrong | SignInRefused::Disabled(_)))) {
        provider.0.throttles.names.give_back(who);
        provider.0.throttles.passwords.give_back(&who.1);
    }
    match outcome {
        Ok(user) => finish(provider, &key, flow, &user, address),
        Err(SignInRefused::Wrong | SignInRefused::Disabled(_)) => {
            tracing::info!(from = ?address, "a user was not signed in: the name or the password is wrong");
            form(provider, &key, &flow, &Shown::wrong(&name))
        }
        Err(SignInRefused::MustChange(_)) => form(provider, &key, &flow, &Shown::must_change(&name)),
        Err(SignInRefused::NewPassword(error)) => {
            let problem = format!("The new password is not taken: {error}.");
            form(provider, &key, &flow, &Shown { problem: Some(problem), ..Shown::must_change(&name) })
        }
        Err(SignInRefused::Unavailable(error)) => stays(&Refusal::from(error)),
    }
}

/// Counts an attempt by the name and by the address before the password is looked at; or how many seconds it has to wait.
fn begin_attempt(provider: &Provider, who: &(String, IpAddr), now: Instant) -> Option<u64> {
    provider.0.throttles.names.take(who.clone(), now).or_else(|| {
        let waits = provider.0.throttles.passwords.take(who.1, now);
        if waits.is_some() {
            provider.0.throttles.names.give_back(who);
        }
        waits
    })
}

async fn signed_in(provider: &Provider, form: &Form, name: &str) -> Result<SignedInUser, SignInRefused> {
    let secret = |field: &str| Zeroizing::new(form.find(field).unwrap_or_default().to_owned());
    let password = secret("password");
    let Some(new) = form.find("new_password") else { return provider.0.control.sign_in(name, &password).await };
    if form.find("new_password_again") != Some(new) {
        // The password is asked first, so that only who knows it is told anything.
        provider.0.control.sign_in(name, &password).await.map(|_| ()).or_else(|refused| match refused {
            SignInRefused::MustChange(_) => Ok(()),
            other => Err(other),
        })?;
        return Err(SignInRefused::NewPassword(adit_control::Error::PasswordsDiffer));
    }
    let actor = Actor::User { subject: name.to_owned(), name: None };
    let context = OperationContext { actor, request_id: Uuid::new_v4() };
    provider.0.control.choose_password(&context, name, &password, secret("new_password")).await
}

/// What comes of a sign-in; the flow is over, and of several tabs that finish it at once one does.
fn finish(provider: &Provider, key: &str, flow: Flow, user: &SignedInUser, from: Option<IpAddr>) -> Response {
    let now = Instant::now();
    if provider.0.flows.take(key, now).is_none() {
        return stays(&OAuthError::SignInOver.into());
    }
    let id: UserId = user.user().id;
    tracing::info!(user = %id, to = %flow.name, "a user signed in");
    match flow.purpose {
        Purpose::Code(request) => {
            let (uri, state) = (request.target.uri.clone(), request.state.clone());
            let code = Code { request: *request, user: id, sign_in: Uuid::new_v4(), signed_in: Timestamp::now() };
            match provider.0.codes.put(code, from, now) {
                Some(code) => sent_back(provider, &uri, state.as_deref(), Ok(&code)),
                None => stays(&OAuthError::Unavailable.into()),
            }
        }
        Purpose::Device(device) => device::approved(provider, &device, id, &flow.name),
    }
}

/// The user says no, which needs no password: whoever asks is told so, and gets nothing.
fn decline(provider: &Provider, key: &str, flow: Flow) -> Response {
    if provider.0.flows.take(key, Instant::now()).is_none() {
        return stays(&OAuthError::SignInOver.into());
    }
    tracing::info!(to = %flow.name, "a user did not let an application sign in");
    match flow.purpose {
        Purpose::Code(request) => {
            sent_back(provider, &request.target.uri, request.state.as_deref(), Err(&OAuthError::Declined))
        }
        Purpose::Device(device) => device::declined(provider, &device, &flow.name),
    }
}

/// Ends the sign-ins that a browser has begun and not finished.
pub(crate) fn end_of(provider: &Provider, headers: &HeaderMap) {
    if let Some(browser) = browser_of(headers).map(hash) {
        provider.0.flows.remove_where(|flow| flow.browser == browser);
    }
}

/// The flow of a form, if this browser began it.
fn flow_of(provider: &Provider, headers: &HeaderMap, form: &Form) -> Option<(String, Flow)> {
    let key = form.find("flow")?;
    let browser = hash(browser_of(headers)?);
    let flow = provider.0.flows.with(key, Instant::now(), |flow| flow.clone())?;
    verify_slices_are_equal(&flow.browser, &browser).ok()?;
    Some((key.to_owned(), flow))
}

/// Forms of other sites are not taken. Browsers name the origin of every form that they post.
pub(crate) fn check_origin(provider: &Provider, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let own = url::Url::parse(&provider.0.public_url).map(|url| url.origin().ascii_serialization());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_own =
        origin.to_str().is_ok_and(|origin| own.is_ok_and(|own| own == origin) || origin == format!("https://{host}"));
    if is_own { Ok(()) } else { Err(OAuthError::Malformed("its form is one of another site").into()) }
}

/// The cookie of the browser that asks, if there is exactly one and it is one of ours.
fn browser_of(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE).then_some(value));
    let value = found.next()?;
    let is_key = value.len() == 43 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (found.next().is_none() && is_key).then_some(value)
}
