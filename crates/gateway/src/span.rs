//! What a gateway tells about its part of a trace, for whoever exports spans: one for each request.
//!
//! It is told on a core, once the request has ended, so a sink puts it aside and never waits. What an access
//! record leaves out because it may be a secret (queries, fields, bodies) is left out here as well.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_core::id::ConnectorId;
use adit_core::snapshot::PublishedApplication;
use http::Method;
use uuid::Uuid;

/// Where spans go, and of which requests.
#[derive(Clone)]
pub struct Spans {
    /// Who takes them.
    pub sink: Arc<dyn SpanSink>,
    /// The share, from 0 to 1, of the traces begun here that are sampled. Where a client names a trace, its word counts,
    /// but for so many requests a second only; beyond them the share decides as well.
    pub sampled: f64,
}

/// Takes the spans of a gateway.
pub trait SpanSink: Send + Sync + 'static {
    /// A request of a sampled trace has ended. Must not wait.
    fn ended(&self, span: EndedSpan);
}

/// A request that was part of a sampled trace and has ended. What is not known is `None`.
#[derive(Debug, Clone)]
pub struct EndedSpan {
    /// The trace.
    pub trace: u128,
    /// This span.
    pub span: u64,
    /// The caller's span, if the caller named one.
    pub parent: Option<u64>,
    /// When the answer had ended, since 1970.
    pub ended: Duration,
    /// From the request's head until then.
    pub total: Duration,
    /// The request id: it finds the access record.
    pub request_id: Uuid,
    /// The request's method, cut where it is very long.
    pub method: Option<Method>,
    /// The request's path, without the query, cut where it is very long.
    pub path: Option<Box<str>>,
    /// The host that was asked for, cut where it is longer than a name can be.
    pub host: Option<Box<str>>,
    /// What the client speaks: `1.0`, `1.1` or `2`.
    pub http: &'static str,
    /// Where the request came from.
    pub client: IpAddr,
    /// The application, once the request was granted.
    pub application: Option<Arc<PublishedApplication>>,
    /// The connector that it was last sent through.
    pub connector: Option<ConnectorId>,
    /// How often it was sent to an upstream.
    pub attempts: u32,
    /// The status that was answered.
    pub status: Option<u16>,
    /// How it ended, in the words of access records.
    pub outcome: &'static str,
    /// Why the gateway answered itself, in the words of access records.
    pub reason: Option<&'static str>,
    /// The TLS handshake of the client's connection; on its first request only.
    pub tls: Option<Duration>,
    /// Opening a stream through the tunnel.
    pub tunnel: Option<Duration>,
    /// Connecting to the upstream, as the connector measured it.
    pub connect: Option<Duration>,
    /// Until the upstream's answer began.
    pub first_byte: Option<Duration>,
}

impl Spans {
    /// The share as a number that random ones are compared with: those up to it are sampled, and none is 0.
    pub(crate) fn threshold(&self) -> u64 {
        // A cast from a float keeps to the range of the integer.
        (self.sampled.clamp(0.0, 1.0) * u64::MAX as f64) as u64
    }
}

impl std::fmt::Debug for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spans").field("sampled", &self.sampled).finish_non_exhaustive()
    }
}
