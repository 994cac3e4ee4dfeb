//! What is counted of ACME: orders by outcome, and how the hosts are that shall have certificates.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// The counters.
#[derive(Debug, Clone, Default)]
pub(super) struct AcmeMetrics {
    orders: Family<Outcome, Counter<u64, AtomicU64>>,
    hosts: Family<State, Gauge<i64, AtomicI64>>,
}

/// How many hosts there are of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hosts {
    /// With a certificate of this authority.
    pub(super) held: usize,
    /// Without one, though they shall have one.
    pub(super) missing: usize,
    /// Whose last order failed.
    pub(super) failing: usize,
}

impl AcmeMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let acme = registry.sub_registry_with_prefix("adit_acme");
        acme.register("orders", "Orders that came to an end, by outcome", metrics.orders.clone());
        acme.register("hosts", "Hosts that shall have a certificate by ACME, by state", metrics.hosts.clone());
        metrics
    }

    pub(super) fn ended(&self, outcome: &'static str) {
        self.orders.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn show(&self, hosts: Hosts) {
        for (state, count) in [("held", hosts.held), ("missing", hosts.missing), ("failing", hosts.failing)] {
            self.hosts.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
