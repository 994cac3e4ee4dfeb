//! The certificate of a custom domain: what may be known of it, and which hosts it is for. The private key is nowhere
//! in here.

use std::net::IpAddr;

use jiff::Timestamp;

/// What is shown of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateMetadata {
    /// SHA-1 of the certificate in DER form, in upper-case hexadecimal: by what administrators recognise it.
    pub thumbprint: String,
    /// Whose it is.
    pub subject_name: String,
    /// Who issued it.
    pub issuer_name: String,
    /// From when on it is valid.
    pub issued: Timestamp,
    /// Until when it is valid.
    pub expires: Timestamp,
}

/// Whether a certificate with these names (host names, `*.` names and addresses) is for `host`, as an external URL
/// writes it: lower case, ASCII, an IPv6 address in brackets.
///
/// A `*` stands for exactly one label, and only as the whole first one (RFC 9525, section 6.3).
#[must_use]
pub fn covers(names: &[String], host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return names.iter().any(|name| name.parse() == Ok(address));
    }
    names.iter().any(|name| is_for(&name.to_ascii_lowercase(), host))
}

fn is_for(name: &str, host: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(name: &str, host: &str) -> bool {
        covers(&[name.to_owned()], host)
    }

    #[test]
    fn a_name_covers_itself_without_regard_to_case() {
        assert!(covered("Wiki.Example.com", "wiki.example.com"));
        assert!(covered("wiki.example.com.", "wiki.example.com"));
        assert!(!covered("wiki.example.com", "www.wiki.example.com"));
        assert!(!covered("example.com", "wiki.example.com"));
        assert!(!covers(&[], "wiki.example.com"));
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(covered("*.example.com", "wiki.example.com"));
        assert!(!covered("*.example.com", "example.com"));
        assert!(!covered("*.example.com", "a.wiki.example.com"));
        assert!(!covered("*.example.com", ".example.com"));
        assert!(!covered("w*.example.com", "wiki.example.com"));
        assert!(!covered("*", "localhost"));
    }

    #[test]
    fn an_address_is_covered_by_itself_alone() {
        assert!(covered("192.0.2.7", "192.0.2.7"));
        assert!(covered("2001:db8::1", "[2001:db8:0::1]"));
        assert!(!covered("*.0.2.7", "192.0.2.7"));
    }
}
