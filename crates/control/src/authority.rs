//! The directory's own certificate authority: one root, which signs the certificates of servers and of connectors.
//!
//! Nothing of a certificate request is used but its public key, and that only after the request's signature has shown
//! that the asker holds the private half. Subject, names, usages and lifetime are always written here.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_core::ConnectorIdentity;
use adit_core::permit::{self, Statement};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber, SigningKey as _, SubjectPublicKeyInfo, date_time_ymd,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// How long the root lives: ten years.
const ROOT_LIFETIME: Duration = Duration::from_secs(3652 * DAY);

/// How long a server's certificate lives. Servers ask for a new one when they start.
const SERVER_LIFETIME: Duration = Duration::from_secs(90 * DAY);

/// How long a connector's certificate lives: what a revoked connector has left at a gateway that lost its control plane.
const CONNECTOR_LIFETIME: Duration = Duration::from_secs(DAY);

/// How far certificates begin in the past, for clocks that are behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// The largest certificate request; a real one has about 300 bytes.
const LARGEST_CSR: usize = 8 * 1024;

const DAY: u64 = 24 * 60 * 60;

/// The directory's own authority. Clones share the key.
#[derive(Clone)]
pub struct CertificateAuthority {
    root: Arc<Root>,
}

struct Root {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    fingerprint: [u8; 32],
    issuer: Issuer<'static, KeyPair>,
}

/// A root as it is kept in files.
#[derive(Clone)]
pub struct Pem {
    /// The certificate; public.
    pub certificate: String,
    /// The private key; secret.
    pub key: String,
}

/// A server's certificate, with its private key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The certificate and the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

/// A connector's certificate.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate_der: Vec<u8>,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

/// Why the authority could not be loaded or could not issue.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The certificate file does not hold one.
    #[error("the CA certificate cannot be read: {0}")]
    UnreadableCertificate(String),
    /// The key file does not hold one.
    #[error("the CA key cannot be read: {0}")]
    UnreadableKey(String),
    /// The two files do not belong together.
    #[error("the CA certificate and the CA key do not belong together")]
    KeyMismatch,
    /// The certificate may not sign others.
    #[error("the CA certificate is not one of a certificate authority")]
    NotAnAuthority,
    /// A name that no certificate can carry.
    #[error("'{0}' is neither a host name nor an address, so no certificate can be issued for it")]
    BadName(String),
    /// A key with which nothing is signed here.
    #[error(
        "the CA key is of another kind than ECDSA P-256, the only one that gateways and connectors check signatures of"
    )]
    KindOfKey,
    /// Signing failed.
    #[error("no certificate could be issued: {0}")]
    NotIssued(String),
}

/// Why a certificate request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrRefused {
    /// Larger than [`LARGEST_CSR`].
    #[error("the certificate request has {0} bytes, more than the {LARGEST_CSR} that are accepted")]
    TooLarge(usize),
    /// Not a certificate request.
    #[error("this is not a certificate request in DER form")]
    Malformed,
    /// The asker does not hold the private key.
    #[error("the certificate request is not signed by the key that it is for")]
    BadSignature,
    /// A kind of key that is not accepted.
    #[error("the certificate request is for a kind of key that is not accepted; use ECDSA P-256 or Ed25519")]
    BadKey,
    /// The request is good; issuing failed.
    #[error("{0}")]
    NotIssued(String),
}

/// A certificate request of acceptable size and key, whose signature was checked. All that is kept of it is the key.
pub(crate) struct CheckedCsr {
    key: SubjectPublicKeyInfo,
}

// === impl CertificateAuthority ===

impl CertificateAuthority {
    /// Makes a new root, and what to keep of it in files.
    ///
    /// # Errors
    /// [`AuthorityError::NotIssued`].
    pub fn generate() -> Result<(Self, Pem), AuthorityError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(not_issued)?;
        let mut params = params("Adit directory CA", Timestamp::now(), ROOT_LIFETIME)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = false;
        let pem = Pem { certificate: params.self_signed(&key).map_err(not_issued)?.pem(), key: key.serialize_pem() };
        Ok((Self::from_pem(&pem.certificate, &pem.key)?, pem))
    }

    /// Loads a root.
    ///
    /// # Errors
    /// [`AuthorityError`] when either text cannot be read, or when the two do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, AuthorityError> {
        let unreadable = |error: &dyn fmt::Display| AuthorityError::UnreadableCertificate(error.to_string());
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| unreadable(&error))?;
        let key = KeyPair::from_pem(key).map_err(|error| AuthorityError::UnreadableKey(error.to_string()))?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| unreadable(&error))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(AuthorityError::KeyMismatch);
        }
        if key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(AuthorityError::KindOfKey);
        }
        if !parsed.is_ca() {
            return Err(AuthorityError::NotAnAuthority);
        }
        let fingerprint = sha256(&der);
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|error| unreadable(&error))?;
        let certificate_pem = certificate.to_owned();
        Ok(Self { root: Arc::new(Root { certificate: der, certificate_pem, fingerprint, issuer }) })
    }

    /// The root's certificate.
    #[must_use]
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.root.certificate
    }

    /// The root's certificate, as text.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.root.certificate_pem
    }

    /// SHA-256 of the root's certificate in DER form: what registration tokens carry.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.root.fingerprint
    }

    /// Issues a certificate, with a new key, for a server that is reached by `names`: host names and addresses.
    ///
    /// # Errors
    /// [`AuthorityError::BadName`], [`AuthorityError::NotIssued`].
    pub fn issue_server(&self, names: &[String]) -> Result<ServerCertificate, AuthorityError> {
        let now = Timestamp::now();
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(not_issued)?;
        let mut params = leaf("Adit server", ExtendedKeyUsagePurpose::ServerAuth, now, SERVER_LIFETIME)?;
        params.subject_alt_names = names.iter().map(|name| subject_name(name)).collect::<Result<_, _>>()?;
        let certificate = params.signed_by(&key, &self.root.issuer).map_err(not_issued)?;
        Ok(ServerCertificate {
            chain: vec![certificate.der().clone(), self.root.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            not_after: end(now, SERVER_LIFETIME)?,
        })
    }

    /// Issues a certificate by which a connector proves that it is `identity`.
    ///
    /// # Errors
    /// [`CsrRefused`].
    pub fn issue_connector(
        &self,
        identity: ConnectorIdentity,
        csr_der: &[u8],
    ) -> Result<IssuedCertificate, CsrRefused> {
        let csr = CheckedCsr::parse(csr_der)?;
        self.certify(identity, &csr, Timestamp::now()).map_err(|error| CsrRefused::NotIssued(error.to_string()))
    }

    /// Signs a statement for connectors, who know the root: nobody else can make one. Returns the text for the tunnel.
    ///
    /// # Errors
    /// [`AuthorityError::NotIssued`].
    pub fn sign<S: Statement>(&self, statement: &S) -> Result<Arc<str>, AuthorityError> {
        permit::signed(statement, |message| self.sign_message(message)).map(Arc::from)
    }

    pub(crate) fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        self.root.issuer.key().sign(message).map_err(not_issued)
    }

    pub(crate) fn certify(
        &self,
        identity: ConnectorIdentity,
        csr: &CheckedCsr,
        now: Timestamp,
    ) -> Result<IssuedCertificate, AuthorityError> {
        let name = identity.connector.to_string();
        let mut params = leaf(&name, ExtendedKeyUsagePurpose::ClientAuth, now, CONNECTOR_LIFETIME)?;
        params.distinguished_name.push(DnType::OrganizationalUnitName, permit::SIGNS_TARGETS);
        let uri = identity.to_uri().try_into().map_err(not_issued)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        let certificate = params.signed_by(&csr.key, &self.root.issuer).map_err(not_issued)?;
        Ok(IssuedCertificate { certificate_der: certificate.der().to_vec(), not_after: end(now, CONNECTOR_LIFETIME)? })
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pem").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

// === impl CheckedCsr ===

impl CheckedCsr {
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CsrRefused> {
        if der.len() > LARGEST_CSR {
            return Err(CsrRefused::TooLarge(der.len()));
        }
        let (rest, csr) = X509CertificationRequest::from_der(der).map_err(|_| CsrRefused::Malformed)?;
        if !rest.is_empty() {
            return Err(CsrRefused::Malformed);
        }
        let key = SubjectPublicKeyInfo::from_der(csr.certification_request_info.subject_pki.raw)
            .map_err(|_| CsrRefused::BadKey)?;
        let accepted = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519];
        if !accepted.contains(&key.algorithm()) {
            return Err(CsrRefused::BadKey);
        }
        csr.verify_signature().map_err(|_| CsrRefused::BadSignature)?;
        Ok(Self { key })
    }

    /// SHA-256 of the public key.
    pub(crate) fn key_hash(&self) -> [u8; 32] {
        sha256(&self.key.subject_public_key_info())
    }
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    hash
}

fn leaf(
    name: &str,
    usage: ExtendedKeyUsagePurpose,
    now: Timestamp,
    lifetime: Duration,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = params(name, now, lifetime)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    Ok(params)
}

fn params(name: &str, now: Timestamp, lifetime: Duration) -> Result<CertificateParams, AuthorityError> {
    let epoch = date_time_ymd(1970, 1, 1);
    let now = since_epoch(now)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = epoch + now.saturating_sub(BACKDATED);
    params.not_after = epoch + (now + lifetime);
    params.serial_number = Some(random_serial()?);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Random, because the same key is certified many times; positive, as X.509 demands.
fn random_serial() -> Result<SerialNumber, AuthorityError> {
    let mut serial = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| not_issued("the system gave no random numbers"))?;
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&serial))
}

/// Whole seconds: certificates know no fractions.
fn since_epoch(at: Timestamp) -> Result<Duration, AuthorityError> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| not_issued("the clock is before 1970"))?;
    Ok(Duration::from_secs(seconds))
}

fn end(now: Timestamp, lifetime: Duration) -> Result<Timestamp, AuthorityError> {
    let seconds = (since_epoch(now)? + lifetime).as_secs();
    Timestamp::from_second(i64::try_from(seconds).map_err(not_issued)?).map_err(not_issued)
}

fn subject_name(name: &str) -> Result<SanType, AuthorityError> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let plausible = !name.is_empty()
        && name.len() <= 253
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*'));
    let bad_name = || AuthorityError::BadName(name.chars().take(253).collect());
    if !plausible {
        return Err(bad_name());
    }
    Ok(SanType::DnsName(name.try_into().map_err(|_| bad_name())?))
}

fn not_issued(error: impl fmt::Display) -> AuthorityError {
    AuthorityError::NotIssued(error.to_string())
}
