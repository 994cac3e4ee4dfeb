//! The token endpoint (RFC 6749, section 3.2): a form in, a token or a refusal out, and nothing of a secret in a cache or a
//! log. Refusals are audited.

use std::net::IpAddr;
use std::time::Instant;

use adit_control::RefusedToken;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::client::{Credentials, shown};
use crate::discovery::json_response;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::grant::{authorization_code, client_credentials, device_code, refresh_token};
use crate::provider::{Provider, address_of};
use crate::throttle::place;

/// Answers one request.
pub(crate) async fn answer(provider: &Provider, request: Request) -> Response {
    let address = address_of(&request);
    let place = address.map(place);
    if let Some(retry_after) = place.and_then(|place| provider.0.throttles.tokens.wait(&place, Instant::now())) {
        return Refusal::from(OAuthError::Throttled { retry_after }).into_response();
    }
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await;
    let outcome = match &form {
        Ok(form) => granted(provider, &parts.headers, form).await,
        Err(error) => Err(error.clone().into()),
    };
    match outcome {
        Ok(tokens) => {
            let mut response = json_response(StatusCode::OK, &tokens);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
            response
        }
        Err(refused) => {
            if refused.error.is_audited() {
                tracing::info!(reason = ?refused.error, from = ?address, trace = %refused.trace, "a token was refused");
                audit(provider, &parts.headers, form.as_ref().ok(), address, &refused).await;
            }
            if let Some(place) = place.filter(|_| refused.error.counts_as_attempt()) {
                provider.0.throttles.tokens.count(place, Instant::now());
            }
            refused.into_response()
        }
    }
}

/// Puts a refusal into the audit log.
async fn audit(provider: &Provider, headers: &HeaderMap, form: Option<&Form>, from: Option<IpAddr>, refused: &Refusal) {
    let client = form.and_then(|form| Credentials::of(headers, form).ok()).map(|credentials| credentials.claimed());
    let grant = form.and_then(|form| form.find("grant_type")).map(shown);
    let noted = RefusedToken { client, grant, reason: refused.error.description(), from, trace: refused.trace };
    if let Err(error) = provider.0.control.note_refused_token(noted).await {
        tracing::warn!(%error, "the audit log lacks a refused token");
    }
}

async fn granted(provider: &Provider, headers: &HeaderMap, form: &Form) -> Result<Value, Refusal> {
    match form.load("grant_type")? {
        "client_credentials" => of_program(provider, headers, form).await,
        "authorization_code" => authorization_code::granted(provider, headers, form).await,
        device_code::GRANT => device_code::granted(provider, headers, form).await,
        refresh_token::GRANT => refresh_token::granted(provider, headers, form).await,
        _ => Err(OAuthError::UnsupportedGrant.into()),
    }
}

async fn of_program(provider: &Provider, headers: &HeaderMap, form: &Form) -> Result<Value, Refusal> {
    let credentials = Credentials::of(headers, form)?;
    let in_header = credentials.in_header;
    let program = credentials.authenticate(provider).await.map_err(|refused| refused.challenging(in_header))?;
    client_credentials::granted(provider, &program, form).await
}
