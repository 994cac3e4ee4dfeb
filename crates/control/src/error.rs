//! Why a use case did not happen. Each variant is one reason. Nothing was changed in any of them, except
//! that after [`adit_store::Error::Batch`] it is not known: the `COMMIT` itself may have failed.

use std::fmt;

use adit_core::client_secret::ClientSecretRefused;
use adit_core::connector_group::{GroupNotDeletable, RegionFixed};
use adit_core::id::{AuditId, RegistrationTokenId};
use adit_core::owner::{MOST_OWNERS, OwnerId};
use adit_core::publishing::PublishingRefused;
use adit_core::user::PasswordRefused;
use adit_core::user_group::MOST_MEMBERS;
use adit_core::{
    AppId, AppRoleAssignmentId, ApplicationId, ClientSecretId, ConnectorGroupId, ConnectorId, DisplayName, ExternalUrl,
    InternalUrl, MachineName, PrincipalId, Revision, ServicePrincipalId, UserGroupId, UserId, UserPrincipalName,
};
use adit_identity::{PasswordError, ProviderKeyError};
use uuid::Uuid;

use crate::authority::{AuthorityError, CsrRefused};
use crate::certificate::CertificateRefused;
use crate::registration_token::{LONGEST_LIFETIME, SHORTEST_LIFETIME};
use crate::sealing::SealingError;

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
    /// No such application was deleted, or it was restored or purged since.
    #[error("there is no deleted application {0}")]
    DeletedApplicationNotFound(ApplicationId),
    /// There is no such record in the audit log.
    #[error("there is no audit record {0}")]
    AuditRecordNotFound(AuditId),
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
    /// Another group serves the application.
    #[error("application {application} is not in connector group {group}")]
    NotServedBy {
        /// The application.
        application: ApplicationId,
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
    #[error("an application cannot be published without an {missing}")]
    PublishingIncomplete {
        /// What is not there.
        missing: RequiredUrl,
    },
    /// Settings of a publishing that do not go together, or are not accepted any more.
    #[error(transparent)]
    PublishingRefused(#[from] PublishingRefused),
    /// Another application has that unique name.
    #[error("the unique name '{name}' is already in use by application {by}")]
    UniqueNameTaken {
        /// The name, which is compared without case.
        name: String,
        /// The application that has it.
        by: ApplicationId,
    },
    /// A unique name stays what it is.
    #[error("the unique name '{name}' cannot be changed or removed")]
    UniqueNameFixed {
        /// The name.
        name: String,
    },
    /// There is no application of that unique name.
    #[error("there is no application with the unique name '{0}'")]
    UniqueNameNotFound(String),
    /// There is no such service principal.
    #[error("there is no service principal {0}")]
    ServicePrincipalNotFound(ServicePrincipalId),
    /// The application of that client id is not there, or has no service principal.
    #[error("there is no service principal with the client id {0}")]
    NoServicePrincipalOf(AppId),
    /// The application has a service principal.
    #[error("the application with the client id {app_id} already has a service principal: {id}")]
    ServicePrincipalExists {
        /// The application's client id.
        app_id: AppId,
        /// Its service principal.
        id: ServicePrincipalId,
    },
    /// The service principal is no application's, and stays as it is.
    #[error("service principal {0} stands for this server's own API, and cannot be changed or deleted")]
    StandsForTheApi(ServicePrincipalId),
    /// There is no such assignment.
    #[error("there is no app role assignment {0}")]
    AppRoleAssignmentNotFound(AppRoleAssignmentId),
    /// Neither the service principal nor its application has that role, or it is disabled.
    #[error("service principal {resource} has no enabled app role {app_role}")]
    NoSuchAppRole {
        /// The service principal.
        resource: ServicePrincipalId,
        /// The role.
        app_role: Uuid,
    },
    /// The principal has that role already.
    #[error("principal {principal} is already assigned to service principal {resource} in app role {app_role}")]
    AppRoleAssigned {
        /// The service principal.
        resource: ServicePrincipalId,
        /// Who is assigned.
        principal: PrincipalId,
        /// The role.
        app_role: Uuid,
    },
    /// Nobody of that id can be assigned: it is none of this directory's users, groups and service principals, and no
    /// other issuer has any.
    #[error("there is no user, group or service principal {0}")]
    PrincipalNotFound(PrincipalId),
    /// There is no such user.
    #[error("there is no user {0}")]
    UserNotFound(UserId),
    /// There is no such group of users.
    #[error("there is no group {0}")]
    UserGroupNotFound(UserGroupId),
    /// Another user signs in by that name.
    #[error("the user principal name '{name}' is already in use by user {by}")]
    PrincipalNameTaken {
        /// The name, which is compared without case.
        name: UserPrincipalName,
        /// The user who has it.
        by: UserId,
    },
    /// The password is not taken.
    #[error(transparent)]
    PasswordRefused(#[from] PasswordRefused),
    /// There is somebody in the directory already.
    #[error("the directory has users or groups already")]
    HasUsers,
    /// A new password was typed twice, and not the same.
    #[error("the two are not the same")]
    PasswordsDiffer,
    /// A password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Neither a user nor a group of this directory.
    #[error("there is no user and no group {0}")]
    MemberNotFound(Uuid),
    /// The group has that member itself.
    #[error("{member} is already a member of group {group}")]
    MemberExists {
        /// The group.
        group: UserGroupId,
        /// The member.
        member: Uuid,
    },
    /// The group does not have that member itself.
    #[error("{member} is not a member of group {group}")]
    NotInGroup {
        /// The group.
        group: UserGroupId,
        /// Who is not in it.
        member: Uuid,
    },
    /// The group has as many members as a group can have.
    #[error("group {group} has {MOST_MEMBERS} members, and cannot have more; put groups into it")]
    TooManyMembers {
        /// The group.
        group: UserGroupId,
    },
    /// A group would be in itself.
    #[error("group {member} cannot be a member of group {group}: it would be in itself")]
    GroupInItself {
        /// The group.
        group: UserGroupId,
        /// The group that was to be put into it.
        member: UserGroupId,
    },
    /// The application has that owner.
    #[error("application {application} already has the owner '{id}'")]
    OwnerExists {
        /// The application.
        application: ApplicationId,
        /// The owner.
        id: OwnerId,
    },
    /// The application does not have that owner.
    #[error("application {application} has no owner '{id}'")]
    OwnerNotFound {
        /// The application.
        application: ApplicationId,
        /// The owner.
        id: OwnerId,
    },
    /// Applications are owned by users and programs.
    #[error("the group '{0}' cannot own an application")]
    GroupCannotOwn(OwnerId),
    /// The application has as many owners as an application can have.
    #[error("application {application} has {MOST_OWNERS} owners, and cannot have more")]
    TooManyOwners {
        /// The application.
        application: ApplicationId,
    },
    /// The client secret is not made.
    #[error(transparent)]
    ClientSecretRefused(#[from] ClientSecretRefused),
    /// There is no such client secret there.
    #[error("there is no client secret {0}")]
    ClientSecretNotFound(ClientSecretId),
    /// No such token can be used: it was used or revoked already, or never made.
    #[error("there is no registration token {0} that can still be used")]
    RegistrationTokenNotFound(RegistrationTokenId),
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
    /// The certificate that was uploaded is not accepted.
    #[error(transparent)]
    CertificateRefused(#[from] CertificateRefused),
    /// A key of the built-in provider could not be made.
    #[error(transparent)]
    ProviderKey(#[from] ProviderKeyError),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The directory has never been at that revision: the copy that asks is one of another directory.
    #[error("the directory was never at revision {0}; start again with all of it")]
    UnknownRevision(Revision),
    /// Only what is connected can be drained.
    #[error("connector '{0}' is not connected, so there is nothing to drain")]
    ConnectorNotConnected(ConnectorId),
    /// The cursor is not one of this list.
    #[error("the page cannot be continued from there; start again")]
    BadCursor,
    /// The default group is gone, which no command can bring about.
    #[error("the directory has no default connector group; restart the server, which makes one")]
    NoDefaultGroup,
    /// The system gave no random numbers.
    #[error("no secret could be made: the system gave no random numbers")]
    NoRandomness,
    /// The authority could not issue a certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The database failed. For operators; clients learn only that something went wrong.
    #[error(transparent)]
    Store(#[from] adit_store::Error),
}

impl Error {
    /// Whether the directory was closed on purpose: this process stops, or another one has the directory now.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Store(adit_store::Error::Closed))
    }
}

/// What no publishing is without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredUrl {
    /// What users type.
    External,
    /// What the connector dials.
    Internal,
}

impl fmt::Display for RequiredUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::External => "external URL",
            Self::Internal => "internal URL",
        })
    }
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
    /// What is sealed in the directory was sealed under another key.
    #[error(
        "the directory holds certificates that are sealed under another key ({sealed_under}) than the one given ({given}); \
         restore the key file that belongs to this directory"
    )]
    OtherSealingKey {
        /// The id of the key that is needed.
        sealed_under: String,
        /// The id of the key that was given.
        given: String,
    },
    /// The directory was opened and could not be prepared.
    #[error("the directory could not be prepared: {0}")]
    Prepare(#[from] Error),
}

/// Why a connector did not get a certificate.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationRefused {
    /// The token is unknown, was used or revoked, has expired, or is for another machine: one answer, so that nobody
    /// learns which tokens exist.
    #[error(
        "the registration token is not valid: it is unknown, was used already or revoked, has expired, or is for a \
         machine of another name; ask for a new one"
    )]
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
