//! The namespace `adit`: what Graph has no word for.

use adit_odata::model::{ComplexType, Property, Type};

/// What can be passed to `adit.createRegistrationToken`.
pub(crate) const REGISTRATION_TOKEN_PARAMETERS: &[Property] = &[Property::new("lifetimeInSeconds", Type::Int32)];

/// `adit.registrationToken`: what a connector joins a group with. It is shown once, in the answer that made it.
pub(crate) static REGISTRATION_TOKEN: ComplexType = ComplexType::new(
    "registrationToken",
    &[
        Property::new("token", Type::String).required().system(),
        Property::new("expirationDateTime", Type::DateTimeOffset).required().system(),
    ],
);

/// `adit.publishingSettings`: what Adit can do with a published application and Graph cannot say.
pub(crate) static PUBLISHING_SETTINGS: ComplexType = ComplexType::new(
    "publishingSettings",
    &[
        Property::new("connectTimeoutInSeconds", Type::Int32),
        Property::new("firstByteTimeoutInSeconds", Type::Int32),
        Property::new("idleTimeoutInSeconds", Type::Int32),
        Property::new("totalTimeoutInSeconds", Type::Int32),
        Property::new("upstreamProtocol", Type::String),
        Property::new("isInMaintenance", Type::Boolean),
        Property::new("maintenanceText", Type::String),
    ],
);
