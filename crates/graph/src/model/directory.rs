//! The types that all others are derived from, and what stands at the root of a directory: deleted items.

use adit_odata::model::{EntityType, Navigation, Property, Type};

/// `microsoft.graph.entity`.
pub(super) static ENTITY: EntityType = EntityType {
    name: "entity",
    base: None,
    properties: &[Property::new("id", Type::String).required().system()],
    navigations: &[],
    alternate_keys: &[],
};

/// `microsoft.graph.directoryObject`.
pub(crate) static DIRECTORY_OBJECT: EntityType = EntityType {
    name: "directoryObject",
    base: Some(&ENTITY),
    properties: &[Property::new("deletedDateTime", Type::DateTimeOffset).system()],
    navigations: &[],
    alternate_keys: &[],
};

/// `microsoft.graph.directory`, the type of the singleton of that name.
pub(crate) static DIRECTORY: EntityType = EntityType {
    name: "directory",
    base: Some(&ENTITY),
    properties: &[],
    navigations: &[Navigation::many("deletedItems", &DIRECTORY_OBJECT).contained()],
    alternate_keys: &[],
};
