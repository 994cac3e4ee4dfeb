//! The registration token: one line of text by which a new connector finds its gateway, recognises it, and proves
//! that it may register.
//!
//! `adit-` and base64url of a small JSON object: the gateway's address, the SHA-256 of the directory's CA certificate,
//! and a secret. The secret is random and single-use; the directory keeps only its hash.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The word a token starts with, so that it is recognised in a log or a repository scan.
const PREFIX: &str = "adit-";

/// The longest token that is parsed, in bytes; a real one has about 250.
const LONGEST: usize = 2048;

/// What a registration token carries.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistrationToken {
    /// `host:port` that the connector dials.
    pub gateway: String,
    /// SHA-256 of the DER form of the directory's CA certificate.
    pub ca_fingerprint: [u8; 32],
    /// The single-use secret.
    pub secret: [u8; 32],
}

/// A text that is not a registration token. Never repeats the text: it may be nearly a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a registration token: it must be one line that starts with '{PREFIX}', as it was printed")]
pub struct NotARegistrationToken;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    gateway: String,
    ca: String,
    secret: String,
}

impl fmt::Debug for RegistrationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrationToken").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl RegistrationToken {
    /// The one line to hand to `adit connector --token`.
    #[must_use]
    pub fn to_line(&self) -> String {
        let wire = Wire {
            gateway: self.gateway.clone(),
            ca: BASE64_URL_SAFE_NO_PAD.encode(self.ca_fingerprint),
            secret: BASE64_URL_SAFE_NO_PAD.encode(self.secret),
        };
        let json = serde_json::to_string(&wire).unwrap_or_default();
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for RegistrationToken {
    type Err = NotARegistrationToken;

    fn from_str(text: &str) -> Result<Self, NotARegistrationToken> {
        let text = text.trim();
        let encoded = text.strip_prefix(PREFIX).filter(|_| text.len() <= LONGEST).ok_or(NotARegistrationToken)?;
        let json = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotARegistrationToken)?;
        let wire: Wire = serde_json::from_slice(&json).map_err(|_| NotARegistrationToken)?;
        Ok(Self { gateway: wire.gateway, ca_fingerprint: bytes(&wire.ca)?, secret: bytes(&wire.secret)? })
    }
}

fn bytes(text: &str) -> Result<[u8; 32], NotARegistrationToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NotARegistrationToken)?;
    bytes.try_into().map_err(|_| NotARegistrationToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_printed_and_read() {
        let token =
            RegistrationToken { gateway: "localhost:8443".to_owned(), ca_fingerprint: [7; 32], secret: [9; 32] };
        assert_eq!(format!("  {}\n", token.to_line()).parse::<RegistrationToken>(), Ok(token));
    }

    #[test]
    fn a_damaged_token_is_refused() {
        let line = RegistrationToken { gateway: "g:1".to_owned(), ca_fingerprint: [7; 32], secret: [9; 32] }.to_line();
        for text in ["", "adit-", "hello", line.get(..line.len() - 4).unwrap(), &line.replace("adit-", "adit_")] {
            assert_eq!(text.parse::<RegistrationToken>(), Err(NotARegistrationToken), "{text}");
        }
    }
}
