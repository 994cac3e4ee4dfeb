//! Which scopes and roles allow what: the table of contract section 5.
//!
//! An app-only token is accepted wherever a delegated one is, by its roles. A delegated token counts by its scopes
//! alone: roles in it are its user's, not what the user allowed the program. `Application.ReadWrite.OwnedBy` lets read
//! only, because the directory does not keep who owns an application.

use adit_identity::{TokenKind, VerifiedToken};

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Permission {
    ReadConnectors,
    WriteConnectors,
    AssignConnectorGroup,
    ReadApplications,
    WriteApplications,
    ReadProfile,
}

const DIRECTORY_READ: &str = "Directory.Read.All";
const DIRECTORY_WRITE: &str = "Directory.ReadWrite.All";
const DIRECTORY_AS_USER: &str = "Directory.AccessAsUser.All";
const APPLICATION_READ: &str = "Application.Read.All";
const APPLICATION_WRITE: &str = "Application.ReadWrite.All";
const APPLICATION_OWNED: &str = "Application.ReadWrite.OwnedBy";
const PROFILES_WRITE: &str = "OnPremisesPublishingProfiles.ReadWrite.All";
const HYBRID_READ: &str = "Policy.Read.HybridAuthentication";
const HYBRID_WRITE: &str = "Policy.ReadWrite.HybridAuthentication";

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
            Self::AssignConnectorGroup => &[DIRECTORY_WRITE, DIRECTORY_AS_USER, APPLICATION_WRITE, PROFILES_WRITE],
            Self::ReadApplications => &[
                APPLICATION_READ,
                APPLICATION_WRITE,
                DIRECTORY_READ,
                DIRECTORY_WRITE,
                DIRECTORY_AS_USER,
                APPLICATION_OWNED,
            ],
            Self::WriteApplications => &[APPLICATION_WRITE, DIRECTORY_WRITE, DIRECTORY_AS_USER],
            Self::ReadProfile => &[HYBRID_READ, HYBRID_WRITE, DIRECTORY_READ, DIRECTORY_WRITE, PROFILES_WRITE],
        }
    }

    /// Whether the holder of `token` has it.
    pub(crate) fn is_held_by(self, token: &VerifiedToken) -> bool {
        let (held, app_only) = match token.kind() {
            TokenKind::Delegated => (token.scopes(), false),
            TokenKind::AppOnly => (token.roles(), true),
        };
        let accepted = self.accepted().iter().filter(|name| !(app_only && **name == DIRECTORY_AS_USER));
        accepted.into_iter().any(|name| held.iter().any(|own| own == name))
    }
}
