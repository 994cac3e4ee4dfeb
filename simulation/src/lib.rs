//! Everything of the product that moves, in one thread and in simulated time: a control plane, two gateways, four
//! connectors, three upstreams and three clients on a network that loses, delays and divides.
//!
//! A seed decides what happens ([`plan`]); what clients and upstreams saw is written down ([`history`]) and judged by the
//! invariants afterwards. Gateways and connectors are the real ones ([`adit_gateway::Gateway::start_solo`],
//! [`adit_connector::run_solo`]), and so is the control plane, which runs outside of the simulated time: for the
//! simulation its answers take none.
//!
//! A connector knows one gateway, so each of the four machines runs two of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a simulation that cannot be set up must stop there and say where"
)]

mod client;
mod directory;
mod history;
mod network;
mod plan;
mod upstream;
mod world;

pub use history::Violation;
pub use plan::{Kind, Plan};
pub use world::{Outcome, simulate};
