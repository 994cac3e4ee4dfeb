//! Verifies bearer tokens: which issuer, which key, the signature, then audience and times.
//!
//! Of the token's header only `alg` and `kid` are used, to choose among keys that are already trusted; `jku`, `x5u`,
//! `jwk` and `x5c` are never looked at. The algorithm must be one that the chosen key is for, so a public key is never
//! used as a shared secret, and `none` fits no key.

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use crate::claims::{Claims, Unverified};
use crate::issuer::{Issuer, IssuerSettings, UnusableIssuer};
use crate::key_set::KeySet;
use crate::local_key::{LOCAL_AUDIENCE, LOCAL_ISSUER, LocalKey};
use crate::token::{TokenRefused, VerifiedToken};

/// The algorithms that are accepted from anybody.
const ACCEPTED: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 60;

/// Knows the issuers whose tokens are accepted.
pub struct Verifier {
    issuers: Vec<Issuer>,
}

impl Verifier {
    /// Accepts tokens of the local key and of `issuers`.
    ///
    /// # Errors
    /// [`UnusableIssuer`], the first issuer whose settings cannot be right.
    pub fn new(local: &LocalKey, issuers: Vec<IssuerSettings>) -> Result<Self, UnusableIssuer> {
        let keys = KeySet::of(local.verifying().clone(), Algorithm::ES256);
        let mut known = vec![Issuer::local(LOCAL_ISSUER, LOCAL_AUDIENCE, keys)];
        for settings in issuers {
            known.push(Issuer::configured(settings)?);
        }
        Ok(Self { issuers: known })
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
        let (algorithm, key_id) = header(token)?;
        let issuer = self.issuer(&unverified)?;
        let candidates = issuer.candidates(key_id.as_deref(), algorithm).await?;
        let mut refused = TokenRefused::UnknownKey;
        for candidate in candidates {
            match check(token, &candidate.key, algorithm, issuer) {
                Ok(claims) => return claims.into_token(),
                // Another key of the set may fit; any other reason holds for all of them.
                Err(TokenRefused::WrongSignature) => refused = TokenRefused::WrongSignature,
                Err(reason) => return Err(reason),
            }
        }
        Err(refused)
    }

    fn issuer(&self, unverified: &Unverified) -> Result<&Issuer, TokenRefused> {
        let name = unverified.iss.as_str().ok_or_else(|| TokenRefused::BadClaim("iss".to_owned()))?;
        self.issuers
            .iter()
            .find(|issuer| issuer.name == name)
            .ok_or_else(|| TokenRefused::UnknownIssuer(name.chars().take(200).collect()))
    }
}

/// The algorithm and the key id that the header names.
fn header(token: &str) -> Result<(Algorithm, Option<String>), TokenRefused> {
    // An algorithm that is not known here, `none` among them, fails to parse.
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefused::AlgorithmNotAccepted)?;
    if !ACCEPTED.contains(&header.alg) {
        return Err(TokenRefused::AlgorithmNotAccepted);
    }
    if header.crit.is_some() {
        // RFC 7515, section 4.1.11: an extension that is critical and not understood.
        return Err(TokenRefused::Malformed("its header has a critical extension"));
    }
    Ok((header.alg, header.kid))
}

fn check(token: &str, key: &DecodingKey, algorithm: Algorithm, issuer: &Issuer) -> Result<Claims, TokenRefused> {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.set_issuer(&[&issuer.name]);
    validation.set_audience(&[&issuer.audience]);
    let data = jsonwebtoken::decode::<Claims>(token, key, &validation).map_err(|error| refusal(&error, issuer))?;
    Ok(data.claims)
}

fn refusal(error: &Error, issuer: &Issuer) -> TokenRefused {
    match error.kind() {
        ErrorKind::ExpiredSignature => TokenRefused::Expired,
        ErrorKind::ImmatureSignature => TokenRefused::NotYetValid,
        ErrorKind::InvalidAudience => TokenRefused::WrongAudience { expected: issuer.audience.clone() },
        ErrorKind::InvalidIssuer => TokenRefused::BadClaim("iss".to_owned()),
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            TokenRefused::BadClaim(claim.clone())
        }
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => TokenRefused::Malformed("its claims cannot be read"),
        ErrorKind::Base64(_) | ErrorKind::InvalidToken => TokenRefused::Malformed("it is not base64url"),
        _ => TokenRefused::WrongSignature,
    }
}

#[cfg(test)]
mod tests;
