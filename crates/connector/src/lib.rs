//! The connector: registers once, dials out to its gateway, and relays streams to upstreams.
//!
//! It never listens on a port. What it may dial is decided here ([`allow`]), on the address really dialled, because
//! the gateway is the more exposed of the two. HTTP is not parsed here: a stream is bytes, copied and counted.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod allow;
mod asked;
mod backoff;
mod check;
mod clock;
mod connector;
mod control;
mod dial;
mod gateway_link;
mod identity;
mod issued;
mod member;
pub mod network;
mod own_identity;
mod proxy;
mod refusal_log;
mod register;
mod registered;
mod relay;
mod resolver;
mod target_policy;
mod tls;
mod upstream;

/// How connectors come back to a gateway that they lost, for who plans for many.
pub mod redial {
    pub use crate::backoff::Backoff;
}

pub use allow::{AllowList, NotAnAllowEntry};
pub use check::{CheckSettings, Finding, Link, NotChecked, check};
pub use clock::{ClockTrouble, Ended};
pub use connector::{ConnectorError, GRACE, Settings, run, run_alone, run_solo};
pub use network::{Network, SystemNetwork};
pub use proxy::{NotAProxy, Proxy, ProxyChoice};
