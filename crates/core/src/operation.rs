//! Who asks for an administrative operation, and under which request. Every use case takes one, so that the audit log
//! is complete by construction.

use uuid::Uuid;

/// Who carries out an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user, by a delegated token.
    User {
        /// The token's subject.
        subject: String,
        /// A name to show, if the token has one.
        name: Option<String>,
    },
    /// A program, by an app-only token.
    Program {
        /// The client id of the program.
        client: String,
    },
    /// A connector that registers or renews.
    Connector {
        /// What it calls itself.
        machine: String,
    },
    /// Adit itself, at start-up or on a timer.
    System,
}

/// The context of one administrative operation.
#[derive(Debug, Clone)]
pub struct OperationContext {
    /// Who asks.
    pub actor: Actor,
    /// The request by which the operation can be found in logs and in the audit.
    pub request_id: Uuid,
}

impl OperationContext {
    /// The context of what Adit does by itself.
    #[must_use]
    pub const fn system(request_id: Uuid) -> Self {
        Self { actor: Actor::System, request_id }
    }
}
