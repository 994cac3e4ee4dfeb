//! The one place where a JSON web token is verified: its header, the key, the signature, then issuer, audience and times.
//!
//! Of the token's header only `alg` and `kid` are used, to choose among keys that are already trusted; `jku`, `x5u`,
//! `jwk` and `x5c` are never looked at. The algorithm must be one that the chosen key is for, so a public key is never
//! used as a shared secret, and `none` fits no key.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;

use crate::claims::Unverified;
use crate::issuer::Issuer;
use crate::token::TokenRefused;

/// The algorithms that are accepted from anybody.
pub(crate) const ACCEPTED: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// How far clocks may differ, in seconds.
pub(crate) const LEEWAY: u64 = 60;

/// The longest life that is believed, in seconds: a token that says more counts in milliseconds.
const LONGEST_LIFE: f64 = 10.0 * 366.0 * 86_400.0;

/// Verifies a token of `issuer` for one of `audiences`, and reads its claims.
///
/// # Errors
/// [`TokenRefused`], the first reason found.
pub(crate) async fn verify<T: DeserializeOwned>(
    token: &str,
    unverified: &Unverified,
    issuer: &Issuer,
    audiences: &[&str],
) -> Result<T, TokenRefused> {
    let (algorithm, key_id) = header(token)?;
    if unverified.exp.as_f64().is_some_and(|exp| exp > now() + LONGEST_LIFE) {
        return Err(TokenRefused::BadClaim("exp".to_owned()));
    }
    let candidates = issuer.candidates(key_id.as_deref(), algorithm).await?;
    let mut refused = TokenRefused::UnknownKey;
    for candidate in candidates {
        match check(token, &candidate.key, algorithm, issuer, audiences) {
            Ok(claims) => return Ok(claims),
            // Another key of the set may fit; any other reason holds for all of them.
            Err(TokenRefused::WrongSignature) => refused = TokenRefused::WrongSignature,
            Err(reason) => return Err(reason),
        }
    }
    Err(refused)
}

/// The type that the header of a token names, of which nothing was verified.
pub(crate) fn header_type(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.typ
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

pub(crate) fn check<T: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
    issuer: &Issuer,
    audiences: &[&str],
) -> Result<T, TokenRefused> {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.set_issuer(&[&issuer.name]);
    validation.set_audience(audiences);
    let data = jsonwebtoken::decode::<T>(token, key, &validation).map_err(|error| refusal(&error, audiences))?;
    Ok(data.claims)
}

fn refusal(error: &Error, audiences: &[&str]) -> TokenRefused {
    match error.kind() {
        ErrorKind::ExpiredSignature => TokenRefused::Expired,
        ErrorKind::ImmatureSignature => TokenRefused::NotYetValid,
        ErrorKind::InvalidAudience => TokenRefused::WrongAudience { expected: audiences.join("' or '") },
        ErrorKind::InvalidIssuer => TokenRefused::BadClaim("iss".to_owned()),
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            TokenRefused::BadClaim(claim.clone())
        }
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => TokenRefused::Malformed("its claims cannot be read"),
        ErrorKind::Base64(_) | ErrorKind::InvalidToken => TokenRefused::Malformed("it is not base64url"),
        _ => TokenRefused::WrongSignature,
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
