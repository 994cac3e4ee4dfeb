//! `refresh_token`: a program goes on for a user who has signed in to it before (RFC 6749, section 6).
//!
//! It gets what it was granted then, or less, and only as far as the user and the program may do that by now. The token is
//! used up last, when everything else is known: a program that is refused can come again with the one it has.

use adit_control::RefreshToken;
use http::HeaderMap;
use serde_json::Value;

use crate::client::Credentials;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::grant::user_tokens::{Granted, issued};
use crate::provider::Provider;
use crate::relying_party::RelyingParty;
use crate::user_scope::UserScope;

/// The name of the grant.
pub(crate) const GRANT: &str = "refresh_token";

/// The answer to a program that brings a token.
pub(crate) async fn granted(provider: &Provider, headers: &HeaderMap, form: &Form) -> Result<Value, Refusal> {
    let credentials = Credentials::of(headers, form)?;
    let control = &provider.0.control;
    let shown = control.shown_refresh_token(form.load("refresh_token")?).await?.ok_or(OAuthError::BadRefreshToken)?;
    if !credentials.is_client(shown.app_id()) {
        return Err(OAuthError::BadRefreshToken.into());
    }
    let needs_secret = shown.needs_secret();
    let mut secret = None;
    if needs_secret || credentials.has_secret() {
        let in_header = credentials.in_header;
        let proved = credentials.authenticate(provider).await.map_err(|refused| refused.challenging(in_header))?;
        secret = needs_secret.then(|| proved.secret());
    }
    // A token that was used up ends the sign-in: only now, when the client is known.
    let shown = control.refresh_token(shown).await?.ok_or(OAuthError::BadRefreshToken)?;
    let grant = shown.grant();
    // The program may have been deleted or disabled since.
    RelyingParty::find(provider, &grant.app_id.to_string()).await?;
    let scope = asked(provider, &shown, form).await?;
    let words: Vec<&str> = grant.granted.split(' ').filter(|word| !word.is_empty()).collect();
    let granted = Granted {
        app_id: grant.app_id,
        user: grant.user,
        sign_in: grant.id,
        signed_in: grant.signed_in,
        scope,
        nonce: None,
        within: Some(&words),
    };
    let mut tokens = issued(provider, &granted, form).await?.answer;
    let next = control.renew_refresh_token(&shown, secret).await?.ok_or(OAuthError::BadRefreshToken)?;
    if let Some(members) = tokens.as_object_mut() {
        members.insert("refresh_token".to_owned(), next.as_str().into());
    }
    Ok(tokens)
}

/// What is asked for: what was granted first, or less of it.
async fn asked(provider: &Provider, shown: &RefreshToken, form: &Form) -> Result<UserScope, Refusal> {
    let first = UserScope::parse(provider, &shown.grant().scope).await?;
    let Some(scope) = form.find("scope") else { return Ok(first) };
    let asked = UserScope::parse(provider, scope).await?;
    asked.within(provider, &first).ok_or_else(|| {
        OAuthError::BadScope("it goes beyond what the user agreed to; have the user sign in for it").into()
    })
}
