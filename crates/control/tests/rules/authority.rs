//! The directory's certificate authority: what it certifies, what it takes from a request, what it refuses.

use std::time::{Duration, SystemTime};

use adit_control::{AuthorityError, CertificateAuthority, CsrRefused};
use adit_core::{ConnectorId, ConnectorIdentity, KeyGeneration};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use uuid::Uuid;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::directory::{authority, csr, csr_of};

fn identity() -> ConnectorIdentity {
    ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(5)), generation: KeyGeneration(3) }
}

fn request(params: CertificateParams, key: &KeyPair) -> Vec<u8> {
    params.serialize_request(key).unwrap().der().to_vec()
}

/// The certificate is for this key and this connector, and for nothing else.
fn check_connector_certificate(der: &[u8], key: &KeyPair) {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    assert_eq!(certificate.public_key().raw, key.subject_public_key_info());
    let constraints = certificate.basic_constraints().unwrap().unwrap().value;
    assert!(!constraints.ca && !certificate.is_ca());
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    let uri = identity().to_uri();
    assert_eq!(names.as_slice(), [GeneralName::URI(&uri)]);
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any && usage.other.is_empty());
    assert!(!certificate.key_usage().unwrap().unwrap().value.key_cert_sign());
    assert_eq!(certificate.subject().to_string(), format!("CN={}, OU=signed-targets", identity().connector));
    let validity = certificate.validity();
    assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), 24 * 3600 + 300);
    assert!(validity.is_valid());
    let root = authority();
    let (_, root) = X509Certificate::from_der(root.certificate_der()).unwrap();
    assert_eq!(certificate.issuer(), root.subject());
    certificate.verify_signature(Some(root.public_key())).unwrap();
}

#[test]
fn a_connector_certificate_says_who_it_is_and_nothing_more() {
    let key = KeyPair::generate().unwrap();
    let issued = authority().issue_connector(identity(), &csr_of(&key)).unwrap();
    check_connector_certificate(&issued.certificate_der, &key);
    let (_, certificate) = X509Certificate::from_der(&issued.certificate_der).unwrap();
    assert_eq!(issued.not_after.as_second(), certificate.validity().not_after.timestamp());
    let again = authority().issue_connector(identity(), &csr_of(&key)).unwrap();
    let (_, other) = X509Certificate::from_der(&again.certificate_der).unwrap();
    assert_ne!(certificate.raw_serial(), other.raw_serial());
}

#[test]
fn an_ed25519_key_is_accepted() {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let issued = authority().issue_connector(identity(), &csr_of(&key)).unwrap();
    check_connector_certificate(&issued.certificate_der, &key);
}

#[test]
fn whatever_a_request_asks_for_is_ignored() {
    let key = KeyPair::generate().unwrap();
    let mut a_ca = CertificateParams::default();
    a_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    a_ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let somebody_else = ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(6)), ..identity() };
    let mut foreign = CertificateParams::new(["gateway.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    foreign.subject_alt_names.push(rcgen::SanType::URI(somebody_else.to_uri().try_into().unwrap()));
    let mut a_server = CertificateParams::default();
    a_server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any];
    let mut named = CertificateParams::default();
    named.distinguished_name.push(DnType::CommonName, "nul\0byte");
    named.distinguished_name.push(DnType::OrganizationName, "Somebody Else");
    let mut odd = CertificateParams::default();
    odd.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0])];
    let mut nobody = CertificateParams::default();
    nobody.distinguished_name = rcgen::DistinguishedName::new();
    for params in [a_ca, foreign, a_server, named, odd, nobody] {
        let issued = authority().issue_connector(identity(), &request(params, &key)).unwrap();
        check_connector_certificate(&issued.certificate_der, &key);
    }
}

#[test]
fn a_request_that_its_key_did_not_sign_is_refused() {
    let mut der = csr();
    *der.last_mut().unwrap() ^= 1;
    assert_eq!(authority().issue_connector(identity(), &der).unwrap_err(), CsrRefused::BadSignature);
    let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut swapped = csr_of(&own);
    let raw = own.public_key_raw();
    let at = swapped.windows(raw.len()).position(|window| window == raw).unwrap();
    swapped[at..at + raw.len()].copy_from_slice(other.public_key_raw());
    assert_eq!(authority().issue_connector(identity(), &swapped).unwrap_err(), CsrRefused::BadSignature);
}

#[test]
fn an_oversized_request_is_refused() {
    let names: Vec<String> = (0..1000).map(|number| format!("host{number}.example")).collect();
    let key = KeyPair::generate().unwrap();
    let der = request(CertificateParams::new(names).unwrap(), &key);
    assert!(der.len() > 8 * 1024);
    assert_eq!(authority().issue_connector(identity(), &der).unwrap_err(), CsrRefused::TooLarge(der.len()));
    assert!(matches!(authority().issue_connector(identity(), &[0x30; 1 << 20]), Err(CsrRefused::TooLarge(_))));
}

#[test]
fn nonsense_and_trailing_bytes_are_refused() {
    let mut trailing = csr();
    trailing.push(0);
    let truncated = csr()[..100].to_vec();
    for der in [Vec::new(), b"hello".to_vec(), vec![0x30, 0x80], trailing, truncated] {
        assert_eq!(authority().issue_connector(identity(), &der).unwrap_err(), CsrRefused::Malformed);
    }
}

#[test]
fn other_kinds_of_key_are_refused() {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(authority().issue_connector(identity(), &csr_of(&key)).unwrap_err(), CsrRefused::BadKey);
}

#[test]
fn a_server_certificate_is_for_its_names_and_comes_with_the_root() {
    let names = ["wiki.localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
    let issued = authority().issue_server(&names).unwrap();
    assert_eq!(issued.chain.len(), 2);
    assert_eq!(&issued.chain[1], authority().certificate_der());
    let (_, certificate) = X509Certificate::from_der(&issued.chain[0]).unwrap();
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    let mut localhost = [0; 16];
    localhost[15] = 1;
    assert_eq!(
        names.as_slice(),
        [
            GeneralName::DNSName("wiki.localhost"),
            GeneralName::IPAddress(&[127, 0, 0, 1]),
            GeneralName::IPAddress(&localhost)
        ]
    );
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);
    assert!(!certificate.is_ca());
    let ninety_days = SystemTime::now() + Duration::from_secs(90 * 24 * 3600);
    let not_after = SystemTime::UNIX_EPOCH + Duration::from_secs(issued.not_after.as_second() as u64);
    assert!(not_after <= ninety_days && not_after > ninety_days - Duration::from_secs(60));
    let bad = authority().issue_server(&["two words".to_owned()]).unwrap_err();
    assert!(matches!(bad, AuthorityError::BadName(_)), "{bad}");
}

#[test]
fn a_root_is_loaded_from_the_files_it_was_kept_in() {
    let (made, pem) = CertificateAuthority::generate().unwrap();
    let loaded = CertificateAuthority::from_pem(&pem.certificate, &pem.key).unwrap();
    assert_eq!(loaded.certificate_der(), made.certificate_der());
    assert_eq!(loaded.fingerprint(), made.fingerprint());
    let key = KeyPair::generate().unwrap();
    let issued = loaded.issue_connector(identity(), &csr_of(&key)).unwrap();
    let (_, certificate) = X509Certificate::from_der(&issued.certificate_der).unwrap();
    let (_, root) = X509Certificate::from_der(made.certificate_der()).unwrap();
    certificate.verify_signature(Some(root.public_key())).unwrap();
    assert_eq!(certificate.issuer(), root.subject());
    assert!(!format!("{pem:?}{loaded:?}").contains("PRIVATE"));
}

#[test]
fn files_that_are_no_root_are_refused_each_for_its_reason() {
    let (_, pem) = CertificateAuthority::generate().unwrap();
    let (_, other) = CertificateAuthority::generate().unwrap();
    let load = |certificate: &str, key: &str| CertificateAuthority::from_pem(certificate, key).unwrap_err();
    assert!(matches!(load("nonsense", &pem.key), AuthorityError::UnreadableCertificate(_)));
    assert!(matches!(load(&pem.certificate, "nonsense"), AuthorityError::UnreadableKey(_)));
    assert!(matches!(load(&pem.certificate, &other.key), AuthorityError::KeyMismatch));
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::default().self_signed(&key).unwrap();
    assert!(matches!(load(&leaf.pem(), &key.serialize_pem()), AuthorityError::NotAnAuthority));
    for kind in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let key = KeyPair::generate_for(kind).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let refused = load(&params.self_signed(&key).unwrap().pem(), &key.serialize_pem());
        assert!(matches!(refused, AuthorityError::KindOfKey), "{refused}");
    }
}

#[test]
fn no_change_of_a_signed_request_gets_a_certificate_for_anything_but_its_key() {
    let key = KeyPair::generate().unwrap();
    let good = csr_of(&key);
    assert!(authority().issue_connector(identity(), &good).is_ok());
    for length in 0..good.len() {
        assert!(authority().issue_connector(identity(), &good[..length]).is_err(), "its first {length} bytes");
    }
    let mut accepted = 0;
    for place in 0..good.len() {
        for bit in [1, 0x10, 0x80] {
            let mut changed = good.clone();
            changed[place] ^= bit;
            // A few bits of the frame around what is signed mean nothing.
            if let Ok(issued) = authority().issue_connector(identity(), &changed) {
                check_connector_certificate(&issued.certificate_der, &key);
                accepted += 1;
            }
        }
    }
    assert!(accepted < 10, "{accepted} changes of {} bytes made no difference", good.len());
}

#[test]
fn rsa_keys_are_refused_whatever_their_length() {
    for size in [rcgen::RsaKeySize::_2048, rcgen::RsaKeySize::_4096] {
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
        assert_eq!(authority().issue_connector(identity(), &csr_of(&key)).unwrap_err(), CsrRefused::BadKey);
    }
}
