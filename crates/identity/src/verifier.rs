//! Verifies bearer tokens for the API: by which of the issuers, and that they are for its audience. How a token is
//! verified is in [`crate::jwt`].

use std::sync::Arc;

use jsonwebtoken::Algorithm;

use crate::claims::{Claims, Unverified};
use crate::issuer::{Issuer, IssuerSettings, UnusableIssuer};
use crate::jwt;
use crate::key_set::KeySet;
use crate::local_key::{LOCAL_AUDIENCE, LOCAL_ISSUER, LocalKey};
use crate::provider_key::ProviderIssuer;
use crate::token::{TokenRefused, VerifiedToken};

/// Knows the issuers whose tokens are accepted.
pub struct Verifier {
    issuers: Vec<Arc<Issuer>>,
}

impl Verifier {
    /// Accepts tokens of the local key and of `issuers`.
    ///
    /// # Errors
    /// [`UnusableIssuer`], the first issuer whose settings cannot be right.
    pub fn new(local: &LocalKey, issuers: Vec<IssuerSettings>) -> Result<Self, UnusableIssuer> {
        let keys = KeySet::of(local.verifying().clone(), Algorithm::ES256);
        let mut known = vec![Arc::new(Issuer::local(LOCAL_ISSUER, LOCAL_AUDIENCE, keys))];
        for settings in issuers {
            known.push(Arc::new(Issuer::configured(settings)?));
        }
        Ok(Self { issuers: known })
    }

    /// Accepts tokens of the built-in provider as well.
    #[must_use]
    pub fn with_provider(mut self, provider: &ProviderIssuer) -> Self {
        self.issuers.push(Arc::clone(&provider.0));
        self
    }

    /// Verifies the token of an `Authorization: Bearer` header.
    ///
    /// # Errors
    /// [`TokenRefused`], the first reason found.
    pub async fn verify(&self, bearer: &str) -> Result<VerifiedToken, TokenRefused> {
        let token = bearer.trim();
        if token.is_empty() {
            return Err(TokenRefused::Empty);
        }
        let unverified = Unverified::read(token)?;
        if unverified.is_for_microsoft_graph() {
            return Err(TokenRefused::MicrosoftGraphAudience { expected: LOCAL_AUDIENCE.to_owned() });
        }
        let issuer = self.issuer(&unverified)?;
        let claims: Claims = jwt::verify(token, &unverified, issuer, &[&issuer.audience]).await?;
        claims.into_token()
    }

    fn issuer(&self, unverified: &Unverified) -> Result<&Issuer, TokenRefused> {
        let name = unverified.iss.as_str().ok_or_else(|| TokenRefused::BadClaim("iss".to_owned()))?;
        self.issuers
            .iter()
            .find(|issuer| issuer.name == name)
            .map(Arc::as_ref)
            .ok_or_else(|| TokenRefused::UnknownIssuer(name.chars().take(200).collect()))
    }
}

#[cfg(test)]
mod tests;
