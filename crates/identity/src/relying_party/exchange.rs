//! The exchange of a code for an ID token at the provider's token endpoint (RFC 6749, section 4.1.3).

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use super::{RelyingParty, SignInFailed, answer};
use crate::issuer::Endpoints;

/// What is read of the provider's answer.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Gives the provider `code` and the proof that it was asked for here, in the name of the client that brought it, and returns
/// the ID token, of which nothing has been checked.
pub(super) async fn exchange(
    party: &RelyingParty,
    endpoints: &Endpoints,
    code: &str,
    verifier: &str,
    client: Option<IpAddr>,
) -> Result<String, SignInFailed> {
    let unavailable = || SignInFailed::Unavailable("it is not one that is asked".to_owned());
    let fetcher = party.issuer.fetcher().ok_or_else(unavailable)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &party.redirect_uri)
        .append_pair("code_verifier", verifier);
    let mut authorization = None;
    match &party.client_secret {
        None => _ = form.append_pair("client_id", &party.client_id),
        Some(secret) if endpoints.takes_secret_in_form => {
            form.append_pair("client_id", &party.client_id).append_pair("client_secret", &secret.0);
        }
        Some(secret) => authorization = Some(basic(&party.client_id, &secret.0)?),
    }
    let asked = fetcher.post(&endpoints.token, form.finish(), authorization, client).await;
    let (status, body) = asked.map_err(|error| SignInFailed::Unavailable(error.to_string()))?;
    if status == StatusCode::OK {
        let unexpected = |_| SignInFailed::Unexpected("there is no ID token in it".to_owned());
        return serde_json::from_slice::<Tokens>(&body).map(|tokens| tokens.id_token).map_err(unexpected);
    }
    match serde_json::from_slice::<Refusal>(&body) {
        // Ours to mend: the client's id or secret is wrong.
        Ok(refusal) if refusal.error == "invalid_client" => Err(SignInFailed::Unexpected("invalid_client".to_owned())),
        Ok(refusal) if status.is_client_error() => Err(SignInFailed::CodeRefused(answer::word(&refusal.error))),
        _ => Err(SignInFailed::Unexpected(format!("status {}", status.as_u16()))),
    }
}

/// The client's credentials in the form of RFC 6749, section 2.3.1: each encoded for a form first.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, SignInFailed> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = BASE64_STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut value = HeaderValue::try_from(format!("Basic {pair}"))
        .map_err(|_| SignInFailed::Unexpected("the client's secret cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_a_secret_with_odd_characters_are_encoded_before_they_are_joined() {
        let value = basic("a:b", "c d%é").unwrap();
        let pair = value.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        assert_eq!(BASE64_STANDARD.decode(pair).unwrap(), b"a%3Ab:c+d%25%C3%A9");
        assert!(value.is_sensitive());
    }
}
