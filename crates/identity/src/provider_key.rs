//! The keys by which the built-in provider signs tokens, and who believes them.
//!
//! RSA with 2048 bits and RS256, because every OpenID Connect client can check that (OpenID Connect Core, section 15.1).
//! A key's id is its thumbprint (RFC 7638), so that two keys never share one.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::issuer::Issuer;
use crate::key_set::KeySet;

/// Why a key of the provider cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderKeyError {
    /// The random generator or the key format failed.
    #[error("the provider's signing key could not be made: {0}")]
    Generate(#[source] rcgen::Error),
    /// Not a PKCS#8 PEM with an RSA key.
    #[error("the provider's signing key cannot be read: it must be an RSA key in PKCS#8 PEM form")]
    Unreadable,
    /// Signing failed.
    #[error("the token could not be signed: {0}")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// A key pair of the provider.
#[derive(Clone)]
pub struct ProviderKey {
    id: String,
    signing: EncodingKey,
    modulus: String,
    exponent: String,
}

impl fmt::Debug for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ProviderKey {
    /// Makes a new key; the second value is its PKCS#8 PEM form, to be kept sealed. It takes a while: not for a thread that
    /// serves.
    ///
    /// # Errors
    /// [`ProviderKeyError`] when the random generator fails.
    pub fn generate() -> Result<(Self, Zeroizing<String>), ProviderKeyError> {
        let pair =
            KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(ProviderKeyError::Generate)?;
        let pem = Zeroizing::new(pair.serialize_pem());
        Ok((Self::from_pem(&pem)?, pem))
    }

    /// Reads a key in the form that [`ProviderKey::generate`] gave.
    ///
    /// # Errors
    /// [`ProviderKeyError::Unreadable`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, ProviderKeyError> {
        let pair = KeyPair::from_pem(pem).map_err(|_| ProviderKeyError::Unreadable)?;
        let der = Zeroizing::new(pair.serialize_der());
        let pair = rsa::KeyPair::from_pkcs8(&der).map_err(|_| ProviderKeyError::Unreadable)?;
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| ProviderKeyError::Unreadable)?;
        let encoded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let public = pair.public_key();
        let modulus = encoded(public.modulus().big_endian_without_leading_zero());
        let exponent = encoded(public.exponent().big_endian_without_leading_zero());
        // RFC 7638, section 3.2: these members, in this order, without spaces.
        let members = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, members.as_bytes());
        Ok(Self { id: encoded(digest.as_ref()), signing, modulus, exponent })
    }

    /// Its id (`kid`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its public half, as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": self.modulus, "e": self.exponent})
    }

    /// Signs `claims`. `kind` is what the header says of the token: `at+jwt` for access tokens (RFC 9068, section 2.1), so
    /// that one is never taken for the other, `JWT` for id tokens.
    ///
    /// # Errors
    /// [`ProviderKeyError::Sign`].
    pub fn sign(&self, kind: &str, claims: &Value) -> Result<String, ProviderKeyError> {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(kind.to_owned());
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(ProviderKeyError::Sign)
    }
}

impl ProviderKey {
    /// The claims of a token of that kind which this key has signed, whatever they say: whether its time is over, and for
    /// whom it is, is the caller's to judge.
    #[must_use]
    pub fn claims_of_own(&self, kind: &str, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= LONGEST_TOKEN)?;
        let (header, claims) = signed.split_once('.')?;
        let read = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let header: Value = serde_json::from_slice(&read(header)?).ok()?;
        // What we sign has these members and no others, so nothing in it is left to be understood.
        if header != json!({"typ": kind, "alg": "RS256", "kid": self.id}) {
            return None;
        }
        let public = RsaPublicKeyComponents { n: read(&self.modulus)?, e: read(&self.exponent)? };
        public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &read(signature)?).ok()?;
        serde_json::from_slice(&read(claims)?).ok()
    }
}

/// The longest token that is looked at, in bytes: an id token with all its groups is not half as long.
const LONGEST_TOKEN: usize = 32 * 1024;

/// The public halves of keys, as a JWK set (RFC 7517, section 5).
#[must_use]
pub fn key_set_document(keys: &[ProviderKey]) -> Value {
    json!({"keys": keys.iter().map(ProviderKey::jwk).collect::<Vec<_>>()})
}

/// The provider as an issuer whose tokens this server accepts itself: its keys are known without fetching them. Clones share
/// everything.
#[derive(Clone)]
pub struct ProviderIssuer(pub(crate) Arc<Issuer>);

impl fmt::Debug for ProviderIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderIssuer").field(&self.0.name).finish()
    }
}

impl ProviderIssuer {
    /// The issuer of that URL, whose tokens must be for `audience`. Until keys are published, nothing is accepted.
    #[must_use]
    pub fn new(url: &str, audience: &str) -> Self {
        Self(Arc::new(Issuer::local(url, audience, KeySet::default())))
    }

    /// From now on these keys are believed, and no others.
    pub fn publish(&self, keys: &[ProviderKey]) {
        // What was written here can be read; if it could not, nothing would be believed.
        let set = KeySet::parse(key_set_document(keys).to_string().as_bytes()).unwrap_or_default();
        self.0.replace_keys(set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_written_and_read_and_shows_only_its_public_half() {
        let (key, pem) = ProviderKey::generate().unwrap();
        let read = ProviderKey::from_pem(&pem).unwrap();
        assert_eq!((read.id(), read.jwk()), (key.id(), key.jwk()));
        let jwk = key.jwk();
        let members: Vec<&String> = jwk.as_object().unwrap().keys().collect();
        assert_eq!(members, ["kty", "use", "alg", "kid", "n", "e"]);
        assert_eq!(jwk["e"], "AQAB");
        assert!(!format!("{key:?}").contains(jwk["n"].as_str().unwrap()));
    }

    #[test]
    fn a_key_knows_its_own_tokens_of_a_kind_and_no_others() {
        let ((key, _), (other, _)) = (ProviderKey::generate().unwrap(), ProviderKey::generate().unwrap());
        let claims = json!({"aud": "x", "exp": 1});
        let token = key.sign("JWT", &claims).unwrap();
        assert_eq!(key.claims_of_own("JWT", &token), Some(claims.clone()), "though its time is over");
        assert_eq!(key.claims_of_own("at+jwt", &token), None);
        assert_eq!(other.claims_of_own("JWT", &token), None);
        let parts: Vec<&str> = token.split('.').collect();
        let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let changed = encoded(&json!({"aud": "y", "exp": 1}));
        let none = encoded(&json!({"typ": "JWT", "alg": "none", "kid": key.id()}));
        for forged in [
            format!("{}.{changed}.{}", parts[0], parts[2]),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}.{}", parts[2]),
            format!("{token}="),
            String::new(),
            "a".repeat(100_000),
        ] {
            assert_eq!(key.claims_of_own("JWT", &forged), None, "{}", &forged[..forged.len().min(80)]);
        }
        let by_other_name = other.sign("JWT", &claims).unwrap();
        let forged = format!("{}.{}", parts[0], by_other_name.split_once('.').unwrap().1);
        assert_eq!(key.claims_of_own("JWT", &forged), None);
    }

    #[test]
    fn other_keys_and_other_texts_are_refused() {
        let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        for pem in ["", "hello", other.as_str()] {
            assert!(matches!(ProviderKey::from_pem(pem), Err(ProviderKeyError::Unreadable)), "{pem}");
        }
    }
}
