//! The fields of a head: which end here, which only a gateway may set, and what a few of them mean.
//!
//! A rule here is about one field or one list of fields; what a whole request may look like is in [`super`].

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::trace_context::TRACEPARENT;

/// Removes the fields that end at each hop (RFC 9110, section 7.6.1), and those that `Connection` names.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Most heads have none or one of them: looking at the names there are is cheaper than looking each of these up.
    let mut ending: Vec<HeaderName> = headers.keys().filter(|name| ends_here(name)).cloned().collect();
    if ending.contains(&CONNECTION) {
        ending.extend(named_by_connection(headers));
    }
    let has_coding = ending.contains(&TRANSFER_ENCODING);
    for name in ending {
        headers.remove(name);
    }
    if has_coding {
        headers.remove(CONTENT_LENGTH);
    }
    // One length goes on: differing ones were refused by the guard, or do not count for the framing the library writes.
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let (Some(length), Some(_)) = (lengths.next().cloned(), lengths.next()) {
        headers.insert(CONTENT_LENGTH, length);
    }
}

fn ends_here(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "transfer-encoding"
            | "te"
            | "upgrade"
            | "expect"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "http2-settings"
    )
}

fn named_by_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).filter_map(|name| HeaderName::try_from(name.trim()).ok());
    // The trace that upstreams are told of is the gateway's to decide.
    names.filter(|name| *name != HOST && *name != CONTENT_LENGTH && *name != TRACEPARENT)
}

/// Removes what only a gateway may say, whatever the application: where the request came from and who the user is.
pub(crate) fn remove_client_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

/// Whether a field claims an address, a host, an identity or a record, in any spelling: many servers read `_`, and some
/// any other sign, as `-`.
pub(crate) fn is_claim(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "forwarded",
        "x-request-id",
        "x-real-ip",
        "x-rewrite-url",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "cf-connecting-ip",
    ];
    const PREFIXES: [&str; 7] =
        ["x-forwarded-", "x-original-", "x-ms-", "x-adit-", "adit-", "x-auth-request-", "remote-"];
    if !matches!(name.as_bytes().first(), Some(b'x' | b'f' | b't' | b'c' | b'r' | b'a')) {
        return false;
    }
    let plain = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    let starts = |pattern: &str| {
        name.len() >= pattern.len() && name.bytes().map(plain).zip(pattern.bytes()).all(|(one, other)| one == other)
    };
    NAMES.iter().any(|pattern| name.len() == pattern.len() && starts(pattern))
        || PREFIXES.iter().any(|pattern| starts(pattern))
}

/// HTTP/2 may split cookies; HTTP/1.1 has one field for them (RFC 9113, section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut values = headers.get_all(COOKIE).iter();
    let (Some(first), Some(_)) = (values.next(), values.next()) else { return };
    let mut joined = first.as_bytes().to_vec();
    for value in headers.get_all(COOKIE).iter().skip(1) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(value.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, joined);
    }
}

/// Whether a field's value is of a scheme that authenticates the connection and not the request. A challenge may name
/// several, with commas between (RFC 9110, section 11.6.1).
pub(crate) fn is_connection_bound(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii_start).any(|part| {
        let is = |word: &[u8]| part.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        is(b"ntlm") || is(b"negotiate")
    })
}

/// Whether the client takes trailers (RFC 9110, section 10.1.4).
pub(crate) fn wants_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("trailers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_clients_are_known_in_every_spelling() {
        for name in [
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded_host",
            "x.forwarded.proto",
            "x~forwarded!for",
            "forwarded",
            "x-real-ip",
            "x_real_ip",
            "x-original-url",
            "x-ms-client-principal",
            "remote-user",
            "remote_user",
            "x-adit-user",
            "adit-assertion",
            "adit_assertion",
            "adit.assertion",
            "x-request-id",
            "x_request_id",
        ] {
            assert!(is_claim(name), "{name}");
        }
        for name in [
            "x-requested-with",
            "x-request-ids",
            "forwarded-by",
            "cookie",
            "x-csrf-token",
            "referer",
            "range",
            "x-xsrftoken",
            "accept",
            "authorization",
            "aditi",
        ] {
            assert!(!is_claim(name), "{name}");
        }
    }

    #[test]
    fn fields_that_connection_names_are_removed_but_not_the_host() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("close, X-Private, Host, Traceparent"));
        headers.insert("x-private", HeaderValue::from_static("1"));
        headers.insert("x-other", HeaderValue::from_static("2"));
        headers.insert(HOST, HeaderValue::from_static("a"));
        headers.insert("traceparent", HeaderValue::from_static("00-1-1-00"));
        headers.insert("keep-alive", HeaderValue::from_static("5"));
        remove_hop_by_hop(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "traceparent", "x-other"]);
    }

    #[test]
    fn fields_of_one_hop_end_here_and_a_length_beside_a_coding_does_not_count() {
        let mut headers = HeaderMap::new();
        let ending = ["te", "upgrade", "expect", "keep-alive", "proxy-connection", "proxy-authenticate"];
        for name in ending.iter().chain(&["proxy-authorization", "http2-settings", "transfer-encoding", "accept"]) {
            headers.insert(*name, HeaderValue::from_static("x"));
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
        headers.append(CONTENT_LENGTH, HeaderValue::from_static("5"));
        headers.append(CONTENT_LENGTH, HeaderValue::from_static("5"));
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers.get_all(CONTENT_LENGTH).iter().count(), 1);
    }

    #[test]
    fn split_cookies_become_one_field() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }

    #[test]
    fn ntlm_and_negotiate_are_bound_to_the_connection() {
        assert!(is_connection_bound(&HeaderValue::from_static("Negotiate abc")));
        assert!(is_connection_bound(&HeaderValue::from_static("NTLM")));
        assert!(is_connection_bound(&HeaderValue::from_static("Basic realm=\"x\", Negotiate")));
        assert!(!is_connection_bound(&HeaderValue::from_static("Bearer ntlm")));
    }
}
