//! Opens what was uploaded: a PFX (PKCS#12, RFC 7292), by its password, into a private key and the certificates that
//! belong to it.
//!
//! The password protection is slow on purpose, and how slow is up to whoever made the file. So one file is opened at a
//! time, on a thread of its own, and nobody waits for longer than [`LONGEST_OPENING`].

use std::sync::Arc;
use std::time::Duration;

use adit_core::CertificateMetadata;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jiff::Timestamp;
use p12_keystore::{Pkcs12Archive, error::Error as Pkcs12Error};
use rcgen::{KeyPair, PublicKeyData as _};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::sync::Semaphore;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::CertificateRefused;

/// The largest file; one with a long chain of large keys has about 12 KiB.
pub(super) const LARGEST_PFX: usize = 64 * 1024;

/// The most keys and the most certificates in one file.
const MOST_PARTS: usize = 16;

/// How long opening may take, with waiting for others. What common tools make opens within milliseconds.
const LONGEST_OPENING: Duration = Duration::from_secs(1);

/// A certificate of the file that one of its keys belongs to.
pub(super) struct Candidate {
    /// What may be shown of it.
    pub(super) metadata: CertificateMetadata,
    /// The names and addresses that it is for.
    pub(super) names: Vec<String>,
    /// Whether it may be used by a server.
    pub(super) is_for_servers: bool,
    /// The certificate, then those of its issuers that the file has, without the root.
    pub(super) chain: Vec<Vec<u8>>,
    /// The private key, as PKCS#8.
    pub(super) key: Zeroizing<Vec<u8>>,
}

/// Opens the file. There is at least one candidate in the result.
pub(super) async fn open(
    turn: &Arc<Semaphore>,
    pfx: Zeroizing<Vec<u8>>,
    password: Zeroizing<String>,
) -> Result<Vec<Candidate>, CertificateRefused> {
    if pfx.len() > LARGEST_PFX {
        return Err(CertificateRefused::TooLarge(pfx.len()));
    }
    let opening = async {
        let turn = Arc::clone(turn).acquire_owned().await.map_err(|_| CertificateRefused::TooSlow)?;
        let opened = tokio::task::spawn_blocking(move || {
            // Kept by the thread: if nobody waits any more, it still is the one that opens.
            let _turn = turn;
            open_now(&pfx, &password)
        });
        // A file at which the parser gives up in a panic is as unreadable as any other.
        opened.await.unwrap_or(Err(CertificateRefused::Unreadable))
    };
    tokio::time::timeout(LONGEST_OPENING, opening).await.unwrap_or(Err(CertificateRefused::TooSlow))
}

fn open_now(pfx: &[u8], password: &str) -> Result<Vec<Candidate>, CertificateRefused> {
    let archive = Pkcs12Archive::from_pkcs12(pfx, password).map_err(|error| refusal(&error))?;
    if archive.keys.len() > MOST_PARTS || archive.certs.len() > MOST_PARTS {
        return Err(CertificateRefused::TooManyParts);
    }
    if archive.keys.is_empty() {
        return Err(CertificateRefused::NoKey);
    }
    if archive.certs.is_empty() {
        return Err(CertificateRefused::NoCertificate);
    }
    let ders: Vec<&[u8]> = archive.certs.iter().map(|bag| bag.cert.as_der()).collect();
    let certificates = ders.iter().map(|der| parsed(der)).collect::<Result<Vec<_>, _>>()?;
    let keys = archive.keys.iter().map(|bag| bag.key.as_der()).filter_map(accepted).collect::<Vec<_>>();
    if keys.is_empty() {
        return Err(CertificateRefused::KeyNotAccepted);
    }
    let candidates: Vec<_> = keys
        .iter()
        .flat_map(|(public, key)| {
            let belonging = certificates.iter().zip(&ders).filter(move |(certificate, _)| has_key(certificate, public));
            belonging.map(|(certificate, der)| candidate(certificate, der, key, (&certificates, &ders)))
        })
        .collect::<Result<_, _>>()?;
    if candidates.is_empty() {
        return Err(CertificateRefused::KeyMismatch);
    }
    Ok(candidates)
}

/// Only the message authentication code tells a wrong password for sure. Files without one, which RFC 7292 allows, are
/// wrongly decrypted into something that is no file.
fn refusal(error: &Pkcs12Error) -> CertificateRefused {
    match error {
        Pkcs12Error::MacError(_) | Pkcs12Error::Pkcs5Error(_) | Pkcs12Error::UnpadError => {
            CertificateRefused::WrongPassword
        }
        Pkcs12Error::InvalidParameters => CertificateRefused::TooSlow,
        Pkcs12Error::UnsupportedEncryptionScheme | Pkcs12Error::UnsupportedMacAlgorithm => {
            CertificateRefused::UnknownProtection
        }
        _ => CertificateRefused::Unreadable,
    }
}

fn parsed(der: &[u8]) -> Result<X509Certificate<'_>, CertificateRefused> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateRefused::Unreadable)?;
    if rest.is_empty() { Ok(certificate) } else { Err(CertificateRefused::Unreadable) }
}

/// The public half of a key of a kind that can be served with.
fn accepted(key: &[u8]) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let pair = KeyPair::try_from(&PrivatePkcs8KeyDer::from(key)).ok()?;
    Some((pair.der_bytes().to_vec(), Zeroizing::new(key.to_vec())))
}

fn has_key(certificate: &X509Certificate<'_>, public: &[u8]) -> bool {
    certificate.public_key().subject_public_key.data.as_ref() == public
}

fn candidate(
    certificate: &X509Certificate<'_>,
    der: &[u8],
    key: &Zeroizing<Vec<u8>>,
    (certificates, ders): (&[X509Certificate<'_>], &[&[u8]]),
) -> Result<Candidate, CertificateRefused> {
    let instant = |seconds| Timestamp::from_second(seconds).map_err(|_| CertificateRefused::Unreadable);
    let metadata = CertificateMetadata {
        thumbprint: thumbprint(der),
        subject_name: shown(certificate.subject()),
        issuer_name: shown(certificate.issuer()),
        issued: instant(certificate.validity().not_before.timestamp())?,
        expires: instant(certificate.validity().not_after.timestamp())?,
    };
    let issuers = issuers(certificate, certificates, ders);
    let chain = std::iter::once(der).chain(issuers).map(<[u8]>::to_vec).collect();
    let (names, is_for_servers) = (names(certificate), is_for_servers(certificate));
    Ok(Candidate { metadata, names, is_for_servers, chain, key: key.clone() })
}

/// The certificates of the file on the way up to the root, which clients have themselves.
fn issuers<'d>(leaf: &X509Certificate<'_>, certificates: &[X509Certificate<'_>], ders: &[&'d [u8]]) -> Vec<&'d [u8]> {
    let mut chain = Vec::new();
    let mut issuer = leaf.issuer().as_raw();
    // Each can be there once, so a circle ends.
    while chain.len() < ders.len() {
        let above = certificates.iter().zip(ders).find(|(certificate, der)| {
            let is_root = certificate.subject().as_raw() == certificate.issuer().as_raw();
            certificate.subject().as_raw() == issuer && !is_root && !chain.contains(*der)
        });
        let Some((certificate, der)) = above else { break };
        chain.push(*der);
        issuer = certificate.issuer().as_raw();
    }
    chain
}

/// The host names and addresses of the certificate; its common name does not count (RFC 9525, section 2).
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*bytes).map(std::net::IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(Some(usage)) => usage.value.server_auth || usage.value.any,
        Ok(None) => true,
        Err(_) => false,
    }
}

fn thumbprint(der: &[u8]) -> String {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A name as text. What an attacker can write into a certificate must not reach a terminal.
fn shown(name: &x509_parser::x509::X509Name<'_>) -> String {
    name.to_string().chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn nobody_waits_longer_than_a_second_for_a_file_that_another_is_opening() {
        let taken = Arc::new(Semaphore::new(0));
        let started = Instant::now();
        let opened = open(&taken, Zeroizing::new(vec![0x30, 0]), Zeroizing::new(String::new())).await;
        assert!(matches!(opened, Err(CertificateRefused::TooSlow)));
        assert!(started.elapsed() < LONGEST_OPENING * 2, "{:?}", started.elapsed());
    }
}
