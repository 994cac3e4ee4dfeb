//! Why a use case did not happen. Each variant is one reason; nothing was changed in any of them.

use adit_core::connector_group::{GroupNotDeletable, RegionFixed};
use adit_core::{
    AppId, ApplicationId, ConnectorGroupId, ConnectorId, DisplayName, ExternalUrl, InternalUrl, MachineName, Revision,
};

use crate::authority::{AuthorityError, CsrRefused};
use crate::registration_token::{LONGEST_LIFETIME, SHORTEST_LIFETIME};

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such group.
    #[error("there is no connector group {0}")]
    ConnectorGroupNotFound(ConnectorGroupId),
    /// There is no such connector.
    #[error("there is no connector {0}")]
    ConnectorNotFound(ConnectorId),
    /// There is no such application.
    #[error("there is no application {0}")]
    ApplicationNotFound(ApplicationId),
    /// There is no application of that client id.
    #[error("there is no application with the client id {0}")]
    AppIdNotFound(AppId),
    /// The application is not there, or has no connector group because it is not published.
    #[error("application {0} is not there or not published, so it has no connector group")]
    ApplicationNotPublished(ApplicationId),
    /// The connector is in another group.
    #[error("connector {connector} is not in connector group {group}")]
    NotAMember {
        /// The connector.
        connector: ConnectorId,
        /// The group it was expected in.
        group: ConnectorGroupId,
    },
    /// Another group has that name.
    #[error("there is already a connector group named '{name}'")]
    GroupNameTaken {
        /// The name.
        name: DisplayName,
    },
    /// The group is the default group or still in use.
    #[error(transparent)]
    GroupNotDeletable(#[from] GroupNotDeletable),
    /// The group is in use, so its region stays.
    #[error(transparent)]
    RegionFixed(#[from] RegionFixed),
    /// Several connectors have that machine name.
    #[error("{} connectors have the machine name '{name}' ({}); name one by its id", ids.len(), listed(ids))]
    AmbiguousMachineName {
        /// The name.
        name: MachineName,
        /// The connectors that have it.
        ids: Vec<ConnectorId>,
    },
    /// Another application is published there.
    #[error("external URL '{url}' is already in use by application {by}")]
    ExternalUrlTaken {
        /// The URL that was asked for.
        url: ExternalUrl,
        /// The application that has its host and path.
        by: ApplicationId,
    },
    /// Another application leads there.
    #[error("internal URL '{url}' is already in use by application {by}")]
    InternalUrlTaken {
        /// The URL that was asked for.
        url: InternalUrl,
        /// The application that has it.
        by: ApplicationId,
    },
    /// An application cannot be published without it.
    #[error("an application cannot be published without {missing}")]
    PublishingIncomplete {
        /// The property.
        missing: &'static str,
    },
    /// The object is not at the revision that the command expected.
    #[error("the object was changed meanwhile: it is at revision {found} now")]
    ChangedMeanwhile {
        /// Its revision.
        found: Revision,
    },
    /// A registration token's lifetime is out of bounds.
    #[error(
        "a registration token lives {} to {} seconds", SHORTEST_LIFETIME.as_secs(), LONGEST_LIFETIME.as_secs()
    )]
    BadLifetime,
    /// The default group is gone, which no command can bring about.
    #[error("the directory has no default connector group; restart the server, which makes one")]
    NoDefaultGroup,
    /// The system gave no random numbers.
    #[error("no registration token could be made: the system gave no random numbers")]
    NoRandomness,
    /// The authority could not issue a certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The database failed. For operators; clients learn only that something went wrong.
    #[error(transparent)]
    Store(#[from] adit_store::Error),
}

fn listed(ids: &[ConnectorId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Why the control plane could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory could not be opened.
    #[error(transparent)]
    Store(#[from] adit_store::OpenError),
    /// The directory was opened and could not be prepared.
    #[error("the directory could not be prepared: {0}")]
    Prepare(#[from] Error),
}

/// Why a connector did not get a certificate.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationRefused {
    /// The token is unknown, was used, or has expired: one answer, so that nobody learns which tokens exist.
    #[error("the registration token is not valid: it is unknown, was used already, or has expired; ask for a new one")]
    Refused,
    /// The connector was deleted, or its entry was registered anew with another key.
    #[error("this connector was deleted or registered anew, so its certificate is not renewed")]
    Revoked,
    /// The certificate request is not acceptable.
    #[error(transparent)]
    BadCsr(#[from] CsrRefused),
    /// The control plane could not decide; trying again is right.
    #[error("the control plane could not answer: {0}")]
    Unavailable(#[from] Error),
}

impl From<AuthorityError> for RegistrationRefused {
    fn from(error: AuthorityError) -> Self {
        Self::Unavailable(Error::Authority(error))
    }
}

impl From<adit_store::Error> for RegistrationRefused {
    fn from(error: adit_store::Error) -> Self {
        Self::Unavailable(Error::Store(error))
    }
}
