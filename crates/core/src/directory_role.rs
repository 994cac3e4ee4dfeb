//! The administrator roles that a user can have, by the ids that Microsoft gives their templates; tokens carry these ids
//! as `wids`.
//!
//! What a program is allowed on behalf of a user ends where the user's own roles end: without one of these a user may
//! nothing here, whatever scopes the program was given.

use std::fmt;

use uuid::{Uuid, uuid};

/// A role of an administrator. Microsoft has many more; those that are not here allow nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirectoryRole {
    /// Everything.
    GlobalAdministrator,
    /// Everything but changing users and groups, their passwords and members, ending their sessions, and saying who may what
    /// at the API itself.
    ApplicationAdministrator,
    /// The same: applications are there to be published.
    CloudApplicationAdministrator,
    /// Applications that they own, and new ones.
    ApplicationDeveloper,
}

impl DirectoryRole {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::GlobalAdministrator,
        Self::ApplicationAdministrator,
        Self::CloudApplicationAdministrator,
        Self::ApplicationDeveloper,
    ];

    /// The id of its template, the same in every tenant of Microsoft's.
    #[must_use]
    pub const fn template_id(self) -> Uuid {
        match self {
            Self::GlobalAdministrator => uuid!("62e90394-69f5-4237-9190-012177145e10"),
            Self::ApplicationAdministrator => uuid!("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"),
            Self::CloudApplicationAdministrator => uuid!("158c047a-c907-4556-b7ef-446551a6b5f7"),
            Self::ApplicationDeveloper => uuid!("cf1c38e5-3621-4004-a7cb-879624dced7c"),
        }
    }

    /// The role whose template has that id.
    #[must_use]
    pub fn of_template(id: Uuid) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.template_id() == id)
    }

    /// Its name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GlobalAdministrator => "Global Administrator",
            Self::ApplicationAdministrator => "Application Administrator",
            Self::CloudApplicationAdministrator => "Cloud Application Administrator",
            Self::ApplicationDeveloper => "Application Developer",
        }
    }
}

impl fmt::Display for DirectoryRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_found_by_its_id_and_no_other_id_is_a_role() {
        for role in DirectoryRole::ALL {
            assert_eq!(DirectoryRole::of_template(role.template_id()), Some(role));
        }
        // Every user of Microsoft's has this one: it says that somebody is a user.
        assert_eq!(DirectoryRole::of_template(uuid!("b79fbf4d-3ef9-4689-8143-76b194e85509")), None);
        assert_eq!(DirectoryRole::of_template(Uuid::nil()), None);
    }
}
