//! How long clients may keep the gateway waiting, as the file says it: what is not said keeps its default.

use std::time::Duration;

use adit_gateway::ClientLimits;
use serde::Deserialize;

use crate::lifetime;

/// `[client_limits]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientLimitsTable {
    #[serde(default, deserialize_with = "lifetime::from_text")]
    idle: Option<Duration>,
    #[serde(default, deserialize_with = "lifetime::from_text")]
    head: Option<Duration>,
    #[serde(default, deserialize_with = "lifetime::from_text")]
    body_grace: Option<Duration>,
    body_rate: Option<u32>,
    #[serde(default, deserialize_with = "lifetime::from_text")]
    body_pause: Option<Duration>,
    #[serde(default, deserialize_with = "lifetime::from_text")]
    write_stall: Option<Duration>,
    unread: Option<usize>,
    same_origin_websockets: Option<bool>,
    connections_per_address: Option<u32>,
    registrations_per_address: Option<u32>,
    registrations: Option<u32>,
}

impl From<ClientLimitsTable> for ClientLimits {
    fn from(table: ClientLimitsTable) -> Self {
        let default = Self::default();
        Self {
            idle: table.idle.unwrap_or(default.idle),
            head: table.head.unwrap_or(default.head),
            body_grace: table.body_grace.unwrap_or(default.body_grace),
            body_rate: table.body_rate.unwrap_or(default.body_rate),
            body_pause: table.body_pause.unwrap_or(default.body_pause),
            write_stall: table.write_stall.unwrap_or(default.write_stall),
            unread: table.unread.unwrap_or(default.unread),
            same_origin_websockets: table.same_origin_websockets.unwrap_or(default.same_origin_websockets),
            connections_per_address: table.connections_per_address.unwrap_or(default.connections_per_address),
            registrations_per_address: table.registrations_per_address.unwrap_or(default.registrations_per_address),
            registrations: table.registrations.unwrap_or(default.registrations),
        }
    }
}
