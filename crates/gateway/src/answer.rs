//! What the gateway answers itself: a stable reason, the right status, and a request id that finds the log line.
//!
//! The page says what a user may know. The cause (addresses, certificates, names inside) goes to the log alone.

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use uuid::Uuid;

use crate::body::GatewayBody;

/// Names the reason in every answer that the gateway makes itself.
pub const REASON_HEADER: &str = "x-adit-reason";

/// Names the request in the log.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// Why the gateway did not pass on an upstream's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request cannot be understood in one way only.
    BadRequest,
    /// CONNECT or TRACE.
    MethodNotAllowed,
    /// Neither HTTP/1.1 nor HTTP/1.0, on a connection for them.
    VersionNotSupported,
    /// The path and query are longer than the limit.
    TargetTooLong,
    /// The head, or the cookies in it, are larger than the limit.
    HeadTooLarge,
    /// The request did not come in time.
    RequestTimeout,
    /// The TLS name and the host differ.
    Misdirected,
    /// A page of another site opens a WebSocket, and that is not allowed.
    ForeignOrigin,
    /// It signs in the connection (NTLM, Negotiate), which takes HTTP/1.1: the HTTP/2 stream is reset with that reason.
    Http1Required,
    /// Nothing is published there.
    NotPublished,
    /// Sign-in is required and does not exist yet.
    SignInUnavailable,
    /// The application is closed for maintenance.
    Maintenance,
    /// No connector of the group has a live tunnel.
    NoConnector,
    /// Too many requests are under way through the connectors of the group.
    ConnectorBusy,
    /// Nothing accepts connections at the internal URL.
    UpstreamRefused,
    /// The internal URL's name is unknown beside the connector.
    UpstreamNameNotResolved,
    /// The connector's rules forbid the target.
    UpstreamNotAllowed,
    /// TLS to the upstream failed.
    UpstreamTlsFailed,
    /// The upstream did not accept the connection in time.
    UpstreamConnectTimeout,
    /// The upstream accepted, but did not answer in time.
    UpstreamTimeout,
    /// The upstream closed the connection instead of answering.
    UpstreamClosed,
    /// The upstream's answer is not valid HTTP.
    UpstreamInvalid,
    /// The tunnel broke while the request was under way.
    TunnelLost,
    /// The client's body broke off or was not valid.
    BodyBroken,
}

impl Reason {
    /// The stable word: in headers, pages, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::VersionNotSupported => "version_not_supported",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::Misdirected => "misdirected",
            Self::ForeignOrigin => "foreign_origin",
            Self::Http1Required => "http1_required",
            Self::NotPublished => "not_published",
            Self::SignInUnavailable => "sign_in_unavailable",
            Self::Maintenance => "maintenance",
            Self::NoConnector => "no_connector",
            Self::ConnectorBusy => "connector_busy",
            Self::UpstreamRefused => "upstream_refused",
            Self::UpstreamNameNotResolved => "upstream_name_not_resolved",
            Self::UpstreamNotAllowed => "upstream_not_allowed",
            Self::UpstreamTlsFailed => "upstream_tls_failed",
            Self::UpstreamConnectTimeout => "upstream_connect_timeout",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamClosed => "upstream_closed",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::TunnelLost => "tunnel_lost",
            Self::BodyBroken => "body_broken",
        }
    }

    /// The status: whose fault it is decides between 4xx, 502, 503 and 504.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::VersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            // Never sent: browsers know the reset and come back over HTTP/1.1.
            Self::Http1Required => StatusCode::UPGRADE_REQUIRED,
            Self::NotPublished => StatusCode::NOT_FOUND,
            Self::SignInUnavailable | Self::Maintenance | Self::NoConnector | Self::ConnectorBusy => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// One sentence for the person in front of the browser.
    const fn sentence(self) -> &'static str {
        match self {
            Self::BadRequest => "The request could not be understood.",
            Self::MethodNotAllowed => "This method is not allowed here.",
            Self::VersionNotSupported => "This version of HTTP is not spoken here.",
            Self::TargetTooLong => "The address is too long.",
            Self::HeadTooLarge => "The request's head or its cookies are too large.",
            Self::RequestTimeout => "The request did not arrive in time.",
            Self::Misdirected => "The request was sent over a connection for another name. Please reload.",
            Self::ForeignOrigin => "Pages of other sites may not connect here.",
            Self::Http1Required => "This sign-in works over HTTP/1.1 only.",
            Self::NotPublished => "No application is published at this address.",
            Self::SignInUnavailable => "This application requires sign-in, which is not available yet.",
            Self::Maintenance => "This application is closed for maintenance.",
            Self::NoConnector => "No connector of this application's group is connected.",
            Self::ConnectorBusy => "Too many requests are under way. Please try again.",
            Self::UpstreamRefused => "The application does not accept connections.",
            Self::UpstreamNameNotResolved => "The application's internal name could not be resolved.",
            Self::UpstreamNotAllowed => "The connector is not allowed to reach the application.",
            Self::UpstreamTlsFailed => "A secure connection to the application could not be made.",
            Self::UpstreamConnectTimeout => "The application did not accept the connection in time.",
            Self::UpstreamTimeout => "The application did not answer in time.",
            Self::UpstreamClosed => "The application closed the connection without an answer.",
            Self::UpstreamInvalid => "The application's answer could not be understood.",
            Self::TunnelLost => "The connection to the application's network was lost.",
            Self::BodyBroken => "The request's body was not received completely.",
        }
    }

    const fn retry_after(self) -> Option<HeaderValue> {
        match self {
            Self::NoConnector | Self::ConnectorBusy | Self::TunnelLost => Some(HeaderValue::from_static("2")),
            // It was begun by hand and ends by hand; a client that asks once a minute does no harm.
            Self::Maintenance => Some(HeaderValue::from_static("60")),
            _ => None,
        }
    }
}

/// Makes the answer: JSON where the client asked for JSON and not for HTML, else a short page; `notice` is what an
/// administrator wrote for it.
pub(crate) fn answer(
    reason: Reason,
    notice: Option<&str>,
    request_id: Uuid,
    asked: Option<&HeaderMap>,
) -> Response<GatewayBody> {
    let wants_json = asked.is_some_and(prefers_json);
    let (content_type, body) = if wants_json {
        ("application/json", json(reason, notice, request_id))
    } else {
        ("text/html; charset=utf-8", page(reason, notice, request_id))
    };
    let mut response = Response::new(GatewayBody::full(body));
    *response.status_mut() = reason.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REASON_HEADER, HeaderValue::from_static(reason.as_str()));
    if let Ok(id) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    if let Some(seconds) = reason.retry_after() {
        headers.insert(RETRY_AFTER, seconds);
    }
    response
}

fn prefers_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("json") && !accept.contains("text/html")
}

fn json(reason: Reason, notice: Option<&str>, request_id: Uuid) -> String {
    let mut error = serde_json::json!({
        "reason": reason.as_str(), "message": reason.sentence(), "requestId": request_id.to_string()
    });
    if let Some((notice, error)) = notice.zip(error.as_object_mut()) {
        error.insert("text".to_owned(), notice.into());
    }
    serde_json::json!({ "error": error }).to_string()
}

/// A text as HTML, its lines kept apart.
fn paragraph(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<p>{}</p>", text.replace('\n', "<br>"))
}

fn page(reason: Reason, notice: Option<&str>, request_id: Uuid) -> String {
    let status = reason.status();
    let notice = notice.map(paragraph).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status}</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;\
         padding:0 1.5rem}}h1{{font-size:1.25rem}}code{{font-size:.85rem}}</style></head>\
         <body><h1>{sentence}</h1>{notice}<p>Status {code}, reason <code>{word}</code></p>\
         <p>If this goes on, give your administrator this request id: <code>{request_id}</code></p></body></html>\n",
        sentence = reason.sentence(),
        code = status.as_u16(),
        word = reason.as_str(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_whose_fault_it_is() {
        assert_eq!(Reason::NoConnector.status(), 503);
        assert_eq!(Reason::SignInUnavailable.status(), 503);
        assert_eq!(Reason::UpstreamRefused.status(), 502);
        assert_eq!(Reason::UpstreamTimeout.status(), 504);
        assert_eq!(Reason::NotPublished.status(), 404);
    }

    #[test]
    fn every_answer_names_its_reason_and_request() {
        let id = Uuid::from_u128(7);
        let answer = answer(Reason::NoConnector, None, id, None);
        assert_eq!(answer.headers()[REASON_HEADER], "no_connector");
        assert_eq!(answer.headers()[REQUEST_ID_HEADER], id.to_string().as_str());
        assert_eq!(answer.headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn what_an_administrator_wrote_is_shown_as_text() {
        let page = page(Reason::Maintenance, Some("Back <b>soon</b> & well.\nSorry."), Uuid::nil());
        assert!(page.contains("<p>Back &lt;b&gt;soon&lt;/b&gt; &amp; well.<br>Sorry.</p>"), "{page}");
        let json: serde_json::Value =
            serde_json::from_str(&json(Reason::Maintenance, Some("<b>"), Uuid::nil())).unwrap();
        assert_eq!(json["error"]["text"], "<b>");
    }

    #[test]
    fn a_program_gets_json_and_a_browser_gets_a_page() {
        let asking = |accept: &'static str| HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        assert!(prefers_json(&asking("application/json")));
        assert!(!prefers_json(&asking("text/html,application/json;q=0.5")));
        assert!(!prefers_json(&HeaderMap::new()));
    }
}
