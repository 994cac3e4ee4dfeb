//! Certificates of custom domains: which uploads are accepted, what is shown of them, when they go, and that their
//! private keys are nowhere to be read.

#[path = "certificate/upload.rs"]
mod upload;

use std::time::{Duration, Instant};

use adit_control::{
    ApplicationChange, CertificateRefused, CertificateUpload, ControlPlane, Error, NewApplication, OpenError,
    PublishingChange, PublishingPatch, SealingKey, Zeroizing,
};
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::{Application, ApplicationId, CertificateMetadata, ExternalUrl};
use adit_store::{Entity, Operation};
use jiff::SignedDuration;
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use uuid::Uuid;

use crate::directory::{Directory, administrator, name, refused, settings, urls};
use crate::place::NEWEST;

/// A password that must not be found anywhere.
const PASSWORD: &str = "canary-of-the-password-5e1f";

/// A certificate, its key, and its issuers, as a certificate authority hands them out.
struct Issued {
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
}

impl Issued {
    fn pfx(&self) -> Vec<u8> {
        written(&[(&self.key, &self.chain)], PASSWORD, EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
    }
}

/// A PFX with these keys, each with its certificates.
fn written(entries: &[(&Vec<u8>, &Vec<Vec<u8>>)], password: &str, algorithm: EncryptionAlgorithm) -> Vec<u8> {
    let mut store = KeyStore::new();
    for (number, (key, chain)) in entries.iter().enumerate() {
        let certificates = chain.iter().map(|der| Certificate::from_der(der).unwrap());
        let id = [u8::try_from(number).unwrap()];
        let entry = PrivateKeyChain::new(id.as_slice(), PrivateKey::from_der(key).unwrap(), certificates);
        store.add_entry(&format!("entry {number}"), KeyStoreEntry::PrivateKeyChain(entry));
    }
    store
        .writer(password)
        .encryption_algorithm(algorithm)
        .encryption_iterations(2048)
        .mac_iterations(2048)
        .write()
        .unwrap()
}

/// A self-signed certificate for these names.
fn issued(names: &[&str]) -> Issued {
    issued_with(names, |_| {})
}

fn issued_with(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
    let key = KeyPair::generate().unwrap();
    let certificate = params(names, change).self_signed(&key).unwrap();
    Issued { chain: vec![certificate.der().to_vec()], key: key.serialize_der() }
}

fn params(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "wiki of the tests");
    change(&mut params);
    params
}

async fn upload(
    directory: &Directory,
    application: ApplicationId,
    pfx: Vec<u8>,
    password: &str,
) -> Result<CertificateMetadata, Error> {
    let (pfx, password) = (Zeroizing::new(pfx), Zeroizing::new(password.to_owned()));
    directory.control.set_certificate(administrator(), application, CertificateUpload { pfx, password }).await
}

async fn upload_refused(directory: &Directory, wiki: &Application, pfx: Vec<u8>, password: &str) -> CertificateRefused {
    match refused(directory, upload(directory, wiki.id, pfx, password)).await {
        Error::CertificateRefused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

/// An application at `wiki.example` with a certificate.
async fn certified(directory: &Directory) -> (Application, CertificateMetadata) {
    let wiki = directory.published("wiki").await;
    let metadata = upload(directory, wiki.id, issued(&["wiki.example"]).pfx(), PASSWORD).await.unwrap();
    (wiki, metadata)
}

#[tokio::test]
async fn a_certificate_is_kept_shown_by_its_metadata_and_recorded() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    assert_eq!(directory.control.certificate_of(wiki.id).await.unwrap(), None);
    let own = issued(&["wiki.example"]);
    let metadata = upload(&directory, wiki.id, own.pfx(), PASSWORD).await.unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &own.chain[0]);
    let thumbprint: String = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(metadata.thumbprint, thumbprint);
    assert_eq!(metadata.subject_name, "CN=wiki of the tests");
    assert_eq!(metadata.issuer_name, "CN=wiki of the tests");
    assert!(metadata.issued < metadata.expires);
    assert_eq!(directory.control.certificate_of(wiki.id).await.unwrap(), Some(metadata.clone()));

    let record = directory
        .check_written(Activity::AddApplicationSslCertificate, Entity::Application, Operation::Update, wiki.id)
        .await;
    assert_eq!(record.detail["new"]["thumbprint"], metadata.thumbprint);
    assert_eq!(record.target_name(), Some("wiki"));
    let after = directory.control.application(wiki.id).await.unwrap();
    assert!(after.revision > wiki.revision, "what clients see of the application is another");
}

#[tokio::test]
async fn certificates_of_several_applications_are_read_at_once() {
    let directory = Directory::new().await;
    let (wiki, metadata) = certified(&directory).await;
    let other = directory.published("other").await;
    let found = directory.control.certificates_of(&[wiki.id, other.id]).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(wiki.id, metadata)]);
    assert!(directory.control.certificates_of(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_certificate_again_changes_nothing_and_another_takes_its_place() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let own = issued(&["wiki.example"]);
    let first = upload(&directory, wiki.id, own.pfx(), PASSWORD).await.unwrap();
    let before = directory.state().await;
    assert_eq!(upload(&directory, wiki.id, own.pfx(), PASSWORD).await.unwrap(), first);
    assert_eq!(directory.state().await, before);
    let second = upload(&directory, wiki.id, issued(&["*.example"]).pfx(), PASSWORD).await.unwrap();
    assert_ne!(second, first);
    assert_eq!(directory.control.certificate_of(wiki.id).await.unwrap(), Some(second));
    let record = directory
        .check_written(Activity::AddApplicationSslCertificate, Entity::Application, Operation::Update, wiki.id)
        .await;
    assert_eq!(record.detail["old"]["thumbprint"], first.thumbprint);
}

#[tokio::test]
async fn a_certificate_comes_with_the_publishing_or_not_at_all() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let draft = directory.unpublished("draft").await;
    let publishing = |own: &Issued| PublishingPatch {
        certificate: Some(CertificateUpload {
            pfx: Zeroizing::new(own.pfx()),
            password: Zeroizing::new(PASSWORD.to_owned()),
        }),
        ..urls("https://draft.example/", "http://draft/")
    };
    let merge = |own: &Issued| ApplicationChange {
        publishing: PublishingChange::Merge(publishing(own)),
        ..ApplicationChange::default()
    };
    let (fitting, other) = (issued(&["draft.example"]), issued(&["other.example"]));
    let who = administrator();
    let new = |own: &Issued| NewApplication {
        display_name: name("new"),
        attributes: Attributes::new(),
        publishing: Some(publishing(own)),
        owner: None,
    };
    for error in [
        refused(&directory, control.update_application(who, draft.id, merge(&other))).await,
        refused(&directory, control.create_application(who, new(&other))).await,
    ] {
        assert!(matches!(error, Error::CertificateRefused(CertificateRefused::NotForHost { .. })), "{error}");
    }
    control.update_application(who, draft.id, merge(&fitting)).await.unwrap();
    assert!(control.certificate_of(draft.id).await.unwrap().is_some());
    directory.check_written(Activity::UpdateApplication, Entity::Application, Operation::Update, draft.id).await;
    let activity = Activity::AddApplicationSslCertificate;
    directory.check_written(activity, Entity::Application, Operation::Update, draft.id).await;

    let before = directory.state().await;
    control.update_application(who, draft.id, merge(&fitting)).await.unwrap();
    assert_eq!(directory.state().await, before, "what is already so changes nothing");
    let another = issued(&["draft.example"]);
    let renewed = control.update_application(who, draft.id, merge(&another)).await.unwrap();
    assert_eq!(renewed.revision, directory.revision(), "the certificate alone is a change too");

    control.delete_application(who, draft.id).await.unwrap();
    let made = control.create_application(who, new(&fitting)).await.unwrap();
    assert!(control.open_certificate(made.id).await.unwrap().is_some());
}

#[tokio::test]
async fn the_gateway_gets_the_key_and_the_chain_without_the_root() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let authority = |name: &str, issuer: Option<&Issuer<'_, KeyPair>>| {
        let key = KeyPair::generate().unwrap();
        let params = params(&[], |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
        });
        let der = match issuer {
            Some(issuer) => params.signed_by(&key, issuer).unwrap().der().to_vec(),
            None => params.self_signed(&key).unwrap().der().to_vec(),
        };
        (der, Issuer::new(params, key))
    };
    let (root, root_issuer) = authority("root", None);
    let (upper, upper_issuer) = authority("upper", Some(&root_issuer));
    let (lower, lower_issuer) = authority("lower", Some(&upper_issuer));
    let key = KeyPair::generate().unwrap();
    let leaf = params(&["wiki.example"], |_| {}).signed_by(&key, &lower_issuer).unwrap().der().to_vec();
    // In the wrong order on purpose: files are written in any.
    let chain = vec![leaf.clone(), root, upper.clone(), lower.clone()];
    let own = Issued { chain, key: key.serialize_der() };
    let metadata = upload(&directory, wiki.id, own.pfx(), PASSWORD).await.unwrap();
    assert_eq!(metadata.issuer_name, "CN=lower");

    let opened = directory.control.open_certificate(wiki.id).await.unwrap().unwrap();
    let chain: Vec<Vec<u8>> = opened.chain.iter().map(|der| der.to_vec()).collect();
    assert_eq!(chain, [leaf, lower, upper]);
    assert!(matches!(&opened.key, PrivateKeyDer::Pkcs8(key) if key.secret_pkcs8_der() == own.key));
    assert_eq!(opened.not_after, metadata.expires);
    assert!(directory.control.open_certificate(ApplicationId::new(Uuid::new_v4())).await.unwrap().is_none());
}

#[tokio::test]
async fn a_corrected_chain_of_the_same_certificate_is_kept() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (root_key, names) = (KeyPair::generate().unwrap(), ["wiki.example"]);
    let authority = |name: &str| {
        params(&[], |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
        })
    };
    let lower = authority("lower").signed_by(&authority_key, &Issuer::new(authority("root"), root_key)).unwrap();
    let leaf = params(&names, |_| {}).signed_by(&key, &Issuer::new(authority("lower"), authority_key)).unwrap();
    let (leaf, lower) = (leaf.der().to_vec(), lower.der().to_vec());
    let alone = Issued { chain: vec![leaf.clone()], key: key.serialize_der() };
    let whole = Issued { chain: vec![leaf.clone(), lower.clone()], key: key.serialize_der() };
    let metadata = upload(&directory, wiki.id, alone.pfx(), PASSWORD).await.unwrap();
    let before = directory.revision();
    assert_eq!(upload(&directory, wiki.id, whole.pfx(), PASSWORD).await.unwrap(), metadata);
    let opened = directory.control.open_certificate(wiki.id).await.unwrap().unwrap();
    assert_eq!(opened.chain.iter().map(|der| der.to_vec()).collect::<Vec<_>>(), [leaf, lower]);
    assert!(directory.revision() > before, "others learn of it");
    let after = directory.state().await;
    upload(&directory, wiki.id, whole.pfx(), PASSWORD).await.unwrap();
    assert_eq!(directory.state().await, after);
}

#[tokio::test]
async fn only_a_published_application_can_have_a_certificate() {
    let directory = Directory::new().await;
    let pfx = issued(&["wiki.example"]).pfx();
    for id in [directory.unpublished("draft").await.id, ApplicationId::new(Uuid::new_v4())] {
        let error = refused(&directory, upload(&directory, id, pfx.clone(), PASSWORD)).await;
        assert!(matches!(error, Error::ApplicationNotPublished(other) if other == id), "{error}");
        let error = refused(&directory, directory.control.remove_certificate(administrator(), id)).await;
        assert!(matches!(error, Error::ApplicationNotPublished(other) if other == id), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_can_be_removed_and_once_is_enough() {
    let directory = Directory::new().await;
    let (wiki, _) = certified(&directory).await;
    directory.control.remove_certificate(administrator(), wiki.id).await.unwrap();
    assert_eq!(directory.control.certificate_of(wiki.id).await.unwrap(), None);
    directory.check_written(Activity::DeleteSslBinding, Entity::Application, Operation::Update, wiki.id).await;
    let before = directory.state().await;
    directory.control.remove_certificate(administrator(), wiki.id).await.unwrap();
    assert_eq!(directory.state().await, before);
}

#[tokio::test]
async fn a_certificate_goes_with_the_publishing() {
    let directory = Directory::new().await;
    let (wiki, metadata) = certified(&directory).await;
    let end = ApplicationChange { publishing: PublishingChange::End, ..ApplicationChange::default() };
    directory.control.update_application(administrator(), wiki.id, end).await.unwrap();
    assert_eq!(directory.control.certificate_of(wiki.id).await.unwrap(), None);
    let record =
        directory.check_written(Activity::DeleteSslBinding, Entity::Application, Operation::Update, wiki.id).await;
    assert_eq!(record.detail["old"]["thumbprint"], metadata.thumbprint);
}

#[tokio::test]
async fn a_certificate_goes_when_the_external_host_is_another_and_stays_when_it_still_fits() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    upload(&directory, wiki.id, issued(&["wiki.example", "team.example"]).pfx(), PASSWORD).await.unwrap();
    let moved = |url: &str| ApplicationChange {
        publishing: PublishingChange::Merge(PublishingPatch {
            external_url: Some(ExternalUrl::parse(url).unwrap()),
            ..PublishingPatch::default()
        }),
        ..ApplicationChange::default()
    };
    let who = administrator();
    directory.control.update_application(who, wiki.id, moved("https://team.example/new/")).await.unwrap();
    assert!(directory.control.certificate_of(wiki.id).await.unwrap().is_some());
    directory.control.update_application(who, wiki.id, moved("https://elsewhere.example/")).await.unwrap();
    assert_eq!(directory.control.certificate_of(wiki.id).await.unwrap(), None);
    directory.check_written(Activity::DeleteSslBinding, Entity::Application, Operation::Update, wiki.id).await;
}

#[tokio::test]
async fn a_certificate_comes_back_with_its_application_and_goes_when_that_is_purged() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let (wiki, metadata) = certified(&directory).await;
    control.delete_application(administrator(), wiki.id).await.unwrap();
    control.restore_application(administrator(), wiki.id).await.unwrap();
    assert_eq!(control.certificate_of(wiki.id).await.unwrap(), Some(metadata));
    assert!(control.open_certificate(wiki.id).await.unwrap().is_some());
    control.delete_application(administrator(), wiki.id).await.unwrap();
    control.purge_application(administrator(), wiki.id).await.unwrap();
    assert_eq!(control.certificate_of(wiki.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_certificate_of_an_expected_revision_only_is_refused_when_the_application_changed() {
    let directory = Directory::new().await;
    let (wiki, _) = certified(&directory).await;
    let target = adit_control::Target::at(wiki.id, adit_control::Expected::OneOf(vec![wiki.revision]));
    let (pfx, password) = (Zeroizing::new(issued(&["wiki.example"]).pfx()), Zeroizing::new(PASSWORD.to_owned()));
    let command = directory.control.set_certificate(administrator(), target, CertificateUpload { pfx, password });
    let error = refused(&directory, command).await;
    assert!(matches!(error, Error::ChangedMeanwhile { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_with_certificates_does_not_open_under_another_sealing_key() {
    let directory = Directory::new().await;
    certified(&directory).await;
    let directory = directory.reopened().await;
    directory.control.close().await;
    let sealing_key = SealingKey::generate().unwrap().0;
    let other = adit_control::Settings { sealing_key, ..settings(directory.place.database()) };
    let error = ControlPlane::open(other).await.unwrap_err();
    assert!(matches!(error, OpenError::OtherSealingKey { .. }), "{error}");
    assert!(error.to_string().contains(crate::directory::sealing_key().id()), "{error}");
}

/// Every text and file by which a secret could get out: the database with its log, the audit, what is answered, errors
/// and whatever is formatted.
#[tokio::test]
async fn neither_password_nor_private_key_nor_upload_is_found_in_anything_that_is_kept_shown_or_said() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let own = issued(&["wiki.example"]);
    let pfx = own.pfx();
    let other_host = issued(&["other.example"]);
    let mut said = vec![format!("{:?}", upload(&directory, wiki.id, pfx.clone(), PASSWORD).await.unwrap())];
    let damaged = pfx[..pfx.len() - 9].to_vec();
    for (pfx, password) in [(pfx.clone(), "wrong"), (damaged, PASSWORD), (other_host.pfx(), PASSWORD)] {
        let error = upload(&directory, wiki.id, pfx, password).await.unwrap_err();
        said.push(format!("{error} {error:?}"));
    }
    let opened = directory.control.open_certificate(wiki.id).await.unwrap().unwrap();
    said.push(format!("{opened:?} {:?} {:?}", directory.control, directory.control.application(wiki.id).await));
    said.push(format!("{:?}", directory.control.audit_of(directory.revision()).await.unwrap()));
    directory.control.delete_application(administrator(), wiki.id).await.unwrap();
    said.push(format!("{:?}", directory.control.deleted_application(wiki.id).await.unwrap()));

    let mut kept: Vec<(String, Vec<u8>)> = said.into_iter().map(|text| (text.clone(), text.into_bytes())).collect();
    kept.extend(directory.place.kept());
    for canary in canaries(&own, &pfx) {
        for (place, content) in &kept {
            assert!(!content.windows(canary.len()).any(|found| found == canary), "a secret is in {place}");
        }
    }
    // That the search finds what is there: the thumbprint is in plain on purpose.
    let thumbprint = directory.control.certificate_of(wiki.id).await.unwrap().unwrap().thumbprint.into_bytes();
    let found = |content: &[u8]| content.windows(thumbprint.len()).any(|found| found == thumbprint);
    assert!(kept.iter().any(|(name, content)| name.ends_with(NEWEST) && found(content)));
}

/// The password, the private scalar, and the middle of the upload; each as it is, in hexadecimal of either case, as a
/// JSON array of numbers, and as `Debug` writes bytes.
fn canaries(own: &Issued, pfx: &[u8]) -> Vec<Vec<u8>> {
    let scalar = own.key.windows(2).position(|bytes| bytes == [0x04, 0x20]).unwrap() + 2;
    let mut canaries = vec![PASSWORD.as_bytes().to_vec()];
    for secret in [&own.key[scalar..scalar + 32], &pfx[pfx.len() / 2..pfx.len() / 2 + 32], PASSWORD.as_bytes()] {
        let lower: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers: Vec<String> = secret.iter().map(ToString::to_string).collect();
        canaries.push(secret.to_vec());
        canaries.push(lower.to_uppercase().into_bytes());
        canaries.push(lower.into_bytes());
        canaries.push(numbers.join(",").into_bytes());
        canaries.push(numbers.join(", ").into_bytes());
        canaries.push(base64_of(secret));
    }
    canaries
}

/// Whole groups of three only: what stands after them depends on its neighbours.
fn base64_of(secret: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let number = bytes.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| DIGITS[number >> shift & 63])
    };
    secret.chunks_exact(3).flat_map(group).collect()
}

/// Time passes for the certificate that is kept as well; it is not removed, because a late one is better known than none.
#[tokio::test]
async fn a_certificate_that_expired_since_stays_and_says_until_when_it_was_valid() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let soon = jiff::Timestamp::now() + SignedDuration::from_hours(48);
    let soon = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(soon.as_second()).unwrap());
    let own = issued_with(&["wiki.example"], |params| params.not_after = soon);
    let metadata = upload(&directory, wiki.id, own.pfx(), PASSWORD).await.unwrap();
    directory.pass(SignedDuration::from_hours(72));
    assert_eq!(directory.control.certificate_of(wiki.id).await.unwrap(), Some(metadata.clone()));
    let again = upload_refused(&directory, &wiki, own.pfx(), PASSWORD).await;
    assert_eq!(again, CertificateRefused::Expired(metadata.expires));
}
