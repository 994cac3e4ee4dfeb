//! HTTP over TCP or TLS for our own requests: whom to trust, and where `localhost` names are.

use std::future::{Ready, ready};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt as _;

/// A pooling HTTP client.
pub(crate) type Client = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// Those that this machine trusts.
    System,
    /// Those of one CA, given as PEM; no others.
    Authority(String),
}

/// Makes a client. Redirects are not followed.
///
/// # Errors
/// A sentence, when the roots cannot be loaded.
pub(crate) fn client(trust: &Trust) -> Result<Client, String> {
    Ok(legacy::Client::builder(TokioExecutor::new()).build(connector(trust)?))
}

/// What connects such a client.
///
/// # Errors
/// A sentence, when the roots cannot be loaded.
pub(crate) fn connector(trust: &Trust) -> Result<HttpsConnector<HttpConnector<Resolver>>, String> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver { system: GaiResolver::new() });
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(std::time::Duration::from_secs(10)));
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls(trust)?).https_or_http().enable_http1();
    Ok(connector.wrap_connector(tcp))
}

fn tls(trust: &Trust) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    match trust {
        Trust::System => {
            let builder = builder.with_platform_verifier().map_err(|error| error.to_string())?;
            Ok(builder.with_no_client_auth())
        }
        Trust::Authority(pem) => {
            let mut roots = RootCertStore::empty();
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
                .map_err(|error| format!("ca.pem cannot be read: {error}"))?;
            roots.add(certificate).map_err(|error| format!("ca.pem cannot be used: {error}"))?;
            Ok(builder.with_root_certificates(roots).with_no_client_auth())
        }
    }
}

/// Resolves names: those below `localhost` are this machine (RFC 6761, section 6.3), which many a system resolver does
/// not know; the others are asked for.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
}

type Addresses = std::vec::IntoIter<SocketAddr>;
type SystemAnswer = Pin<Box<dyn Future<Output = io::Result<Addresses>> + Send>>;

impl tower::Service<Name> for Resolver {
    type Response = Addresses;
    type Error = io::Error;
    type Future = Either<Ready<io::Result<Addresses>>, SystemAnswer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        tower::Service::poll_ready(&mut self.system, context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = name.as_str();
        if host == "localhost" || host.ends_with(".localhost") {
            let loopback = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
            return Either::Left(ready(Ok(Vec::from(loopback).into_iter())));
        }
        let asked = tower::Service::call(&mut self.system, name);
        Either::Right(Box::pin(async move { Ok(asked.await?.collect::<Vec<_>>().into_iter()) }))
    }
}
