//! Signing out (OpenID Connect RP-Initiated Logout 1.0): an application that has signed its user out sends the browser here.
//!
//! The provider keeps no session of a user (decision 0023). What it has of a browser ends here: its cookie, and the sign-ins
//! that it has begun and not finished. Whoever shows an id token of ours has signed the user in, and needs no question; anybody
//! else could have sent the browser, so the user is asked first.
//!
//! Invariant: the browser goes on to an address that is registered for the application, letter for letter, or nowhere.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use crate::authorize::{LONGEST_ECHO, source_of};
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::grant::user_tokens::ID_TOKEN;
use crate::page::{GUARDS, Page, escaped};
use crate::provider::Provider;
use crate::relying_party::RelyingParty;
use crate::sign_in::{self, check_origin};

/// Where to go on after signing out.
struct Onward {
    /// Whose user it was.
    name: String,
    uri: String,
    state: Option<String>,
}

/// Answers the end-session endpoint, by `GET` and by `POST` from an application's page.
pub(crate) async fn asked(provider: &Provider, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = if parts.method == Method::POST {
        Form::read(&parts.headers, body).await
    } else {
        Form::parse(parts.uri.query().unwrap_or_default().as_bytes())
    };
    let Ok(form) = form else { return stays(OAuthError::Malformed("its parameters cannot be read")) };
    let hinted = match form.find("id_token_hint") {
        Some(hint) => match client_of(provider, hint).await {
            Ok(client) => client,
            Err(refused) => return stays(refused.error),
        },
        None => None,
    };
    // A hint for one application and the name of another: somebody mixes things up, so the user is asked.
    let is_sure = hinted.as_deref().is_some_and(|own| form.find("client_id").is_none_or(|named| named == own));
    let client = form.find("client_id").or(hinted.as_deref());
    let onward = match onward(provider, client, &form).await {
        Ok(onward) => onward,
        Err(refused) => return stays(refused.error),
    };
    if is_sure { ended(provider, &parts.headers, onward) } else { confirmation(provider, client, onward) }
}

/// Answers the form of the confirmation page.
pub(crate) async fn confirmed(provider: &Provider, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(refused) = check_origin(provider, &parts.headers) {
        return stays(refused.error);
    }
    let form = match Form::read(&parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return stays(error),
    };
    match onward(provider, form.find("client_id"), &form).await {
        Ok(onward) => ended(provider, &parts.headers, onward),
        Err(refused) => stays(refused.error),
    }
}

/// The client of an id token that was signed here, however old it is (section 4: one whose time is over counts).
async fn client_of(provider: &Provider, hint: &str) -> Result<Option<String>, Refusal> {
    let claims = provider.0.keys.claims_of_own(ID_TOKEN, hint).await?;
    let text = |name: &str| claims.as_ref()?.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(text("aud").filter(|_| text("iss").as_ref() == Some(&provider.0.issuer)))
}

/// Where to go on, if an application asks for that. An address that is not registered is an error (section 3).
async fn onward(provider: &Provider, client: Option<&str>, form: &Form) -> Result<Option<Onward>, Refusal> {
    let Some(uri) = form.find("post_logout_redirect_uri") else { return Ok(None) };
    let client = client.ok_or(OAuthError::Missing("client_id"))?;
    let party = RelyingParty::find(provider, client).await?;
    let state = form.find("state").map(str::to_owned);
    if !party.is_after_sign_out(uri) || state.as_ref().is_some_and(|state| state.len() > LONGEST_ECHO) {
        return Err(OAuthError::BadRedirect.into());
    }
    Ok(Some(Onward { name: party.name, uri: uri.to_owned(), state }))
}

/// Asks the user.
fn confirmation(provider: &Provider, client: Option<&str>, onward: Option<Onward>) -> Response {
    let hidden = |name: &str, value: Option<&str>| match value {
        Some(value) => format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escaped(value)),
        None => String::new(),
    };
    let fields = match &onward {
        Some(onward) => {
            hidden("client_id", client)
                + &hidden("post_logout_redirect_uri", Some(&onward.uri))
                + &hidden("state", onward.state.as_deref())
        }
        None => String::new(),
    };
    let then = match &onward {
        Some(onward) => format!(" You then go back to <strong>{}</strong>.", escaped(&onward.name)),
        None => String::new(),
    };
    let content = format!(
        "<h1>Sign out?</h1>\n<p>This ends the sign-ins that you have begun here in this browser and not finished.{then}</p>\n\
         <form method=\"post\" action=\"{}\">\n{fields}<button autofocus>Sign out</button>\n</form>\n\
         <p class=\"note\">If you did not ask for this, close the page: nothing has changed.</p>",
        escaped(&format!("{}/adit/sign-out", provider.0.path_prefix)),
    );
    let source = onward.and_then(|onward| source_of(&onward.uri));
    Page::new("Sign out?", content).leading_to(source).into_response()
}

/// Ends what there is of this browser, and sends it on.
fn ended(provider: &Provider, headers: &http::HeaderMap, onward: Option<Onward>) -> Response {
    sign_in::end_of(provider, headers);
    let mut response = match onward {
        Some(onward) => match sent_on(&onward) {
            Some(response) => response,
            None => return stays(OAuthError::BadRedirect),
        },
        None => {
            let content = "<h1>You are signed out here</h1>\n<p>Applications that you use keep you signed in until you \
                           sign out there. You can close this page.</p>";
            Page::new("Signed out", content.to_owned()).into_response()
        }
    };
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(sign_in::NO_COOKIE));
    response
}

fn sent_on(onward: &Onward) -> Option<Response> {
    let mut url = Url::parse(&onward.uri).ok()?;
    if let Some(state) = &onward.state {
        url.query_pairs_mut().append_pair("state", state);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(url.as_str()).ok()?);
    for (name, value) in GUARDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

/// Shows what is wrong, here.
fn stays(error: OAuthError) -> Response {
    tracing::info!(reason = ?error, "a sign-out was not begun");
    Page::problem("This sign-out cannot go on", &error).into_response()
}
