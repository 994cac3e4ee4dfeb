//! Which uploads are accepted: files, passwords, keys, and certificates that serve the host.

use super::*;

#[tokio::test]
async fn files_of_older_tools_and_keys_of_every_common_kind_are_accepted() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    for algorithm in [
        EncryptionAlgorithm::PbeWithHmacSha256AndAes256,
        EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc,
        EncryptionAlgorithm::PbeWithShaAnd40BitRc4Cbc,
    ] {
        let own = issued(&["wiki.example"]);
        let pfx = written(&[(&own.key, &own.chain)], PASSWORD, algorithm);
        upload(&directory, wiki.id, pfx, PASSWORD).await.unwrap();
    }
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params(&["wiki.example"], |_| {}).self_signed(&key).unwrap();
        let own = Issued { chain: vec![certificate.der().to_vec()], key: key.serialize_der() };
        upload(&directory, wiki.id, own.pfx(), PASSWORD).await.unwrap();
    }
    let own = issued(&["wiki.example"]);
    let open_file = written(&[(&own.key, &own.chain)], "", EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    upload(&directory, wiki.id, open_file, "").await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_pfx_or_opens_with_another_password_is_refused() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let pfx = issued(&["wiki.example"]).pfx();
    assert_eq!(upload_refused(&directory, &wiki, pfx.clone(), "another").await, CertificateRefused::WrongPassword);
    let too_large = vec![0x30; 64 * 1024 + 1];
    assert_eq!(
        upload_refused(&directory, &wiki, too_large.clone(), PASSWORD).await,
        CertificateRefused::TooLarge(too_large.len())
    );
    let text = b"-----BEGIN CERTIFICATE-----".to_vec();
    for broken in [vec![], text, pfx[..pfx.len() / 2].to_vec(), vec![0x30; 1024], vec![0xff; 64 * 1024]] {
        assert_eq!(upload_refused(&directory, &wiki, broken, PASSWORD).await, CertificateRefused::Unreadable);
    }
}

#[tokio::test]
async fn a_file_with_any_byte_damaged_is_refused_or_means_the_same() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let own = issued(&["wiki.example"]);
    let pfx = written(&[(&own.key, &own.chain)], PASSWORD, EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    let expected = upload(&directory, wiki.id, pfx.clone(), PASSWORD).await.unwrap();
    for position in (0..pfx.len()).step_by(23) {
        let mut damaged = pfx.clone();
        damaged[position] ^= 0x41;
        match upload(&directory, wiki.id, damaged, PASSWORD).await {
            Ok(metadata) => assert_eq!(metadata, expected, "byte {position}"),
            Err(error) => assert!(matches!(error, Error::CertificateRefused(_)), "byte {position}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_file_that_wants_more_iterations_than_anybody_waits_for_is_refused_at_once() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let own = issued(&["wiki.example"]);
    let entry = PrivateKeyChain::new(
        [1].as_slice(),
        PrivateKey::from_der(&own.key).unwrap(),
        own.chain.iter().map(|der| Certificate::from_der(der).unwrap()),
    );
    let mut store = KeyStore::new();
    store.add_entry("slow", KeyStoreEntry::PrivateKeyChain(entry));
    let slow =
        store.writer(PASSWORD).mac_algorithm(MacAlgorithm::HmacSha256).mac_iterations(1_000_001).write().unwrap();
    let started = Instant::now();
    assert_eq!(upload_refused(&directory, &wiki, slow, PASSWORD).await, CertificateRefused::TooSlow);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_file_without_a_key_or_with_a_key_of_another_certificate_is_refused() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let (own, other) = (issued(&["wiki.example"]), issued(&["wiki.example"]));
    let mixed = Issued { chain: own.chain.clone(), key: other.key };
    assert_eq!(upload_refused(&directory, &wiki, mixed.pfx(), PASSWORD).await, CertificateRefused::KeyMismatch);

    let mut store = KeyStore::new();
    store.add_entry("trusted", KeyStoreEntry::Certificate(Certificate::from_der(&own.chain[0]).unwrap()));
    let without_key = store.writer(PASSWORD).write().unwrap();
    assert_eq!(upload_refused(&directory, &wiki, without_key, PASSWORD).await, CertificateRefused::NoKey);

    let without_certificate = Issued { chain: vec![], key: own.key.clone() };
    assert_eq!(
        upload_refused(&directory, &wiki, without_certificate.pfx(), PASSWORD).await,
        CertificateRefused::NoCertificate
    );
    let many = vec![(&own.key, &own.chain); 17];
    let many = written(&many, PASSWORD, EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    assert_eq!(upload_refused(&directory, &wiki, many, PASSWORD).await, CertificateRefused::TooManyParts);
}

#[tokio::test]
async fn of_several_certificates_the_one_that_fits_is_taken() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let (own, other) = (issued(&["wiki.example"]), issued(&["other.example"]));
    let entries = [(&other.key, &other.chain), (&own.key, &own.chain)];
    let pfx = written(&entries, PASSWORD, EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    upload(&directory, wiki.id, pfx, PASSWORD).await.unwrap();
    let opened = directory.control.open_certificate(wiki.id).await.unwrap().unwrap();
    assert_eq!(opened.chain[0].to_vec(), own.chain[0]);
}

#[tokio::test]
async fn a_certificate_that_is_over_or_not_yet_valid_or_not_for_servers_is_refused() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let code_signing = issued_with(&["wiki.example"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    });
    assert_eq!(
        upload_refused(&directory, &wiki, code_signing.pfx(), PASSWORD).await,
        CertificateRefused::NotForServers
    );
    let over = issued_with(&["wiki.example"], |params| params.not_after = rcgen::date_time_ymd(2001, 2, 3));
    let refusal = upload_refused(&directory, &wiki, over.pfx(), PASSWORD).await;
    assert_eq!(refusal, CertificateRefused::Expired("2001-02-03T00:00:00Z".parse().unwrap()));
    let later = issued_with(&["wiki.example"], |params| params.not_before = rcgen::date_time_ymd(3001, 2, 3));
    let refusal = upload_refused(&directory, &wiki, later.pfx(), PASSWORD).await;
    assert_eq!(refusal, CertificateRefused::NotYetValid("3001-02-03T00:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_certificate_is_accepted_only_for_the_host_of_the_external_url() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let not_for_host = CertificateRefused::NotForHost { host: "wiki.example".to_owned() };
    let only_common_name =
        issued_with(&[], |params| params.distinguished_name.push(DnType::CommonName, "wiki.example"));
    for other in [issued(&["other.example", "*.wiki.example"]), issued(&["10.0.0.1"]), only_common_name] {
        assert_eq!(upload_refused(&directory, &wiki, other.pfx(), PASSWORD).await, not_for_host);
    }
    upload(&directory, wiki.id, issued(&["other.example", "WIKI.example"]).pfx(), PASSWORD).await.unwrap();
}
