//! A certificate that the gateway may show, checked once where it comes in, and where it came from.
//!
//! Invariant: the key of a [`ServerCertificate`] belongs to the first certificate of its chain, which is for servers and
//! names at least one host. Whether it is valid at the moment is asked each time it is chosen, because time passes.
//!
//! The key as it was read is wiped; what remains is the form that signs, which the crypto library wipes when it is freed.

pub(crate) mod by_name;
mod choice;
pub(crate) mod keeper;
pub(crate) mod metrics;
mod uploads;

pub use by_name::ShownCertificates;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

/// Where a certificate comes from. The first that has a valid one for a name is asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateSource {
    /// Uploaded with the application.
    Uploaded,
    /// From PEM files of the administrator.
    File,
    /// Issued to this server by an ACME authority.
    Acme,
    /// Issued by the directory's own authority.
    LocalCa,
}

/// A certificate that may be shown, and its key. Clones share both.
#[derive(Clone)]
pub struct ServerCertificate {
    certified: Arc<CertifiedKey>,
    names: Arc<[String]>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// A certificate that was not issued for one application, and where it comes from.
#[derive(Debug, Clone)]
pub struct ProvidedCertificate {
    /// From files or by ACME.
    pub source: CertificateSource,
    /// The certificate.
    pub certificate: ServerCertificate,
}

/// What is shown for a host.
#[derive(Debug, Clone)]
pub struct ShownCertificate {
    /// The published host; `*.` and a name for all hosts directly below it.
    pub host: String,
    /// Where the certificate comes from.
    pub source: CertificateSource,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableCertificate {
    /// Nothing to show.
    #[error("there is no certificate")]
    NoCertificate,
    /// Not X.509.
    #[error("the certificate cannot be read: {0}")]
    Malformed(String),
    /// A kind of key that TLS has no use for.
    #[error("the private key cannot be used: {0}")]
    KeyNotAccepted(rustls::Error),
    /// The two do not belong together.
    #[error("the private key does not belong to the first certificate of the chain")]
    KeyMismatch,
    /// It is for something else, such as signing mail.
    #[error("the certificate is not for servers")]
    NotForServers,
    /// Clients look nowhere but at its subject alternative names.
    #[error("the certificate names no host; a common name alone does not count")]
    NoNames,
}

impl ServerCertificate {
    /// Checks a chain, leaf first, and the leaf's key.
    ///
    /// # Errors
    /// [`UnusableCertificate`].
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, UnusableCertificate> {
        let key = Zeroizing::new(key);
        let leaf = chain.first().ok_or(UnusableCertificate::NoCertificate)?;
        let leaf = parsed(leaf)?;
        if !is_for_servers(&leaf) {
            return Err(UnusableCertificate::NotForServers);
        }
        let names: Arc<[String]> = names(&leaf).into();
        if names.is_empty() {
            return Err(UnusableCertificate::NoNames);
        }
        let (not_before, not_after) = validity(&leaf)?;
        let key = any_supported_type(&key).map_err(UnusableCertificate::KeyNotAccepted)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(UnusableCertificate::KeyMismatch),
            Err(error) => return Err(UnusableCertificate::Malformed(error.to_string())),
        }
        Ok(Self { certified: Arc::new(certified), names, not_before, not_after })
    }

    /// What handshakes are made with.
    #[must_use]
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// The chain, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// The host names, `*.` names and addresses that it is for.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it is for `host` (lower case; an IPv6 address may have brackets).
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        adit_core::certificate::covers(&self.names, host)
    }

    /// From when on it is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when it is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it is valid at `now`, as far as time goes.
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// When two thirds of its life are over: time for the next one.
    #[must_use]
    pub fn two_thirds(&self) -> Timestamp {
        let life = self.not_after.duration_since(self.not_before);
        self.not_before.saturating_add(life * 2 / 3).unwrap_or(self.not_after)
    }

    /// Whether both show the same to clients. The key follows from the leaf.
    pub(crate) fn shows_the_same_as(&self, other: &Self) -> bool {
        self.chain() == other.chain()
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl CertificateSource {
    /// All of them, the first choice first.
    pub const ALL: [Self; 4] = [Self::Uploaded, Self::File, Self::Acme, Self::LocalCa];

    /// As logs and metrics name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uploaded => "uploaded",
            Self::File => "file",
            Self::Acme => "acme",
            Self::LocalCa => "local_ca",
        }
    }
}

impl fmt::Display for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn parsed<'d>(der: &'d CertificateDer<'_>) -> Result<X509Certificate<'d>, UnusableCertificate> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|error| UnusableCertificate::Malformed(error.to_string()))?;
    if rest.is_empty() {
        Ok(certificate)
    } else {
        Err(UnusableCertificate::Malformed("something follows it".to_owned()))
    }
}

fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(Some(usage)) => usage.value.server_auth || usage.value.any,
        Ok(None) => true,
        Err(_) => false,
    }
}

fn validity(certificate: &X509Certificate<'_>) -> Result<(Timestamp, Timestamp), UnusableCertificate> {
    let instant = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|error| UnusableCertificate::Malformed(error.to_string()))
    };
    let validity = certificate.validity();
    // The second that is written last is still part of it (RFC 5280, section 4.1.2.5).
    Ok((instant(validity.not_before.timestamp())?, instant(validity.not_after.timestamp().saturating_add(1))?))
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};

    use super::*;

    /// A certificate for `names`, valid between two times in seconds since 1970.
    pub(crate) fn certificate(names: &[&str], from: i64, until: i64) -> ServerCertificate {
        let (chain, key) = made(names, from, until, &[]);
        ServerCertificate::new(chain, key).unwrap()
    }

    fn made(
        names: &[&str],
        from: i64,
        until: i64,
        usages: &[ExtendedKeyUsagePurpose],
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let since = |seconds: i64| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds as u64);
        (params.not_before, params.not_after) = (since(from), since(until));
        params.extended_key_usages = usages.to_vec();
        let certificate = params.self_signed(&key).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_certificate_knows_its_names_and_its_time() {
        let certificate = certificate(&["Wiki.Example.com", "*.example.org", "192.0.2.7"], 1000, 4000);
        assert_eq!(certificate.names(), ["wiki.example.com", "*.example.org", "192.0.2.7"]);
        for host in ["wiki.example.com", "a.example.org", "192.0.2.7"] {
            assert!(certificate.covers(host), "{host}");
        }
        for host in ["example.com", "a.b.example.org", "example.org", "192.0.2.8"] {
            assert!(!certificate.covers(host), "{host}");
        }
        let valid = [999, 1000, 4000, 4001].map(|second| certificate.is_valid_at(at(second)));
        assert_eq!(valid, [false, true, true, false]);
        let of_3000_seconds = self::certificate(&["a.example"], 1000, 3999);
        assert_eq!(of_3000_seconds.two_thirds(), at(3000));
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let (chain, key) = made(&["a.example"], 0, 10, &[]);
        let (_, other) = made(&["a.example"], 0, 10, &[]);
        assert!(matches!(ServerCertificate::new(chain.clone(), other), Err(UnusableCertificate::KeyMismatch)));
        assert!(matches!(ServerCertificate::new(Vec::new(), key.clone_key()), Err(UnusableCertificate::NoCertificate)));
        let mut longer = chain[0].to_vec();
        longer.push(0);
        let longer = ServerCertificate::new(vec![longer.into()], key.clone_key());
        assert!(matches!(longer, Err(UnusableCertificate::Malformed(_))));
        let no_key = PrivateKeyDer::Pkcs8(vec![0x30, 0].into());
        assert!(matches!(ServerCertificate::new(chain, no_key), Err(UnusableCertificate::KeyNotAccepted(_))));
        let (chain, key) = made(&[], 0, 10, &[]);
        assert!(matches!(ServerCertificate::new(chain, key), Err(UnusableCertificate::NoNames)));
        let (chain, key) = made(&["a.example"], 0, 10, &[ExtendedKeyUsagePurpose::CodeSigning]);
        assert!(matches!(ServerCertificate::new(chain, key), Err(UnusableCertificate::NotForServers)));
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let shown = format!("{:?}", certificate(&["a.example"], 0, 10));
        assert!(shown.starts_with("ServerCertificate { names: [\"a.example\"], not_after:"), "{shown}");
    }
}
