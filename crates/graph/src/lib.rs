//! The Microsoft Graph HTTP face of the control plane: the only crate that knows Graph's spellings.
//!
//! One request goes: `service` (ids, headers, token) - `route` (which operation, and what it takes to be allowed) -
//! one handler in the file of its resource, which extracts, calls one use case of `adit-control` and answers. Rules of
//! the directory are not here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod answer;
mod application;
mod assignment;
mod attribute;
mod call;
mod collection;
mod connector;
mod connector_group;
mod error;
mod expand;
mod filter;
mod if_match;
mod json;
mod model;
mod origin;
mod payload;
mod permission;
mod preference;
mod profile;
mod publishing;
mod reference;
mod registration_token;
mod route;
mod service;

#[cfg(test)]
mod tests;

pub use origin::Peer;
pub use service::{Settings, router};
