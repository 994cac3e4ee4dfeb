//! How the authority is spoken to: over TLS, with its own host alone, and within bounds.
//!
//! A directory names URLs, and so does every answer. Requests go nowhere but to the host and port of the configured
//! directory: an authority that is captured or confused must not make this server fetch from elsewhere, its own network
//! included. Redirects are not followed, answers are small, and nothing is waited for long.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use jiff::Timestamp;
use url::Url;

use super::AcmeSettings;
use crate::api_client::transport::{Resolver, Trust, connector};

/// The largest answer; a directory has 1 KiB and a chain 8 KiB.
const LARGEST_ANSWER: usize = 256 * 1024;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest pause that an authority may ask for: the longest that Let's Encrypt's limits last.
const LONGEST_PAUSE: i64 = 7 * 24 * 60 * 60;

/// By whom requests are made, as RFC 8555 (section 6.1) wants it.
const OURSELVES: &str = concat!("adit/", env!("CARGO_PKG_VERSION"));

type Client = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, BodyWrapper<Bytes>>;

/// When an authority that is too busy wants to be asked again.
#[derive(Debug, Clone, Default)]
pub(super) struct Busy(Arc<AtomicI64>);

/// The HTTP client of an account.
pub(super) struct Transport {
    client: Client,
    origin: Origin,
    busy: Busy,
}

/// Host and port to which requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    host: String,
    port: u16,
}

/// An answer or a request that is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("the authority names a URL that is not https or not on its directory's host: {0}")]
    OtherHost(String),
    #[error("the authority redirects ({0}), which is not followed")]
    Redirect(StatusCode),
    #[error("the authority did not answer within {} s", PATIENCE.as_secs())]
    TooSlow,
}

impl Transport {
    /// A client for the authority of `settings`, which notes in `busy` when that wants to be left alone.
    ///
    /// # Errors
    /// A sentence, when TLS cannot be set up.
    pub(super) fn new(settings: &AcmeSettings, busy: Busy) -> Result<Self, String> {
        let trust = settings.ca.as_ref().map_or(Trust::System, |pem| Trust::Authority(pem.clone()));
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector(&trust)?);
        Ok(Self { client, origin: Origin::of(&settings.directory)?, busy })
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        mut request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (client, busy) = (self.client.clone(), self.busy.clone());
        let allowed = self.origin.check(request.uri());
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(OURSELVES));
        Box::pin(async move {
            allowed.map_err(other)?;
            let exchange = async {
                let (parts, body) = client.request(request).await.map_err(other)?.into_parts();
                let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(Error::Other)?.to_bytes();
                Ok::<_, Error>((parts, body))
            };
            let (parts, body) =
                tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| other(Refused::TooSlow))??;
            busy.note(parts.status, &parts.headers, Timestamp::now());
            if parts.status.is_redirection() {
                return Err(other(Refused::Redirect(parts.status)));
            }
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Other(error.into())
}

impl Origin {
    fn of(directory: &Url) -> Result<Self, String> {
        let host = directory.host_str().ok_or_else(|| format!("'{directory}' has no host"))?;
        Ok(Self { host: host.to_owned(), port: directory.port().unwrap_or(443) })
    }

    fn check(&self, uri: &Uri) -> Result<(), Refused> {
        let same = uri.scheme_str() == Some("https")
            && uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
            && uri.port_u16().unwrap_or(443) == self.port
            && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        if same { Ok(()) } else { Err(Refused::OtherHost(uri.to_string().chars().take(200).collect())) }
    }
}

impl Busy {
    /// Until when the authority wants to be left alone, if that lies ahead.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).ok().filter(|until| *until > now)
    }

    fn note(&self, status: StatusCode, headers: &HeaderMap, now: Timestamp) {
        if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return;
        }
        let Some(pause) = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now)) else {
            return;
        };
        let until = now.as_second().saturating_add(pause.clamp(0, LONGEST_PAUSE));
        self.0.fetch_max(until, Ordering::Relaxed);
    }
}

/// Seconds until a `Retry-After` (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(date.timestamp().as_second() - now.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(directory: &str) -> Origin {
        Origin::of(&Url::parse(directory).unwrap()).unwrap()
    }

    #[test]
    fn requests_go_to_the_directorys_own_host_and_port_alone() {
        let acme = origin("https://acme.example/directory");
        for uri in ["https://acme.example/new-order", "https://ACME.example:443/x?y"] {
            assert_eq!(acme.check(&uri.parse().unwrap()), Ok(()), "{uri}");
        }
        for uri in [
            "http://acme.example/new-order",
            "https://acme.example:8443/",
            "https://other.example/",
            "https://acme.example.other.example/",
            "https://acme.example@other.example/",
            "https://user@acme.example/",
            "https://169.254.169.254/",
            "/relative",
        ] {
            assert!(acme.check(&uri.parse().unwrap()).is_err(), "{uri}");
        }
        assert_eq!(origin("https://localhost:14000/dir").check(&"https://localhost:14000/x".parse().unwrap()), Ok(()));
    }

    #[test]
    fn a_busy_authority_is_left_alone_for_as_long_as_it_says_within_reason() {
        let now: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let after = |status: StatusCode, value: &'static str| {
            let busy = Busy::default();
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            busy.note(status, &headers, now);
            busy.until(now).map(|until| until.as_second() - now.as_second())
        };
        assert_eq!(after(StatusCode::TOO_MANY_REQUESTS, "120"), Some(120));
        assert_eq!(after(StatusCode::SERVICE_UNAVAILABLE, "Sat, 21 Nov 2026 06:00:00 GMT"), Some(3600));
        assert_eq!(after(StatusCode::TOO_MANY_REQUESTS, "99999999999"), Some(LONGEST_PAUSE));
        for value in ["-5", "Sat, 21 Nov 2020 06:00:00 GMT", "soon", ""] {
            assert_eq!(after(StatusCode::TOO_MANY_REQUESTS, value), None, "{value}");
        }
        assert_eq!(after(StatusCode::OK, "120"), None, "how long to wait between two looks at an order");
    }
}
