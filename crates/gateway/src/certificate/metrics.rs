//! What is counted of certificates. The only label is the source.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::CertificateSource;
use super::by_name::ByName;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    source: &'static str,
}

/// Gauges of the certificates in use.
#[derive(Debug, Default)]
pub(crate) struct CertificateMetrics {
    shown: Family<Source, Gauge<i64, AtomicI64>>,
    first_expiry: Family<Source, Gauge<i64, AtomicI64>>,
    passed_over: Gauge<i64, AtomicI64>,
}

impl CertificateMetrics {
    /// Makes the gauges and registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let gateway = registry.sub_registry_with_prefix("adit_gateway");
        gateway.register("certificates", "Published hosts, by where their certificate is from", metrics.shown.clone());
        gateway.register(
            "certificate_first_expiry_seconds",
            "When the first certificate in use ends, in seconds since 1970; absent where there is none",
            metrics.first_expiry.clone(),
        );
        gateway.register(
            "certificates_passed_over",
            "Certificates that would be shown if they were valid at the moment",
            metrics.passed_over.clone(),
        );
        metrics
    }

    /// Sets them to what is shown.
    pub(super) fn show(&self, by_name: &ByName, passed_over: usize) {
        let mut sums: HashMap<CertificateSource, (i64, Timestamp)> = HashMap::new();
        for (source, not_after, count) in by_name.counts() {
            let sum = sums.entry(source).or_insert((0, Timestamp::MAX));
            *sum = (sum.0 + i64::try_from(count).unwrap_or(i64::MAX), sum.1.min(not_after));
        }
        for source in CertificateSource::ALL {
            let label = Source { source: source.as_str() };
            self.shown.get_or_create(&label).set(sums.get(&source).map_or(0, |(count, _)| *count));
            match sums.get(&source) {
                Some((_, first)) => _ = self.first_expiry.get_or_create(&label).set(first.as_second()),
                None => _ = self.first_expiry.remove(&label),
            }
        }
        self.passed_over.set(i64::try_from(passed_over).unwrap_or(i64::MAX));
    }
}
