//! The rules of the directory, without HTTP: each test is one sentence of the contract, on a database of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod application;
mod authority;
mod connector;
mod connector_group;
mod directory;
mod durability;
mod expected;
mod feed;
mod list;
mod page_002;
mod page_003;
mod presence;
mod registration;
mod snapshot;
