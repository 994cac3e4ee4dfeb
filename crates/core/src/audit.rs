//! What the audit log keeps of one administrative write. It commits with the write (architecture, section 5).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::AuditId;

/// What was done, by the names that the directory audit uses (contract section 4.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is its own sentence")]
pub enum Activity {
    AddConnectorGroup,
    UpdateConnectorGroup,
    DeleteConnectorGroup,
    AddConnector,
    MoveConnector,
    RegisterConnector,
    RenewConnector,
    DeleteConnector,
    AddRegistrationToken,
    AddApplication,
    UpdateApplication,
    DeleteApplication,
    AssignConnectorGroup,
}

impl Activity {
    /// The word under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AddConnectorGroup => "add_connector_group",
            Self::UpdateConnectorGroup => "update_connector_group",
            Self::DeleteConnectorGroup => "delete_connector_group",
            Self::AddConnector => "add_connector",
            Self::MoveConnector => "move_connector",
            Self::RegisterConnector => "register_connector",
            Self::RenewConnector => "renew_connector",
            Self::DeleteConnector => "delete_connector",
            Self::AddRegistrationToken => "add_registration_token",
            Self::AddApplication => "add_application",
            Self::UpdateApplication => "update_application",
            Self::DeleteApplication => "delete_application",
            Self::AssignConnectorGroup => "assign_connector_group",
        }
    }
}

/// One administrative write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its own id.
    pub id: AuditId,
    /// When it was done.
    pub at: Timestamp,
    /// What was done.
    pub activity: Activity,
    /// Who did it ([`crate::operation::Actor::describe`]).
    pub actor: String,
    /// The request by which it was done.
    pub request_id: uuid::Uuid,
    /// The object it was done to.
    pub target: String,
    /// What changed, as one JSON object; never a secret.
    pub detail: serde_json::Value,
}
