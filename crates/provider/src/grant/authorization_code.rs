//! `authorization_code`: an application exchanges the code that its user's browser brought (RFC 6749, section 4.1.3).
//!
//! A code is taken off its shelf before anything is checked, so it is used once, by whoever comes first, and not again after
//! a mistake (RFC 9700, section 2.1.1). It is bound to the client, the redirect URI and the PKCE verifier.

use std::time::Duration;
use std::time::Instant;

use adit_core::UserId;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::authorize::CodeRequest;
use crate::client::Credentials;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::grant::user_tokens::{Granted, begun};
use crate::provider::Provider;
use crate::shelf::hash;
use crate::user_scope::UserScope;

/// How long a code may be exchanged.
pub(crate) const LIFETIME: Duration = Duration::from_secs(60);

/// What a code stands for.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) request: CodeRequest,
    pub(crate) user: UserId,
    /// The id of the sign-in.
    pub(crate) sign_in: Uuid,
    pub(crate) signed_in: Timestamp,
}

/// The answer to an application that brings a code.
pub(crate) async fn granted(provider: &Provider, headers: &HeaderMap, form: &Form) -> Result<Value, Refusal> {
    let credentials = Credentials::of(headers, form)?;
    let code = form.load("code")?;
    let taken = provider.0.codes.take(code, Instant::now()).ok_or(OAuthError::BadCode)?;
    let request = &taken.request;
    if !credentials.is_client(request.party.app_id) {
        return Err(OAuthError::BadCode.into());
    }
    let mut secret = None;
    if request.target.is_confidential || credentials.has_secret() {
        let in_header = credentials.in_header;
        secret = credentials.prove(provider).await.map_err(|refused| refused.challenging(in_header))?;
    }
    if form.find("redirect_uri") != Some(request.target.uri.as_str()) {
        return Err(OAuthError::BadCode.into());
    }
    check_verifier(form.find("code_verifier").unwrap_or_default(), &request.challenge)?;
    let granted = Granted {
        app_id: request.party.app_id,
        user: taken.user,
        sign_in: taken.sign_in,
        signed_in: taken.signed_in,
        scope: UserScope::parse(provider, &request.scope).await?,
        nonce: request.nonce.clone(),
        within: None,
    };
    begun(provider, &granted, secret, &request.scope, form).await
}

/// RFC 7636, section 4.6.
fn check_verifier(verifier: &str, challenge: &str) -> Result<(), OAuthError> {
    let of_verifier = BASE64_URL_SAFE_NO_PAD.encode(hash(verifier));
    let is_long_enough = (43..=128).contains(&verifier.len());
    match verify_slices_are_equal(of_verifier.as_bytes(), challenge.as_bytes()) {
        Ok(()) if is_long_enough => Ok(()),
        _ => Err(OAuthError::WrongVerifier),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_the_one_of_its_challenge() {
        // The example of RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(check_verifier(verifier, challenge), Ok(()));
        for other in ["", challenge, &verifier[1..], "short"] {
            assert_eq!(check_verifier(other, challenge), Err(OAuthError::WrongVerifier), "{other}");
        }
        let short = BASE64_URL_SAFE_NO_PAD.encode(hash("short"));
        assert_eq!(check_verifier("short", &short), Err(OAuthError::WrongVerifier), "a guess is quick");
    }
}
