//! An `http` or `https` URL in its parts, as it was written: no part is decoded or changed.

use adit_core::internal_url::Scheme;

/// How many bytes a host may have: a name of the DNS has no more when it is written out (RFC 1035, section 2.3.4). What
/// is longer leads nowhere, and would have every domain in it looked up.
const LONGEST_HOST: usize = 253;

/// A URL that names its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbsoluteUrl<'u> {
    pub(crate) scheme: Scheme,
    /// In the case it was written in; an IPv6 address has its brackets.
    pub(crate) host: &'u str,
    /// Only if it was written.
    pub(crate) port: Option<u16>,
    /// Path, query and fragment: empty, or starting with `/`, `?` or `#`.
    pub(crate) rest: &'u str,
}

impl<'u> AbsoluteUrl<'u> {
    /// Takes `scheme://host:port/rest` apart; `None` for anything else, user information included.
    pub(crate) fn split(text: &'u str) -> Option<Self> {
        let after = |start: &str| {
            let (head, rest) = text.split_at_checked(start.len())?;
            head.eq_ignore_ascii_case(start).then_some(rest)
        };
        match after("https://") {
            Some(rest) => Self::behind(Scheme::Https, rest),
            None => Self::behind(Scheme::Http, after("http://")?),
        }
    }

    /// Takes `host:port/rest` apart, which is what follows `//`; `None` also for a host that no name can be.
    pub(crate) fn behind(scheme: Scheme, text: &'u str) -> Option<Self> {
        let end = text.find(['/', '?', '#']).unwrap_or(text.len());
        let (authority, rest) = text.split_at_checked(end)?;
        let host_end = match authority.find(']') {
            Some(bracket) if authority.starts_with('[') => bracket + 1,
            _ => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at_checked(host_end)?;
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
            None if port.is_empty() => None,
            None => return None,
        };
        if host.is_empty() || host.len() > LONGEST_HOST {
            return None;
        }
        let of_a_host =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'[' | b']' | b':');
        host.bytes().all(of_a_host).then_some(Self { scheme, host, port, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_it_was_written() {
        let split = |text: &'static str| {
            AbsoluteUrl::split(text).map(|url| (url.scheme.as_str(), url.host, url.port, url.rest))
        };
        assert_eq!(split("http://wiki/"), Some(("http", "wiki", None, "/")));
        assert_eq!(split("HTTPS://Wiki:8443?a=b"), Some(("https", "Wiki", Some(8443), "?a=b")));
        assert_eq!(split("http://[fd00::1]:80#top"), Some(("http", "[fd00::1]", Some(80), "#top")));
        assert_eq!(split("http://[fd00::1]"), Some(("http", "[fd00::1]", None, "")));
    }

    #[test]
    fn what_is_no_plain_url_is_not_taken_apart() {
        for text in [
            "",
            "/path",
            "//wiki/",
            "ftp://wiki/",
            "http:/wiki",
            "http://",
            "http:///path",
            "http://user@wiki/",
            "http://user:word@wiki/",
            "http://wiki:/",
            "http://wiki:80x/",
            "http://wiki:+1/",
            "http://wiki:99999/",
            "http://wi ki/",
            "http://wiki\\/",
            "http://b\u{fc}cher/",
        ] {
            assert_eq!(AbsoluteUrl::split(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_that_is_longer_than_a_name_can_be_is_not_taken_apart() {
        let longest = "a.".repeat(126) + "a";
        assert_eq!(longest.len(), 253);
        let of_host = |host: &str| AbsoluteUrl::split(&format!("http://{host}/")).is_some();
        assert!(of_host(&longest));
        assert!(!of_host(&format!("a{longest}")));
        assert!(!of_host(&"a.".repeat(250_000)));
    }
}
