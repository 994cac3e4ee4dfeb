//! The first administrator: while the directory has nobody, whoever knows the link that the server printed makes a user who
//! may do everything. The link works once, for a day, and not any more when there is a user.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use adit_control::{Error, NewPassword, NewUser, Zeroizing};
use adit_core::application::Attributes;
use adit_core::operation::Actor;
use adit_core::{DisplayName, OperationContext, UserPrincipalName};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::authorize::stays;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::page::{Page, alert, escaped};
use crate::provider::{ClientAddress, Provider};
use crate::shelf::{hash, random_key};
use crate::sign_in::check_origin;
use crate::throttle::place;

/// How long the link works.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The key of the link, if there is one: its hash, and since when.
#[derive(Default)]
pub(crate) struct Link(Mutex<Option<([u8; 32], Instant)>>);

impl Link {
    fn make(&self, now: Instant) -> Option<String> {
        let key = random_key()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((hash(&key), now));
        Some(key)
    }

    fn fits(&self, key: &str, now: Instant) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_some_and(|(own, since)| {
            verify_slices_are_equal(&own, &hash(key)).is_ok() && now.saturating_duration_since(since) < LIFETIME
        })
    }

    fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Provider {
    /// The link by which the first administrator is made, if the directory has no user and no group. A new one replaces
    /// the one before.
    ///
    /// # Errors
    /// What the directory says.
    pub async fn first_administrator_link(&self) -> Result<Option<String>, Error> {
        if self.0.control.has_users_or_groups().await? {
            return Ok(None);
        }
        let key = self.0.link.make(Instant::now());
        Ok(key.map(|key| format!("{}/adit/first-administrator?key={key}", self.0.public_url)))
    }
}

/// Answers `GET first-administrator`.
pub(crate) fn form(provider: &Provider, query: &str, address: Option<ClientAddress>) -> Response {
    let form = Form::parse(query.as_bytes()).unwrap_or_default();
    match key_of(provider, &form, address) {
        Ok(key) => shown(provider, &key, ["", ""], None),
        Err(refused) => stays(&refused),
    }
}

/// Answers the form.
pub(crate) async fn answer(provider: &Provider, request: Request) -> Response {
    let address = request.extensions().get::<ClientAddress>().copied();
    let (parts, body) = request.into_parts();
    let read = match check_origin(provider, &parts.headers) {
        Ok(()) => Form::read(&parts.headers, body).await.map_err(Refusal::from),
        Err(refused) => Err(refused),
    };
    let found = read.and_then(|form| key_of(provider, &form, address).map(|key| (form, key)));
    let (form, key) = match found {
        Ok(found) => found,
        Err(refused) => return stays(&refused),
    };
    let entered = [form.find("name").unwrap_or_default(), form.find("display_name").unwrap_or_default()];
    let new = match wanted(&form, entered) {
        Ok(new) => new,
        Err(problem) => return shown(provider, &key, entered, Some(&problem)),
    };
    let name = new.principal_name.to_string();
    let actor = Actor::User { subject: "first-administrator".to_owned(), name: Some(name.clone()) };
    let context = OperationContext { actor, request_id: Uuid::new_v4() };
    match provider.0.control.create_first_administrator(&context, new).await {
        Ok(_) => {
            provider.0.link.end();
            tracing::info!(name, "the first administrator was made");
            let content = format!(
                "<h1>Done</h1>\n<p><strong>{}</strong> may now sign in and administer this directory.</p>",
                escaped(&name)
            );
            Page::new("Done", content).into_response()
        }
        Err(Error::PasswordRefused(refused)) => {
            shown(provider, &key, entered, Some(&format!("The password is not taken: {refused}.")))
        }
        Err(Error::HasUsers) => {
            provider.0.link.end();
            stays(&OAuthError::LinkOver.into())
        }
        Err(error) => stays(&Refusal::from(error)),
    }
}

fn wanted(form: &Form, [name, display_name]: [&str; 2]) -> Result<NewUser, String> {
    let principal_name =
        UserPrincipalName::parse(name).map_err(|error| format!("The user name is not taken: {error}."))?;
    let display_name = DisplayName::parse(display_name).map_err(|error| format!("The name is not taken: {error}."))?;
    let password = form.find("password").unwrap_or_default();
    if form.find("password_again") != Some(password) {
        return Err("The two passwords are not the same.".to_owned());
    }
    let attributes = Attributes::from_iter([("mailNickname".to_owned(), principal_name.local_part().into())]);
    let password = NewPassword { password: Zeroizing::new(password.to_owned()), must_change: false };
    Ok(NewUser { principal_name, display_name, is_enabled: true, password, attributes })
}

/// The key of a request, if it is the one of the link.
fn key_of(provider: &Provider, form: &Form, address: Option<ClientAddress>) -> Result<String, Refusal> {
    let (now, place) = (Instant::now(), address.map(|address| place(address.0)));
    if let Some(retry_after) = place.and_then(|place| provider.0.throttles.links.wait(&place, now)) {
        return Err(OAuthError::Throttled { retry_after }.into());
    }
    match form.find("key").filter(|key| provider.0.link.fits(key, now)) {
        Some(key) => Ok(key.to_owned()),
        None => {
            if let Some(place) = place {
                provider.0.throttles.links.count(place, now);
            }
            Err(OAuthError::LinkOver.into())
        }
    }
}

fn shown(provider: &Provider, key: &str, [name, display_name]: [&str; 2], problem: Option<&str>) -> Response {
    let (problem_shown, described) = alert(problem);
    let content = format!(
        "<h1>First administrator</h1>\n<p>This directory has nobody yet. Whoever you enter here may administer all of \
         it.</p>\n{problem}<form method=\"post\" action=\"{action}\">\n\
         <input type=\"hidden\" name=\"key\" value=\"{key}\">\n\
         <label for=\"name\">User name</label>\n\
         <input id=\"name\" name=\"name\" value=\"{name}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" placeholder=\"ada@corp.example\" required autofocus{described}>\n\
         <label for=\"display\">Name to show</label>\n\
         <input id=\"display\" name=\"display_name\" value=\"{display}\" autocomplete=\"name\" required>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"new-password\" required \
         aria-describedby=\"rule\">\n<p id=\"rule\" class=\"note\">At least 12 characters, and not your name.</p>\n\
         <label for=\"again\">Password again</label>\n\
         <input id=\"again\" name=\"password_again\" type=\"password\" autocomplete=\"new-password\" required>\n\
         <button>Make the administrator</button>\n</form>",
        problem = problem_shown,
        action = escaped(&format!("{}/adit/first-administrator", provider.0.path_prefix)),
        key = escaped(key),
        name = escaped(name),
        display = escaped(display_name),
    );
    let mut page = Page::new("First administrator", content);
    if problem.is_some() {
        page.status = StatusCode::BAD_REQUEST;
    }
    page.into_response()
}
