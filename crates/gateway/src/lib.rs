//! The public edge: accepts TLS, routes, decides, forwards through the tunnels that connectors dialled.
//!
//! One acceptor hands each connection to the core with the fewest; each core is a thread with a runtime of its own,
//! and a request stays on its core. Everything that changes (snapshot, tunnels) reaches the cores as an immutable
//! [`serving::Serving`] that is swapped in whole: no lock on the request path, and no database anywhere near it.
//!
//! What the gateway needs from outside it declares itself: [`ConnectorDirectory`], [`ServerCertificates`] and
//! [`SessionDirectory`].
//!
//! A request, top to bottom: [`edge`] (connection) -> [`forward`] (one request) -> [`sign_in`] (who asks, where that
//! matters) -> [`head`] (what the upstream sees; with [`sign_on`], who asks) ->
//! [`attempt`] (send, and what may be sent again) -> [`connect`] (an upstream connection on a connector) -> [`respond`]
//! (the answer, its URLs [translated](translate)) -> [`record`] (what is written about it).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod acceptor;
mod admission;
mod affinity;
pub mod answer;
mod arriving;
mod attempt;
mod body;
mod bond;
mod certificate;
mod choice;
mod connect;
mod core;
pub mod directory;
mod edge;
mod explain;
mod failure;
mod forward;
mod framing;
mod gateway;
mod head;
mod health;
mod hold;
mod http1;
mod http1_hosts;
mod http2;
mod interim;
mod lately;
mod ledger;
mod limits;
mod losses;
mod metrics;
mod multiplex;
mod pace;
mod pool;
mod probe;
pub mod reason;
mod record;
mod registration;
mod replay;
mod respond;
mod serving;
mod sight;
mod sights;
mod sign_in;
mod sign_on;
mod solo;
mod span;
mod still;
mod tls;
mod trace_context;
mod trailers;
mod translate;
mod tunnel;
mod upgrade;

/// How a gateway takes in the connectors of a large network, for who plans for many.
pub mod tunnel_limits {
    pub use crate::limits::{
        CONNECTIONS, CONNECTOR_FILES, HANDSHAKE, PING, TUNNEL_HANDSHAKES, TUNNEL_PLACE, TUNNEL_PLACES, TUNNEL_TURN,
    };
}

pub use certificate::{
    CertificateSource, ProvidedCertificate, ServerCertificate, ShownCertificate, ShownCertificates, UnusableCertificate,
};
pub use directory::{ConnectorDirectory, Noticed, Renewed, ServerCertificates, TunnelUp, UploadedCertificates};
pub use gateway::{Gateway, Observation, Settings, StartError};
pub use limits::ClientLimits;
pub use record::RecordDestination;
pub use sign_in::{SessionDirectory, SignInSettings, sign_in_places};
pub use solo::Entrance;
pub use span::{EndedSpan, SpanSink, Spans};
pub use still::StillGateway;
