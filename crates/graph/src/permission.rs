//! Which scopes and roles allow what: the one table of contract section 5.
//!
//! An app-only token is accepted wherever a delegated one is, by its roles. A delegated token counts by its scopes
//! alone: roles in it are its user's, not what the user allowed the program. `Application.ReadWrite.OwnedBy` is an
//! application permission; it lets its holder read, make new applications, and change those it owns.

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
pub const PERMISSIONS: [&str; 18] = [
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
            Self::WriteAssignments => &[ASSIGNMENT_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
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

    /// How far the holder of `token` has it.
    pub(crate) fn held_by(self, token: &VerifiedToken) -> Held {
        let (own, app_only) = match token.kind() {
            TokenKind::Delegated => (token.scopes(), false),
            TokenKind::AppOnly => (token.roles(), true),
        };
        let holds = |name: &&&str| own.iter().any(|held| held == **name);
        // One is a delegated permission only, the other an application permission only.
        let other_kind = if app_only { DIRECTORY_AS_USER } else { APPLICATION_OWNED };
        let held: Vec<&&str> = self.accepted().iter().filter(|name| **name != other_kind).filter(holds).collect();
        let owned_only = self.is_write() && held.iter().all(|name| **name == APPLICATION_OWNED);
        match (held.is_empty(), owned_only) {
            (true, _) => Held::NotAtAll,
            (false, true) => Held::OwnedOnly,
            (false, false) => Held::Whole,
        }
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
