//! TLS of the connector: towards the gateway (its own CA only) and towards upstreams (the system's CAs).

use std::sync::{Arc, OnceLock};

use adit_tunnel::protocol;
use adit_tunnel::target::Offer;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::identity::{ConnectorKey, Identity};

/// TLS for a tunnel connection: the gateway by the directory's CA, the connector by its certificate.
pub(crate) fn for_tunnel(identity: &Identity, key: &ConnectorKey) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.ca())?;
    let mut config =
        newest()?.with_root_certificates(roots).with_client_auth_cert(vec![identity.certificate()], key.for_tls())?;
    config.alpn_protocols = vec![protocol::TUNNEL.to_vec()];
    // Each connection shows the certificate again.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// TLS for registration: the gateway by the fingerprint of its CA, as the token has it.
pub(crate) fn for_registration(ca_fingerprint: [u8; 32]) -> Result<Arc<ClientConfig>, Error> {
    let trust = Trust::CaWithFingerprint(ca_fingerprint);
    let verifier = OwnTrust { trust, provider: Arc::new(default_provider()) };
    let mut config = newest()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = vec![protocol::REGISTER.to_vec()];
    Ok(Arc::new(config))
}

/// TLS for a look at what answers, whoever it is.
pub(crate) fn for_looking() -> Result<Arc<ClientConfig>, Error> {
    let verifier = OwnTrust { trust: Trust::AnyCertificate, provider: Arc::new(default_provider()) };
    let mut config = newest()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Whether TLS failed because of the certificate that was shown.
pub(crate) fn is_certificate_fault(error: &std::io::Error) -> bool {
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    fault.is_some_and(|fault| matches!(fault, Error::InvalidCertificate(_)))
}

/// The certificate of `chain` with this SHA-256, if there is one.
pub(crate) fn find_ca<'c>(
    chain: &'c [CertificateDer<'static>],
    fingerprint: &[u8; 32],
) -> Option<&'c CertificateDer<'static>> {
    chain.iter().find(|certificate| digest(&SHA256, certificate).as_ref() == fingerprint)
}

fn newest() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(Arc::new(default_provider())).with_protocol_versions(&[&rustls::version::TLS13])
}

/// TLS towards upstreams, each kind made when the first one asks for it: reading the system's certificates takes milliseconds
/// and memory, and many connectors stand beside servers without TLS alone.
#[derive(Debug, Default)]
pub(crate) struct UpstreamConfigs {
    verified: OnceLock<ByOffer>,
    not_verified: OnceLock<ByOffer>,
}

impl UpstreamConfigs {
    /// For upstreams whose certificates the system's authorities vouch for. What failed is tried again the next time.
    ///
    /// # Errors
    /// The system has no certificates that can be read.
    pub(crate) fn verified(&self, offer: Offer) -> Result<Arc<ClientConfig>, Error> {
        made(&self.verified, offer, || {
            let config = either_version()?.with_platform_verifier().inspect_err(|error| {
                tracing::error!(%error, "the system's certificates cannot be read: no https upstream is verified");
            })?;
            Ok(config.with_no_client_auth())
        })
    }

    /// For upstreams whose certificates an administrator has chosen not to verify.
    ///
    /// # Errors
    /// The library refuses its own settings.
    pub(crate) fn not_verified(&self, offer: Offer) -> Result<Arc<ClientConfig>, Error> {
        made(&self.not_verified, offer, || {
            let dangerous_verifier = OwnTrust { trust: Trust::AnyCertificate, provider: Arc::new(default_provider()) };
            let config = either_version()?.dangerous().with_custom_certificate_verifier(Arc::new(dangerous_verifier));
            Ok(config.with_no_client_auth())
        })
    }
}

fn either_version() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()
}

/// The configuration of a kind with `offer`, made by `make` where there is none yet.
fn made(
    kind: &OnceLock<ByOffer>,
    offer: Offer,
    make: impl FnOnce() -> Result<ClientConfig, Error>,
) -> Result<Arc<ClientConfig>, Error> {
    let configs = match kind.get() {
        Some(configs) => configs,
        None => {
            let configs = ByOffer::new(&make()?);
            kind.get_or_init(|| configs)
        }
    };
    Ok(configs.with(offer))
}

/// The same configuration with each of the offers.
#[derive(Debug)]
struct ByOffer([(Offer, Arc<ClientConfig>); 3]);

impl ByOffer {
    fn new(config: &ClientConfig) -> Self {
        Self(Offer::ALL.map(|offer| {
            let mut config = config.clone();
            config.alpn_protocols = offer.as_str().split(',').map(|word| word.as_bytes().to_vec()).collect();
            (offer, Arc::new(config))
        }))
    }

    /// The configuration that makes this offer.
    fn with(&self, offer: Offer) -> Arc<ClientConfig> {
        let [(_, first), ..] = &self.0;
        let found = self.0.iter().find(|(other, _)| *other == offer);
        Arc::clone(found.map_or(first, |(_, config)| config))
    }
}

/// What a server must show, beside a handshake signed by its certificate's key, which is always checked.
#[derive(Debug)]
enum Trust {
    /// A chain that ends in the one CA with this SHA-256, which the server sends along.
    CaWithFingerprint([u8; 32]),
    /// Anything: an administrator has switched verification off for the application.
    AnyCertificate,
}

/// Trust that differs from the system's.
#[derive(Debug)]
struct OwnTrust {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl OwnTrust {
    fn verify_by_ca(
        &self,
        fingerprint: &[u8; 32],
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<CertificateDer<'static>> =
            intermediates.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let ca = find_ca(&chain, fingerprint).ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, &[], now)
    }
}

impl ServerCertVerifier for OwnTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::CaWithFingerprint(fingerprint) => {
                self.verify_by_ca(fingerprint, end_entity, intermediates, server_name, now)
            }
            Trust::AnyCertificate => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
