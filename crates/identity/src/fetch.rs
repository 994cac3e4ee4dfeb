//! Fetches one small JSON document from an issuer, or posts a form to it: https (http only to loopback), no redirects, a
//! size and a time limit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::{Host, Url};

/// The largest document, in bytes; real key sets have a few thousand.
const LARGEST: usize = 1024 * 1024;

/// How long one document may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0} must start with https:// (http:// is allowed to loopback addresses only)")]
    NotHttps(String),
    #[error("no answer within {} seconds", PATIENCE.as_secs())]
    TooSlow,
    #[error("the answer was {0} instead of 200")]
    Status(http::StatusCode),
    #[error("the request failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A client for one issuer.
#[derive(Clone)]
pub(crate) struct Fetcher(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Fetcher {
    /// A client that trusts `ca` alone, or without it what the platform trusts.
    pub(crate) fn new(ca: Option<&CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match ca {
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca.clone())?;
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            None => builder.with_platform_verifier()?.with_no_client_auth(),
        };
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Fetches `url`.
    pub(crate) async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        match self.in_time(url, http::Request::get(url.as_str()), Bytes::new()).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(FetchError::Status(status)),
        }
    }

    /// Posts a form to `url`; the answer is what it is, whatever its status.
    pub(crate) async fn post(
        &self,
        url: &Url,
        form: String,
        authorization: Option<HeaderValue>,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let mut request = http::Request::builder().method(Method::POST).uri(url.as_str());
        request = request.header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        self.in_time(url, request, form.into()).await
    }

    async fn in_time(
        &self,
        url: &Url,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        check(url)?;
        match tokio::time::timeout(PATIENCE, self.exchange(request, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::TooSlow),
        }
    }

    async fn exchange(&self, request: http::request::Builder, body: Bytes) -> Result<(StatusCode, Bytes), FetchError> {
        let request = request
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::USER_AGENT, "adit")
            .body(Full::new(body))
            .map_err(|error| FetchError::Failed(error.into()))?;
        let answer = self.0.request(request).await.map_err(|error| FetchError::Failed(error.into()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(FetchError::Failed)?;
        Ok((status, body.to_bytes()))
    }
}

/// Checks that `url` may be fetched at all.
pub(crate) fn check(url: &Url) -> Result<(), FetchError> {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" if url.host().is_some() => Ok(()),
        "http" if loopback => Ok(()),
        _ => Err(FetchError::NotHttps(url.to_string())),
    }
}
