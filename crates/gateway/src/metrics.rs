//! What the gateway counts. Labels are bounded: outcomes, classes of status, reasons, and nothing that a client chooses.
//!
//! What is counted for each request is counted by its core for itself ([`CoreMeters`]) and added up when somebody asks,
//! so that cores do not contend for a cache line. What is rare is shared.

mod collector;
mod histogram;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::reason::Reason;
use crate::record::Outcome;
use collector::Collected;
use histogram::Histogram;

/// How many of something there are at the moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open(Gauge<i64, AtomicI64>);

impl Open {
    /// Counts one more until the guard is dropped.
    pub(crate) fn begin(&self) -> Counted {
        self.0.inc();
        Counted(self.0.clone())
    }

    pub(crate) fn count(&self) -> i64 {
        self.0.get()
    }
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Counted(Gauge<i64, AtomicI64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The limits for which connections are turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// Those of one address.
    Address,
    /// Those of all.
    All,
}

/// Connections that were turned away.
#[derive(Debug, Clone, Default)]
pub(crate) struct TurnedAway(Family<CrowdLabel, Counter<u64, AtomicU64>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CrowdLabel {
    limit: &'static str,
}

impl TurnedAway {
    /// One more, because of that limit.
    pub(crate) fn count(&self, limit: Crowd) {
        let limit = match limit {
            Crowd::Address => "address",
            Crowd::All => "all",
        };
        self.0.get_or_create(&CrowdLabel { limit }).inc();
    }
}

/// Classes of status, the last for requests that were never answered.
pub(crate) const STATUSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// The place of a status in [`STATUSES`]. One beyond 599 is to be treated as one of a server's errors (RFC 9110, section 15).
fn class_of(status: Option<StatusCode>) -> usize {
    let (none, server_error) = (STATUSES.len() - 1, STATUSES.len() - 2);
    status.map_or(none, |status| usize::from(status.as_u16() / 100).saturating_sub(1).min(server_error))
}

/// What one core counts. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct CoreMeters {
    ended: [[AtomicU64; STATUSES.len()]; Outcome::ALL.len()],
    refused: [AtomicU64; Reason::ALL.len()],
    received: AtomicU64,
    sent: AtomicU64,
    /// Until the upstream's answer began.
    pub(crate) first_byte: Histogram,
    /// Until the answer's body ended.
    pub(crate) total: Histogram,
}

impl CoreMeters {
    /// A request has ended.
    pub(crate) fn ended(&self, outcome: Outcome, status: Option<StatusCode>) {
        let of_outcome = self.ended.get(outcome as usize);
        if let Some(count) = of_outcome.and_then(|of_outcome| of_outcome.get(class_of(status))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The gateway answered a request itself.
    pub(crate) fn refused(&self, reason: Reason) {
        if let Some(count) = self.refused.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many bytes of bodies came from a client and went to it.
    pub(crate) fn moved(&self, received: u64, sent: u64) {
        if received > 0 {
            self.received.fetch_add(received, Ordering::Relaxed);
        }
        if sent > 0 {
            self.sent.fetch_add(sent, Ordering::Relaxed);
        }
    }
}

/// The gateway's counters; cheap to clone, shared by all cores.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    cores: Arc<[Arc<CoreMeters>]>,
    /// Attempts beyond a request's first.
    pub(crate) retries: Counter<u64, AtomicU64>,
    /// Requests that waited for a connector to come back.
    pub(crate) waited: Counter<u64, AtomicU64>,
    /// Connections from browsers and programs, WebSockets included.
    pub(crate) clients: Open,
    /// WebSockets.
    pub(crate) websockets: Open,
    /// Connections that were not served because there were too many.
    pub(crate) turned_away: TurnedAway,
    /// Connections from connectors.
    pub(crate) tunnel_connections: Gauge<i64, AtomicI64>,
    /// Upstream connections opened.
    pub(crate) streams_opened: Counter<u64, AtomicU64>,
    /// Upstream connections that are open.
    pub(crate) streams: Open,
    /// Probes of upstreams, by what came of them.
    probes: Family<[(&'static str, &'static str); 1], Counter<u64, AtomicU64>>,
    /// Access records that were lost.
    pub(crate) records_dropped: Counter<u64, AtomicU64>,
    /// Tunnel connections of nobody that is a connector here.
    pub(crate) tunnels_refused: Counter<u64, AtomicU64>,
    pub(crate) tunnels_put_off: Counter<u64, AtomicU64>,
    /// Registrations that the control plane refused.
    pub(crate) registrations_refused: Counter<u64, AtomicU64>,
    /// Registrations that came too soon.
    pub(crate) registrations_limited: Counter<u64, AtomicU64>,
    /// The revision that is served.
    pub(crate) revision: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// Makes the counters of so many cores and registers them.
    pub(crate) fn register(registry: &mut Registry, cores: usize) -> Self {
        let metrics = Self {
            cores: (0..cores).map(|_| Arc::default()).collect(),
            retries: Counter::default(),
            waited: Counter::default(),
            clients: Open::default(),
            websockets: Open::default(),
            turned_away: TurnedAway::default(),
            tunnel_connections: Gauge::default(),
            streams_opened: Counter::default(),
            streams: Open::default(),
            probes: Family::default(),
            records_dropped: Counter::default(),
            tunnels_refused: Counter::default(),
            tunnels_put_off: Counter::default(),
            registrations_refused: Counter::default(),
            registrations_limited: Counter::default(),
            revision: Gauge::default(),
        };
        let gateway = registry.sub_registry_with_prefix("adit_gateway");
        gateway.register_collector(Box::new(Collected { cores: Arc::clone(&metrics.cores) }));
        gateway.register("retries", "Attempts beyond the first", metrics.retries.clone());
        let waited = metrics.waited.clone();
        gateway.register("requests_waited", "Requests that waited for a connector to come back", waited);
        gateway.register("client_connections", "Open connections from clients", metrics.clients.0.clone());
        gateway.register("websockets", "Open WebSockets", metrics.websockets.0.clone());
        let refused = metrics.turned_away.0.clone();
        gateway.register(
            "clients_refused",
            "Connections that were turned away, by the limit that was reached",
            refused,
        );
        gateway.register("tunnel_connections", "Open connections from connectors", metrics.tunnel_connections.clone());
        gateway.register("streams", "Open upstream connections", metrics.streams.0.clone());
        gateway.register("streams_opened", "Upstream connections opened", metrics.streams_opened.clone());
        gateway.register("probes", "Probes of upstreams, by what came of them", metrics.probes.clone());
        gateway.register("records_dropped", "Access records that were lost", metrics.records_dropped.clone());
        let refused = metrics.tunnels_refused.clone();
        gateway.register("tunnels_refused", "Connections whose certificate or hello is no connector's", refused);
        let put_off = metrics.tunnels_put_off.clone();
        gateway.register("tunnels_put_off", "Connectors that waited too long for their turn to connect", put_off);
        let refused = metrics.registrations_refused.clone();
        gateway.register("registrations_refused", "Registrations of connectors that were refused", refused);
        let limited = metrics.registrations_limited.clone();
        gateway.register("registrations_limited", "Registrations of connectors beyond the limits", limited);
        gateway.register("snapshot_revision", "Revision of the snapshot in use", metrics.revision.clone());
        metrics
    }

    /// A probe has ended like this.
    pub(crate) fn probed(&self, outcome: &'static str) {
        self.probes.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// What the core of that index counts.
    pub(crate) fn core(&self, index: usize) -> Arc<CoreMeters> {
        self.cores.get(index).map(Arc::clone).unwrap_or_default()
    }
}
