//! Certificates from an ACME authority (RFC 8555), such as Let's Encrypt, for the published hosts below configured
//! domains.
//!
//! The keeper follows what is published. For each host that has nothing better (an upload, a file) it holds a
//! certificate, renews it at two thirds of its life or when the authority suggests (ARI, RFC 9773), and lets go of those
//! that are not published any more. What fails is tried again after growing pauses that outlive a restart.
//!
//! What the authority answers is not trusted further than needed: see [`transport`] for its bounds. Keys are made here
//! and never leave.

mod account;
mod challenge;
mod failure;
#[cfg(test)]
mod hostile;
mod keeper;
mod kept;
mod metrics;
mod order;
mod renewal;
mod transport;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

pub(crate) use challenge::Challenges;
pub(crate) use keeper::{Keeper, Surroundings};

/// How one order may take: authorities look several times, with pauses.
const ORDER: Duration = Duration::from_secs(240);

/// Orders under way at once: enough for many hosts, few for any authority.
const ORDERS: usize = 4;

/// How this server is known to the authority, and for what it asks.
#[derive(Debug, Clone)]
pub(crate) struct AcmeSettings {
    /// The authority's directory.
    pub(crate) directory: Url,
    /// Whom the authority may write to: `mailto:` URLs.
    pub(crate) contact: Vec<String>,
    /// Hosts at and below these get certificates.
    pub(crate) domains: Vec<String>,
    /// How this server proves that it has a name; with several, one after the other is tried.
    pub(crate) challenges: Vec<ChallengeKind>,
    /// The only certificate authority, in PEM, to trust for the directory's own TLS; without one, what the system trusts.
    pub(crate) ca: Option<String>,
    /// The sign-in host, which needs a certificate whatever is published.
    pub(crate) sign_in_host: Option<String>,
}

/// How a name is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChallengeKind {
    /// By an answer over plain HTTP on port 80 (RFC 8555, section 8.3).
    Http01,
    /// By a handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

impl AcmeSettings {
    /// Whether `host` shall have a certificate: a name at or below one of the domains. No challenge that is supported
    /// here proves a `*.` name, and addresses are not asked for.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let is_name = host.contains('.')
            && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
            && !host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        is_name && self.domains.iter().any(|domain| is_at_or_below(host, domain))
    }
}

fn is_at_or_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|label| label.is_empty() || label.ends_with('.'))
}

impl FromStr for ChallengeKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "http-01" => Ok(Self::Http01),
            "tls-alpn-01" => Ok(Self::TlsAlpn01),
            _ => Err(format!("'{text}' is not a challenge that can be answered; http-01 and tls-alpn-01 are")),
        }
    }
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(domains: &[&str]) -> AcmeSettings {
        AcmeSettings {
            directory: Url::parse("https://acme.example/directory").unwrap(),
            contact: Vec::new(),
            domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            challenges: vec![ChallengeKind::TlsAlpn01],
            ca: None,
            sign_in_host: None,
        }
    }

    #[test]
    fn hosts_at_and_below_the_domains_are_covered_and_no_others() {
        let settings = settings(&["example.com", "b.example.org"]);
        for host in ["example.com", "wiki.example.com", "a.wiki.example.com", "b.example.org"] {
            assert!(settings.covers(host), "{host}");
        }
        for host in
            ["com", "badexample.com", "example.org", "*.example.com", "[::1]", "192.0.2.1", "a_b.example.com", "../x"]
        {
            assert!(!settings.covers(host), "{host}");
        }
        assert!(!tests::settings(&["192.0.2.1"]).covers("192.0.2.1"));
    }
}
