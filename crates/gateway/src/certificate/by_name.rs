//! Which certificate a handshake shows: by the name that the client asks for, looked up without a lock.
//!
//! A name itself goes before the `*.` name above it, and that stands for one label. Names for which there is nothing get
//! the gateway's own certificate, so that the answer can say so.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use adit_core::sharded::Sharded;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{CertificateSource, ServerCertificate, ShownCertificate};
use crate::directory::ServerCertificates;

/// A certificate in use.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) source: CertificateSource,
    pub(crate) certificate: ServerCertificate,
    /// Whether the host itself is published; else only the `*.` name above it is.
    pub(crate) published: bool,
}

impl Shown {
    fn counted_as(&self) -> (CertificateSource, Timestamp) {
        (self.source, self.certificate.not_after())
    }
}

/// What is shown for each published host. Copies share what they have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByName {
    exact: Sharded<Arc<str>, Shown>,
    /// By the name to which one label is added.
    below: Sharded<Arc<str>, Shown>,
    /// How many there are of each source and end.
    counts: BTreeMap<(CertificateSource, Timestamp), usize>,
}

impl ByName {
    /// `host` may be a `*.` name.
    pub(crate) fn insert(&mut self, host: &str, shown: Shown) {
        self.remove(host);
        *self.counts.entry(shown.counted_as()).or_default() += 1;
        match host.strip_prefix("*.") {
            Some(parent) => self.below.insert(Arc::from(parent), shown),
            None => self.exact.insert(Arc::from(host), shown),
        }
    }

    /// Shows nothing for a host any more; it may be a `*.` name.
    pub(crate) fn remove(&mut self, host: &str) {
        let Some(counted_as) = self.of_host(host).map(Shown::counted_as) else { return };
        if let Some(count) = self.counts.get_mut(&counted_as) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&counted_as);
            }
        }
        match host.strip_prefix("*.") {
            Some(parent) => self.below.remove(parent),
            None => self.exact.remove(host),
        }
    }

    /// What is shown for a host as it is published, `*.` names included.
    pub(crate) fn of_host(&self, host: &str) -> Option<&Shown> {
        match host.strip_prefix("*.") {
            Some(parent) => self.below.get(parent),
            None => self.exact.get(host),
        }
    }

    /// What a client sees that asks for `name`, which the TLS library has in lower case.
    pub(crate) fn of_name(&self, name: &str) -> Option<&Shown> {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.exact.get(name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.below.get(parent)
        })
    }

    /// From where and until when what is shown is, and how many of each, in order.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (CertificateSource, Timestamp, usize)> {
        self.counts.iter().map(|((source, not_after), count)| (*source, *not_after, *count))
    }

    /// All hosts, and what is shown for them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, &Shown)> {
        let below = self.below.iter().map(|(parent, shown)| (format!("*.{parent}"), shown));
        self.exact.iter().map(|(host, shown)| (host.to_string(), shown)).chain(below)
    }
}

/// The certificate for the gateway's own name, which connectors see.
#[derive(Debug)]
pub(crate) struct OwnCertificate(ArcSwap<ServerCertificate>);

impl OwnCertificate {
    pub(crate) fn new(certificate: ServerCertificate) -> Self {
        Self(ArcSwap::from_pointee(certificate))
    }

    pub(crate) fn replace(&self, certificate: ServerCertificate) {
        self.0.store(Arc::new(certificate));
    }

    pub(crate) fn current(&self) -> Arc<ServerCertificate> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().certified())
    }
}

/// Certificates for browsers.
#[derive(Debug)]
pub(crate) struct BrowserCertificates {
    by_name: ArcSwap<ByName>,
    own: Arc<OwnCertificate>,
}

impl BrowserCertificates {
    /// None yet; `own` is shown for names without one.
    pub(crate) fn new(own: Arc<OwnCertificate>) -> Self {
        Self { by_name: ArcSwap::default(), own }
    }

    pub(crate) fn current(&self) -> Arc<ByName> {
        self.by_name.load_full()
    }

    pub(crate) fn replace(&self, by_name: ByName) {
        self.by_name.store(Arc::new(by_name));
    }
}

impl ResolvesServerCert for BrowserCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_name = self.by_name.load();
        let named = hello.server_name().and_then(|name| by_name.of_name(name));
        Some(named.map_or_else(|| self.own.0.load().certified(), |shown| shown.certificate.certified()))
    }
}

/// What a gateway shows for each host; stays true as that changes. Clones are views of the same.
#[derive(Debug, Clone)]
pub struct ShownCertificates(pub(crate) Arc<BrowserCertificates>);

impl ShownCertificates {
    /// Where the certificate of a published host comes from.
    #[must_use]
    pub fn source_of(&self, host: &str) -> Option<CertificateSource> {
        self.0.by_name.load().of_host(host).map(|shown| shown.source)
    }

    /// All of them, in no order.
    #[must_use]
    pub fn list(&self) -> Vec<ShownCertificate> {
        let current = self.0.current();
        let shown = current.iter().map(|(host, shown)| ShownCertificate {
            host,
            source: shown.source,
            not_after: shown.certificate.not_after(),
        });
        shown.collect()
    }
}

/// Certificates that prove to an ACME authority that this server has a name (RFC 8737). Without one there is no
/// handshake.
pub(crate) struct ChallengeCertificates(pub(crate) Arc<dyn ServerCertificates>);

impl ResolvesServerCert for ChallengeCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.challenge(hello.server_name()?)
    }
}

impl fmt::Debug for ChallengeCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeCertificates")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::certificate;

    fn shown(name: &str) -> Shown {
        Shown { source: CertificateSource::File, certificate: certificate(&[name], 0, 10), published: true }
    }

    fn names(found: Option<&Shown>) -> Option<&str> {
        found.map(|shown| shown.certificate.names()[0].as_str())
    }

    #[test]
    fn a_name_goes_before_the_wildcard_above_it_and_that_stands_for_one_label() {
        let mut by_name = ByName::default();
        by_name.insert("*.example.com", shown("*.example.com"));
        by_name.insert("wiki.example.com", shown("wiki.example.com"));
        assert_eq!(names(by_name.of_name("wiki.example.com")), Some("wiki.example.com"));
        assert_eq!(names(by_name.of_name("other.example.com")), Some("*.example.com"));
        assert_eq!(names(by_name.of_name("wiki.example.com.")), Some("wiki.example.com"));
        for name in ["example.com", "a.b.example.com", "wiki.example.org", "com", ""] {
            assert!(by_name.of_name(name).is_none(), "{name}");
        }
        assert!(by_name.of_host("other.example.com").is_none(), "it is not published itself");
        assert_eq!(names(by_name.of_host("*.example.com")), Some("*.example.com"));
        let mut hosts: Vec<String> = by_name.iter().map(|(host, _)| host).collect();
        hosts.sort();
        let shown: usize = by_name.counts().map(|(_, _, count)| count).sum();
        assert_eq!((shown, hosts.join(" ").as_str()), (2, "*.example.com wiki.example.com"));
    }
}
