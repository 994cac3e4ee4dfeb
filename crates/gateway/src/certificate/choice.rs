//! Which of several certificates is shown for a host.
//!
//! Pure: the time is an argument. Uploaded goes before files, files before ACME; within one source, one that names the
//! host itself goes before one with a `*`, and then the one that is valid for longest. One that is not valid at the
//! moment is passed over, and reported.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;

use super::{CertificateSource, ProvidedCertificate, ServerCertificate};

/// Certificates that are not of one application, found by the names in them.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    by_name: HashMap<String, Vec<ProvidedCertificate>>,
}

/// What was found for a host.
#[derive(Debug)]
pub(super) struct Choice<'c> {
    /// The best that is valid.
    pub(super) best: Option<(CertificateSource, &'c ServerCertificate)>,
    /// Those that would have been better, were they valid.
    pub(super) passed_over: Vec<(CertificateSource, &'c ServerCertificate)>,
    /// When the choice may become another one.
    pub(super) holds_until: Option<Timestamp>,
}

impl Shelf {
    pub(super) fn new(provided: &[ProvidedCertificate]) -> Self {
        let mut by_name: HashMap<String, Vec<ProvidedCertificate>> = HashMap::new();
        for certificate in provided {
            for name in certificate.certificate.names() {
                by_name.entry(name.clone()).or_default().push(certificate.clone());
            }
        }
        Self { by_name }
    }

    /// The names, `*.` names among them.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// `host`, if a certificate names it itself.
    pub(super) fn name(&self, host: &str) -> Option<&str> {
        self.by_name.get_key_value(host).map(|(name, _)| name.as_str())
    }

    /// Those that are for `host`, which may be a `*.` name.
    pub(super) fn for_host(&self, host: &str) -> impl Iterator<Item = (CertificateSource, &ServerCertificate)> {
        let itself = self.by_name.get(host.trim_start_matches('[').trim_end_matches(']'));
        let above = host.split_once('.').filter(|(label, _)| !label.is_empty() && *label != "*");
        let above = above.and_then(|(_, parent)| self.by_name.get(&format!("*.{parent}")));
        let both = itself.into_iter().chain(above).flatten();
        both.map(|provided| (provided.source, &provided.certificate))
    }
}

/// Chooses for `host` among candidates, of which those that are for other hosts do not count.
pub(super) fn choose<'c>(
    host: &str,
    candidates: impl Iterator<Item = (CertificateSource, &'c ServerCertificate)>,
    now: Timestamp,
) -> Choice<'c> {
    let mut candidates: Vec<_> = candidates.filter(|(_, certificate)| certificate.covers(host)).collect();
    candidates.sort_by_key(|(source, certificate)| {
        let by_wildcard = !certificate.names().iter().any(|name| name == host);
        (*source, by_wildcard, Reverse(certificate.not_after()))
    });
    let holds_until = candidates
        .iter()
        .flat_map(|(_, certificate)| [certificate.not_before(), certificate.not_after()])
        .filter(|change| *change > now)
        .min();
    let valid = candidates.iter().position(|(_, certificate)| certificate.is_valid_at(now));
    let passed_over = candidates.iter().take(valid.unwrap_or(candidates.len())).copied().collect();
    let best = valid.and_then(|position| candidates.get(position)).copied();
    Choice { best, passed_over, holds_until }
}

#[cfg(test)]
mod tests {
    use super::CertificateSource::{Acme, File, Uploaded};
    use super::*;
    use crate::certificate::tests::{at, certificate};

    fn provided(source: CertificateSource, names: &[&str], from: i64, until: i64) -> ProvidedCertificate {
        ProvidedCertificate { source, certificate: certificate(names, from, until) }
    }

    fn best(host: &str, candidates: &[ProvidedCertificate], now: i64) -> Option<(CertificateSource, i64)> {
        let shelf = Shelf::new(candidates);
        let choice = choose(host, shelf.for_host(host), at(now));
        // The last second of the certificate, by which the tests tell them apart.
        choice.best.map(|(source, certificate)| (source, certificate.not_after().as_second() - 1))
    }

    #[test]
    fn uploaded_goes_before_files_and_files_before_acme() {
        let candidates = [
            provided(Acme, &["a.example"], 0, 300),
            provided(File, &["a.example"], 0, 200),
            provided(Uploaded, &["a.example"], 0, 100),
        ];
        assert_eq!(best("a.example", &candidates, 50), Some((Uploaded, 100)));
        assert_eq!(best("a.example", &candidates, 150), Some((File, 200)), "the first is over");
        assert_eq!(best("a.example", &candidates, 250), Some((Acme, 300)));
        assert_eq!(best("a.example", &candidates, 350), None);
        assert_eq!(best("b.example", &candidates, 50), None);
    }

    #[test]
    fn the_very_name_goes_before_a_wildcard_and_a_longer_life_before_a_shorter_one() {
        let candidates = [
            provided(File, &["*.example"], 0, 900),
            provided(File, &["a.example"], 0, 100),
            provided(File, &["a.example", "c.example"], 0, 200),
            provided(File, &["*.example"], 0, 800),
        ];
        assert_eq!(best("a.example", &candidates, 50), Some((File, 200)));
        assert_eq!(best("b.example", &candidates, 50), Some((File, 900)));
        assert_eq!(best("*.example", &candidates, 50), Some((File, 900)), "a published wildcard needs a wildcard");
        assert_eq!(best("x.a.example", &candidates, 50), None);
        assert_eq!(best("example", &candidates, 50), None);
    }

    #[test]
    fn one_that_is_not_valid_is_passed_over_and_looked_at_again_when_that_changes() {
        let candidates = [provided(Uploaded, &["a.example"], 0, 100), provided(File, &["a.example"], 500, 900)];
        let shelf = Shelf::new(&candidates);
        let chosen = |now| choose("a.example", shelf.for_host("a.example"), at(now));
        let before = chosen(50);
        assert!(before.passed_over.is_empty());
        assert_eq!(before.holds_until, Some(at(101)));
        let between = chosen(200);
        assert!(between.best.is_none());
        assert_eq!(between.passed_over.iter().map(|(source, _)| *source).collect::<Vec<_>>(), [Uploaded, File]);
        assert_eq!(between.holds_until, Some(at(500)));
        let after = chosen(600);
        assert_eq!(after.best.map(|(source, _)| source), Some(File));
        assert_eq!(after.passed_over.len(), 1, "the uploaded one, still");
    }

    #[test]
    fn an_address_is_found_with_and_without_brackets() {
        let candidates = [provided(File, &["::1"], 0, 100)];
        assert_eq!(best("[::1]", &candidates, 50), Some((File, 100)));
    }
}
