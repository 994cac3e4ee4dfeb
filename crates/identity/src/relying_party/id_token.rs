//! What an ID token has to say beyond what every token has (OpenID Connect Core 1.0, section 3.1.3.7): that it is for us
//! alone or names us as the one it was made for, and that it answers this very attempt.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::Deserialize;

use super::SignInFailed;
use super::person::PersonClaims;
use crate::claims::Words;
use crate::jwt;
use crate::token::TokenRefused;

/// The claims of an ID token whose signature, issuer, audience and times were verified.
#[derive(Debug, Deserialize)]
pub(super) struct IdToken {
    #[serde(default)]
    aud: Words,
    azp: Option<String>,
    nonce: Option<String>,
    iat: Option<f64>,
    #[serde(flatten)]
    pub(super) claims: PersonClaims,
}

impl IdToken {
    /// Checks that it was made for `client`, in answer to the attempt with `nonce`.
    pub(super) fn check(&self, client: &str, nonce: &str) -> Result<(), SignInFailed> {
        let others = match &self.aud {
            Words::Text(own) => own != client,
            Words::List(several) => several.iter().any(|audience| audience != client),
            Words::None => true,
        };
        match self.azp.as_deref() {
            Some(azp) if azp != client => return Err(SignInFailed::OtherSignIn("azp")),
            None if others => return Err(SignInFailed::OtherSignIn("aud")),
            _ => {}
        }
        let said = self.nonce.as_deref().unwrap_or_default();
        verify_slices_are_equal(said.as_bytes(), nonce.as_bytes()).map_err(|_| SignInFailed::OtherSignIn("nonce"))?;
        let iat = self.iat.ok_or_else(|| TokenRefused::BadClaim("iat".to_owned()))?;
        if iat > jwt::now() + jwt::LEEWAY as f64 {
            return Err(TokenRefused::NotYetValid.into());
        }
        // Core, section 2: at most 255 ASCII characters.
        let subject = &self.claims.sub;
        if subject.is_empty() || subject.len() > 255 || !subject.is_ascii() {
            return Err(TokenRefused::BadClaim("sub".to_owned()).into());
        }
        Ok(())
    }
}
