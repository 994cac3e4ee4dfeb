//! The types that all others are derived from, and what stands at the root of a directory: deleted items, and the users
//! and groups to whom applications are assigned.
//!
//! Users and groups belong to the identity provider. Of them the directory knows what an assignment or an owner says: an
//! id and perhaps a name.

use adit_odata::model::{EntityType, Navigation, Property, Type};

use super::app_role::APP_ROLE_ASSIGNMENT;

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

/// `microsoft.graph.user`.
pub(crate) static USER: EntityType = EntityType {
    name: "user",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[
        Property::new("displayName", Type::String).system(),
        Property::new("userPrincipalName", Type::String).system(),
    ],
    navigations: &[Navigation::many("appRoleAssignments", &APP_ROLE_ASSIGNMENT).contained()],
    alternate_keys: &[],
};

/// `microsoft.graph.group`.
pub(crate) static GROUP: EntityType = EntityType {
    name: "group",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[Property::new("displayName", Type::String).system()],
    navigations: &[Navigation::many("appRoleAssignments", &APP_ROLE_ASSIGNMENT).contained()],
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
