//! Keys and passwords of applications and service principals, and the values of add-ins.
//!
//! Invariant: what is secret in them can be sent under each name that clients use for it, and is never kept where it could
//! be returned. The one secret that is returned is that of `addPassword`, in the answer that made it; anywhere else it is
//! `null`.

use adit_odata::model::{ComplexType, Property, Type};

/// `microsoft.graph.keyCredential`.
pub(super) static KEY_CREDENTIAL: ComplexType = ComplexType::new(
    "keyCredential",
    &[
        Property::new("customKeyIdentifier", Type::Binary),
        Property::new("displayName", Type::String),
        Property::new("endDateTime", Type::DateTimeOffset),
        Property::new("key", Type::Binary).secret().also(&["value"]),
        Property::new("keyId", Type::Guid),
        Property::new("startDateTime", Type::DateTimeOffset),
        Property::new("type", Type::String),
        Property::new("usage", Type::String),
    ],
);

/// `microsoft.graph.passwordCredential`.
pub(crate) static PASSWORD_CREDENTIAL: ComplexType = ComplexType::new(
    "passwordCredential",
    &[
        Property::new("customKeyIdentifier", Type::Binary),
        Property::new("displayName", Type::String),
        Property::new("endDateTime", Type::DateTimeOffset),
        Property::new("hint", Type::String).system(),
        Property::new("keyId", Type::Guid),
        Property::new("secretText", Type::String).also(&["value"]),
        Property::new("startDateTime", Type::DateTimeOffset),
    ],
);

/// `microsoft.graph.addIn`.
pub(super) static ADD_IN: ComplexType = ComplexType::new(
    "addIn",
    &[
        Property::new("id", Type::Guid),
        Property::new("properties", Type::Collection(&Type::Complex(&KEY_VALUE))).required(),
        Property::new("type", Type::String).required(),
    ],
);

/// `microsoft.graph.keyValue`.
pub(super) static KEY_VALUE: ComplexType =
    ComplexType::new("keyValue", &[Property::new("key", Type::String), Property::new("value", Type::String)]);

/// What can be passed to `addPassword`.
pub(crate) const ADD_PASSWORD_PARAMETERS: &[Property] =
    &[Property::new("passwordCredential", Type::Complex(&PASSWORD_CREDENTIAL))];

/// What has to be passed to `removePassword`.
pub(crate) const REMOVE_PASSWORD_PARAMETERS: &[Property] = &[Property::new("keyId", Type::Guid).required()];
