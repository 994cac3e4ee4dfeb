//! The directory on SQLite: the only crate that knows SQL.
//!
//! [`Store`] opens the file, answers reads and lists, and begins writes. A [`WriteTransaction`] holds the one write lock
//! and the next revision from its first moment; each write it offers also appends to the change log, and audit records
//! go through it too, so all three commit together or not at all. A [`PresenceTransaction`] writes what takes no
//! revision: tunnels. One file per noun.
//!
//! SQL here stays portable to PostgreSQL: text columns, folded columns instead of case-insensitive operators, keyset
//! paging by id, no triggers, no sequences as order.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod application;
pub mod audit;
pub mod change_log;
pub mod connector;
pub mod connector_group;
pub mod error;
mod list;
mod lock;
pub mod registration_token;
mod row;
pub mod snapshot;
pub mod store;
pub mod transaction;
pub mod tunnel;

pub use change_log::{Change, Entity, Operation};
pub use error::{Error, OpenError};
pub use registration_token::{NewRegistrationToken, RedeemedToken, Redemption};
pub use store::Store;
pub use transaction::{PresenceTransaction, WriteTransaction};
pub use tunnel::Tunnel;
