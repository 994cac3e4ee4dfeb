//! An application: a directory object, and, once it has a [`Publishing`], a private web application that users reach.
//!
//! Invariant (architecture, section 7, point 3): a published application has exactly one connector group; one that is
//! not published has none. [`Application::publish`] and [`Application::unpublish`] keep it.

use jiff::Timestamp;

use crate::id::{AppId, ApplicationId, ConnectorGroupId};
use crate::name::DisplayName;
use crate::revision::Revision;

pub use crate::publishing::{
    BodyLinks, HostHeader, PreAuthentication, Publishing, TrafficRouting, TranslatedTo, UpstreamCertificate,
    UpstreamTimeout,
};

/// Properties that are stored and given back, and whose meaning only the API layer knows: one JSON object.
pub type Attributes = serde_json::Map<String, serde_json::Value>;

/// The attribute that holds an application's unique name.
pub const UNIQUE_NAME: &str = "uniqueName";

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
    use crate::external_url::ExternalUrl;
    use crate::internal_url::InternalUrl;

    pub(crate) fn publishing(external: &str, internal: &str) -> Publishing {
        let (external, internal) = (ExternalUrl::parse(external).unwrap(), InternalUrl::parse(internal).unwrap());
        Publishing { pre_authentication: PreAuthentication::Passthrough, ..Publishing::new(external, internal) }
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
    fn stored_halves_that_do_not_belong_together_are_refused() {
        assert_eq!(application(1).with_publishing(None, Some(group(7))), Err(GroupWithoutPublishing));
    }
}
