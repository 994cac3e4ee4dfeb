//! The directory's own signing key: `adit token` signs with it, the control plane verifies with it. ECDSA on P-256.
//!
//! Whoever can read the key can administer the directory, so it lives in the data folder and nowhere else.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::DirectoryRole;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde_json::{Value, json};
use uuid::Uuid;

/// The issuer of tokens that were signed with a local key.
pub const LOCAL_ISSUER: &str = "urn:adit:local";

/// The audience of tokens for Adit, unless an issuer is configured with another.
pub const LOCAL_AUDIENCE: &str = "api://adit";

/// The client that local tokens name: the command line.
const LOCAL_CLIENT: &str = "adit-cli";

/// Who a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A person at the command line: a delegated token of a global administrator.
    Administrator,
    /// Somebody else, through the command line: a delegated token.
    User {
        /// Who.
        subject: String,
        /// Their administrator roles.
        roles: Vec<DirectoryRole>,
    },
    /// A program of its own: an app-only token.
    Program {
        /// Its client id.
        client: String,
    },
}

/// A token to issue.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// For whom.
    pub holder: Holder,
    /// What it may do: scopes of the administrator, or roles of a program, with spaces between.
    pub scopes: String,
    /// How long it is valid.
    pub lifetime: Duration,
    /// The time it is valid from.
    pub now: SystemTime,
}

/// Why a local key cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum LocalKeyError {
    /// The random generator or the key format failed.
    #[error("the signing key could not be made: {0}")]
    Generate(#[source] rcgen::Error),
    /// Not a PKCS#8 PEM with an ECDSA key on P-256.
    #[error("the signing key cannot be read: it must be an ECDSA P-256 key in PKCS#8 PEM form ({0})")]
    Unreadable(String),
    /// Signing failed.
    #[error("the token could not be signed: {0}")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// The time or the lifetime is outside what a token can say.
    #[error("the token's lifetime is out of range")]
    Lifetime,
}

/// The key pair.
#[derive(Clone)]
pub struct LocalKey {
    signing: EncodingKey,
    verifying: DecodingKey,
    id: String,
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl LocalKey {
    /// Makes a new key; the second value is its PKCS#8 PEM form, for the data folder.
    ///
    /// # Errors
    /// [`LocalKeyError`] when the random generator fails.
    pub fn generate() -> Result<(Self, String), LocalKeyError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(LocalKeyError::Generate)?;
        let pem = pair.serialize_pem();
        Ok((Self::from_pair(&pair)?, pem))
    }

    /// Reads a key in the form that [`LocalKey::generate`] gave.
    ///
    /// # Errors
    /// [`LocalKeyError::Unreadable`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, LocalKeyError> {
        let pair = KeyPair::from_pem(pem).map_err(|error| LocalKeyError::Unreadable(error.to_string()))?;
        Self::from_pair(&pair)
    }

    fn from_pair(pair: &KeyPair) -> Result<Self, LocalKeyError> {
        if pair.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(LocalKeyError::Unreadable("another kind of key".to_owned()));
        }
        let public = pair.der_bytes();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public);
        Ok(Self {
            signing: EncodingKey::from_ec_der(&pair.serialize_der()),
            verifying: DecodingKey::from_ec_der(public),
            id: BASE64_URL_SAFE_NO_PAD.encode(digest),
        })
    }

    /// Issues a token.
    ///
    /// # Errors
    /// [`LocalKeyError`] when the times cannot be written or signing fails.
    pub fn issue(&self, request: &TokenRequest) -> Result<String, LocalKeyError> {
        let from = seconds(request.now)?;
        let until = seconds(request.now.checked_add(request.lifetime).ok_or(LocalKeyError::Lifetime)?)?;
        let mut claims = json!({
            "iss": LOCAL_ISSUER,
            "aud": LOCAL_AUDIENCE,
            "iat": from,
            "nbf": from,
            "exp": until,
            "jti": Uuid::new_v4().to_string(),
        });
        let own = match &request.holder {
            // Whoever can read the key can administer the directory.
            Holder::Administrator => json!({
                "sub": "local",
                "name": "local administrator",
                "azp": LOCAL_CLIENT,
                "scp": request.scopes,
                "wids": [DirectoryRole::GlobalAdministrator.template_id()],
            }),
            Holder::User { subject, roles } => json!({
                "sub": subject,
                "azp": LOCAL_CLIENT,
                "scp": request.scopes,
                "wids": roles.iter().map(|role| role.template_id()).collect::<Vec<_>>(),
            }),
            Holder::Program { client } => json!({
                "sub": client,
                "azp": client,
                "idtyp": "app",
                "roles": request.scopes.split_whitespace().collect::<Vec<_>>(),
            }),
        };
        if let (Value::Object(claims), Value::Object(own)) = (&mut claims, own) {
            claims.extend(own);
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(LocalKeyError::Sign)
    }

    pub(crate) const fn verifying(&self) -> &DecodingKey {
        &self.verifying
    }
}

fn seconds(time: SystemTime) -> Result<u64, LocalKeyError> {
    time.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).map_err(|_| LocalKeyError::Lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_written_and_read() {
        let (key, pem) = LocalKey::generate().unwrap();
        assert_eq!(LocalKey::from_pem(&pem).unwrap().id, key.id);
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn other_keys_and_other_texts_are_refused() {
        let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        for pem in ["", "hello", other.as_str()] {
            assert!(matches!(LocalKey::from_pem(pem), Err(LocalKeyError::Unreadable(_))), "{pem}");
        }
    }
}
