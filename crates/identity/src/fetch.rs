//! Fetches one small JSON document from an issuer, or posts a form to it: https (http only to loopback), no redirects, a
//! size and a time limit. An issuer of this very process is asked without the network.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::{Host, Url};

use crate::client_address::InNameOf;

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
    Status(StatusCode),
    #[error("the request failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How an issuer is reached.
#[derive(Debug, Clone, Default)]
pub enum Transport {
    /// Over the network; its certificate is one that the platform trusts.
    #[default]
    Platform,
    /// Over the network; its certificate is of this authority and of no other.
    Authority(CertificateDer<'static>),
    /// Not at all: it is in this very process.
    InProcess(OwnService),
}

impl From<Option<CertificateDer<'static>>> for Transport {
    fn from(ca: Option<CertificateDer<'static>>) -> Self {
        ca.map_or(Self::Platform, Self::Authority)
    }
}

type Answering = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// What answers for an issuer of this process.
#[derive(Clone)]
pub struct OwnService(Arc<dyn Fn(Request<Bytes>) -> Answering + Send + Sync>);

impl OwnService {
    /// Requests go to `answer`, with the issuer's URLs as they are known to everybody.
    pub fn new<F>(answer: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(answer(request))))
    }
}

impl fmt::Debug for OwnService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnService")
    }
}

/// A client for one issuer.
#[derive(Clone)]
pub(crate) enum Fetcher {
    Network(Box<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>),
    InProcess(OwnService),
}

impl Fetcher {
    /// A client that reaches its issuer in that way.
    pub(crate) fn new(transport: Transport) -> Result<Self, rustls::Error> {
        let ca = match transport {
            Transport::Platform => None,
            Transport::Authority(ca) => Some(ca),
            Transport::InProcess(service) => return Ok(Self::InProcess(service)),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match ca {
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca)?;
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            None => builder.with_platform_verifier()?.with_no_client_auth(),
        };
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Self::Network(Box::new(Client::builder(TokioExecutor::new()).build(connector))))
    }

    /// Whether nothing leaves this process.
    pub(crate) const fn is_in_process(&self) -> bool {
        matches!(self, Self::InProcess(_))
    }

    /// Fetches `url`.
    pub(crate) async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        match self.in_time(url, Request::get(url.as_str()), Bytes::new()).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(FetchError::Status(status)),
        }
    }

    /// Posts a form to `url` in the name of a client, which an issuer of this process is told and nobody else; the answer is
    /// what it is, whatever its status.
    pub(crate) async fn post(
        &self,
        url: &Url,
        form: String,
        authorization: Option<HeaderValue>,
        client: Option<IpAddr>,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let mut request = Request::builder().method(Method::POST).uri(url.as_str());
        request = request.header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        if let (Self::InProcess(_), Some(client)) = (self, client) {
            request = request.extension(InNameOf(client));
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
            .body(body)
            .map_err(|error| FetchError::Failed(error.into()))?;
        let client = match self {
            Self::Network(client) => client,
            Self::InProcess(service) => {
                let answer = (service.0)(request).await;
                return Ok((answer.status(), answer.into_body()));
            }
        };
        let answer = client.request(request.map(Full::new)).await;
        let answer = answer.map_err(|error| FetchError::Failed(error.into()))?;
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn an_issuer_of_this_process_is_told_in_whose_name_it_is_asked_and_no_header_tells_it() {
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let service = OwnService::new(move |request| {
            let client = request.extensions().get::<InNameOf>().copied();
            noted.lock().unwrap().push((client, format!("{:?}", request.headers())));
            async { Response::new(Bytes::new()) }
        });
        let fetcher = Fetcher::new(Transport::InProcess(service)).unwrap();
        let (url, client) = ("https://adit.example/token".parse().unwrap(), "192.0.2.7".parse().unwrap());
        fetcher.post(&url, "a=b".to_owned(), None, Some(client)).await.unwrap();
        fetcher.post(&url, "a=b".to_owned(), None, None).await.unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!((seen[0].0, seen[1].0), (Some(InNameOf(client)), None));
        assert!(seen.iter().all(|(_, headers)| !headers.contains("192.0.2.7")), "{seen:?}");
    }
}
