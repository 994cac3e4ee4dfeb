//! TLS at the edge: configurations on one port, told apart by ALPN.
//!
//! Browsers: TLS 1.2 and 1.3, `h2` and `http/1.1`, the certificate of the name they ask for. Connectors: TLS 1.3 with
//! a client certificate of the directory's CA. Registration: TLS 1.3, no client certificate; the connector recognises
//! the gateway by the CA's fingerprint. ACME authorities: nothing but a handshake, with the certificate that answers
//! their challenge (RFC 8737).

use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use adit_tunnel::protocol;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::by_name::{BrowserCertificates, ChallengeCertificates, OwnCertificate};

/// What an ACME authority offers when it looks whether this server has a name, and nothing else beside it.
const ACME_CHALLENGE: &[u8] = b"acme-tls/1";

/// What a connection on the gateway's port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Browser,
    Tunnel,
    Registration,
    AcmeChallenge,
}

impl Purpose {
    /// Reads it off the protocols that the client offers.
    pub(crate) fn of(hello: &ClientHello<'_>) -> Self {
        let offers = |wanted: &[u8]| hello.alpn().is_some_and(|mut offered| offered.any(|word| word == wanted));
        if offers(protocol::TUNNEL) {
            Self::Tunnel
        } else if offers(protocol::REGISTER) {
            Self::Registration
        } else if offers(ACME_CHALLENGE) {
            Self::AcmeChallenge
        } else {
            Self::Browser
        }
    }
}

/// The configurations.
#[derive(Debug)]
pub(crate) struct TlsConfigs {
    pub(crate) browser: Arc<ServerConfig>,
    /// The same without HTTP/2.
    pub(crate) browser_http1: Arc<ServerConfig>,
    pub(crate) tunnel: Arc<ServerConfig>,
    pub(crate) registration: Arc<ServerConfig>,
    pub(crate) acme_challenge: Arc<ServerConfig>,
}

impl TlsConfigs {
    /// Makes them. `own` holds the certificate that connectors see; `browsers` those for everybody else; `challenges`
    /// those that answer ACME authorities.
    pub(crate) fn new(
        connector_ca: &CertificateDer<'static>,
        own: &Arc<OwnCertificate>,
        browsers: &Arc<BrowserCertificates>,
        challenges: ChallengeCertificates,
    ) -> Result<Self, String> {
        let provider = Arc::new(default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(connector_ca.clone()).map_err(|error| format!("the directory's CA certificate: {error}"))?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| error.to_string())?;
        let newest = || {
            ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .map_err(|error| error.to_string())
        };
        let mut tunnel = newest()?.with_client_cert_verifier(verifier).with_cert_resolver(own.clone());
        tunnel.alpn_protocols = vec![protocol::TUNNEL.to_vec()];
        // A resumed session would not show the certificate again, and its expiry would go unseen.
        tunnel.send_tls13_tickets = 0;
        let mut registration = newest()?.with_no_client_auth().with_cert_resolver(own.clone());
        registration.alpn_protocols = vec![protocol::REGISTER.to_vec()];
        let newest_but_one = || {
            let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
            let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
            Ok::<_, String>(builder.with_no_client_auth())
        };
        let mut browser = newest_but_one()?.with_cert_resolver(browsers.clone());
        // Programs that speak HTTP/1.0 (`curl -0`) may offer nothing else; a name that is not here would end the handshake.
        browser.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        let mut browser_http1 = browser.clone();
        browser_http1.alpn_protocols.retain(|word| word != b"h2");
        let mut acme_challenge = newest_but_one()?.with_cert_resolver(Arc::new(challenges));
        acme_challenge.alpn_protocols = vec![ACME_CHALLENGE.to_vec()];
        Ok(Self {
            browser: Arc::new(browser),
            browser_http1: Arc::new(browser_http1),
            tunnel: Arc::new(tunnel),
            registration: Arc::new(registration),
            acme_challenge: Arc::new(acme_challenge),
        })
    }
}

/// Whom a verified connector certificate names, and when it ends (seconds since 1970).
pub(crate) fn connector_identity(certificate: &CertificateDer<'_>) -> Option<(ConnectorIdentity, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = &parsed.subject_alternative_name().ok()??.value.general_names;
    let [GeneralName::URI(uri)] = names.as_slice() else { return None };
    Some((ConnectorIdentity::parse(uri)?, parsed.validity().not_after.timestamp()))
}
