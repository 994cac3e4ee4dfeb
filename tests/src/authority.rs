//! A certificate authority of a test's own, and what administrators bring from such a one: PEM files and PFX files.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p12_keystore::{Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use serde_json::{Value, json};

/// The password of every PFX.
pub const PASSWORD: &str = "correct horse";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An authority that clients of the test may believe.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Issued {
    certificate: Vec<u8>,
    certificate_pem: String,
    key: Vec<u8>,
    key_pem: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate of an authority");
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Its certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `names` that is valid for a month.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_between(names, SystemTime::now() - DAY, SystemTime::now() + 30 * DAY)
    }

    /// A certificate for `names` that was valid until yesterday.
    #[must_use]
    pub fn issue_expired(&self, names: &[&str]) -> Issued {
        self.issue_between(names, SystemTime::now() - 30 * DAY, SystemTime::now() - DAY)
    }

    /// A certificate for `names` and a time.
    ///
    /// # Panics
    /// When a name is none.
    #[must_use]
    pub fn issue_between(&self, names: &[&str], from: SystemTime, until: SystemTime) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let instant = |at: SystemTime| {
            rcgen::date_time_ymd(1970, 1, 1) + at.duration_since(UNIX_EPOCH).expect("a time after 1970")
        };
        (params.not_before, params.not_after) = (instant(from), instant(until));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued {
            certificate: certificate.der().to_vec(),
            certificate_pem: certificate.pem(),
            key: key.serialize_der(),
            key_pem: key.serialize_pem(),
        }
    }
}

impl Issued {
    /// The certificate in DER form.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// What must be found in no other place: the number that the private key is, and the text that holds it.
    ///
    /// # Panics
    /// When the key is of another kind than this authority makes.
    #[must_use]
    pub fn secrets(&self) -> [Vec<u8>; 2] {
        // The number is the first string of 32 bytes (RFC 5915).
        let at = self.key.windows(2).position(|pair| pair == [4, 32]).expect("a key of a curve with 256 bits") + 2;
        let text = self.key_pem.lines().nth(1).expect("a line of base64");
        [self.key[at..at + 32].to_vec(), text.as_bytes().to_vec()]
    }

    /// Writes certificate and key into files.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn write(&self, certificate: &Path, key: &Path) {
        fs::write(key, &self.key_pem).expect("a key file");
        fs::write(certificate, &self.certificate_pem).expect("a certificate file");
    }

    /// What a PATCH of an application carries to upload it.
    ///
    /// # Panics
    /// When the file cannot be made.
    #[must_use]
    pub fn as_upload(&self) -> Value {
        let certificate = Certificate::from_der(&self.certificate).expect("a certificate");
        let key = PrivateKey::from_der(&self.key).expect("a key");
        let mut store = KeyStore::new();
        let entry = PrivateKeyChain::new([1].as_slice(), key, [certificate]);
        store.add_entry("certificate", KeyStoreEntry::PrivateKeyChain(entry));
        let writer = store.writer(PASSWORD).encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
        let pfx = writer.encryption_iterations(2048).mac_iterations(2048).write().expect("a PFX");
        json!({"onPremisesPublishing": {
            "verifiedCustomDomainKeyCredential": {"type": "X509CertAndPassword", "value": BASE64_STANDARD.encode(pfx)},
            "verifiedCustomDomainPasswordCredential": {"value": PASSWORD},
        }})
    }
}
