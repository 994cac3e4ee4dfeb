//! Which version of HTTP an upstream is spoken to in.

use serde::{Deserialize, Serialize};

/// Which version of HTTP an upstream is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamProtocol {
    /// HTTP/1.1, and HTTP/2 for what cannot do without it, which is gRPC.
    #[default]
    Automatic,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 for everything but WebSockets and connection-bound sign-in: over `http` without asking first, over `https`
    /// as the only offer of the TLS hello.
    Http2PriorKnowledge,
}
