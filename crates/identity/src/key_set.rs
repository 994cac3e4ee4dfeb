//! The public keys of one issuer (a JWK set), each bound to the algorithms it may be used with.
//!
//! Only asymmetric keys for signatures are taken: a symmetric key in a public set would let anybody sign.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// The most keys of one set; real issuers publish fewer than ten.
const MOST_KEYS: usize = 64;

/// A public key and what it may be used for.
#[derive(Clone)]
pub(crate) struct PublicKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(crate) key: DecodingKey,
}

/// All public keys of an issuer.
#[derive(Clone, Default)]
pub(crate) struct KeySet(Vec<PublicKey>);

#[derive(Deserialize)]
struct Wire {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a JWK set; keys that cannot be used are left out.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let wire: Wire = serde_json::from_slice(json)?;
        Ok(Self(wire.keys.into_iter().take(MOST_KEYS).filter_map(usable).collect()))
    }

    /// A set with one key.
    pub(crate) fn of(key: DecodingKey, algorithm: Algorithm) -> Self {
        Self(vec![PublicKey { id: None, algorithms: vec![algorithm], key }])
    }

    /// The keys that may have signed: of that id, if both sides name one, and for that algorithm.
    pub(crate) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().filter(move |key| {
            let same = match (key.id.as_deref(), id) {
                (Some(own), Some(asked)) => own == asked,
                _ => true,
            };
            same && key.algorithms.contains(&algorithm)
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn usable(value: serde_json::Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    // RFC 7517, section 4.3: one that says what it is for, and not that.
    if jwk.common.key_operations.as_ref().is_some_and(|named| !named.contains(&KeyOperations::Verify)) {
        return None;
    }
    let by_type: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => return None,
    };
    let algorithms: Vec<Algorithm> = match jwk.common.key_algorithm {
        None => by_type.to_vec(),
        Some(declared) => by_type.iter().copied().filter(|own| KeyAlgorithm::from(*own) == declared).collect(),
    };
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then_some(PublicKey { id: jwk.common.key_id, algorithms, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn symmetric_encryption_and_unknown_keys_are_left_out() {
        let point = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let set = json!({"keys": [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
            {"kty": "EC", "crv": "P-256", "x": point, "y": point, "kid": "a", "key_ops": ["verify"]},
            {"kty": "EC", "crv": "P-256", "x": point, "y": point, "kid": "b", "use": "enc"},
            {"kty": "EC", "crv": "P-256", "x": point, "y": point, "kid": "b", "alg": "HS256"},
            {"kty": "EC", "crv": "P-256", "x": point, "y": point, "kid": "b", "key_ops": ["deriveKey"]},
            {"kty": "EC", "crv": "P-384", "x": point, "y": point, "kid": "b"},
            {"kty": "new", "kid": "b"}, 5, {}
        ]});
        let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(set.0.len(), 1);
        assert_eq!(set.candidates(Some("a"), Algorithm::ES256).count(), 1);
        assert_eq!(set.candidates(None, Algorithm::ES256).count(), 1);
        assert_eq!(set.candidates(Some("b"), Algorithm::ES256).count(), 0);
        assert_eq!(set.candidates(Some("a"), Algorithm::HS256).count(), 0);
        assert_eq!(set.candidates(Some("a"), Algorithm::RS256).count(), 0);
    }
}
