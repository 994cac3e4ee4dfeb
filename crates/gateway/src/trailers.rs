//! Trailers: what may stand behind a body, in either direction.
//!
//! A field that says how to frame, route, sign in or forward is believed in a head alone, where it was looked at; behind
//! a body it is removed, in every spelling where spellings matter (RFC 9110, section 6.5.1).

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::Frame;

use crate::answer::REASON_HEADER;
use crate::head::fields::is_claim;

/// Fields that have a meaning in heads alone: framing, routing, conditions and ways to answer, sign-in, state.
const HEAD_ALONE: [&str; 34] = [
    "accept-ranges",
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "refresh",
    "retry-after",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "warning",
    "www-authenticate",
    "x-adit-reason",
];

/// Removes from a request's trailers what only a head may say, or only the gateway.
pub(crate) fn clean_request(trailers: &mut HeaderMap) {
    remove(trailers, |name| is_head_alone(name) || name.as_str().starts_with("if-") || is_claim(name.as_str()));
}

/// Removes from the trailers of a response's frame what only a head may say. Other frames pass untouched.
pub(crate) fn clean_response(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            remove(&mut trailers, |name| is_head_alone(name) || name == REASON_HEADER);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

fn is_head_alone(name: &HeaderName) -> bool {
    HEAD_ALONE.binary_search(&name.as_str()).is_ok()
}

fn remove(trailers: &mut HeaderMap, forbidden: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = trailers.keys().filter(|name| forbidden(name)).cloned().collect();
    for name in names {
        trailers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(names: &[&'static str]) -> HeaderMap {
        names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("x"))).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn the_list_is_in_order_for_it_is_searched_by_halves() {
        assert!(HEAD_ALONE.is_sorted());
    }

    #[test]
    fn outcomes_and_checksums_pass_and_nothing_that_a_head_decides() {
        let passed =
            ["grpc-status", "grpc-message", "grpc-status-details-bin", "digest", "server-timing", "x-checksum"];
        let held_back = [
            "host",
            "content-length",
            "authorization",
            "cookie",
            "if-match",
            "x-forwarded-for",
            "x_real_ip",
            "remote-user",
        ];
        let mut trailers = of(&[passed.as_slice(), held_back.as_slice()].concat());
        clean_request(&mut trailers);
        assert_eq!(names(&trailers), passed);
        let trailers =
            Frame::trailers(of(&["grpc-status", "set-cookie", "x-adit-reason", "location", "www-authenticate"]));
        assert_eq!(names(&clean_response(trailers).into_trailers().unwrap()), ["grpc-status"]);
        assert_eq!(clean_response(Frame::data(Bytes::from_static(b"x"))).into_data().unwrap(), "x");
    }
}
