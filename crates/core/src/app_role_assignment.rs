//! An app role assignment: a user, a group or a service principal may use an application, in one of its app roles.
//!
//! Users and groups are known only by the id that their issuer gives them; their names are what the assigning client
//! said. Rule: nobody has the same role of the same service principal twice (the store's unique index keeps it too).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{AppRoleAssignmentId, PrincipalId, ServicePrincipalId};
use crate::revision::Revision;

/// The role of an assignment that is access and no role: the UUID of zeros (contract section 1.9).
pub const DEFAULT_ACCESS: Uuid = Uuid::nil();

/// What kind of principal one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the kinds of principal")]
pub enum PrincipalKind {
    User,
    Group,
    ServicePrincipal,
}

impl PrincipalKind {
    const ALL: [Self; 3] = [Self::User, Self::Group, Self::ServicePrincipal];

    /// The word under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::ServicePrincipal => "service_principal",
        }
    }

    /// The kind that is stored under `word`.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One principal's access to the application of one service principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRoleAssignment {
    /// Its id.
    pub id: AppRoleAssignmentId,
    /// In which role; [`DEFAULT_ACCESS`] for none in particular.
    pub app_role: Uuid,
    /// Who is assigned.
    pub principal: PrincipalId,
    /// What kind of principal that is.
    pub principal_kind: PrincipalKind,
    /// Its name: of a service principal the present one, of others what was said when they were assigned.
    pub principal_name: Option<String>,
    /// To what.
    pub resource: ServicePrincipalId,
    /// The present name of that service principal.
    pub resource_name: String,
    /// When it was made.
    pub created: Timestamp,
    /// The revision in which it was made.
    pub revision: Revision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_principal_is_found_by_the_word_under_which_it_is_stored() {
        for kind in PrincipalKind::ALL {
            assert_eq!(PrincipalKind::find(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str(), "and has the same word in JSON");
        }
        assert_eq!(PrincipalKind::find("User"), None);
    }
}
