//! The Microsoft Graph HTTP face of the control plane: the only crate that knows Graph's spellings.
//!
//! One request goes: `service` (ids, token) - the path, resolved against `model` - `surface` (which endpoint it is, and
//! what it takes to be allowed) - a generic `operation` - what is particular to its type in `resource`, which calls one
//! use case of `adit-control`. Rules of the directory are not here.

#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod answer;
mod batch;
mod call;
mod describe;
mod entities;
mod error;
mod expand;
mod field;
mod if_match;
mod model;
mod openapi;
mod operation;
mod origin;
mod ownership;
mod payload;
mod permission;
mod preference;
mod question;
mod refusal;
mod resource;
mod scope;
mod service;
mod skip_token;
mod surface;

#[cfg(test)]
mod tests;

pub use model::MODEL;
pub use origin::{Peer, client_address};
pub use permission::PERMISSIONS;
pub use service::{Settings, router};
