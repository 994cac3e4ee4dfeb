//! What an application offers to other programs and asks of them: permission scopes and required access.

use adit_odata::model::{ComplexType, Property, Type};

use super::{GUIDS, STRINGS};

/// `microsoft.graph.apiApplication`.
pub(super) static API_APPLICATION: ComplexType = ComplexType::new(
    "apiApplication",
    &[
        Property::new("acceptMappedClaims", Type::Boolean),
        Property::new("knownClientApplications", GUIDS),
        Property::new("oauth2PermissionScopes", Type::Collection(&Type::Complex(&PERMISSION_SCOPE))).required(),
        Property::new("preAuthorizedApplications", Type::Collection(&Type::Complex(&PRE_AUTHORIZED_APPLICATION))),
        Property::new("requestedAccessTokenVersion", Type::Int32),
    ],
);

/// `microsoft.graph.permissionScope`.
pub(super) static PERMISSION_SCOPE: ComplexType = ComplexType::new(
    "permissionScope",
    &[
        Property::new("adminConsentDescription", Type::String),
        Property::new("adminConsentDisplayName", Type::String),
        Property::new("id", Type::Guid).required(),
        Property::new("isEnabled", Type::Boolean).required(),
        Property::new("origin", Type::String).system(),
        Property::new("type", Type::String),
        Property::new("userConsentDescription", Type::String),
        Property::new("userConsentDisplayName", Type::String),
        Property::new("value", Type::String),
    ],
);

/// `microsoft.graph.preAuthorizedApplication`.
pub(super) static PRE_AUTHORIZED_APPLICATION: ComplexType = ComplexType::new(
    "preAuthorizedApplication",
    &[
        Property::new("appId", Type::String).required(),
        // The second name is that of v1.0.
        Property::new("permissionIds", STRINGS).required().also(&["delegatedPermissionIds"]),
    ],
);

/// `microsoft.graph.requiredResourceAccess`.
pub(super) static REQUIRED_RESOURCE_ACCESS: ComplexType = ComplexType::new(
    "requiredResourceAccess",
    &[
        Property::new("resourceAccess", Type::Collection(&Type::Complex(&RESOURCE_ACCESS))).required(),
        Property::new("resourceAppId", Type::String).required(),
    ],
);

/// `microsoft.graph.resourceAccess`.
pub(super) static RESOURCE_ACCESS: ComplexType = ComplexType::new(
    "resourceAccess",
    &[Property::new("id", Type::Guid).required(), Property::new("type", Type::String)],
);
