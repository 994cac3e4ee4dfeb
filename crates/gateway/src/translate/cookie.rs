//! `Set-Cookie`: its domain and path become the external ones, and no upstream sets a cookie of the gateway's own.
//!
//! Attributes that are not translated stay byte for byte, in their order.

use http::HeaderValue;

use super::mapping::{Covered, UrlMapping, moved};

/// What the names of the gateway's own cookies start with.
pub(crate) const OWN_PREFIX: &str = "__Host-adit";

/// Whether an upstream's `Set-Cookie` is for a cookie of the gateway's own: by its name, or, where it has none, by a value
/// that a browser would send back as one. Case does not count, as it does not for the prefix in browsers.
pub(crate) fn is_own(cookie: &HeaderValue) -> bool {
    let pair = cookie.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let nameless = pair.strip_prefix(b"=").unwrap_or(pair).trim_ascii_start();
    nameless.get(..OWN_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_PREFIX.as_bytes()))
}

/// A cookie as the client must see it; `None` where it stays as it is.
pub(crate) fn outward(cookie: &HeaderValue, mapping: &UrlMapping) -> Option<HeaderValue> {
    let mut parts = cookie.as_bytes().split(|byte| *byte == b';');
    let mut translated = parts.next()?.to_vec();
    let mut changed = false;
    for part in parts {
        match attribute(part, mapping) {
            Translated::Same => {
                translated.push(b';');
                translated.extend_from_slice(part);
            }
            Translated::Gone => changed = true,
            Translated::Other(attribute) => {
                changed = true;
                translated.extend_from_slice(b"; ");
                translated.extend_from_slice(attribute.as_bytes());
            }
        }
    }
    if changed { HeaderValue::from_bytes(&translated).ok() } else { None }
}

enum Translated {
    Same,
    Gone,
    Other(String),
}

fn attribute(part: &[u8], mapping: &UrlMapping) -> Translated {
    let Ok(text) = std::str::from_utf8(part) else { return Translated::Same };
    let Some((name, value)) = text.split_once('=') else { return Translated::Same };
    let (name, value) = (name.trim(), value.trim());
    if name.eq_ignore_ascii_case("domain") {
        domain(value, mapping)
    } else if name.eq_ignore_ascii_case("path") {
        path(value, mapping).map_or(Translated::Same, |path| Translated::Other(format!("Path={path}")))
    } else {
        Translated::Same
    }
}

/// Without a domain a cookie is for the host that was asked, which is the external one. Under a wildcard, what was for
/// all its hosts stays so.
fn domain(value: &str, mapping: &UrlMapping) -> Translated {
    let domain = value.strip_prefix('.').unwrap_or(value);
    let external = |star: &str| mapping.external.host.shared(star).map(|host| format!("Domain={host}"));
    match mapping.internal.host.covered_by(domain) {
        Covered::Nothing => Translated::Same,
        Covered::All => external("").map_or(Translated::Gone, Translated::Other),
        Covered::Below(star) => external(star).map_or(Translated::Gone, Translated::Other),
    }
}

/// A path that covers the application, or a part of it, covers the same outside; `None` where it stays.
fn path(value: &str, mapping: &UrlMapping) -> Option<String> {
    let (internal, external) = (mapping.internal.prefix.as_str(), mapping.external.prefix.as_str());
    if internal == external || !value.starts_with('/') || value == "/" {
        return None;
    }
    let whole = || if external == "/" { "/".to_owned() } else { external.trim_end_matches('/').to_owned() };
    if value == internal.trim_end_matches('/') {
        return Some(whole());
    }
    if let Some(below) = moved(value, internal, external) {
        return Some(below);
    }
    let above = internal.strip_prefix(value).is_some_and(|rest| value.ends_with('/') || rest.starts_with('/'));
    above.then(whole)
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Side;
    use super::super::mapping::tests::mapping;
    use super::*;

    fn translated(cookie: &'static str) -> Option<String> {
        let mapping = mapping("http://wiki.corp.local:8080/app/", "https://wiki.example/team/");
        let translated = outward(&HeaderValue::from_static(cookie), &mapping)?;
        Some(translated.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_domain_that_is_or_covers_the_internal_host_is_taken_out() {
        for domain in ["wiki.corp.local", ".wiki.corp.local", "corp.local", ".CORP.local"] {
            let cookie: &'static str = format!("a=b; Domain={domain}; Secure").leak();
            assert_eq!(translated(cookie).as_deref(), Some("a=b; Secure"), "{domain}");
        }
        assert_eq!(translated("a=b; domain = corp.local ;HttpOnly").as_deref(), Some("a=b;HttpOnly"));
        assert_eq!(translated("a=b; Domain=elsewhere.local; Secure"), None);
        assert_eq!(translated("a=b; Domain=wiki.example"), None);
    }

    #[test]
    fn a_path_below_or_above_the_internal_prefix_becomes_the_external_one() {
        for (path, expected) in [("/app/", "/team/"), ("/app", "/team"), ("/app/admin", "/team/admin")] {
            let cookie: &'static str = format!("a=b; Path={path}").leak();
            assert_eq!(translated(cookie), Some(format!("a=b; Path={expected}")), "{path}");
        }
        for path in ["/", "/application", "/other", "", "relative"] {
            let cookie: &'static str = format!("a=b; Path={path}").leak();
            assert_eq!(translated(cookie), None, "{path}");
        }
        let deep = mapping("http://wiki/a/b/", "https://wiki.example/");
        let cookie = HeaderValue::from_static("a=b; Path=/a");
        assert_eq!(outward(&cookie, &deep).unwrap(), "a=b; Path=/");
    }

    #[test]
    fn everything_else_survives_byte_for_byte() {
        assert_eq!(
            translated("a=\"x y; Path=/app ;Secure ; HttpOnly  ; SameSite=None; Domain=corp.local ").as_deref(),
            Some("a=\"x y; Path=/team;Secure ; HttpOnly  ; SameSite=None")
        );
        assert_eq!(
            translated("a=\"quoted\"; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Domain=corp.local; Max-Age=5").as_deref(),
            Some("a=\"quoted\"; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=5")
        );
        for cookie in ["", ";", "a", "a=", "=b", "a=b;;", "a=b; Secure; Partitioned", "a=b; Domain", "a=b; Path"] {
            assert_eq!(translated(cookie), None, "{cookie}");
        }
        let mapping = mapping("http://wiki.corp.local/", "https://wiki.example/");
        let bytes = HeaderValue::from_bytes(b"a=\xe4; Domain=corp.local").unwrap();
        assert_eq!(outward(&bytes, &mapping).unwrap().as_bytes(), b"a=\xe4");
    }

    #[test]
    fn under_a_wildcard_what_was_for_all_hosts_stays_so() {
        let mapping = UrlMapping {
            internal: Side::at("*.corp.local"),
            external: Side::at("*.apps.example"),
            ..mapping("http://x/", "https://y/")
        };
        for (domain, expected) in [
            (".corp.local", "Domain=apps.example"),
            ("local", "Domain=apps.example"),
            ("a.corp.local", "Domain=a.apps.example"),
        ] {
            let cookie = HeaderValue::from_str(&format!("a=b; Domain={domain}")).unwrap();
            assert_eq!(outward(&cookie, &mapping).unwrap(), format!("a=b; {expected}").as_str(), "{domain}");
        }
    }

    #[test]
    fn cookies_of_the_gateway_are_known_in_every_disguise() {
        for cookie in ["__Host-adit-session=1", " __Host-adit=1; Path=/", "__host-ADIT-x=", "=__Host-adit-session=1"] {
            assert!(is_own(&HeaderValue::from_str(cookie).unwrap()), "{cookie}");
        }
        for cookie in ["__Host-other=1", "a=__Host-adit", "adit=1", "", "="] {
            assert!(!is_own(&HeaderValue::from_str(cookie).unwrap()), "{cookie}");
        }
    }
}
