//! What answers in place of the gateway and is not it: a connector believes its directory's CA and nobody else, from the
//! first contact on.

use std::io;
use std::sync::Arc;

use adit_core::{MachineName, RegistrationToken};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::dial;
use crate::identity::IdentityFolder;
use crate::network::SystemNetwork;
use crate::proxy::ProxyChoice;
use crate::register::{self, RegistrationError};

/// A CA of a test.
struct Ca {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn ca() -> Ca {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Ca { certificate, issuer: Issuer::new(params, key) }
}

fn server() -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// A server with such a certificate; its port.
async fn serve(
    signer: &Ca,
    params: CertificateParams,
    protocols: &[&[u8]],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> u16 {
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &signer.issuer).unwrap().der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf, signer.certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|word| word.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(socket).await.map(drop) });
        }
    });
    port
}

async fn dialled(port: u16, directory: &Ca) -> io::Result<()> {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, &directory.certificate).as_ref());
    let config = for_registration(fingerprint).unwrap();
    dial::gateway(&SystemNetwork, &format!("localhost:{port}"), config, None).await.map(drop)
}

#[tokio::test]
async fn only_the_directorys_own_gateway_is_believed_from_the_first_contact_on() {
    let (directory, stranger) = (ca(), ca());
    let good = serve(&directory, server(), &[protocol::REGISTER], rustls::ALL_VERSIONS).await;
    dialled(good, &directory).await.unwrap();

    let other_ca = serve(&stranger, server(), &[protocol::REGISTER], rustls::ALL_VERSIONS).await;
    let other_name = CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap();
    let other_name = serve(&directory, other_name, &[protocol::REGISTER], rustls::ALL_VERSIONS).await;
    let mut ended = server();
    (ended.not_before, ended.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let ended = serve(&directory, ended, &[protocol::REGISTER], rustls::ALL_VERSIONS).await;
    let mut connectors = server();
    connectors.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let connectors = serve(&directory, connectors, &[protocol::REGISTER], rustls::ALL_VERSIONS).await;
    let other_protocol = serve(&directory, server(), &[b"http/1.1"], rustls::ALL_VERSIONS).await;
    let old_tls = serve(&directory, server(), &[protocol::REGISTER], &[&rustls::version::TLS12]).await;
    for (what, port) in [
        ("another CA", other_ca),
        ("another name", other_name),
        ("a certificate that has ended", ended),
        ("a connector's certificate", connectors),
        ("another protocol", other_protocol),
        ("TLS 1.2", old_tls),
    ] {
        let refused = dialled(port, &directory).await.expect_err(what);
        assert!(refused.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()), "{what}: {refused}");
    }
}

#[tokio::test]
async fn a_gateway_of_another_time_is_told_with_both_clocks() {
    let directory = ca();
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, &directory.certificate).as_ref());
    for (years, said) in [((2020, 2021), "valid until 2021-01-01"), ((2200, 2201), "later than 2200-01-01")] {
        let mut params = server();
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let port = serve(&directory, params, &[protocol::REGISTER], rustls::ALL_VERSIONS).await;
        let gateway = format!("localhost:{port}");
        let token = RegistrationToken { gateway, ca_fingerprint: fingerprint, secret: [1; 32] };
        let folder = tempfile::tempdir().unwrap();
        let key = IdentityFolder::open(folder.path()).unwrap().key().unwrap();
        let machine = MachineName::parse("srv1").unwrap();
        let refused = register::register(&SystemNetwork, &token, &key, machine.as_str(), "1", &ProxyChoice::Direct)
            .await
            .unwrap_err();
        assert!(matches!(refused, RegistrationError::Clock { .. }), "{refused}");
        let text = refused.to_string();
        assert!(text.contains(said) && text.contains("by this machine's clock it is 20"), "{text}");
    }
}
