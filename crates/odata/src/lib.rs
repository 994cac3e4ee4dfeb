//! OData v4 for any server: the entity model, the parsing of paths, query options, filters and bodies, and the shape
//! of JSON answers.
//!
//! No IO, and nothing of the server it is used in. Everything from outside is checked against a [`Model`] that the
//! server declares once, and bounded by the limits in [`limit`] before any work that grows with it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod body;
pub mod document;
pub mod filter;
pub mod limit;
pub mod model;
pub mod path;
pub mod projection;
pub mod query_option;

pub use document::{Document, Metadata};
pub use filter::{Filter, FilterError};
pub use model::{EntityType, Model, Property, Type};
pub use path::Part;
pub use projection::Projection;
pub use query_option::QueryOptions;
