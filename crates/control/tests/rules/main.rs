//! The rules of the directory, without HTTP: each test is one sentence of the contract, on a database of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod app_role_assignment;
mod application;
mod audit;
mod authority;
mod certificate;
mod connector;
mod connector_group;
mod deleted_application;
mod delta;
mod directory;
mod durability;
mod expected;
mod feed;
mod file;
mod inactivity;
mod list;
mod owner;
mod page_002;
mod page_003;
mod place;
mod presence;
mod profile;
mod publishing;
mod refresh_token;
mod registration;
mod service_principal;
mod session;
mod sessions;
mod snapshot;
mod unique_name;
