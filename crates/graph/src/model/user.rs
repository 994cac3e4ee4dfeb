//! `microsoft.graph.user` and `microsoft.graph.group`: the users of this directory itself, and groups of them.
//!
//! Where sign-in is another issuer's, users and groups are that issuer's too, and the directory knows of them what an
//! assignment or an owner says: an id and perhaps a name.
//!
//! Invariant: a password can be sent, and is never returned.

use adit_odata::model::{ComplexType, EntityType, Navigation, Property, Type};

use super::STRINGS;
use super::app_role::APP_ROLE_ASSIGNMENT;
use super::directory::DIRECTORY_OBJECT;

/// `microsoft.graph.user`. What Graph returns only on `$select` is returned only then.
pub(crate) static USER: EntityType = EntityType {
    name: "user",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[
        Property::new("accountEnabled", Type::Boolean).required().when_selected(),
        Property::new("businessPhones", STRINGS).required(),
        Property::new("city", Type::String).when_selected(),
        Property::new("companyName", Type::String).when_selected(),
        Property::new("country", Type::String).when_selected(),
        Property::new("createdDateTime", Type::DateTimeOffset).system().when_selected(),
        Property::new("department", Type::String).when_selected(),
        Property::new("displayName", Type::String).required(),
        Property::new("employeeId", Type::String).when_selected(),
        Property::new("givenName", Type::String),
        Property::new("jobTitle", Type::String),
        Property::new("lastPasswordChangeDateTime", Type::DateTimeOffset).system().when_selected(),
        Property::new("mail", Type::String),
        Property::new("mailNickname", Type::String).required().when_selected(),
        Property::new("mobilePhone", Type::String),
        Property::new("officeLocation", Type::String),
        Property::new("otherMails", STRINGS).required().when_selected(),
        Property::new("passwordProfile", Type::Complex(&PASSWORD_PROFILE)).secret(),
        Property::new("postalCode", Type::String).when_selected(),
        Property::new("preferredLanguage", Type::String),
        Property::new("state", Type::String).when_selected(),
        Property::new("streetAddress", Type::String).when_selected(),
        Property::new("surname", Type::String),
        Property::new("usageLocation", Type::String).when_selected(),
        Property::new("userPrincipalName", Type::String).required(),
        Property::new("userType", Type::String).system().when_selected(),
    ],
    navigations: &[
        Navigation::many("appRoleAssignments", &APP_ROLE_ASSIGNMENT).contained(),
        Navigation::many("memberOf", &DIRECTORY_OBJECT),
        Navigation::many("transitiveMemberOf", &DIRECTORY_OBJECT),
    ],
    alternate_keys: &[],
};

/// `microsoft.graph.passwordProfile`.
pub(super) static PASSWORD_PROFILE: ComplexType = ComplexType::new(
    "passwordProfile",
    &[
        Property::new("forceChangePasswordNextSignIn", Type::Boolean),
        Property::new("forceChangePasswordNextSignInWithMfa", Type::Boolean),
        Property::new("password", Type::String).secret(),
    ],
);

/// `microsoft.graph.group`.
pub(crate) static GROUP: EntityType = EntityType {
    name: "group",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[
        Property::new("createdDateTime", Type::DateTimeOffset).system(),
        Property::new("description", Type::String),
        Property::new("displayName", Type::String).required(),
        Property::new("groupTypes", STRINGS).required(),
        Property::new("mail", Type::String).system(),
        Property::new("mailEnabled", Type::Boolean).required(),
        Property::new("mailNickname", Type::String).required(),
        Property::new("securityEnabled", Type::Boolean).required(),
        Property::new("visibility", Type::String),
    ],
    navigations: &[
        Navigation::many("appRoleAssignments", &APP_ROLE_ASSIGNMENT).contained(),
        Navigation::many("memberOf", &DIRECTORY_OBJECT),
        Navigation::many("members", &DIRECTORY_OBJECT),
        Navigation::many("transitiveMemberOf", &DIRECTORY_OBJECT),
    ],
    alternate_keys: &[],
};
