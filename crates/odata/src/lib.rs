//! OData v4 for any server: the entity model, the parsing of paths, queries and bodies, and the shape of JSON answers,
//! `$metadata`, `$batch` and OpenAPI schemas.
//!
//! No IO, and nothing of the server it is used in. Everything from outside is checked against a [`Model`] that the
//! server declares once, and bounded by the limits in [`limit`] before any work that grows with it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod batch;
pub mod body;
pub mod document;
pub mod expression;
pub mod json;
pub mod limit;
pub mod memory;
pub mod metadata;
pub mod model;
pub mod openapi;
pub mod path;
pub mod projection;
pub mod query;
pub mod query_option;
pub mod reference;
pub mod resource;
#[cfg(test)]
mod sample;

pub use document::{Document, Metadata};
pub use model::{ComplexType, EntityType, Model, Property, Type};
pub use path::Part;
pub use projection::Projection;
pub use query::Query;
pub use query_option::QueryOptions;
pub use resource::{Key, ResourcePath, Segment};
