//! TLS at the edge: three configurations on one port, told apart by ALPN, and certificates by name.
//!
//! Browsers: TLS 1.2 and 1.3, `h2` and `http/1.1`, the certificate of the name they ask for. Connectors: TLS 1.3 with
//! a client certificate of the directory's CA. Registration: TLS 1.3, no client certificate; the connector recognises
//! the gateway by the CA's fingerprint.

use std::collections::HashMap;
use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use adit_tunnel::protocol;
use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::directory::ServerCertificate;

/// What a connection on the gateway's port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Browser,
    Tunnel,
    Registration,
}

impl Purpose {
    /// Reads it off the protocols that the client offers.
    pub(crate) fn of(hello: &ClientHello<'_>) -> Self {
        let offers = |wanted: &[u8]| hello.alpn().is_some_and(|mut offered| offered.any(|word| word == wanted));
        if offers(protocol::TUNNEL) {
            Self::Tunnel
        } else if offers(protocol::REGISTER) {
            Self::Registration
        } else {
            Self::Browser
        }
    }
}

/// The three configurations.
#[derive(Debug)]
pub(crate) struct TlsConfigs {
    pub(crate) browser: Arc<ServerConfig>,
    pub(crate) tunnel: Arc<ServerConfig>,
    pub(crate) registration: Arc<ServerConfig>,
}

impl TlsConfigs {
    /// Makes them. `own` holds the certificate that connectors see; `browsers` those for everybody else.
    pub(crate) fn new(
        connector_ca: &CertificateDer<'static>,
        own: &Arc<OwnCertificate>,
        browsers: &Arc<BrowserCertificates>,
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
        let mut browser = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(browsers.clone());
        browser.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { browser: Arc::new(browser), tunnel: Arc::new(tunnel), registration: Arc::new(registration) })
    }
}

/// Makes a certificate usable for handshakes.
pub(crate) fn certified(certificate: ServerCertificate) -> Result<Arc<CertifiedKey>, String> {
    let provider: CryptoProvider = default_provider();
    CertifiedKey::from_der(certificate.chain, certificate.key, &provider)
        .map(Arc::new)
        .map_err(|error| format!("the certificate and its key cannot be used: {error}"))
}

/// The certificate for the gateway's own name, which connectors see.
#[derive(Debug)]
pub(crate) struct OwnCertificate(ArcSwap<CertifiedKey>);

impl OwnCertificate {
    pub(crate) fn new(certificate: Arc<CertifiedKey>) -> Self {
        Self(ArcSwap::new(certificate))
    }

    pub(crate) fn replace(&self, certificate: Arc<CertifiedKey>) {
        self.0.store(certificate);
    }

    fn current(&self) -> Arc<CertifiedKey> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// Certificates for browsers: by name, else the gateway's own, so that an unknown name gets an answer that says so.
#[derive(Debug)]
pub(crate) struct BrowserCertificates {
    by_name: ArcSwap<HashMap<String, Arc<CertifiedKey>>>,
    own: Arc<OwnCertificate>,
}

impl BrowserCertificates {
    /// None yet; `own` is shown for names without one.
    pub(crate) fn new(own: Arc<OwnCertificate>) -> Self {
        Self { by_name: ArcSwap::default(), own }
    }

    pub(crate) fn by_name(&self) -> Arc<HashMap<String, Arc<CertifiedKey>>> {
        self.by_name.load_full()
    }

    pub(crate) fn replace(&self, by_name: HashMap<String, Arc<CertifiedKey>>) {
        self.by_name.store(Arc::new(by_name));
    }
}

impl ResolvesServerCert for BrowserCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.by_name.load().get(name).cloned());
        Some(named.unwrap_or_else(|| self.own.current()))
    }
}

/// Whom a verified connector certificate names, and when it ends (seconds since 1970).
pub(crate) fn connector_identity(certificate: &CertificateDer<'_>) -> Option<(ConnectorIdentity, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = &parsed.subject_alternative_name().ok()??.value.general_names;
    let [GeneralName::URI(uri)] = names.as_slice() else { return None };
    Some((ConnectorIdentity::parse(uri)?, parsed.validity().not_after.timestamp()))
}
