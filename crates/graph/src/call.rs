//! One authorised request, taken apart: what a handler extracts its parameters from.

use adit_control::{ControlPlane, Expected, Target};
use adit_core::{AppId, Application, ApplicationId, ConnectorGroupId, ConnectorId, OperationContext};
use adit_identity::VerifiedToken;
use adit_odata::{Document, EntityType, Metadata, Projection, QueryOptions, body};
use http::Method;
use serde_json::{Map, Value};

use crate::error::GraphError;
use crate::model::{MODEL, PROFILE_PATH};
use crate::permission::Permission;
use crate::preference::Return;
use crate::route::{Key, Root};

/// A request that its sender may make.
pub(crate) struct Call {
    pub(crate) control: ControlPlane,
    pub(crate) context: OperationContext,
    pub(crate) token: VerifiedToken,
    pub(crate) method: Method,
    /// The pattern of its path: which collection or object it is about.
    pub(crate) pattern: &'static str,
    pub(crate) root: Root,
    pub(crate) keys: Vec<(&'static str, Key)>,
    pub(crate) options: QueryOptions,
    /// Scheme, host and version, without a slash at the end: what URLs in the answer start with.
    pub(crate) base: String,
    /// The URL of the request without its query, on the same origin.
    pub(crate) url: String,
    /// The query as it came.
    pub(crate) query: String,
    pub(crate) metadata: Metadata,
    pub(crate) preferred: Return,
    /// What `If-Match` demands of the object that the request changes.
    pub(crate) expected: Expected,
    pub(crate) body: Option<Value>,
}

impl Call {
    /// Refuses what its sender may not do besides what the route is about.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), GraphError> {
        if permission.is_held_by(&self.token) { Ok(()) } else { Err(GraphError::forbidden(permission)) }
    }

    /// The object to change, at the revision that the request demands.
    pub(crate) fn at<I>(&self, id: I) -> Target<I> {
        Target::at(id, self.expected.clone())
    }

    /// Writes the answer's JSON.
    pub(crate) fn document(&self) -> Document<'_> {
        Document { base: &self.base, metadata: self.metadata }
    }

    /// Which properties of entities of the type `on` are wanted.
    pub(crate) fn projection(&self, on: &'static EntityType) -> Result<Projection, GraphError> {
        match &self.options.select {
            None => Ok(Projection::Default),
            Some(select) => Ok(Projection::parse(select, on, MODEL.namespace)?),
        }
    }

    /// The body, which must be there and an object.
    pub(crate) fn body(&self) -> Result<Map<String, Value>, GraphError> {
        match &self.body {
            Some(Value::Object(body)) => Ok(body.clone()),
            _ => Err(GraphError::unreadable_body()),
        }
    }

    /// The body as properties of an entity of the type `on`, checked.
    pub(crate) fn entity_body(&self, on: &'static EntityType) -> Result<Map<String, Value>, GraphError> {
        checked_entity(on, self.body()?)
    }

    /// The connector that the path names.
    pub(crate) fn connector_id(&self) -> Result<ConnectorId, GraphError> {
        let text = self.plain_key("connector")?;
        text.parse().map_err(|_| GraphError::no_such_connector(text))
    }

    /// The connector that the path names, if it names one.
    pub(crate) fn connector_id_if_any(&self) -> Result<Option<ConnectorId>, GraphError> {
        if self.key("connector").is_none() { Ok(None) } else { self.connector_id().map(Some) }
    }

    /// The connector group that the path names.
    pub(crate) fn connector_group_id(&self) -> Result<ConnectorGroupId, GraphError> {
        let text = self.plain_key("group")?;
        text.parse().map_err(|_| GraphError::no_such_connector_group(text))
    }

    /// The connector group that the path names, if it names one.
    pub(crate) fn connector_group_id_if_any(&self) -> Result<Option<ConnectorGroupId>, GraphError> {
        if self.key("group").is_none() { Ok(None) } else { self.connector_group_id().map(Some) }
    }

    /// The application that the path names, by its id or its `appId`.
    pub(crate) async fn application(&self) -> Result<Application, GraphError> {
        match self.key("application") {
            Some(Key::Alternate { name, value }) if name.eq_ignore_ascii_case("appId") => {
                let id: AppId = value.parse().map_err(|_| GraphError::no_such_resource(value))?;
                Ok(self.control.application_by_app_id(id).await?)
            }
            _ => {
                let text = self.plain_key("application")?;
                let id: ApplicationId = text.parse().map_err(|_| GraphError::no_such_resource(text))?;
                Ok(self.control.application(id).await?)
            }
        }
    }

    /// The id of the application that the path names. An id is not looked up: the use case does, in its transaction.
    pub(crate) async fn application_id(&self) -> Result<ApplicationId, GraphError> {
        match self.key("application") {
            Some(Key::Id(text)) => text.parse().map_err(|_| GraphError::no_such_resource(text)),
            _ => Ok(self.application().await?.id),
        }
    }

    fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find_map(|(own, key)| (*own == name).then_some(key))
    }

    fn plain_key(&self, name: &'static str) -> Result<&str, GraphError> {
        match self.key(name) {
            Some(Key::Id(text)) => Ok(text),
            Some(Key::Alternate { name, .. }) => {
                let name: String = name.chars().take(100).collect();
                Err(GraphError::bad_request(format!("'{name}' is not a key by which this object can be found.")))
            }
            None => Err(GraphError::no_such_segment(name)),
        }
    }

    /// The URL of a connector.
    pub(crate) fn connector_url(&self, id: ConnectorId) -> String {
        format!("{}/{PROFILE_PATH}/connectors/{id}", self.base)
    }

    /// The URL of a connector group.
    pub(crate) fn connector_group_url(&self, id: ConnectorGroupId) -> String {
        format!("{}/{PROFILE_PATH}/connectorGroups/{id}", self.base)
    }

    /// The URL of an application.
    pub(crate) fn application_url(&self, id: ApplicationId) -> String {
        format!("{}/applications/{id}", self.base)
    }
}

/// Checks an entity body. SDKs say of which type it is; another type than expected is somebody's mistake.
pub(crate) fn checked_entity(
    on: &'static EntityType,
    body: Map<String, Value>,
) -> Result<Map<String, Value>, GraphError> {
    if let Some(declared) = body.get("@odata.type").and_then(Value::as_str) {
        let name = declared.trim_start_matches('#');
        let name = name.rsplit('.').next().unwrap_or_default();
        if !name.eq_ignore_ascii_case(on.name) {
            let declared: String = declared.chars().take(100).collect();
            let message =
                format!("The request body is of type '{declared}', but '{}.{}' is expected.", MODEL.namespace, on.name);
            return Err(GraphError::invalid(message));
        }
    }
    Ok(body::check_entity(on, body)?)
}
