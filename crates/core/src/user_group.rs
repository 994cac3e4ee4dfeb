//! A group of users of this directory, and what is a member of it: users, and other groups.
//!
//! Rule: no group is in itself, by whatever way; so who is in a group is found in a bounded number of steps.

use jiff::Timestamp;
use uuid::Uuid;

use crate::app_role_assignment::PrincipalKind;
use crate::application::Attributes;
use crate::id::{PrincipalId, UserGroupId, UserId};
use crate::name::DisplayName;
use crate::revision::Revision;
use crate::user::User;

/// How many members a group has at most, those of the groups in it not counted: they are listed as a whole.
pub const MOST_MEMBERS: usize = 5000;

/// A group as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserGroup {
    /// Its id.
    pub id: UserGroupId,
    /// Its name; not unique.
    pub display_name: DisplayName,
    /// When it was made.
    pub created: Timestamp,
    /// The rest, opaque here.
    pub attributes: Attributes,
    /// The revision of its last change; members are a change of it.
    pub revision: Revision,
}

/// Somebody in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberId {
    /// A user.
    User(UserId),
    /// A group, with all who are in it.
    Group(UserGroupId),
}

impl MemberId {
    /// The id, whatever it is of.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::User(id) => id.uuid(),
            Self::Group(id) => id.uuid(),
        }
    }

    /// What kind of principal it is.
    #[must_use]
    pub const fn kind(self) -> PrincipalKind {
        match self {
            Self::User(_) => PrincipalKind::User,
            Self::Group(_) => PrincipalKind::Group,
        }
    }

    /// As somebody who can be assigned to applications.
    #[must_use]
    pub const fn principal(self) -> PrincipalId {
        PrincipalId::new(self.uuid())
    }
}

/// Who is in a group, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// A user.
    User(User),
    /// A group.
    Group(UserGroup),
}

impl Member {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        match self {
            Self::User(user) => MemberId::User(user.id),
            Self::Group(group) => MemberId::Group(group.id),
        }
    }
}
