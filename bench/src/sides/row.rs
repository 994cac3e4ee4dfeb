//! The rows: each is one kind of work, the sides it needs, and how it is measured.

mod beside;
mod bulk;
mod distance;
mod events;
mod handshakes;
mod latency;
mod memory;
mod requests;
mod stalled;
mod websocket;

use super::finding::Shown;
use super::series::Pace;
use super::side::{Kind, PROXIES};
use super::stage::Stage;

/// One kind of work.
pub(super) struct Row {
    /// As `--only` names it.
    pub(super) name: &'static str,
    /// As headings name it.
    pub(super) title: &'static str,
    /// The sides that are started for it.
    pub(super) sides: &'static [Kind],
    pub(super) measure: fn(&Stage, Pace) -> Shown,
}

/// All of them, in the order of the page.
pub(super) const ALL: [Row; 11] = [
    Row {
        name: "requests",
        title: "Requests of 1 KiB, 64 connections",
        sides: requests::SIDES,
        measure: requests::of_64,
    },
    Row {
        name: "requests-400",
        title: "Requests of 1 KiB, 400 connections",
        sides: requests::SIDES,
        measure: requests::of_400,
    },
    Row { name: "bulk", title: "Bodies of 10 MiB", sides: requests::SIDES, measure: bulk::measure },
    Row { name: "latency", title: "Latency at 640 requests a second", sides: PROXIES, measure: latency::measure },
    Row { name: "stalled", title: "80 stalled readers", sides: PROXIES, measure: stalled::measure },
    Row { name: "idle", title: "Memory of an idle HTTPS client", sides: &[], measure: memory::idle },
    Row { name: "in-flight", title: "Memory of 1,000 requests in flight", sides: &[], measure: memory::in_flight },
    Row { name: "websocket", title: "WebSocket echo", sides: PROXIES, measure: websocket::measure },
    Row { name: "events", title: "Server-sent events", sides: PROXIES, measure: events::measure },
    Row { name: "handshakes", title: "New TLS connections", sides: PROXIES, measure: handshakes::measure },
    Row { name: "distance", title: "50 ms between gateway and connector", sides: &[], measure: distance::measure },
];
