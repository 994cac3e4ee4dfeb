//! The form of the sign-in page: who asks, for what, and the fields.

use axum::response::Response;
use http::StatusCode;

use super::{Flow, Purpose};
use crate::page::{Page, alert, escaped};
use crate::permission_list;
use crate::provider::Provider;

/// What a form shows beside its fields.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) problem: Option<String>,
    pub(super) asks_new: bool,
    pub(super) status: StatusCode,
}

impl Shown {
    pub(super) fn wrong(name: &str) -> Self {
        let problem = "The name or the password is wrong.".to_owned();
        Self { name: name.to_owned(), problem: Some(problem), ..Self::default() }
    }

    pub(super) fn waiting(name: &str, seconds: u64) -> Self {
        let minutes = seconds.div_ceil(60);
        let problem = format!("There were too many attempts. Try again in {minutes} min.");
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self { name: name.to_owned(), problem: Some(problem), status, ..Self::default() }
    }

    pub(super) fn must_change(name: &str) -> Self {
        let problem = "Choose another password to go on.".to_owned();
        Self { name: name.to_owned(), problem: Some(problem), asks_new: true, ..Self::default() }
    }
}

/// The fields for another password.
const NEW_PASSWORD: &str = "<label for=\"new\">New password</label>\n\
    <input id=\"new\" name=\"new_password\" type=\"password\" autocomplete=\"new-password\" required \
    aria-describedby=\"rule\">\n<p id=\"rule\" class=\"note\">At least 12 characters, and not your name.</p>\n\
    <label for=\"again\">New password again</label>\n\
    <input id=\"again\" name=\"new_password_again\" type=\"password\" autocomplete=\"new-password\" required>\n";

/// The page with the form. What is asked for stands between the fields and the button, where nobody who signs in misses it.
pub(super) fn form(provider: &Provider, key: &str, flow: &Flow, shown: &Shown) -> Response {
    let name = if shown.name.is_empty() { flow.hint.as_deref().unwrap_or_default() } else { &shown.name };
    let warning = match flow.purpose {
        Purpose::Device(_) => {
            "<p>It asks on another device, which then acts as you. Go on only if you began this yourself.</p>\n"
        }
        Purpose::Code(_) => "",
    };
    let (problem, described) = alert(shown.problem.as_deref());
    let (focus_name, focus_password) = if name.is_empty() { (" autofocus", "") } else { ("", " autofocus") };
    let content = format!(
        "<h1>Sign in</h1>\n<p>to continue to <strong>{party}</strong></p>\n{warning}{problem}\
         <form method=\"post\" action=\"{action}\">\n<input type=\"hidden\" name=\"flow\" value=\"{key}\">\n\
         <label for=\"name\">User name</label>\n\
         <input id=\"name\" name=\"name\" value=\"{name}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" inputmode=\"email\" required{focus_name}{described}>\n\
         <label for=\"password\">{password_label}</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" \
         required{focus_password}{described}>\n{new}{permissions}<button>Sign in</button>\n\
         <button class=\"other\" name=\"decline\" value=\"1\" formnovalidate>Cancel</button>\n</form>",
        party = escaped(&flow.name),
        action = escaped(&format!("{}/adit/sign-in", provider.0.path_prefix)),
        name = escaped(name),
        password_label = if shown.asks_new { "Present password" } else { "Password" },
        new = if shown.asks_new { NEW_PASSWORD } else { "" },
        permissions = permission_list::shown(&flow.name, &flow.permissions),
    );
    let mut page = Page::new("Sign in", content).leading_to(flow.leads_to.clone());
    page.status = shown.status;
    page.into_response()
}
