//! Answers to the authority's challenges, for as long as an order needs them.
//!
//! An [`Answer`] takes its answer back when it is dropped, so an order that fails or is given up leaves nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use instant_acme::KeyAuthorization;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::ChallengeKind;
use super::failure::OrderFailed;

/// The longest token that is taken; authorities use 43 characters, which is 256 bits.
const LONGEST_TOKEN: usize = 256;

/// The answers at the moment.
#[derive(Default)]
pub(crate) struct Challenges {
    /// Key authorisations by token, for `http-01`.
    http: Mutex<HashMap<String, String>>,
    /// Certificates by host, for `tls-alpn-01`.
    tls: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

/// Keeps an answer for as long as it lives.
pub(super) struct Answer {
    challenges: Arc<Challenges>,
    kind: ChallengeKind,
    /// The token or the host.
    key: String,
}

impl Challenges {
    /// What a request for this token over plain HTTP gets.
    pub(crate) fn http(&self, token: &str) -> Option<String> {
        locked(&self.http).get(token).cloned()
    }

    /// What a handshake for this host shows.
    pub(crate) fn tls(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        locked(&self.tls).get(host).cloned()
    }

    /// Answers a challenge from now on.
    ///
    /// # Errors
    /// [`OrderFailed`], when the token is none or the certificate cannot be made.
    pub(super) fn answer(
        self: &Arc<Self>,
        kind: ChallengeKind,
        host: &str,
        token: &str,
        authorization: &KeyAuthorization,
    ) -> Result<Answer, OrderFailed> {
        if !is_token(token) {
            return Err(OrderFailed::Refused("the token of the challenge is none".to_owned()));
        }
        let key = match kind {
            ChallengeKind::Http01 => {
                locked(&self.http).insert(token.to_owned(), authorization.as_str().to_owned());
                token.to_owned()
            }
            ChallengeKind::TlsAlpn01 => {
                let certificate = certificate(host, authorization.digest().as_ref()).map_err(OrderFailed::Ourselves)?;
                locked(&self.tls).insert(host.to_owned(), Arc::new(certificate));
                host.to_owned()
            }
        };
        Ok(Answer { challenges: Arc::clone(self), kind, key })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        match self.kind {
            ChallengeKind::Http01 => _ = locked(&self.challenges.http).remove(&self.key),
            ChallengeKind::TlsAlpn01 => _ = locked(&self.challenges.tls).remove(&self.key),
        }
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenges")
    }
}

/// What is shown to anybody who asks has the characters of RFC 8555 (section 8.1) alone, so that an authority cannot have
/// this server publish a page of its own.
fn is_token(token: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(plain)
}

/// The self-signed certificate with the digest in it (RFC 8737, section 3). Not checked like one that browsers see: its
/// critical extension is meant for the authority alone.
fn certificate(host: &str, digest: &[u8]) -> Result<CertifiedKey, String> {
    if digest.len() != 32 {
        return Err("the digest of a key authorisation has 32 bytes".to_owned());
    }
    let failed = |error: rcgen::Error| format!("no certificate for a challenge: {error}");
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new([host.to_owned()]).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(failed)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = any_supported_type(&der).map_err(|error| format!("no key for a challenge: {error}"))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

fn locked<T>(answers: &Mutex<T>) -> MutexGuard<'_, T> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;

    #[test]
    fn a_token_that_is_more_than_a_token_is_refused() {
        assert!(is_token("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"));
        for token in ["", "a b", "<script>", "../account", "a/b", "a\r\nb", "\u{e9}", "a.b", &"a".repeat(257)] {
            assert!(!is_token(token), "{token}");
        }
    }

    #[test]
    fn the_certificate_of_a_challenge_names_the_host_and_has_the_digest_in_a_critical_extension() {
        let made = certificate("wiki.example.com", &[7; 32]).unwrap();
        let (_, parsed) = X509Certificate::from_der(&made.cert[0]).unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 1);
        let extension = parsed.extensions().iter().find(|e| e.oid.to_id_string() == "1.3.6.1.5.5.7.1.31").unwrap();
        assert!(extension.critical);
        assert_eq!(extension.value, [&[0x04, 32][..], &[7; 32]].concat());
    }
}
