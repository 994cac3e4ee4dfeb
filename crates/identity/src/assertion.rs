//! The keys by which a gateway signs what it tells upstreams of who asks, and their public halves for whoever verifies that.
//!
//! ECDSA on P-256 (ES256): verified everywhere, signed in some microseconds, and short, since it goes along with every
//! request. They sign nothing else, and nothing of ours believes them: an upstream that has an assertion can use it nowhere.
//! A key's id is its thumbprint (RFC 7638), so that two keys never share one.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Why a key for assertions cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum AssertionKeyError {
    /// The random generator or the key format failed.
    #[error("the key for assertions could not be made: {0}")]
    Generate(#[source] rcgen::Error),
    /// Not what [`AssertionKey::generate`] gave.
    #[error("the key for assertions cannot be read")]
    Unreadable,
    /// Signing failed.
    #[error("the assertion could not be signed: {0}")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// A key pair.
#[derive(Clone)]
pub struct AssertionKey {
    id: String,
    signing: EncodingKey,
    x: String,
    y: String,
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AssertionKey {
    /// Makes a new key; the second value is its PKCS#8 form in base64url, one word, to be kept.
    ///
    /// # Errors
    /// [`AssertionKeyError::Generate`] when the random generator fails.
    pub fn generate() -> Result<(Self, Zeroizing<String>), AssertionKeyError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AssertionKeyError::Generate)?;
        let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(pair.serialized_der()));
        Ok((Self::from_pair(&pair)?, text))
    }

    /// Reads a key in the form that [`Self::generate`] gave.
    ///
    /// # Errors
    /// [`AssertionKeyError::Unreadable`] for anything else.
    pub fn from_text(text: &str) -> Result<Self, AssertionKeyError> {
        let der = BASE64_URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map_err(|_| AssertionKeyError::Unreadable)?;
        let pair = KeyPair::try_from(der.as_slice()).map_err(|_| AssertionKeyError::Unreadable)?;
        Self::from_pair(&pair)
    }

    fn from_pair(pair: &KeyPair) -> Result<Self, AssertionKeyError> {
        // An uncompressed point (SEC 1, section 2.3.3): a byte that says so, and both coordinates.
        let point: Option<&[u8; 65]> = pair.der_bytes().try_into().ok();
        let (Some([4, coordinates @ ..]), true) = (point, pair.algorithm() == &PKCS_ECDSA_P256_SHA256) else {
            return Err(AssertionKeyError::Unreadable);
        };
        let (x, y) = coordinates.split_at(32);
        let [x, y] = [x, y].map(|half| BASE64_URL_SAFE_NO_PAD.encode(half));
        // RFC 7638, section 3.2: these members, in this order, without spaces.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, members.as_bytes());
        let signing = EncodingKey::from_ec_der(pair.serialized_der());
        Ok(Self { id: BASE64_URL_SAFE_NO_PAD.encode(digest), signing, x, y })
    }

    /// Its id (`kid`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its public half, as a JWK.
    fn jwk(&self) -> Value {
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": self.x, "y": self.y})
    }
}

/// The keys at one time: the one that signs, and all that are published.
#[derive(Debug, Clone)]
pub struct AssertionKeys {
    signs: AssertionKey,
    document: String,
}

impl AssertionKeys {
    /// `signs` signs from now on; `others` are published beside it, because assertions of theirs are still under way, or will
    /// be.
    #[must_use]
    pub fn new<'k>(signs: AssertionKey, others: impl IntoIterator<Item = &'k AssertionKey>) -> Self {
        let others = others.into_iter().filter(|other| other.id != signs.id).map(AssertionKey::jwk);
        let keys: Vec<Value> = std::iter::once(signs.jwk()).chain(others).collect();
        Self { signs, document: json!({ "keys": keys }).to_string() }
    }

    /// The id of the key that signs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.signs.id
    }

    /// All that are published, as a JWK set (RFC 7517, section 5).
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Signs claims, which takes some ten microseconds.
    ///
    /// # Errors
    /// [`AssertionKeyError::Sign`].
    pub fn sign(&self, claims: &Value) -> Result<String, AssertionKeyError> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.signs.id.clone());
        jsonwebtoken::encode(&header, claims, &self.signs.signing).map_err(AssertionKeyError::Sign)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    fn verified(set: &str, token: &str, audience: &str) -> Option<Value> {
        let set: JwkSet = serde_json::from_str(set).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        let key = DecodingKey::from_jwk(set.find(header.kid.as_deref()?)?).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[audience]);
        validation.leeway = 0;
        jsonwebtoken::decode(token, &key, &validation).ok().map(|data| data.claims)
    }

    #[test]
    fn a_key_survives_being_written_and_read_and_shows_only_its_public_half() {
        let (key, text) = AssertionKey::generate().unwrap();
        let read = AssertionKey::from_text(&text).unwrap();
        assert_eq!((read.id(), read.jwk()), (key.id(), key.jwk()));
        let members: Vec<String> = key.jwk().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["kty", "crv", "use", "alg", "kid", "x", "y"]);
        assert!(!format!("{key:?}").contains(&key.x) && !text.contains('\n'));
    }

    #[test]
    fn what_a_key_signs_is_verified_by_what_is_published_also_after_another_has_taken_over() {
        let ((old, _), (new, _), (other, _)) =
            (AssertionKey::generate().unwrap(), AssertionKey::generate().unwrap(), AssertionKey::generate().unwrap());
        let claims = json!({"aud": "wiki", "sub": "ada", "exp": jsonwebtoken::get_current_timestamp() + 60});
        let before = AssertionKeys::new(old.clone(), [&new]);
        let after = AssertionKeys::new(new.clone(), [&old, &new]);
        let set: Value = serde_json::from_str(after.document()).unwrap();
        assert_eq!(set["keys"].as_array().unwrap().len(), 2, "each once");
        for (signs, id) in [(&before, old.id()), (&after, new.id())] {
            let token = signs.sign(&claims).unwrap();
            assert_eq!(jsonwebtoken::decode_header(&token).unwrap().kid.as_deref(), Some(id));
            for published in [before.document(), after.document()] {
                assert_eq!(verified(published, &token, "wiki"), Some(claims.clone()));
                assert_eq!(verified(published, &token, "shop"), None, "another application's");
            }
            assert_eq!(verified(AssertionKeys::new(other.clone(), []).document(), &token, "wiki"), None);
        }
        let over = before.sign(&json!({"aud": "wiki", "exp": jsonwebtoken::get_current_timestamp() - 1})).unwrap();
        assert_eq!(verified(before.document(), &over, "wiki"), None, "one that is over");
    }

    #[test]
    fn other_keys_and_other_texts_are_refused() {
        let of = |pair: KeyPair| BASE64_URL_SAFE_NO_PAD.encode(pair.serialized_der());
        let foreign = of(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
        let longer = of(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap());
        for text in ["", "hello", "%", foreign.as_str(), longer.as_str()] {
            assert!(matches!(AssertionKey::from_text(text), Err(AssertionKeyError::Unreadable)), "{text}");
        }
    }
}
