//! The head of a stream: which application, what to dial, and how; and the answer when it cannot be dialled.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use adit_core::ApplicationId;
use adit_core::application::UpstreamCertificate;
use adit_core::internal_url::InternalUrl;
pub use adit_core::permit::UpstreamTls;
use adit_core::permit::bare_host;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::protocol;

/// The longest detail of a failure that crosses the tunnel, in bytes.
const LONGEST_DETAIL: usize = 300;

/// Which protocols the connector offers an `https` upstream in its TLS hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Offer {
    /// HTTP/1.1; also what a head means that says nothing, and all that older connectors do.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
    /// Both: the answer says which it is.
    Either,
}

impl Offer {
    /// The three of them.
    pub const ALL: [Self; 3] = [Self::Http1, Self::Http2, Self::Either];

    /// The ALPN words, the preferred one first, with commas between.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
            Self::Either => "h2,http/1.1",
        }
    }

    /// Reads the head of a stream.
    ///
    /// # Errors
    /// [`MalformedHead`] for an offer that is none of the three.
    pub fn from_head(headers: &HeaderMap) -> Result<Self, MalformedHead> {
        let Some(words) = headers.get(protocol::ALPN) else { return Ok(Self::default()) };
        Self::ALL.into_iter().find(|offer| words == offer.as_str()).ok_or(MalformedHead(protocol::ALPN))
    }
}

/// What one stream is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The application, for the connector's log.
    pub application: ApplicationId,
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// TLS or not.
    pub tls: UpstreamTls,
}

/// What the control plane signed for the target and for the connector, as the gateway was given it. An older control plane
/// signs neither.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// [`adit_core::permit::Permit`].
    pub permit: Option<Arc<str>>,
    /// [`adit_core::permit::Membership`].
    pub membership: Option<Arc<str>>,
}

/// A stream's head that the other side cannot have meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the head of the stream has no valid {0}")]
pub struct MalformedHead(pub &'static str);

impl Target {
    /// What an application's streams are connected to.
    #[must_use]
    pub fn of(application: ApplicationId, url: &InternalUrl, certificate: UpstreamCertificate) -> Self {
        let tls = UpstreamTls::of(url.scheme(), certificate);
        Self { application, host: bare_host(url.host()).to_owned(), port: url.port(), tls }
    }

    /// The head by which the gateway opens a stream.
    ///
    /// # Errors
    /// Only when the host cannot be written in a header, which no parsed URL has.
    pub fn to_request(&self, offer: Offer, shown: &Shown) -> Result<Request<()>, http::Error> {
        let mut head = Request::builder()
            .method(Method::POST)
            .uri(in_tunnel(protocol::STREAM_PATH)?)
            .header(protocol::APPLICATION, self.application.to_string())
            .header(protocol::TARGET, format!("{}:{}", self.host, self.port))
            .header(protocol::TLS, word(self.tls));
        for (name, text) in [(protocol::PERMIT, &shown.permit), (protocol::MEMBERSHIP, &shown.membership)] {
            if let Some(text) = text {
                head = head.header(name, &**text);
            }
        }
        if offer != Offer::default() {
            head = head.header(protocol::ALPN, offer.as_str());
        }
        head.body(())
    }

    /// Reads the head of a stream.
    ///
    /// # Errors
    /// [`MalformedHead`] names the field that is missing or wrong.
    pub fn from_head(headers: &HeaderMap) -> Result<Self, MalformedHead> {
        let field =
            |name: &'static str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(MalformedHead(name));
        let (host, port) = field(protocol::TARGET)?.rsplit_once(':').ok_or(MalformedHead(protocol::TARGET))?;
        Ok(Self {
            application: field(protocol::APPLICATION)?.parse().map_err(|_| MalformedHead(protocol::APPLICATION))?,
            host: host.to_owned(),
            port: port.parse().map_err(|_| MalformedHead(protocol::TARGET))?,
            tls: find_tls(field(protocol::TLS)?).ok_or(MalformedHead(protocol::TLS))?,
        })
    }
}

/// The word by which it crosses the tunnel.
const fn word(tls: UpstreamTls) -> &'static str {
    match tls {
        UpstreamTls::Off => "off",
        UpstreamTls::Verified => "verified",
        UpstreamTls::NotVerified => "not-verified",
    }
}

fn find_tls(text: &str) -> Option<UpstreamTls> {
    [UpstreamTls::Off, UpstreamTls::Verified, UpstreamTls::NotVerified].into_iter().find(|tls| word(*tls) == text)
}

/// The address of a request inside a tunnel.
///
/// # Errors
/// None in practice: the parts are constants.
pub fn in_tunnel(path: &'static str) -> Result<Uri, http::Error> {
    Uri::builder().scheme("https").authority(protocol::AUTHORITY).path_and_query(path).build()
}

/// Why a connector did not open a stream. In each case no byte reached an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenReason {
    /// The connector's own rules forbid the target.
    NotAllowed,
    /// The name could not be resolved.
    NameNotResolved,
    /// Nothing accepted the connection.
    Refused,
    /// Nothing answered in time.
    TimedOut,
    /// TLS towards the upstream failed.
    TlsFailed,
    /// The head of the stream was not understood.
    Malformed,
}

impl OpenReason {
    const ALL: [Self; 6] =
        [Self::NotAllowed, Self::NameNotResolved, Self::Refused, Self::TimedOut, Self::TlsFailed, Self::Malformed];

    /// The word by which it crosses the tunnel and appears in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NameNotResolved => "name_not_resolved",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::TlsFailed => "tls_failed",
            Self::Malformed => "malformed",
        }
    }
}

impl FromStr for OpenReason {
    type Err = MalformedHead;
    fn from_str(word: &str) -> Result<Self, MalformedHead> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).ok_or(MalformedHead(protocol::REASON))
    }
}

/// A stream was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFailure {
    /// Why.
    pub reason: OpenReason,
    /// In a sentence; for logs, never for users.
    pub detail: String,
}

impl fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.detail)
    }
}

impl OpenFailure {
    /// A failure with its sentence.
    #[must_use]
    pub fn new(reason: OpenReason, detail: impl fmt::Display) -> Self {
        Self { reason, detail: detail.to_string() }
    }

    /// The answer by which the connector says so.
    #[must_use]
    pub fn to_response(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        let detail: String =
            self.detail.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).take(LONGEST_DETAIL).collect();
        response.headers_mut().insert(protocol::REASON, HeaderValue::from_static(self.reason.as_str()));
        if let Ok(detail) = HeaderValue::from_str(&detail) {
            response.headers_mut().insert(protocol::DETAIL, detail);
        }
        response
    }

    /// Reads the answer of a connector that did not open the stream.
    #[must_use]
    pub fn from_head(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        Self {
            reason: text(protocol::REASON).parse().unwrap_or(OpenReason::Malformed),
            detail: text(protocol::DETAIL).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, certificate: UpstreamCertificate) -> Target {
        Target::of(ApplicationId::new(uuid::Uuid::from_u128(3)), &InternalUrl::parse(url).unwrap(), certificate)
    }

    #[test]
    fn a_target_survives_the_tunnel() {
        for url in ["http://wiki:8080/app/", "https://[fd00::1]/", "https://10.0.0.1:8443/"] {
            for certificate in [UpstreamCertificate::Verified, UpstreamCertificate::NotVerified] {
                let target = target(url, certificate);
                for offer in Offer::ALL {
                    let head = target.to_request(offer, &Shown::default()).unwrap();
                    assert_eq!(Target::from_head(head.headers()).as_ref(), Ok(&target));
                    assert_eq!(Offer::from_head(head.headers()), Ok(offer));
                }
            }
        }
    }

    #[test]
    fn a_head_without_a_field_is_refused_by_name() {
        let mut head =
            target("http://wiki/", UpstreamCertificate::Verified).to_request(Offer::Http1, &Shown::default()).unwrap();
        head.headers_mut().insert(protocol::ALPN, HeaderValue::from_static("spdy/3"));
        assert_eq!(Offer::from_head(head.headers()), Err(MalformedHead(protocol::ALPN)));
        head.headers_mut().insert(protocol::TARGET, HeaderValue::from_static("wiki"));
        assert_eq!(Target::from_head(head.headers()), Err(MalformedHead(protocol::TARGET)));
        head.headers_mut().remove(protocol::APPLICATION);
        assert!(Target::from_head(head.headers()).is_err());
    }

    #[test]
    fn a_failure_survives_the_tunnel_and_cannot_inject_headers() {
        let failure = OpenFailure::new(OpenReason::Refused, "no\r\nset-cookie: x");
        let answer = failure.to_response();
        let read = OpenFailure::from_head(answer.headers());
        assert_eq!((read.reason, read.detail.as_str()), (OpenReason::Refused, "no??set-cookie: x"));
    }
}
