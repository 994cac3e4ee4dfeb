//! App roles, and who has them.

use adit_odata::model::{ComplexType, EntityType, EnumType, Property, Type, member};

use super::STRINGS;
use super::directory::DIRECTORY_OBJECT;

/// `microsoft.graph.appRole`.
pub(super) static APP_ROLE: ComplexType = ComplexType::new(
    "appRole",
    &[
        Property::new("allowedMemberTypes", STRINGS).required(),
        Property::new("description", Type::String),
        Property::new("displayName", Type::String),
        Property::new("id", Type::Guid).required(),
        Property::new("isEnabled", Type::Boolean).required(),
        Property::new("origin", Type::String).system(),
        Property::new("value", Type::String),
    ],
);

/// `microsoft.graph.appRoleAssignment`.
pub(crate) static APP_ROLE_ASSIGNMENT: EntityType = EntityType {
    name: "appRoleAssignment",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[
        Property::new("appRoleId", Type::Guid).required(),
        // The moment of creation is called so in v1.0, and `creationTimestamp` in beta.
        Property::new("createdDateTime", Type::DateTimeOffset).system(),
        Property::new("creationTimestamp", Type::DateTimeOffset).system(),
        Property::new("principalDisplayName", Type::String).system(),
        Property::new("principalId", Type::Guid).required(),
        Property::new("principalType", Type::Enum(&PRINCIPAL_TYPE)),
        Property::new("resourceDisplayName", Type::String).system(),
        Property::new("resourceId", Type::Guid).required(),
    ],
    navigations: &[],
    alternate_keys: &[],
};

/// A string in the schema, but only these values mean anything.
pub(super) static PRINCIPAL_TYPE: EnumType =
    EnumType::new("principalType", &[member("User", 0), member("Group", 1), member("ServicePrincipal", 2)]);
