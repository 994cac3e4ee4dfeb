//! `Set-Cookie`: its domain and path become those of the entrance that was asked, and no upstream sets a cookie of the
//! gateway's own.
//!
//! Invariant: an application sets no cookie for hosts beside its own, nor, if it is published below a path, for other
//! paths of its host: other applications may be there. `__Host-` cookies, which by their name are for the whole host,
//! are the exception. Attributes that are not translated stay byte for byte, in their order.

use adit_core::application::HostHeader;
use adit_core::request_path::PathPrefix;
use http::HeaderValue;

use super::entrance::{DefaultPath, Outward};
use super::mapping::{Covered, UrlMapping};

/// What the names of the gateway's own cookies start with.
pub(crate) const OWN_PREFIX: &str = "__Host-adit";

/// Whether an upstream's `Set-Cookie` is for a cookie of the gateway's own: by its name, or, where it has none, by a value
/// that a browser would send back as one. Case does not count, as it does not for the prefix in browsers.
fn is_own(cookie: &HeaderValue) -> bool {
    let pair = cookie.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let nameless = pair.strip_prefix(b"=").unwrap_or(pair).trim_ascii_start();
    nameless.get(..OWN_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_PREFIX.as_bytes()))
}

const DOMAIN: &str = "domain";

/// What becomes of a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// It passes as it came.
    Same,
    /// It is set like this.
    Translated(HeaderValue),
    /// It is not the application's to set.
    Refused,
}

/// What the names of cookies start with that are for a whole host; browsers throw them away with another path than `/`.
const WHOLE_HOST_PREFIX: &[u8] = b"__Host-";

/// A cookie as the client must see it.
pub(crate) fn outward(cookie: &HeaderValue, outward: Outward<'_>) -> Cookie {
    if is_own(cookie) {
        return Cookie::Refused;
    }
    let here = &outward.mapping.here.prefix;
    if here == "/" && outward.host_header == HostHeader::External && !names_domain(cookie) {
        return Cookie::Same;
    }
    let mut parts = cookie.as_bytes().split(|byte| *byte == b';');
    let pair = parts.next().unwrap_or_default();
    let mut written = Written { text: pair.to_vec(), changed: false, has_path: false };
    let is_for_host = is_for_whole_host(pair);
    for part in parts {
        if written.attribute(part, is_for_host, outward) == Passed::Refused {
            return Cookie::Refused;
        }
    }
    let is_above = outward.default_path == DefaultPath::Above && here != "/";
    if is_above && !written.has_path && !is_for_host {
        written.add(&format!("Path={}", whole(here)));
    }
    if !written.changed {
        return Cookie::Same;
    }
    HeaderValue::from_bytes(&written.text).map_or(Cookie::Refused, Cookie::Translated)
}

/// Whether it may be for more hosts than the one that was asked.
fn names_domain(cookie: &HeaderValue) -> bool {
    let starts_so = |part: &[u8]| {
        let start = part.trim_ascii_start().get(..DOMAIN.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(DOMAIN.as_bytes()))
    };
    cookie.as_bytes().split(|byte| *byte == b';').skip(1).any(starts_so)
}

/// A cookie as far as it was translated.
struct Written {
    text: Vec<u8>,
    changed: bool,
    /// Whether it says for which path it is.
    has_path: bool,
}

/// Whether a cookie may be set, as far as one attribute says.
#[derive(PartialEq, Eq)]
enum Passed {
    Allowed,
    Refused,
}

impl Written {
    fn attribute(&mut self, part: &[u8], is_for_host: bool, outward: Outward<'_>) -> Passed {
        let becomes = match named(part) {
            Some((name, value)) if name.eq_ignore_ascii_case(DOMAIN) => domain(value, outward),
            Some((name, value)) if name.eq_ignore_ascii_case("path") => {
                // The last one counts, and none if it is no path.
                self.has_path = value.starts_with('/');
                let stays = !self.has_path || is_for_host && value == "/";
                if stays { Attribute::Same } else { path(value, outward) }
            }
            _ => Attribute::Same,
        };
        match becomes {
            Attribute::Same => {
                self.text.push(b';');
                self.text.extend_from_slice(part);
            }
            Attribute::Gone => self.changed = true,
            Attribute::Other(attribute) => self.add(&attribute),
            Attribute::Elsewhere => return Passed::Refused,
        }
        Passed::Allowed
    }

    fn add(&mut self, attribute: &str) {
        self.changed = true;
        self.text.extend_from_slice(b"; ");
        self.text.extend_from_slice(attribute.as_bytes());
    }
}

fn is_for_whole_host(pair: &[u8]) -> bool {
    let start = pair.trim_ascii_start().get(..WHOLE_HOST_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(WHOLE_HOST_PREFIX))
}

/// Name and value of an attribute, without the white space around them.
fn named(part: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(part).ok()?;
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Some((name.trim(), value.trim()))
}

/// What becomes of an attribute.
enum Attribute {
    Same,
    Gone,
    Other(String),
    /// It is for a part of the host that is not the application's.
    Elsewhere,
}

/// Without a domain a cookie is for the host that was asked, and so is what is for a domain above it, where other
/// applications are. Under a wildcard, what was for all its hosts stays so.
fn domain(value: &str, outward: Outward<'_>) -> Attribute {
    let UrlMapping { internal, here, .. } = outward.mapping;
    let domain = value.strip_prefix('.').unwrap_or(value);
    let public = |star: &str| here.host.shared(star).map_or(Attribute::Gone, |host| Attribute::Other(domain_of(&host)));
    if outward.host_header == HostHeader::Internal {
        match internal.host.covered_by(domain) {
            Covered::Nothing => {}
            Covered::All => return public(""),
            Covered::Below(star) => return public(star),
        }
    }
    // A dot at the end, which is that of the root, may be read or not.
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let is_above = here.host.covered_by(domain) == Covered::All && !here.host.is_shared_as(domain);
    if is_above { public("") } else { Attribute::Same }
}

fn domain_of(host: &str) -> String {
    format!("Domain={host}")
}

/// A path that covers the application covers it outside, and no more; one that is a part of it is the same part.
fn path(value: &str, outward: Outward<'_>) -> Attribute {
    let here = outward.mapping.here.prefix.as_str();
    let upstreams = match outward.host_header {
        HostHeader::Internal => outward.mapping.internal.prefix.as_str(),
        HostHeader::External => here,
    };
    let becomes = if covers(value, upstreams) { Some(whole(here).to_owned()) } else { part(value, upstreams, here) };
    match becomes {
        Some(path) if path != value => Attribute::Other(format!("Path={path}")),
        Some(_) => Attribute::Same,
        // What is published at the root reaches all of its host anyway.
        None if here == "/" => Attribute::Same,
        None => Attribute::Elsewhere,
    }
}

/// Whether a cookie's path is above `prefix`, or is the prefix without the slash at its end. Escapes are read, as they
/// are where requests are routed: an upstream may not spell its path as the internal URL does.
fn covers(path: &str, prefix: &str) -> bool {
    let below = || PathPrefix::parse(path)?.below(prefix);
    path == "/" || below().is_some_and(|below| below < prefix.len() || !path.ends_with('/'))
}

/// A cookie's path below `prefix`, as the same part of what is `here`; `None` if it is elsewhere.
fn part(path: &str, prefix: &str, here: &str) -> Option<String> {
    let below = PathPrefix::parse(prefix)?.below(path)?;
    Some(format!("{here}{}", path.get(below..)?))
}

/// The path of cookies for all that is below `prefix`, and for the prefix without its slash.
fn whole(prefix: &str) -> &str {
    let without = prefix.trim_end_matches('/');
    if without.is_empty() { "/" } else { without }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Side;
    use super::super::mapping::tests::{mapping, side};
    use super::*;

    fn given(cookie: &HeaderValue, mapping: &UrlMapping, host_header: HostHeader) -> Cookie {
        outward(cookie, Outward { mapping, host_header, default_path: DefaultPath::Within })
    }

    /// What is set by an application at `http://wiki.corp.local:8080/app/`, which is published at a path.
    fn set(cookie: &str) -> Cookie {
        let mapping = mapping("http://wiki.corp.local:8080/app/", "https://wiki.example/team/");
        given(&HeaderValue::from_str(cookie).unwrap(), &mapping, HostHeader::Internal)
    }

    fn translated(cookie: &str) -> Cookie {
        Cookie::Translated(HeaderValue::from_str(cookie).unwrap())
    }

    #[test]
    fn a_domain_that_is_or_covers_the_internal_host_is_taken_out() {
        for domain in ["wiki.corp.local", ".wiki.corp.local", "corp.local", ".CORP.local"] {
            assert_eq!(set(&format!("a=b; Domain={domain}; Secure")), translated("a=b; Secure"), "{domain}");
        }
        assert_eq!(set("a=b; domain = corp.local ;HttpOnly"), translated("a=b;HttpOnly"));
        assert_eq!(set("a=b; Domain=elsewhere.local; Secure"), Cookie::Same);
        assert_eq!(set("a=b; Domain=wiki.example"), Cookie::Same);
    }

    #[test]
    fn a_path_below_or_above_the_internal_prefix_becomes_the_external_one() {
        for (path, expected) in [("/app/", "/team/"), ("/app", "/team"), ("/app/admin", "/team/admin"), ("/", "/team")]
        {
            assert_eq!(set(&format!("a=b; Path={path}")), translated(&format!("a=b; Path={expected}")), "{path}");
        }
        for path in ["", "relative"] {
            assert_eq!(set(&format!("a=b; Path={path}")), Cookie::Same, "{path}");
        }
        let deep = mapping("http://wiki/a/b/", "https://wiki.example/");
        for (path, expected) in [("/a", "/"), ("/a/b/c", "/c")] {
            let cookie = HeaderValue::try_from(format!("a=b; Path={path}")).unwrap();
            assert_eq!(given(&cookie, &deep, HostHeader::Internal), translated(&format!("a=b; Path={expected}")));
        }
    }

    #[test]
    fn a_domain_above_the_public_host_is_taken_out_whichever_host_the_upstream_sees() {
        let at_root = mapping("http://wiki.corp.example/", "https://wiki.corp.example/");
        let below = mapping("http://wiki/", "https://wiki.corp.example/team/");
        for host_header in [HostHeader::Internal, HostHeader::External] {
            for mapping in [&at_root, &below] {
                let set = |cookie: &str| given(&HeaderValue::from_str(cookie).unwrap(), mapping, host_header);
                for domain in ["corp.example", ".CORP.example", "example", "corp.example."] {
                    assert_eq!(set(&format!("a=b; Domain={domain}; Secure")), translated("a=b; Secure"), "{domain}");
                }
                for other in ["shop.corp.example", "orp.example", ""] {
                    assert_eq!(set(&format!("a=b; Domain={other}")), Cookie::Same, "{other}");
                }
            }
        }
        let own = HeaderValue::from_static("a=b; Domain=.wiki.corp.example");
        assert_eq!(given(&own, &at_root, HostHeader::External), Cookie::Same);
        assert_eq!(given(&own, &at_root, HostHeader::Internal), translated("a=b"));
    }

    #[test]
    fn a_path_is_the_applications_however_it_is_escaped() {
        let mapping = mapping("http://wiki/caf%c3%a9/", "https://wiki.example/team/");
        for (path, expected) in
            [("/caf%C3%A9", "/team"), ("/c%61f%C3%a9/", "/team/"), ("/caf%C3%A9/x%2fy", "/team/x%2fy")]
        {
            let cookie = HeaderValue::try_from(format!("a=b; Path={path}")).unwrap();
            let set = given(&cookie, &mapping, HostHeader::Internal);
            assert_eq!(set, translated(&format!("a=b; Path={expected}")), "{path}");
        }
        for path in ["/caf%C3%A8", "/caf%C3%A9s", "/caf"] {
            let cookie = HeaderValue::try_from(format!("a=b; Path={path}")).unwrap();
            assert_eq!(given(&cookie, &mapping, HostHeader::Internal), Cookie::Refused, "{path}");
        }
    }

    #[test]
    fn an_application_below_a_path_sets_no_cookie_for_other_paths() {
        for path in ["/application", "/other", "/team", "/te", "/app; Path=/other", "/other; Path=/app"] {
            assert_eq!(set(&format!("a=b; Path={path}")), Cookie::Refused, "{path}");
        }
        assert_eq!(set("a=b; Path=/app; Path=/"), translated("a=b; Path=/team; Path=/team"));
        for (external, host_header) in
            [("https://wiki.example/app/", HostHeader::Internal), ("https://wiki.example/app/", HostHeader::External)]
        {
            let mapping = mapping("http://wiki/app/", external);
            let set = |cookie| given(&HeaderValue::from_static(cookie), &mapping, host_header);
            assert_eq!(set("a=b; Path=/"), translated("a=b; Path=/app"));
            assert_eq!(set("a=b; path = / ; Domain=wiki.example"), translated("a=b; Path=/app; Domain=wiki.example"));
            assert_eq!(set("a=b; Path=/app/x"), Cookie::Same);
            assert_eq!(set("a=b; Path=/other"), Cookie::Refused);
        }
        let at_root = mapping("http://wiki/app/", "https://wiki.example/");
        for host_header in [HostHeader::Internal, HostHeader::External] {
            for cookie in ["a=b; Path=/", "a=b; Path=/other", "a=b"] {
                assert_eq!(given(&HeaderValue::from_static(cookie), &at_root, host_header), Cookie::Same, "{cookie}");
            }
        }
    }

    #[test]
    fn a_cookie_without_a_path_is_the_applications_where_its_prefix_was_asked_without_the_slash() {
        let mapping = mapping("http://wiki/app/", "https://wiki.example/team/");
        let set = |cookie, default_path| {
            let outward = Outward { mapping: &mapping, host_header: HostHeader::Internal, default_path };
            super::outward(&HeaderValue::from_static(cookie), outward)
        };
        for cookie in ["a=b; Secure", "a=b; Path=relative", "a=b; Path=/app; Path", "a=b"] {
            let confined = format!("{}; Path=/team", cookie.replace("/app", "/team"));
            assert_eq!(set(cookie, DefaultPath::Above), translated(&confined), "{cookie}");
        }
        assert_eq!(set("a=b; Secure", DefaultPath::Within), Cookie::Same);
        assert_eq!(set("a=b; Path=/app/x", DefaultPath::Above), translated("a=b; Path=/team/x"));
    }

    #[test]
    fn what_is_for_the_whole_host_by_its_name_stays_so() {
        for cookie in ["__Host-a=b; Secure; Path=/", " __host-a=b; Path=/"] {
            assert_eq!(set(cookie), Cookie::Same, "{cookie}");
        }
        assert_eq!(set("__Secure-a=b; Path=/"), translated("__Secure-a=b; Path=/team"));
    }

    #[test]
    fn a_path_is_that_of_the_url_that_was_asked() {
        let mut mapping = mapping("http://wiki.corp.local/app/", "https://wiki.example/");
        mapping.here = side("https://portal.example/wiki/");
        for (cookie, expected) in [
            ("a=b; Path=/app", "a=b; Path=/wiki"),
            ("a=b; Path=/; Domain=corp.local", "a=b; Path=/wiki"),
            ("a=b; Path=/app/x", "a=b; Path=/wiki/x"),
        ] {
            let set = given(&HeaderValue::from_static(cookie), &mapping, HostHeader::Internal);
            assert_eq!(set, translated(expected), "{cookie}");
        }
    }

    #[test]
    fn everything_else_survives_byte_for_byte() {
        assert_eq!(
            set("a=\"x y; Path=/app ;Secure ; HttpOnly  ; SameSite=None; Domain=corp.local "),
            translated("a=\"x y; Path=/team;Secure ; HttpOnly  ; SameSite=None")
        );
        assert_eq!(
            set("a=\"quoted\"; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Domain=corp.local; Max-Age=5"),
            translated("a=\"quoted\"; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=5")
        );
        for cookie in ["", ";", "a", "a=", "=b", "a=b;;", "a=b; Secure; Partitioned", "a=b; Domain", "a=b; Path"] {
            assert_eq!(set(cookie), Cookie::Same, "{cookie}");
        }
        let mapping = mapping("http://wiki.corp.local/", "https://wiki.example/");
        let bytes = HeaderValue::from_bytes(b"a=\xe4; Domain=corp.local").unwrap();
        let set = given(&bytes, &mapping, HostHeader::Internal);
        assert_eq!(set, Cookie::Translated(HeaderValue::from_bytes(b"a=\xe4").unwrap()));
    }

    #[test]
    fn under_a_wildcard_what_was_for_all_hosts_stays_so() {
        let mapping = UrlMapping {
            internal: Side::at("*.corp.local"),
            here: Side::at("*.apps.example"),
            ..mapping("http://x/", "https://y/")
        };
        for (domain, expected) in [
            (".corp.local", "Domain=apps.example"),
            ("local", "Domain=apps.example"),
            ("a.corp.local", "Domain=a.apps.example"),
        ] {
            let cookie = HeaderValue::from_str(&format!("a=b; Domain={domain}")).unwrap();
            let set = given(&cookie, &mapping, HostHeader::Internal);
            assert_eq!(set, translated(&format!("a=b; {expected}")), "{domain}");
        }
        let set = |cookie| given(&HeaderValue::from_static(cookie), &mapping, HostHeader::External);
        assert_eq!(set("a=b; Domain=example"), translated("a=b; Domain=apps.example"));
        assert_eq!(set("a=b; Domain=apps.example"), Cookie::Same);
        assert_eq!(set("a=b; Domain=a.apps.example"), Cookie::Same);
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
