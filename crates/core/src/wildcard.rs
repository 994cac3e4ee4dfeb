//! Wildcards in the hosts of URLs: `*.` before a domain stands for every name below it, at any depth.
//!
//! The same rules hold for external and internal URLs, so that what stands for the star can be carried over.

use std::net::IpAddr;

use crate::request_path::PathPrefix;

/// The domain behind the star, with the dot before it; `None` for a host without one, or with one elsewhere.
#[must_use]
pub fn domain(host: &str) -> Option<&str> {
    host.strip_prefix('*').filter(|domain| domain.starts_with('.') && !domain.contains('*'))
}

/// What stands for the star where `host` is a name below `domain` (`.example`); case does not count.
#[must_use]
pub fn star<'h>(host: &'h str, domain: &str) -> Option<&'h str> {
    let (star, end) = host.split_at_checked(host.len().checked_sub(domain.len())?)?;
    (end.eq_ignore_ascii_case(domain) && is_star(star)).then_some(star)
}

/// The domains (`.example`) whose wildcards `host` is under, the longest first.
pub fn domains_above(host: &str) -> impl Iterator<Item = &str> {
    let domains = host.match_indices('.').filter_map(|(dot, _)| host.get(dot..));
    domains.filter(|domain| star(host, domain).is_some())
}

/// Whether a text can stand for the star: whole labels of letters, digits, `-` and `_`, and at least one.
fn is_star(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// Whether a host has no star, or has it where one may be: before a domain, and of all paths.
pub(crate) fn is_well_formed(host: &str, prefix: &PathPrefix) -> bool {
    if !host.contains('*') {
        return true;
    }
    let Some(domain) = host.strip_prefix("*.") else { return false };
    let is_name = !domain.is_empty() && !domain.starts_with('.') && !domain.contains('*');
    is_name && domain.parse::<IpAddr>().is_err() && prefix.as_str() == "/"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_labels_stand_for_the_star() {
        assert_eq!(star("a.corp.example", ".corp.example"), Some("a"));
        assert_eq!(star("a-1.B_2.Corp.example", ".corp.example"), Some("a-1.B_2"));
        for host in ["corp.example", ".corp.example", "acorp.example", "a..corp.example", ".a.corp.example", "x", ""] {
            assert_eq!(star(host, ".corp.example"), None, "{host}");
        }
        assert_eq!(star("[::1].corp.example", ".corp.example"), None);
        assert_eq!(star("*.corp.example", ".corp.example"), None);
    }
}
