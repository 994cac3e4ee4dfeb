//! Somebody who comes with an access token in place of a session: native programs, and programs by themselves.

use adit_core::{PrincipalId, PrincipalKind};
use serde::Deserialize;

use super::person::{self, PersonClaims};
use crate::claims::Words;
use crate::session::Person;
use crate::token::TokenRefused;

/// The claims of an access token whose signature, issuer, audience and times were verified.
#[derive(Debug, Deserialize)]
pub(super) struct AccessToken {
    iat: Option<u64>,
    exp: u64,
    appid: Option<String>,
    azp: Option<String>,
    client_id: Option<String>,
    idtyp: Option<String>,
    #[serde(default)]
    scp: Words,
    #[serde(default)]
    scope: Words,
    nonce: Option<serde_json::Value>,
    at_hash: Option<serde_json::Value>,
    c_hash: Option<serde_json::Value>,
    #[serde(flatten)]
    claims: PersonClaims,
}

/// Who an access token speaks for. Made only by [`super::RelyingParty::verify_access_token`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// A user, or a program by itself.
    pub kind: PrincipalKind,
    /// Who, still without groups.
    pub person: Person,
    /// All groups that the token names.
    pub groups: Vec<PrincipalId>,
    /// When it was issued, in milliseconds since 1970.
    pub issued: u64,
    /// When it ends.
    pub ends: u64,
}

impl Bearer {
    pub(super) fn of(token: AccessToken, issuer: &str, groups_claim: &str) -> Result<Self, TokenRefused> {
        // What only ID tokens have (OpenID Connect Core 1.0, sections 2 and 3.1.3.6).
        if token.nonce.is_some() || token.at_hash.is_some() || token.c_hash.is_some() {
            return Err(TokenRefused::Malformed("it is an ID token, and not an access token"));
        }
        let mut claims = token.claims;
        if claims.sub.is_empty() {
            let client = token.appid.or(token.azp).or(token.client_id);
            claims.sub = client.ok_or_else(|| TokenRefused::BadClaim("sub".to_owned()))?;
        }
        let has_scopes = !token.scp.into_list().is_empty() || !token.scope.into_list().is_empty();
        let is_program = match token.idtyp.as_deref() {
            Some(kind) => kind.eq_ignore_ascii_case("app"),
            None => !has_scopes && claims.has_roles(),
        };
        let issued = token.iat.ok_or_else(|| TokenRefused::BadClaim("iat".to_owned()))?;
        let (person, groups) = person::of_claims(claims, issuer, groups_claim);
        Ok(Self {
            kind: if is_program { PrincipalKind::ServicePrincipal } else { PrincipalKind::User },
            person,
            groups,
            issued: issued.saturating_mul(1000),
            ends: token.exp.saturating_mul(1000),
        })
    }
}
