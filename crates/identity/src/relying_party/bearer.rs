//! Somebody who comes with an access token in place of a session: native programs, and programs by themselves.

use adit_core::{PrincipalId, PrincipalKind};
use serde::Deserialize;

use super::person::{self, PersonClaims};
use crate::claims::ClientClaims;
use crate::session::Person;
use crate::token::{TokenKind, TokenRefused};

/// The claims of an access token whose signature, issuer, audience and times were verified.
#[derive(Debug, Deserialize)]
pub(super) struct AccessToken {
    iat: Option<u64>,
    exp: u64,
    /// What Keycloak calls the kind of token.
    typ: Option<String>,
    /// What Cognito calls it.
    token_use: Option<String>,
    /// How a client proved who it is, which Entra ID says in access tokens alone.
    azpacr: Option<serde_json::Value>,
    appidacr: Option<serde_json::Value>,
    nonce: Option<serde_json::Value>,
    at_hash: Option<serde_json::Value>,
    c_hash: Option<serde_json::Value>,
    #[serde(flatten)]
    client: ClientClaims,
    #[serde(flatten)]
    claims: PersonClaims,
}

impl AccessToken {
    /// An ID token of another client of the provider may have the application as its audience, and says who signed in
    /// there. So a token has to show that it is an access token: by its type (RFC 9068, section 2.1), or by what no ID token
    /// has.
    fn is_access_token(&self, header_type: Option<&str>) -> bool {
        let is = |said: Option<&str>, kind: &str| said.is_some_and(|said| said.eq_ignore_ascii_case(kind));
        // What only ID tokens have (OpenID Connect Core 1.0, sections 2 and 3.1.3.6).
        if self.nonce.is_some() || self.at_hash.is_some() || self.c_hash.is_some() {
            return false;
        }
        let (kind, usage) = (self.typ.as_deref(), self.token_use.as_deref());
        if kind.is_some() || usage.is_some() {
            return kind.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"))
                && (usage.is_none() || is(usage, "access"));
        }
        is(header_type, "at+jwt")
            || is(header_type, "application/at+jwt")
            || self.client.shows_access()
            || self.azpacr.is_some()
            || self.appidacr.is_some()
    }
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
    /// Reads the claims; `header_type` is the `typ` of the token's header.
    pub(super) fn of(
        token: AccessToken,
        header_type: Option<&str>,
        issuer: &str,
        groups_claim: &str,
    ) -> Result<Self, TokenRefused> {
        if !token.is_access_token(header_type) {
            return Err(TokenRefused::Malformed("it is an ID token, and not an access token"));
        }
        let mut claims = token.claims;
        if claims.sub.is_empty() {
            let client = token.client.client().map(str::to_owned);
            claims.sub = client.ok_or_else(|| TokenRefused::BadClaim("sub".to_owned()))?;
        }
        let kind = match token.client.kind(claims.has_roles(), claims.names_user()) {
            TokenKind::AppOnly => PrincipalKind::ServicePrincipal,
            TokenKind::Delegated => PrincipalKind::User,
        };
        let issued = token.iat.ok_or_else(|| TokenRefused::BadClaim("iat".to_owned()))?;
        let (person, groups) = person::of_claims(claims, issuer, groups_claim);
        Ok(Self { kind, person, groups, issued: issued.saturating_mul(1000), ends: token.exp.saturating_mul(1000) })
    }
}
