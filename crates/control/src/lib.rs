//! The use cases of the directory: publish, assign, move, register, revoke.
//!
//! [`ControlPlane`] is the one way in. Each administrative use case takes who asks, checks the rules of `adit-core`
//! inside one transaction, writes rows, change log and audit record together, and has the new snapshot out before it
//! returns. Reads ask the store. [`CertificateAuthority`] issues what gateways and connectors prove themselves with.
//! Nothing here knows HTTP or SQL.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod app_role_assignment;
pub mod application;
mod audit;
pub mod authority;
pub mod certificate;
pub mod client_secret;
pub mod connector;
pub mod connector_group;
pub mod control_plane;
pub mod deleted_application;
pub mod delta;
pub mod error;
pub mod owner;
pub mod permit;
mod presence;
pub mod profile;
pub mod provider;
pub mod publishing;
pub mod refresh_token;
pub mod refusal;
pub mod refused_request;
pub mod refused_token;
pub mod registration;
pub mod registration_token;
pub mod sealing;
pub mod service_principal;
pub mod session;
pub mod sign_in;
pub mod target;
pub mod user;
pub mod user_group;
pub mod visitor;

/// Why the directory's database failed; inside [`Error::Store`].
pub use adit_store::Error as StoreError;
/// What is kept of a user's password.
pub use adit_store::KeptPassword;
/// What a person is told who opens or copies a directory's database that cannot be.
pub use adit_store::OpenError as StoreOpenError;
/// A registration token that can still be used, without its secret.
pub use adit_store::OpenRegistrationToken;
/// How far a membership counts.
pub use adit_store::Reach;
/// Copies of the directory's database, and how one begins anew.
pub use adit_store::backup;
/// The directory on its way from one database to another.
pub use adit_store::copy;
/// Where the directory's database is.
pub use adit_store::{Database, DatabaseUrl};
pub use app_role_assignment::NewAppRoleAssignment;
pub use application::{
    ApplicationChange, HealthProbePatch, MergeAttributes, NewApplication, PublishingChange, PublishingPatch,
    UpstreamTimesPatch,
};
pub use authority::{AuthorityError, CertificateAuthority, CsrRefused, IssuedCertificate, Pem, ServerCertificate};
pub use certificate::{CertificateRefused, CertificateUpload};
pub use client_secret::{AuthenticatedProgram, IssuedClientSecret, NewClientSecret, ProgramRefused};
pub use connector::{ConnectorGroupReference, ConnectorReference};
pub use connector_group::{ConnectorGroupChange, NewConnectorGroup};
pub use control_plane::{Clock, ControlPlane, Principals, Settings, authority_name};
pub use delta::{ApplicationDelta, Changes};
pub use error::{Error, OpenError, RegistrationRefused, RequiredUrl};
pub use owner::NewOwner;
pub use presence::TunnelUp;
pub use profile::ProfileChange;
pub use provider::SigningKeys;
pub use refresh_token::{NewRefreshGrant, RefreshToken, ShownToken};
pub use refusal::Refusal;
pub use refused_request::RefusedRequest;
pub use refused_token::RefusedToken;
pub use registration::{Registered, RegistrationRequest};
pub use registration_token::IssuedRegistrationToken;
pub use sealing::{SealingError, SealingKey};
pub use service_principal::{MergePrincipalAttributes, NewServicePrincipal, ServicePrincipalChange};
pub use sign_in::{SignInRefused, SignedInUser};
pub use target::{Expected, Target};
pub use user::{NewPassword, NewUser, UserChange};
pub use user_group::{NewUserGroup, UserGroupChange};
pub use visitor::{FoundVisitor, GroupsFrom, MOST_NAMED_GROUPS};
/// What wipes a secret when it is dropped; the secrets of an upload come in it.
pub use zeroize::Zeroizing;
