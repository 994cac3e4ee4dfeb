//! Which objects a path names on its way: the keys in it, by the names that the surface table gives them.
//!
//! An expanded navigation has a scope too: the one that the path to it would have had.

use adit_control::ControlPlane;
use adit_core::{
    AppId, Application, ApplicationId, ConnectorGroupId, ConnectorId, ServicePrincipal, ServicePrincipalId, User,
    UserGroupId, UserId,
};
use adit_odata::Key;

use crate::error::GraphError;

/// The keys of a path, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    keys: Vec<(&'static str, Key)>,
}

impl Scope {
    /// The scope of a path with these keys.
    pub(crate) const fn new(keys: Vec<(&'static str, Key)>) -> Self {
        Self { keys }
    }

    /// The scope of a path with one key.
    pub(crate) fn of(name: &'static str, id: impl ToString) -> Self {
        Self { keys: vec![(name, Key::Id(id.to_string()))] }
    }

    /// The same with another key behind.
    pub(crate) fn with(mut self, name: &'static str, id: &str) -> Self {
        self.keys.push((name, Key::Id(id.to_owned())));
        self
    }

    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find_map(|(own, key)| (*own == name).then_some(key))
    }

    /// The key of that name, which has to be a plain one.
    pub(crate) fn id(&self, name: &'static str) -> Result<&str, GraphError> {
        match self.key(name) {
            Some(Key::Id(text)) => Ok(text),
            Some(Key::Alternate { property, .. }) => Err(GraphError::bad_request(format!(
                "'{}' is not a key by which this object can be found.",
                property.name
            ))),
            None => Err(GraphError::no_such_segment(name)),
        }
    }

    /// One line that tells scopes apart.
    pub(crate) fn describe(&self) -> String {
        let shown = |(name, key): &(&'static str, Key)| match key {
            Key::Id(id) => format!("{name}={}", id.to_ascii_lowercase()),
            Key::Alternate { property, value } => format!("{name}.{}={value}", property.name),
        };
        self.keys.iter().map(shown).collect::<Vec<_>>().join("/")
    }

    /// The connector of the path.
    pub(crate) fn connector(&self) -> Result<ConnectorId, GraphError> {
        let text = self.id("connector")?;
        text.parse().map_err(|_| GraphError::no_such_connector(text))
    }

    /// The connector group of the path.
    pub(crate) fn connector_group(&self) -> Result<ConnectorGroupId, GraphError> {
        let text = self.id("group")?;
        text.parse().map_err(|_| GraphError::no_such_connector_group(text))
    }

    /// The application of the path, by its id or an alternate key.
    pub(crate) async fn application(&self, control: &ControlPlane) -> Result<Application, GraphError> {
        match self.key("application") {
            Some(Key::Alternate { property, value }) if property.name == "appId" => {
                let id: AppId = value.parse().map_err(|_| GraphError::no_such_resource(value))?;
                Ok(control.application_by_app_id(id).await?)
            }
            Some(Key::Alternate { property, value }) if property.name == "uniqueName" => {
                Ok(control.application_by_unique_name(value).await?)
            }
            _ => {
                let text = self.id("application")?;
                let id: ApplicationId = text.parse().map_err(|_| GraphError::no_such_resource(text))?;
                Ok(control.application(id).await?)
            }
        }
    }

    /// The id of the application of the path. A plain id is not looked up: the use case does, in its transaction.
    pub(crate) async fn application_id(&self, control: &ControlPlane) -> Result<ApplicationId, GraphError> {
        match self.key("application") {
            Some(Key::Id(text)) => text.parse().map_err(|_| GraphError::no_such_resource(text)),
            _ => Ok(self.application(control).await?.id),
        }
    }

    /// The user of the path, by its id or by the name by which it signs in.
    pub(crate) async fn user(&self, control: &ControlPlane) -> Result<User, GraphError> {
        let text = self.id("user")?;
        match text.parse::<UserId>() {
            Ok(id) => Ok(control.user(id).await?),
            Err(_) => {
                let found = control.user_by_principal_name(text).await?;
                found.ok_or_else(|| GraphError::no_such_resource(text))
            }
        }
    }

    /// The id of the user of the path. A plain id is not looked up: the use case does, in its transaction.
    pub(crate) async fn user_id(&self, control: &ControlPlane) -> Result<UserId, GraphError> {
        match self.id("user")?.parse() {
            Ok(id) => Ok(id),
            Err(_) => Ok(self.user(control).await?.id),
        }
    }

    /// The group of users of the path.
    pub(crate) fn user_group(&self) -> Result<UserGroupId, GraphError> {
        let text = self.id("userGroup")?;
        text.parse().map_err(|_| GraphError::no_such_resource(text))
    }

    /// The service principal of the path, by its id or its `appId`.
    pub(crate) async fn service_principal(&self, control: &ControlPlane) -> Result<ServicePrincipal, GraphError> {
        match self.key("servicePrincipal") {
            Some(Key::Alternate { property, value }) if property.name == "appId" => {
                let id: AppId = value.parse().map_err(|_| GraphError::no_such_resource(value))?;
                Ok(control.service_principal_by_app_id(id).await?)
            }
            _ => {
                let text = self.id("servicePrincipal")?;
                let id: ServicePrincipalId = text.parse().map_err(|_| GraphError::no_such_resource(text))?;
                Ok(control.service_principal(id).await?)
            }
        }
    }

    /// The id of the service principal of the path.
    pub(crate) async fn service_principal_id(&self, control: &ControlPlane) -> Result<ServicePrincipalId, GraphError> {
        match self.key("servicePrincipal") {
            Some(Key::Id(text)) => text.parse().map_err(|_| GraphError::no_such_resource(text)),
            _ => Ok(self.service_principal(control).await?.id),
        }
    }
}
