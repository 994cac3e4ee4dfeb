//! Which scopes and roles allow what: the one table of contract section 5.
//!
//! An app-only token is accepted wherever a delegated one is, by its roles. A delegated token counts by its scopes and by
//! the administrator roles of its user, and both have to allow what is asked: a program does not become an administrator
//! because somebody signed in to it. `Application.ReadWrite.OwnedBy` is an application permission; it lets its holder
//! read, make new applications, and change those it owns. A user who is an application developer may the same.

use adit_core::DirectoryRole;
use adit_identity::{TokenKind, VerifiedToken};

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Permission {
    ReadConnectors,
    WriteConnectors,
    AssignConnectorGroup,
    ReadApplications,
    WriteApplications,
    InstantiateTemplate,
    ReadServicePrincipals,
    WriteServicePrincipals,
    ReadAssignments,
    WriteAssignments,
    /// Roles of the API itself, and whatever is as good as assigning one.
    AssignApiRoles,
    ReadProfile,
    WriteProfile,
    ReadAudits,
    ReadUsers,
    WriteUsers,
    WritePasswords,
    RevokeSessions,
    ReadGroups,
    WriteGroups,
    WriteMembers,
}

/// How far a token's holder has a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// For every object.
    Whole,
    /// For applications that it owns, and for new ones.
    OwnedOnly,
    /// Not at all.
    NotAtAll,
}

const DIRECTORY_READ: &str = "Directory.Read.All";
const DIRECTORY_WRITE: &str = "Directory.ReadWrite.All";
const DIRECTORY_AS_USER: &str = "Directory.AccessAsUser.All";
const APPLICATION_READ: &str = "Application.Read.All";
const APPLICATION_WRITE: &str = "Application.ReadWrite.All";
const APPLICATION_OWNED: &str = "Application.ReadWrite.OwnedBy";
const ASSIGNMENT_WRITE: &str = "AppRoleAssignment.ReadWrite.All";
const AUDIT_READ: &str = "AuditLog.Read.All";
const PROFILES_WRITE: &str = "OnPremisesPublishingProfiles.ReadWrite.All";
const USER_READ: &str = "User.Read.All";
const USER_WRITE: &str = "User.ReadWrite.All";
const SESSIONS_REVOKE: &str = "User.RevokeSessions.All";
const PASSWORD_WRITE: &str = "User-PasswordProfile.ReadWrite.All";
const GROUP_READ: &str = "Group.Read.All";
const GROUP_WRITE: &str = "Group.ReadWrite.All";
const MEMBER_READ: &str = "GroupMember.Read.All";
const MEMBER_WRITE: &str = "GroupMember.ReadWrite.All";
const HYBRID_READ: &str = "Policy.Read.HybridAuthentication";
const HYBRID_WRITE: &str = "Policy.ReadWrite.HybridAuthentication";

/// Every scope and role that some operation accepts.
pub const PERMISSIONS: [&str; 19] = [
    DIRECTORY_WRITE,
    DIRECTORY_READ,
    DIRECTORY_AS_USER,
    APPLICATION_READ,
    APPLICATION_WRITE,
    APPLICATION_OWNED,
    ASSIGNMENT_WRITE,
    AUDIT_READ,
    PROFILES_WRITE,
    HYBRID_READ,
    HYBRID_WRITE,
    USER_READ,
    USER_WRITE,
    PASSWORD_WRITE,
    SESSIONS_REVOKE,
    GROUP_READ,
    GROUP_WRITE,
    MEMBER_READ,
    MEMBER_WRITE,
];

impl Permission {
    /// The scopes and roles of which one is enough, the usual one first.
    pub(crate) const fn accepted(self) -> &'static [&'static str] {
        match self {
            Self::ReadConnectors => &[
                DIRECTORY_READ,
                DIRECTORY_WRITE,
                DIRECTORY_AS_USER,
                PROFILES_WRITE,
                APPLICATION_READ,
                APPLICATION_WRITE,
            ],
            Self::WriteConnectors => &[DIRECTORY_WRITE, DIRECTORY_AS_USER, PROFILES_WRITE],
            Self::AssignConnectorGroup => {
                &[DIRECTORY_WRITE, DIRECTORY_AS_USER, APPLICATION_WRITE, PROFILES_WRITE, APPLICATION_OWNED]
            }
            Self::ReadApplications | Self::ReadServicePrincipals => &[
                APPLICATION_READ,
                APPLICATION_WRITE,
                DIRECTORY_READ,
                DIRECTORY_WRITE,
                DIRECTORY_AS_USER,
                APPLICATION_OWNED,
            ],
            Self::WriteApplications | Self::WriteServicePrincipals | Self::InstantiateTemplate => {
                &[APPLICATION_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER, APPLICATION_OWNED]
            }
            Self::ReadAssignments => &[
                APPLICATION_READ,
                APPLICATION_WRITE,
                DIRECTORY_READ,
                DIRECTORY_WRITE,
                DIRECTORY_AS_USER,
                ASSIGNMENT_WRITE,
            ],
            Self::WriteAssignments | Self::AssignApiRoles => &[ASSIGNMENT_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
            Self::ReadProfile => &[HYBRID_READ, HYBRID_WRITE, DIRECTORY_READ, DIRECTORY_WRITE, PROFILES_WRITE],
            Self::WriteProfile => &[HYBRID_WRITE, DIRECTORY_WRITE, PROFILES_WRITE],
            Self::ReadAudits => &[AUDIT_READ, DIRECTORY_READ, DIRECTORY_WRITE],
            Self::ReadUsers => &[USER_READ, USER_WRITE, DIRECTORY_READ, DIRECTORY_WRITE, DIRECTORY_AS_USER],
            Self::WriteUsers => &[USER_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
            // Not `User.ReadWrite.All`: who sets passwords can be anybody.
            Self::WritePasswords => &[PASSWORD_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
            Self::RevokeSessions => &[SESSIONS_REVOKE, USER_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
            Self::ReadGroups => &[
                MEMBER_READ,
                MEMBER_WRITE,
                GROUP_READ,
                GROUP_WRITE,
                DIRECTORY_READ,
                DIRECTORY_WRITE,
                DIRECTORY_AS_USER,
            ],
            Self::WriteGroups => &[GROUP_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
            Self::WriteMembers => &[MEMBER_WRITE, GROUP_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
        }
    }

    /// The roles of a user of which one is enough beside a scope, the usual one first.
    pub(crate) fn roles(self) -> Vec<DirectoryRole> {
        DirectoryRole::ALL.into_iter().filter(|role| self.extent_for(*role) != Held::NotAtAll).collect()
    }

    /// How far the holder of `token` has it.
    pub(crate) fn held_by(self, token: &VerifiedToken) -> Held {
        match token.kind() {
            TokenKind::Delegated => {
                let has_scope = self.among(token.scopes(), APPLICATION_OWNED).next().is_some();
                if has_scope { self.extent_by(token.directory_roles()) } else { Held::NotAtAll }
            }
            TokenKind::AppOnly => {
                let mut held = self.among(token.roles(), DIRECTORY_AS_USER).peekable();
                match (held.peek().is_some(), held.all(|name| name == APPLICATION_OWNED)) {
                    (false, _) => Held::NotAtAll,
                    (true, true) => self.owned(),
                    (true, false) => Held::Whole,
                }
            }
        }
    }

    /// What is accepted and in `own`; one name is a delegated permission only, another an application permission only.
    fn among(self, own: &[String], other_kind: &str) -> impl Iterator<Item = &'static str> {
        let accepted = self.accepted().iter().copied().filter(move |name| *name != other_kind);
        accepted.filter(|name| own.iter().any(|held| held == name))
    }

    fn extent_by(self, roles: &[DirectoryRole]) -> Held {
        let extents: Vec<Held> = roles.iter().map(|role| self.extent_for(*role)).collect();
        [Held::Whole, Held::OwnedOnly].into_iter().find(|extent| extents.contains(extent)).unwrap_or(Held::NotAtAll)
    }

    /// How far a user in `role` has it, whatever the program may.
    fn extent_for(self, role: DirectoryRole) -> Held {
        match role {
            DirectoryRole::GlobalAdministrator => Held::Whole,
            DirectoryRole::ApplicationAdministrator | DirectoryRole::CloudApplicationAdministrator => match self {
                // Whoever sets passwords or fills groups can be anybody, or may what anybody may; whoever assigns roles of
                // the API may what they like. Sessions are their users' own.
                Self::WriteUsers
                | Self::WritePasswords
                | Self::WriteGroups
                | Self::WriteMembers
                | Self::AssignApiRoles
                | Self::RevokeSessions => Held::NotAtAll,
                _ => Held::Whole,
            },
            DirectoryRole::ApplicationDeveloper if self.accepted().contains(&APPLICATION_OWNED) => self.owned(),
            DirectoryRole::ApplicationDeveloper => Held::NotAtAll,
        }
    }

    /// What somebody has who may change only what is their own.
    const fn owned(self) -> Held {
        if self.is_write() { Held::OwnedOnly } else { Held::Whole }
    }

    const fn is_write(self) -> bool {
        matches!(
            self,
            Self::AssignConnectorGroup
                | Self::WriteApplications
                | Self::WriteServicePrincipals
                | Self::InstantiateTemplate
        )
    }
}
