//! An application: a directory object, and, once it has a [`Publishing`], a private web application that users reach.
//!
//! Invariant (architecture, section 7, point 3): a published application has exactly one connector group; one that is
//! not published has none. [`Application::publish`] and [`Application::unpublish`] keep it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::external_url::ExternalUrl;
use crate::id::{AppId, ApplicationId, ConnectorGroupId};
use crate::internal_url::InternalUrl;
use crate::name::DisplayName;
use crate::revision::Revision;

/// Properties that are stored and given back, and whose meaning only the API layer knows: one JSON object.
pub type Attributes = serde_json::Map<String, serde_json::Value>;

/// The attribute that holds an application's unique name.
pub const UNIQUE_NAME: &str = "uniqueName";

/// Whether the gateway demands sign-in before it forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreAuthentication {
    /// Users sign in first. Also what holds when nothing was said: never open by accident.
    #[default]
    SignIn,
    /// Requests pass without sign-in.
    Passthrough,
}

/// Which `Host` the upstream sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// The internal one; URLs in headers are translated.
    #[default]
    Internal,
    /// The external one; headers stay as they are.
    External,
}

/// Whether the connector verifies the certificate of an `https` upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamCertificate {
    /// Verified; the default.
    #[default]
    Verified,
    /// Anything is accepted.
    NotVerified,
}

/// How long the upstream may take until it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamTimeout {
    /// 85 seconds.
    #[default]
    Default,
    /// 180 seconds.
    Long,
}

impl UpstreamTimeout {
    /// The time in seconds (contract section 1.5).
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Default => 85,
            Self::Long => 180,
        }
    }
}

/// How an application is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishing {
    /// What users type.
    pub external_url: ExternalUrl,
    /// What the connector dials.
    pub internal_url: InternalUrl,
    /// Sign-in first, or passthrough.
    pub pre_authentication: PreAuthentication,
    /// Which `Host` the upstream sees.
    pub host_header: HostHeader,
    /// Whether the upstream's certificate is verified.
    pub upstream_certificate: UpstreamCertificate,
    /// How long to wait for the upstream's answer.
    pub timeout: UpstreamTimeout,
    /// The rest, opaque here.
    pub attributes: Attributes,
}

/// An application as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// Its client id.
    pub app_id: AppId,
    /// Its name; not unique.
    pub display_name: DisplayName,
    /// When it was made.
    pub created: Timestamp,
    /// The rest, opaque here.
    pub attributes: Attributes,
    /// How it is published, if it is.
    publishing: Option<Publishing>,
    /// The group whose connectors serve it; `Some` exactly while it is published.
    connector_group: Option<ConnectorGroupId>,
    /// The revision of its last change.
    pub revision: Revision,
}

/// An application has a group without being published, or is published without a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an application has a connector group exactly while it is published")]
pub struct GroupWithoutPublishing;

/// The application is not published, so no connector group can be assigned to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("application {0} is not published")]
pub struct NotPublished(pub ApplicationId);

impl Application {
    /// A new application that is not published.
    #[must_use]
    pub const fn new(
        id: ApplicationId,
        app_id: AppId,
        display_name: DisplayName,
        created: Timestamp,
        attributes: Attributes,
    ) -> Self {
        Self {
            id,
            app_id,
            display_name,
            created,
            attributes,
            publishing: None,
            connector_group: None,
            revision: Revision(0),
        }
    }

    /// Puts back together what was stored.
    ///
    /// # Errors
    /// [`GroupWithoutPublishing`] when the stored halves do not belong together.
    pub fn with_publishing(
        mut self,
        publishing: Option<Publishing>,
        connector_group: Option<ConnectorGroupId>,
    ) -> Result<Self, GroupWithoutPublishing> {
        if publishing.is_some() != connector_group.is_some() {
            return Err(GroupWithoutPublishing);
        }
        self.publishing = publishing;
        self.connector_group = connector_group;
        Ok(self)
    }

    /// The name by which no other application can be asked for, if it has one.
    #[must_use]
    pub fn unique_name(&self) -> Option<&str> {
        self.attributes.get(UNIQUE_NAME)?.as_str()
    }

    /// How it is published, if it is.
    #[must_use]
    pub const fn publishing(&self) -> Option<&Publishing> {
        self.publishing.as_ref()
    }

    /// The group whose connectors serve it, if it is published.
    #[must_use]
    pub const fn connector_group(&self) -> Option<ConnectorGroupId> {
        self.connector_group
    }

    /// Publishes the application, or changes how it is published. It keeps its group; a new one starts in `default`.
    pub fn publish(&mut self, publishing: Publishing, default: ConnectorGroupId) {
        self.publishing = Some(publishing);
        self.connector_group.get_or_insert(default);
    }

    /// Ends the publishing; the group goes with it.
    pub fn unpublish(&mut self) {
        self.publishing = None;
        self.connector_group = None;
    }

    /// Assigns the group whose connectors serve the application.
    ///
    /// # Errors
    /// [`NotPublished`] when the application is not published.
    pub fn assign(&mut self, group: ConnectorGroupId) -> Result<(), NotPublished> {
        if self.publishing.is_none() {
            return Err(NotPublished(self.id));
        }
        self.connector_group = Some(group);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn publishing(external: &str, internal: &str) -> Publishing {
        Publishing {
            external_url: ExternalUrl::parse(external).unwrap(),
            internal_url: InternalUrl::parse(internal).unwrap(),
            pre_authentication: PreAuthentication::Passthrough,
            host_header: HostHeader::Internal,
            upstream_certificate: UpstreamCertificate::Verified,
            timeout: UpstreamTimeout::Default,
            attributes: Attributes::new(),
        }
    }

    pub(crate) fn application(number: u128) -> Application {
        Application::new(
            ApplicationId::new(uuid::Uuid::from_u128(number)),
            AppId::new(uuid::Uuid::from_u128(number + 1000)),
            DisplayName::parse("Wiki").unwrap(),
            Timestamp::UNIX_EPOCH,
            Attributes::new(),
        )
    }

    fn group(number: u128) -> ConnectorGroupId {
        ConnectorGroupId::new(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_published_application_has_exactly_one_group() {
        let mut wiki = application(1);
        assert_eq!(wiki.connector_group(), None);
        wiki.publish(publishing("https://wiki.example/", "http://wiki/"), group(7));
        assert_eq!(wiki.connector_group(), Some(group(7)));
        wiki.assign(group(8)).unwrap();
        wiki.publish(publishing("https://wiki.example/new/", "http://wiki/"), group(7));
        assert_eq!(wiki.connector_group(), Some(group(8)), "publishing again keeps the group");
        wiki.unpublish();
        assert_eq!((wiki.publishing(), wiki.connector_group()), (None, None));
    }

    #[test]
    fn assigning_a_group_to_an_unpublished_application_is_refused() {
        let mut wiki = application(1);
        assert_eq!(wiki.assign(group(7)), Err(NotPublished(wiki.id)));
    }

    #[test]
    fn sign_in_is_required_unless_passthrough_was_said() {
        assert_eq!(PreAuthentication::default(), PreAuthentication::SignIn);
    }

    #[test]
    fn stored_halves_that_do_not_belong_together_are_refused() {
        assert_eq!(application(1).with_publishing(None, Some(group(7))), Err(GroupWithoutPublishing));
    }
}
