//! The nouns and the rules of Adit: ids, names, URLs, connectors, connector groups, applications, snapshots and the
//! access decision.
//!
//! Pure: no IO, no clock, no randomness, no async. Time and identifiers come in as arguments, so every rule here is
//! tested without a database or a network.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod access;
pub mod admission;
pub mod api_permission;
pub mod app_role_assignment;
pub mod application;
pub mod audit;
pub mod certificate;
pub mod client_secret;
pub mod connector;
pub mod connector_group;
pub mod deleted_application;
pub mod directory_role;
pub mod explain;
pub mod external_url;
pub mod health;
pub mod health_probe;
pub mod id;
pub mod internal_url;
pub mod maintenance;
pub mod name;
pub mod operation;
pub mod owner;
pub mod permit;
pub mod profile;
pub mod publishing;
pub mod query;
pub mod region;
pub mod registration_token;
pub mod request_path;
pub mod revision;
pub mod revocation;
pub mod service_principal;
pub mod sharded;
pub mod sign_on;
pub mod signing_key;
pub mod snapshot;
pub mod upstream_protocol;
pub mod upstream_times;
pub mod user;
pub mod user_group;
pub mod wildcard;

pub use access::{Denial, Grant};
pub use admission::Admission;
pub use api_permission::API_APP_ID;
pub use app_role_assignment::{AppRoleAssignment, PrincipalKind};
pub use application::{Application, PreAuthentication, Publishing};
pub use certificate::CertificateMetadata;
pub use client_secret::ClientSecret;
pub use connector::{Connector, ConnectorCare, ConnectorIdentity, ConnectorStatus, KeyGeneration};
pub use connector_group::ConnectorGroup;
pub use deleted_application::DeletedApplication;
pub use directory_role::DirectoryRole;
pub use external_url::ExternalUrl;
pub use health_probe::HealthProbe;
pub use id::{
    AppId, AppRoleAssignmentId, ApplicationId, ClientSecretId, ConnectorGroupId, ConnectorId, PrincipalId,
    ServicePrincipalId, UserGroupId, UserId,
};
pub use internal_url::InternalUrl;
pub use maintenance::Maintenance;
pub use name::{DisplayName, MachineName};
pub use operation::OperationContext;
pub use owner::{Owner, OwnerId};
pub use profile::ProfileSettings;
pub use region::Region;
pub use registration_token::RegistrationToken;
pub use revision::{Epoch, Revision};
pub use service_principal::ServicePrincipal;
pub use snapshot::Snapshot;
pub use upstream_protocol::UpstreamProtocol;
pub use upstream_times::{Seconds, UpstreamTimes};
pub use user::{User, UserPrincipalName};
pub use user_group::{Member, MemberId, UserGroup};
