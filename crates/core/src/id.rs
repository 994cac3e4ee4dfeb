//! Identifiers of directory objects, one type each, so that a connector's id cannot be passed where a group's belongs.
//!
//! All are UUIDs, written in lower case with hyphens and read without regard to case (contract section 4.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an identifier (a UUID is expected)")]
pub struct NotAnId(pub String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was made for this kind of object.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId(text.chars().take(64).collect()))
            }
        }
    };
}

id!(
    /// Identifies a connector.
    ConnectorId
);
id!(
    /// Identifies a connector group.
    ConnectorGroupId
);
id!(
    /// Identifies an application: the directory object, not its client id.
    ApplicationId
);
id!(
    /// An application's client id (`appId`), by which tokens and sign-ins name it.
    AppId
);
id!(
    /// Identifies one unused or redeemed registration token.
    RegistrationTokenId
);
id!(
    /// Identifies one client secret of a program (`keyId` in Graph).
    ClientSecretId
);
id!(
    /// Identifies one tunnel: the connections of one connector process to one gateway.
    TunnelId
);
id!(
    /// Identifies one audit record.
    AuditId
);
id!(
    /// Identifies a service principal: an application as the directory's own principals see it.
    ServicePrincipalId
);
id!(
    /// Identifies one app role assignment.
    AppRoleAssignmentId
);
id!(
    /// Identifies a user of this directory itself.
    UserId
);
id!(
    /// Identifies a group of this directory's users.
    UserGroupId
);
id!(
    /// Identifies who is assigned: a user, a group or a service principal. Users and groups are this directory's or an
    /// issuer's own.
    PrincipalId
);

impl From<ServicePrincipalId> for PrincipalId {
    fn from(id: ServicePrincipalId) -> Self {
        Self(id.0)
    }
}
