//! What a false gateway may show, and what becomes of it. A key made here stands for the CA's.

use std::path::Path;
use std::sync::Arc;

use adit_core::application::UpstreamCertificate;
use adit_core::permit::signed;
use adit_core::{ApplicationId, InternalUrl};
use adit_tunnel::message::Binary;
use http::HeaderValue;
use rcgen::{CertificateParams, KeyPair, SigningKey};
use uuid::Uuid;

use super::*;
use crate::identity::{Identity, IdentityFolder};

const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3600;

fn group(number: u128) -> ConnectorGroupId {
    ConnectorGroupId::new(Uuid::from_u128(number))
}

fn connector(number: u128) -> ConnectorId {
    ConnectorId::new(Uuid::from_u128(number))
}

fn application(number: u128) -> ApplicationId {
    ApplicationId::new(Uuid::from_u128(number))
}

/// A directory whose CA the connector knows.
struct Directory {
    key: Arc<KeyPair>,
    policy: TargetPolicy,
    start: Instant,
}

impl Directory {
    /// Connector 7 is registered here.
    fn new(is_demanded: bool) -> Self {
        let key = KeyPair::generate().unwrap();
        let ca = CertificateParams::default().self_signed(&key).unwrap();
        let policy = TargetPolicy::new(connector(7), ca.der(), is_demanded).unwrap();
        Self { key: Arc::new(key), policy, start: Instant::now() }
    }

    /// The connector starts again on its data folder.
    fn restart(&mut self, data: &Path) -> Arc<OwnIdentity> {
        let ca = CertificateParams::default().self_signed(&*self.key).unwrap();
        let folder = Arc::new(IdentityFolder::open(data).unwrap());
        let identity = folder.identity().unwrap().unwrap_or_else(|| {
            let (gateway, name, certificate) = (String::new(), connector(7).to_string(), Binary(Vec::new()));
            Identity::new(gateway, name, String::new(), ca.der(), certificate, (0, 1), true)
        });
        let own = OwnIdentity::new(folder, identity);
        self.policy = TargetPolicy::new(connector(7), ca.der(), true).unwrap().remembering(Arc::clone(&own));
        own
    }

    fn sign<S: Statement>(&self, statement: &S) -> String {
        signed(statement, |message| self.key.sign(message)).unwrap()
    }

    /// For application 1 and the connectors of that group.
    fn permit(&self, of: u128, url: &str, until: i64) -> String {
        let url = InternalUrl::parse(url).unwrap();
        self.sign(&Permit::new(application(1), group(of), &url, UpstreamCertificate::Verified, until))
    }

    fn membership(&self, number: u128, of: u128, revision: u64, until: i64) -> String {
        self.sign(&Membership {
            connector: connector(number),
            connector_group: group(of),
            epoch: Epoch(1),
            revision: Revision(revision),
            until,
        })
    }

    fn check_at(&self, permit: &str, membership: &str, url: &str, later: Duration) -> Result<(), NotSigned> {
        let target = Target::of(application(1), &InternalUrl::parse(url).unwrap(), UpstreamCertificate::Verified);
        let mut head = HeaderMap::new();
        for (name, text) in [(protocol::PERMIT, permit), (protocol::MEMBERSHIP, membership)] {
            if !text.is_empty() {
                head.insert(name, HeaderValue::from_str(text).unwrap());
            }
        }
        self.policy.check(&head, &target, NOW, self.start + later)
    }

    fn check(&self, permit: &str, membership: &str, url: &str) -> Result<(), NotSigned> {
        self.check_at(permit, membership, url, Duration::ZERO)
    }
}

#[test]
fn what_was_signed_for_its_group_is_dialled_again_and_again() {
    let directory = Directory::new(true);
    let (permit, member) =
        (directory.permit(2, "http://wiki:8080/", NOW + HOUR), directory.membership(7, 2, 5, NOW + HOUR));
    for _ in 0..3 {
        assert_eq!(directory.check(&permit, &member, "http://wiki:8080/below/"), Ok(()));
    }
}

#[test]
fn what_was_not_signed_is_not_dialled() {
    let directory = Directory::new(true);
    let (permit, member) =
        (directory.permit(2, "http://wiki:8080/", NOW + HOUR), directory.membership(7, 2, 5, NOW + HOUR));
    for (url, why) in [("http://wiki:22/", "port"), ("http://vault:8080/", "host"), ("https://wiki:8080/", "TLS")] {
        assert!(matches!(directory.check(&permit, &member, url), Err(NotSigned::OtherTarget { .. })), "{why}");
    }
    assert_eq!(directory.check("", "", "http://wiki:8080/"), Err(NotSigned::Missing("membership")));
    assert_eq!(directory.check(&permit, "", "http://wiki:8080/"), Err(NotSigned::Missing("membership")));
    assert_eq!(directory.check("", &member, "http://wiki:8080/"), Err(NotSigned::Missing("target")));
}

#[test]
fn a_gateway_cannot_sign_for_itself() {
    let (directory, other) = (Directory::new(true), Directory::new(true));
    let (permit, member) = (directory.permit(2, "http://wiki/", NOW + HOUR), directory.membership(7, 2, 5, NOW + HOUR));
    let forged = Err(NotSigned::Forged("target"));
    assert_eq!(directory.check(&other.permit(2, "http://wiki/", NOW + HOUR), &member, "http://wiki/"), forged);
    let foreign = other.membership(7, 2, 5, NOW + HOUR);
    assert_eq!(directory.check(&permit, &foreign, "http://wiki/"), Err(NotSigned::Forged("membership")));
    assert_eq!(directory.check(&member, &member, "http://wiki/"), forged, "another kind of statement");
    let (_, signature) = permit.split_once('.').unwrap();
    let (json, _) = directory
        .permit(2, "http://vault/", NOW + HOUR)
        .split_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert_eq!(directory.check(&format!("{json}.{signature}"), &member, "http://vault/"), forged);
    for text in ["x", "x.y", ".", &format!("{permit}x"), &permit.replace('.', "")] {
        assert_eq!(directory.check(text, &member, "http://wiki/"), forged, "{text}");
    }
}

#[test]
fn what_was_signed_for_another_group_or_connector_is_not_dialled() {
    let directory = Directory::new(true);
    let member = directory.membership(7, 2, 5, NOW + HOUR);
    let foreign = directory.permit(3, "http://wiki/", NOW + HOUR);
    assert_eq!(
        directory.check(&foreign, &member, "http://wiki/"),
        Err(NotSigned::OtherGroup { signed_for: group(3), own: group(2) })
    );
    let others = directory.membership(8, 3, 5, NOW + HOUR);
    assert_eq!(directory.check(&foreign, &others, "http://wiki/"), Err(NotSigned::OtherConnector(connector(8))));
}

#[test]
fn what_was_signed_ends() {
    let directory = Directory::new(true);
    let ends = NOW - HOUR;
    let (permit, member) = (directory.permit(2, "http://wiki/", ends), directory.membership(7, 2, 5, ends));
    let lasting = directory.membership(7, 2, 5, NOW + HOUR);
    let ended = |what| Err(NotSigned::Ended { what, until: ends, now: NOW });
    assert_eq!(directory.check(&permit, &lasting, "http://wiki/"), ended("target"));
    assert_eq!(directory.check(&permit, &member, "http://wiki/"), ended("membership"));
    let tolerated = directory.permit(2, "http://wiki/", NOW - 60);
    assert_eq!(directory.check(&tolerated, &lasting, "http://wiki/"), Ok(()));
}

#[test]
fn a_membership_that_was_left_counts_for_a_minute_and_is_no_way_back() {
    let directory = Directory::new(true);
    let url = "http://wiki/";
    let (old_permit, old) = (directory.permit(2, url, NOW + HOUR), directory.membership(7, 2, 5, NOW + HOUR));
    let (new_permit, new) = (directory.permit(3, url, NOW + HOUR), directory.membership(7, 3, 6, NOW + HOUR));
    assert_eq!(directory.check(&old_permit, &old, url), Ok(()));
    assert_eq!(directory.check(&new_permit, &new, url), Ok(()));
    assert_eq!(directory.check_at(&old_permit, &old, url, Duration::from_secs(59)), Ok(()), "streams on their way");
    let replayed = directory.check_at(&old_permit, &old, url, Duration::from_secs(61));
    assert_eq!(replayed, Err(NotSigned::Superseded(group(2))));
    let signed_anew = directory.membership(7, 3, 7, NOW + HOUR);
    assert_eq!(directory.check_at(&new_permit, &signed_anew, url, Duration::from_secs(62)), Ok(()));
    let replayed = directory.check_at(&old_permit, &old, url, Duration::from_secs(63));
    assert_eq!(replayed, Err(NotSigned::Superseded(group(2))), "no other minute");
    let older_of_same_group = directory.membership(7, 3, 4, NOW + HOUR);
    assert_eq!(directory.check_at(&new_permit, &older_of_same_group, url, Duration::from_secs(61)), Ok(()));
}

#[test]
fn after_a_restart_a_membership_that_was_left_is_no_way_back_not_even_for_a_minute() {
    let (mut directory, data) = (Directory::new(true), tempfile::tempdir().unwrap());
    let url = "http://wiki/";
    let (old_permit, old) = (directory.permit(2, url, NOW + HOUR), directory.membership(7, 2, 5, NOW + HOUR));
    let (new_permit, new) = (directory.permit(3, url, NOW + HOUR), directory.membership(7, 3, 6, NOW + HOUR));
    drop(directory.restart(data.path()));
    assert_eq!(directory.check(&old_permit, &old, url), Ok(()));
    assert_eq!(directory.check(&new_permit, &new, url), Ok(()));
    directory.policy = Directory::new(true).policy;
    drop(directory.restart(data.path()));
    assert_eq!(directory.check(&old_permit, &old, url), Err(NotSigned::Superseded(group(2))));
    assert_eq!(directory.check(&new_permit, &new, url), Ok(()));
    let signed_anew = directory.membership(7, 3, 7, NOW + HOUR);
    assert_eq!(directory.check(&new_permit, &signed_anew, url), Ok(()));
    assert_eq!(directory.check(&old_permit, &old, url), Err(NotSigned::Superseded(group(2))), "nor after the next one");
    let back = directory.membership(7, 2, 8, NOW + HOUR);
    assert_eq!(directory.check(&old_permit, &back, url), Ok(()), "a later move leads back");
}

#[test]
fn a_ca_with_a_key_of_another_kind_is_refused_and_not_taken_for_one_that_signs_nothing() {
    let of = |kind| {
        let key = KeyPair::generate_for(kind).unwrap();
        let ca = CertificateParams::default().self_signed(&key).unwrap();
        TargetPolicy::new(connector(7), ca.der(), true).map(drop)
    };
    assert_eq!(of(&rcgen::PKCS_ECDSA_P256_SHA256), Ok(()));
    for kind in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384] {
        assert_eq!(of(kind), Err(UnusableRoot::OtherKindOfKey));
    }
}

#[test]
fn an_older_control_plane_signs_nothing_until_a_certificate_says_that_it_does() {
    let directory = Directory::new(false);
    assert_eq!(directory.check("", "", "http://wiki/"), Ok(()));
    let member = directory.membership(7, 2, 5, NOW + HOUR);
    assert_eq!(directory.check("", &member, "http://wiki/"), Err(NotSigned::Missing("target")));
    directory.policy.demand();
    assert_eq!(directory.check("", "", "http://wiki/"), Err(NotSigned::Missing("membership")));
}
