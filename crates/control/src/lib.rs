//! The use cases of the directory: publish, assign, move, register, revoke.
//!
//! [`ControlPlane`] is the one way in. Each administrative use case takes who asks, checks the rules of `adit-core`
//! inside one transaction, writes rows, change log and audit record together, and has the new snapshot out before it
//! returns. Reads ask the store. [`CertificateAuthority`] issues what gateways and connectors prove themselves with.
//! Nothing here knows HTTP or SQL.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod application;
mod audit;
pub mod authority;
pub mod connector;
pub mod connector_group;
pub mod control_plane;
pub mod error;
pub mod presence;
pub mod registration;
pub mod registration_token;
pub mod target;

/// Why the directory's database failed; inside [`Error::Store`].
pub use adit_store::Error as StoreError;
pub use application::{ApplicationChange, MergeAttributes, NewApplication, PublishingChange, PublishingPatch};
pub use authority::{AuthorityError, CertificateAuthority, CsrRefused, IssuedCertificate, Pem, ServerCertificate};
pub use connector::{ConnectorGroupReference, ConnectorReference};
pub use connector_group::{ConnectorGroupChange, NewConnectorGroup};
pub use control_plane::{Clock, ControlPlane, Settings};
pub use error::{Error, OpenError, RegistrationRefused};
pub use presence::TunnelUp;
pub use registration::{Registered, RegistrationRequest};
pub use registration_token::IssuedRegistrationToken;
pub use target::{Expected, Target};
