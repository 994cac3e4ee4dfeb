//! What the gateway answers itself: a stable reason, the right status, and a request id that finds the access record.
//!
//! A program gets JSON, a browser a short page, as `Accept` says. Both say what a user may know; the cause (addresses,
//! certificates, names inside) goes to the record and the log alone.

pub(crate) mod page;

use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response};

use crate::body::GatewayBody;
use crate::reason::Reason;

/// Names the reason in every answer that the gateway makes itself.
pub const REASON_HEADER: &str = "x-adit-reason";

/// Names the request: in the gateway's own answers, to upstreams, and in the access record.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// The methods that an application can be asked with, for an answer to others (RFC 9110, section 15.5.6).
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What an answer of the gateway's own depends on. Kept beside a request whose head is handed on.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    accept: Option<HeaderValue>,
    head_only: bool,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self { accept: request.headers().get(ACCEPT).cloned(), head_only: request.method() == Method::HEAD }
    }

    fn wants_json(&self, reason: Reason) -> bool {
        let accept = self.accept.as_ref().and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        // Scripts and programs are asked to sign in, and say that they take anything: a page would be of no use to them.
        prefers_json(accept) || reason == Reason::SignInRequired && !names_page(accept)
    }
}

/// Whether an `Accept` names pages.
pub(crate) fn names_page(accept: &str) -> bool {
    let mut kinds = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    kinds.any(|kind| kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml"))
}

/// Makes the answer; `notice` is what an administrator wrote for it.
pub(crate) fn answer(
    reason: Reason,
    notice: Option<&str>,
    request_id: HeaderValue,
    asked: &Asked,
) -> Response<GatewayBody> {
    let id = request_id.to_str().unwrap_or_default();
    let (content_type, text) = if asked.wants_json(reason) {
        ("application/json", json(reason, notice, id))
    } else {
        ("text/html; charset=utf-8", page::page(reason, notice, id))
    };
    let length = HeaderValue::from(text.len());
    // HTTP/2 would send a body that is given to it.
    let mut response = Response::new(if asked.head_only { GatewayBody::empty() } else { GatewayBody::full(text) });
    *response.status_mut() = reason.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(REASON_HEADER, HeaderValue::from_static(reason.as_str()));
    headers.insert(REQUEST_ID_HEADER, request_id);
    if let Some(seconds) = reason.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if reason == Reason::MethodNotAllowed {
        headers.insert(ALLOW, HeaderValue::from_static(ALLOWED));
    }
    response
}

/// Whether an `Accept` prefers JSON to a page (RFC 9110, section 12.5.1). Of equal weights the type that was named wins
/// over one that a wildcard covers; of two that were named, the page does, because browsers name both.
fn prefers_json(accept: &str) -> bool {
    let (mut json, mut page) = (Weight::default(), Weight::default());
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let thousandths = weight.map_or(1000, thousandths);
        match kind.as_str() {
            "*/*" => {
                json.offer(1, thousandths);
                page.offer(1, thousandths);
            }
            "application/*" => json.offer(2, thousandths),
            "text/*" => page.offer(2, thousandths),
            "text/html" | "application/xhtml+xml" => page.offer(3, thousandths),
            kind if kind.ends_with("/json") || kind.ends_with("+json") => json.offer(3, thousandths),
            _ => {}
        }
    }
    json.thousandths > 0 && (json.thousandths, json.named) > (page.thousandths, page.named)
}

/// How much a type is wanted, by the most specific range that covers it.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    named: u8,
    thousandths: u16,
}

impl Weight {
    fn offer(&mut self, named: u8, thousandths: u16) {
        if named > self.named || (named == self.named && thousandths > self.thousandths) {
            *self = Self { named, thousandths };
        }
    }
}

/// A weight from 0 to 1 in thousandths; one that is none counts as not wanted.
fn thousandths(text: &str) -> u16 {
    let weight = text.parse::<f32>().unwrap_or_default();
    // In range after clamping; NaN becomes 0.
    (weight.clamp(0.0, 1.0) * 1000.0).round() as u16
}

fn json(reason: Reason, notice: Option<&str>, request_id: &str) -> String {
    let mut error = serde_json::json!({
        "reason": reason.as_str(), "message": reason.sentence(), "requestId": request_id
    });
    if let Some((notice, error)) = notice.zip(error.as_object_mut()) {
        error.insert("text".to_owned(), notice.into());
    }
    serde_json::json!({ "error": error }).to_string()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const ID: &str = "0199aabb-ccdd-7eef-8123-456789abcdef";

    fn asking(method: Method, accept: Option<&'static str>) -> Asked {
        Asked { accept: accept.map(HeaderValue::from_static), head_only: method == Method::HEAD }
    }

    async fn answered(reason: Reason, asked: &Asked) -> (http::response::Parts, String) {
        let (parts, body) = answer(reason, None, HeaderValue::from_static(ID), asked).into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_answer_names_its_reason_and_request_in_head_and_body() {
        for reason in Reason::ALL {
            for accept in ["text/html", "application/json"] {
                let (head, body) = answered(reason, &asking(Method::GET, Some(accept))).await;
                assert_eq!(head.status, reason.status());
                assert_eq!(head.headers[REASON_HEADER], reason.as_str());
                assert_eq!(head.headers[REQUEST_ID_HEADER], ID);
                assert!(body.contains(reason.as_str()) && body.contains(ID), "{body}");
                assert!(head.headers[CONTENT_TYPE].to_str().unwrap().starts_with(accept));
                assert_eq!(head.headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
                assert!(head.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'none'"));
            }
        }
    }

    #[tokio::test]
    async fn json_is_json_and_says_the_sentence() {
        let (_, body) = answered(Reason::NoConnector, &asking(Method::GET, Some("application/json"))).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["message"], Reason::NoConnector.sentence());
        assert_eq!(body["error"]["requestId"], ID);
    }

    #[tokio::test]
    async fn an_answer_to_head_has_the_length_of_the_body_that_it_does_not_have() {
        let (get, page) = answered(Reason::NotPublished, &asking(Method::GET, None)).await;
        let (head, nothing) = answered(Reason::NotPublished, &asking(Method::HEAD, None)).await;
        assert_eq!((head.status, nothing.as_str()), (get.status, ""));
        assert_eq!(head.headers[CONTENT_LENGTH], get.headers[CONTENT_LENGTH]);
        assert_eq!(get.headers[CONTENT_LENGTH].to_str().unwrap(), page.len().to_string());
    }

    #[tokio::test]
    async fn waiting_is_advised_where_it_helps_and_methods_where_one_was_refused() {
        let (head, _) = answered(Reason::NoConnector, &asking(Method::GET, None)).await;
        assert_eq!(head.headers[RETRY_AFTER], "2");
        let (head, _) = answered(Reason::UpstreamInvalid, &asking(Method::GET, None)).await;
        assert_eq!(head.headers.get(RETRY_AFTER), None);
        let (head, _) = answered(Reason::MethodNotAllowed, &asking(Method::TRACE, None)).await;
        assert_eq!(head.headers[ALLOW], ALLOWED);
    }

    #[test]
    fn what_an_administrator_wrote_is_shown_as_text() {
        let page = page::page(Reason::Maintenance, Some("Back <b>soon</b> & well.\nSorry."), ID);
        assert!(page.contains("<p>Back &lt;b&gt;soon&lt;/b&gt; &amp; well.<br>Sorry.</p>"), "{page}");
        let json: serde_json::Value = serde_json::from_str(&json(Reason::Maintenance, Some("<b>"), ID)).unwrap();
        assert_eq!(json["error"]["text"], "<b>");
    }

    #[test]
    fn a_program_gets_json_and_a_browser_gets_a_page() {
        for accept in [
            "application/json",
            "application/json, text/plain, */*",
            "application/vnd.github+json",
            "APPLICATION/JSON;Q=0.5, text/html;q=0.4",
            "text/html;q=0, application/json",
            "application/*",
            "*/*;q=0.1, application/problem+json",
        ] {
            assert!(prefers_json(accept), "{accept}");
        }
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html,application/json;q=0.5",
            "text/html, application/json",
            "*/*",
            "",
            "image/png",
            "application/json;q=0",
            "application/json;q=nonsense",
        ] {
            assert!(!prefers_json(accept), "{accept}");
        }
        assert!(!asking(Method::GET, None).wants_json(Reason::NoConnector));
        for accept in [None, Some("*/*"), Some("image/png")] {
            assert!(asking(Method::GET, accept).wants_json(Reason::SignInRequired), "{accept:?}");
        }
        assert!(!asking(Method::GET, Some("Text/HTML, */*;q=0.8")).wants_json(Reason::SignInRequired));
    }
}
