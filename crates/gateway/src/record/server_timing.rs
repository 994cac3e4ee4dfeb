//! `Server-Timing` (W3C): how long the parts of a request took until its answer began, for a browser's developer tools.
//!
//! Opt-in, because it tells users something about the inside: times, and no names. What the upstream says itself stays.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The parts of a request, as far as they are known when its answer's head leaves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub(super) tls: Option<Duration>,
    pub(super) tunnel: Option<Duration>,
    pub(super) connect: Option<Duration>,
    pub(super) first_byte: Option<Duration>,
}

/// Appends what is known, as one more line of the field; nothing, if nothing is.
pub(super) fn append(headers: &mut HeaderMap, parts: Parts) {
    let parts = [
        ("adit-tls", parts.tls),
        ("adit-tunnel", parts.tunnel),
        ("adit-connect", parts.connect),
        ("adit-first-byte", parts.first_byte),
    ];
    let mut text = String::new();
    for (name, duration) in parts.into_iter().filter_map(|(name, duration)| Some((name, duration?))) {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing into a String does not fail.
        let _ = write!(text, "{separator}{name};dur={:.3}", duration.as_secs_f64() * 1000.0);
    }
    if text.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(SERVER_TIMING.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_follows_what_the_upstream_said() {
        let mut headers = HeaderMap::new();
        append(&mut headers, Parts::default());
        assert!(headers.is_empty());
        headers.insert(SERVER_TIMING.clone(), HeaderValue::from_static("db;dur=53"));
        let first_byte = Some(Duration::from_micros(12_345));
        append(&mut headers, Parts { tls: Some(Duration::from_millis(3)), first_byte, ..Parts::default() });
        let said: Vec<_> = headers.get_all(&SERVER_TIMING).iter().collect();
        assert_eq!(said, ["db;dur=53", "adit-tls;dur=3.000, adit-first-byte;dur=12.345"]);
    }
}
