//! The directory on SQLite or PostgreSQL: the only crate that knows SQL.
//!
//! [`Store`] opens the file or the database of a server, answers reads and lists, and begins writes. A
//! [`WriteTransaction`] is the one that writes and holds the next revision from its first moment; each write it offers also
//! appends to the change log, and audit records go through it too, so all three commit together or not at all. A
//! [`PresenceTransaction`] writes what takes no revision: tunnels. Commands that come at the same time share one commit. One
//! file per noun.
//!
//! SQL here is for both engines: text columns, folded columns instead of case-insensitive operators, keyset paging, no
//! triggers, no sequences as order. What one of them has alone is in few files: `file` and `server`, and `list/sqlite` and
//! `list/postgres`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod admission;
pub mod app_role_assignment;
pub mod application;
pub mod audit;
pub mod backup;
pub mod certificate;
pub mod change_log;
pub mod client_secret;
pub mod connector;
pub mod connector_group;
pub mod copy;
pub mod database;
pub mod deleted_application;
pub mod delta;
mod ended_session;
mod engine;
pub mod error;
mod file;
mod inactivity;
mod list;
mod lock;
mod migrations;
pub mod owner;
#[cfg(test)]
mod power_cut;
pub mod profile;
pub mod refresh_grant;
pub mod registration_token;
mod revocation;
mod row;
mod server;
pub mod service_principal;
pub mod signing_key;
pub mod snapshot;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
mod trail;
pub mod transaction;
pub mod tunnel;
mod upgrade;
pub mod user;
pub mod user_group;
mod writer;

#[cfg(test)]
extern crate self as adit_store;

pub use certificate::{KeptCertificate, NewCertificate, SealedCertificate};
pub use change_log::{Change, Entity, Operation};
pub use connector::HasItsKey;
pub use database::{Database, DatabaseUrl, Place};
pub use delta::Removal;
pub use error::{Error, OpenError};
pub use owner::Ownership;
pub use refresh_grant::RefreshGrant;
pub use registration_token::{NewRegistrationToken, OpenRegistrationToken, RedeemedToken, Redemption};
pub use service_principal::Belongings;
pub use signing_key::SealedSigningKey;
pub use store::Store;
pub use transaction::{PresenceTransaction, WriteTransaction};
pub use tunnel::Tunnel;
pub use user::KeptPassword;
pub use user_group::Reach;
