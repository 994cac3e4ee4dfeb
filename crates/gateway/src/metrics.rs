//! What the gateway counts. Labels are bounded: outcomes and nothing that a client chooses.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::answer::Reason;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Counts the clients that are connected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients(Gauge<i64, AtomicI64>);

impl Clients {
    /// Counts one more until the guard is dropped.
    pub(crate) fn begin(&self) -> CountedClient {
        self.0.inc();
        CountedClient(self.0.clone())
    }

    pub(crate) fn count(&self) -> i64 {
        self.0.get()
    }
}

/// One connected client.
#[derive(Debug)]
pub(crate) struct CountedClient(Gauge<i64, AtomicI64>);

impl Drop for CountedClient {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The gateway's counters; cheap to clone, shared by all cores.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Requests that an upstream answered.
    pub(crate) forwarded: Counter<u64, AtomicU64>,
    failures: Family<Outcome, Counter<u64, AtomicU64>>,
    /// Attempts beyond a request's first.
    pub(crate) retries: Counter<u64, AtomicU64>,
    /// Connections from browsers and programs, WebSockets included.
    pub(crate) clients: Clients,
    /// Connections from connectors.
    pub(crate) tunnel_connections: Gauge<i64, AtomicI64>,
    /// Upstream connections opened.
    pub(crate) streams_opened: Counter<u64, AtomicU64>,
    /// The revision that is served.
    pub(crate) revision: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// Makes the counters and registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            forwarded: Counter::default(),
            failures: Family::default(),
            retries: Counter::default(),
            clients: Clients::default(),
            tunnel_connections: Gauge::default(),
            streams_opened: Counter::default(),
            revision: Gauge::default(),
        };
        let gateway = registry.sub_registry_with_prefix("adit_gateway");
        gateway.register("forwarded_requests", "Requests that an upstream answered", metrics.forwarded.clone());
        gateway.register(
            "failed_requests",
            "Requests the gateway answered itself, by reason",
            metrics.failures.clone(),
        );
        gateway.register("retries", "Attempts beyond the first", metrics.retries.clone());
        gateway.register("client_connections", "Open connections from clients", metrics.clients.0.clone());
        gateway.register("tunnel_connections", "Open connections from connectors", metrics.tunnel_connections.clone());
        gateway.register("streams_opened", "Upstream connections opened", metrics.streams_opened.clone());
        gateway.register("snapshot_revision", "Revision of the snapshot in use", metrics.revision.clone());
        metrics
    }

    /// Counts a request that the gateway answered itself.
    pub(crate) fn failed(&self, reason: Reason) {
        self.failures.get_or_create(&Outcome { outcome: reason.as_str() }).inc();
    }
}
