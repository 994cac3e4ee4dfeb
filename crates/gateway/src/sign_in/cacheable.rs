//! Which answers somebody else may get out of a cache on the way (RFC 9111, section 3): a session must not be in them.

use http::header::{CACHE_CONTROL, EXPIRES};
use http::{HeaderMap, HeaderValue};

/// What an answer says about shared caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// They may keep it.
    Yes,
    /// They must not.
    No,
    /// It says nothing, and some keep such answers for a while (section 4.2.2).
    Unsaid,
}

/// Reads it out of an answer's head.
pub(super) fn shared(headers: &HeaderMap) -> Shared {
    let words = || {
        let lines = headers.get_all(CACHE_CONTROL).iter().map(|line| line.to_str().unwrap_or("public"));
        lines.flat_map(|line| line.split(',')).map(str::trim).filter(|word| !word.is_empty())
    };
    // With fields named, `private` and `no-cache` hold for those alone.
    let says = |wanted: &str| words().any(|word| word.eq_ignore_ascii_case(wanted));
    let has_time = |wanted: &str| {
        let is_it = |word: &str| word.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        words().any(is_it)
    };
    if says("no-store") || says("private") {
        return Shared::No;
    }
    match says("public") || says("must-revalidate") || has_time("s-maxage") || has_time("max-age") {
        true => Shared::Yes,
        // It is asked for again each time, and the answer that is kept has the cookie all the same.
        false if says("no-cache") || headers.contains_key(EXPIRES) => Shared::Yes,
        false => Shared::Unsaid,
    }
}

/// Says that no shared cache may keep an answer that says nothing about it.
pub(super) fn keep_private(headers: &mut HeaderMap) {
    headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shared_unless_it_says_that_it_is_private() {
        let of = |fields: &[(&'static str, &'static str)]| {
            let field = |(name, value): &(&'static str, &'static str)| {
                (http::HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            shared(&fields.iter().map(field).collect())
        };
        for private in ["private", "no-store", "Private, max-age=60", "max-age=60,NO-STORE", "public, no-store"] {
            assert_eq!(of(&[("cache-control", private)]), Shared::No, "{private}");
        }
        for public in [
            "public",
            "max-age=60",
            "s-maxage=1",
            "private=\"x-own\", max-age=60",
            "must-revalidate",
            "no-cache",
            "no-cache=\"set-cookie\", max-age=60",
        ] {
            assert_eq!(of(&[("cache-control", public)]), Shared::Yes, "{public}");
        }
        assert_eq!(of(&[("expires", "Thu, 01 Jan 2099 00:00:00 GMT")]), Shared::Yes);
        assert_eq!(of(&[("cache-control", "private"), ("expires", "0")]), Shared::No);
        assert_eq!(of(&[]), Shared::Unsaid);
        assert_eq!(of(&[("cache-control", "")]), Shared::Unsaid);
        assert_eq!(of(&[("cache-control", "immutable")]), Shared::Unsaid);
    }
}
