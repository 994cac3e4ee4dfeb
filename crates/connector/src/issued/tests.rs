//! What a false gateway may hand over as a connector's certificate. A key made here stands for the CA's.

use std::time::Duration;

use adit_core::connector::KeyGeneration;
use adit_core::id::ConnectorId;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    SubjectPublicKeyInfo, date_time_ymd,
};
use uuid::Uuid;
use x509_parser::certification_request::X509CertificationRequest;

use super::*;
use crate::identity::IdentityFolder;

const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3600;

/// The name of a connector's certificate.
fn named(connector: u128, generation: u32) -> SanType {
    let connector = ConnectorId::new(Uuid::from_u128(connector));
    let identity = ConnectorIdentity { connector, generation: KeyGeneration(generation) };
    SanType::URI(identity.to_uri().try_into().unwrap())
}

/// A directory's CA, and a connector with a key.
struct Directory {
    issuer: Issuer<'static, KeyPair>,
    ca: CertificateDer<'static>,
    key: ConnectorKey,
    _folder: tempfile::TempDir,
}

impl Directory {
    fn new(kind: &'static rcgen::SignatureAlgorithm) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = IdentityFolder::open(folder.path()).unwrap().key().unwrap();
        let own = KeyPair::generate_for(kind).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Adit directory CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let ca = params.self_signed(&own).unwrap().der().clone();
        Self { issuer: Issuer::new(params, own), ca, key, _folder: folder }
    }

    /// For the connector's key, 24 hours from `from` on, with what `change` changes.
    fn issue(
        &self,
        generation: u32,
        from: i64,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateDer<'static> {
        let request = self.key.request().unwrap();
        let (_, request) = X509CertificationRequest::from_der(&request).unwrap();
        let key = SubjectPublicKeyInfo::from_der(request.certification_request_info.subject_pki.raw).unwrap();
        let at = |seconds: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.unsigned_abs());
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = vec![named(7, generation)];
        (params.not_before, params.not_after) = (at(from - 300), at(from + 24 * HOUR));
        change(&mut params);
        params.signed_by(&key, &self.issuer).unwrap().der().clone()
    }

    fn check(&self, certificate: &CertificateDer<'_>, ours: i64, theirs: Option<i64>) -> Result<Issued, NotOurs> {
        check(certificate, &self.key, &self.ca, Clocks { ours, theirs }, None)
    }

    fn after(&self, held: &CertificateDer<'_>, new: &CertificateDer<'_>) -> Result<Issued, NotOurs> {
        check(new, &self.key, &self.ca, Clocks { ours: NOW + HOUR, theirs: None }, Some(held))
    }
}

fn directory() -> Directory {
    Directory::new(&rcgen::PKCS_ECDSA_P256_SHA256)
}

#[test]
fn a_certificate_of_now_for_this_key_is_taken_with_its_own_end() {
    let directory = directory();
    let good = directory.issue(3, NOW, |params| {
        params.distinguished_name.push(DnType::OrganizationalUnitName, SIGNS_TARGETS);
    });
    let issued = directory.check(&good, NOW, Some(NOW)).unwrap();
    assert_eq!((issued.identity.generation, issued.not_after), (KeyGeneration(3), NOW + 24 * HOUR));
    assert!(issued.signs_targets);
    assert!(directory.check(&good, NOW, None).is_ok(), "an older gateway does not say what time it is");
}

#[test]
fn a_certificate_that_is_not_valid_by_either_clock_is_not_taken_and_both_are_named() {
    let directory = directory();
    let good = directory.issue(3, NOW, |_| {});
    // It begins five minutes before it was issued, and the clocks may be five minutes apart.
    assert!(directory.check(&good, NOW - 600, Some(NOW)).is_ok());
    for (ours, theirs) in [(NOW - 601, NOW), (NOW, NOW - 601)] {
        let refused = directory.check(&good, ours, Some(theirs)).unwrap_err();
        assert!(matches!(refused, NotOurs::NotNow(NotNow::Early { .. })), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("2027-01-15 07:55:00") && said.contains("601 s apart"), "{said}");
        assert!(said.contains("this machine's clock says") && said.contains("the gateway's"), "{said}");
    }
    let end = NOW + 24 * HOUR;
    assert!(directory.check(&good, end - 1, Some(end - 1)).is_ok());
    for (ours, theirs) in [(end, NOW), (NOW, end)] {
        let refused = directory.check(&good, ours, Some(theirs)).unwrap_err();
        assert!(matches!(refused, NotOurs::NotNow(NotNow::Late { .. })), "{refused}");
    }
}

#[test]
fn a_certificate_for_another_key_or_connector_or_use_or_of_another_ca_is_not_taken() {
    let (directory, other) = (directory(), self::directory());
    let refused = |certificate: &CertificateDer<'_>| directory.check(certificate, NOW, None).unwrap_err();
    assert_eq!(refused(&other.issue(3, NOW, |_| {})), NotOurs::OtherKey);
    assert_eq!(refused(&CertificateDer::from(vec![1, 2, 3])), NotOurs::Unreadable);
    let for_servers = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    assert_eq!(refused(&directory.issue(3, NOW, for_servers)), NotOurs::NotForClients);
    assert_eq!(refused(&directory.issue(3, NOW, |params| params.extended_key_usages.clear())), NotOurs::NotForClients);
    let authority = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(refused(&directory.issue(3, NOW, authority)), NotOurs::NotForClients);
    assert_eq!(refused(&directory.issue(3, NOW, |params| params.subject_alt_names.clear())), NotOurs::OtherConnector);
    let own = directory.issue(3, NOW, |_| {});
    let by_another = check(&own, &directory.key, &other.ca, Clocks { ours: NOW, theirs: None }, None);
    assert_eq!(by_another, Err(NotOurs::OtherIssuer));
}

#[test]
fn nothing_leads_back_to_an_older_certificate_or_to_another_connector() {
    let directory = directory();
    let held = directory.issue(3, NOW, |_| {});
    assert!(directory.after(&held, &held).is_ok(), "the same again");
    assert!(directory.after(&held, &directory.issue(3, NOW + HOUR, |_| {})).is_ok());
    assert!(
        directory.after(&held, &directory.issue(3, NOW - 300, |_| {})).is_ok(),
        "a clock that was set back a little"
    );
    assert_eq!(directory.after(&held, &directory.issue(3, NOW - 301, |_| {})), Err(NotOurs::Older));
    assert_eq!(directory.after(&held, &directory.issue(2, NOW + HOUR, |_| {})), Err(NotOurs::Older));
    let other = directory.issue(3, NOW, |params| params.subject_alt_names = vec![named(8, 3)]);
    assert_eq!(directory.after(&held, &other), Err(NotOurs::OtherConnector));
}

#[test]
fn a_ca_with_a_key_of_another_kind_is_named_as_that() {
    let directory = Directory::new(&rcgen::PKCS_ED25519);
    let refused = directory.check(&directory.issue(3, NOW, |_| {}), NOW, None).unwrap_err();
    assert_eq!(refused, NotOurs::Root(UnusableRoot::OtherKindOfKey));
    assert!(refused.to_string().contains("ECDSA P-256"), "{refused}");
}
