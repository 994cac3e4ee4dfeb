//! Connectors: all of them, the members of a connector group, the members of an application's connector group.

use adit_control::ConnectorReference;
use adit_core::query::{ConnectorField, Expression, Field, Value as Asked};
use adit_core::{Connector, ConnectorCare, ConnectorGroupId, MachineName};
use adit_odata::document::Entity;
use adit_odata::reference::Reference;
use adit_odata::{EntityType, Projection, body};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::connector_group::group_of_application;
use super::linked;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::{CONNECTOR, MODEL, PROFILE_PATH};
use crate::scope::Scope;

/// `connectors` of the profile.
pub(crate) static CONNECTORS: Connectors = Connectors;

/// `connectorGroups/{group}/members`.
pub(crate) static MEMBERS: Members = Members;

/// `applications/{application}/connectorGroup/members`.
pub(crate) static MEMBERS_OF_APPLICATION: MembersOfApplication = MembersOfApplication;

/// All connectors.
pub(crate) struct Connectors;

/// The connectors of a group.
pub(crate) struct Members;

/// The connectors of the group that serves an application.
pub(crate) struct MembersOfApplication;

#[async_trait]
impl Entities for Connectors {
    fn kind(&self) -> &'static EntityType {
        &CONNECTOR
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_connectors(&listing.question(&CONNECTOR)?).await?;
        Ok(listing.page(page, entity))
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&call.control.connector(scope.connector()?).await?))
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        Ok(call.control.delete_connector(&call.context, call.at(scope.connector()?)).await?)
    }
}

#[async_trait]
impl Entities for Members {
    fn kind(&self) -> &'static EntityType {
        &CONNECTOR
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        list_members(call, call.control.connector_group(scope.connector_group()?).await?.id, listing).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let group = call.control.connector_group(scope.connector_group()?).await?.id;
        Ok(entity(&member_of(call, scope, group).await?))
    }

    /// Pages 000 and 001: moves the connector into the group.
    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let (group, connector) = (scope.connector_group()?, linked::connector_in(&body)?);
        Ok(entity(&call.control.move_connector(&call.context, connector, call.at(group)).await?))
    }

    async fn unlink(&self, call: &Call, scope: &Scope, reference: Option<Reference>) -> Result<(), GraphError> {
        let group = scope.connector_group()?;
        let connector = match (scope.key("connector"), reference) {
            (Some(_), _) => scope.connector()?,
            (None, Some(reference)) => linked::connector(reference)?,
            (None, None) => {
                return Err(GraphError::bad_request(
                    "The member to remove must be named in the path or by the option '$id'.",
                ));
            }
        };
        call.control.leave_connector_group(&call.context, connector, call.at(group)).await?;
        Ok(())
    }
}

#[async_trait]
impl Entities for MembersOfApplication {
    fn kind(&self) -> &'static EntityType {
        &CONNECTOR
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        list_members(call, group_of_application(call, scope).await?.id, listing).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let group = group_of_application(call, scope).await?.id;
        Ok(entity(&member_of(call, scope, group).await?))
    }

    /// Page 003: moves a connector into the application's group, or makes an entry there for a machine that is still to
    /// register.
    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let reference = named(body)?;
        let application = scope.application_id(&call.control).await?;
        let expected = call.expected.clone();
        let connector =
            call.control.add_connector_to_application(&call.context, application, expected, reference).await?;
        Ok(entity(&connector))
    }
}

/// The connector of the scope, if it is in `group`.
pub(super) async fn member_of(call: &Call, scope: &Scope, group: ConnectorGroupId) -> Result<Connector, GraphError> {
    let connector = call.control.connector(scope.connector()?).await?;
    if connector.connector_group != group {
        return Err(GraphError::no_such_connector(&connector.id.to_string()));
    }
    Ok(connector)
}

async fn list_members(call: &Call, group: ConnectorGroupId, listing: &Listing<'_>) -> Result<Listed, GraphError> {
    let field = Field::Connector(ConnectorField::ConnectorGroup);
    let in_group = Expression::equal(field, Asked::Text(group.to_string()));
    let page = call.control.list_connectors(&listing.question(&CONNECTOR)?.narrowed(in_group)).await?;
    Ok(listing.page(page, entity))
}

/// The connector that a body names: by reference, by id, or as an entity by its machine name.
fn named(given: Map<String, Value>) -> Result<ConnectorReference, GraphError> {
    if linked::is_named(&given)? {
        return linked::connector_in(&given).map(ConnectorReference::Id);
    }
    let entity = body::entity(&MODEL, &CONNECTOR, given)?;
    let Some(name) = entity.get("machineName").and_then(Value::as_str) else {
        return Err(GraphError::invalid("The connector must be named by '@odata.id', 'id' or 'machineName'."));
    };
    let invalid = |error| GraphError::invalid(format!("Invalid value specified for property 'machineName': {error}."));
    MachineName::parse(name).map(ConnectorReference::MachineName).map_err(invalid)
}

fn care(care: &ConnectorCare) -> Value {
    json!({
        "isUpgradeNeeded": care.needs_upgrade,
        "keyCopiedDateTime": care.key_copied.map(|at| format!("{at:.0}")),
    })
}

/// A connector in Graph's spelling.
fn entity(connector: &Connector) -> Entity {
    let properties = Map::from_iter([
        ("id".to_owned(), connector.id.to_string().into()),
        ("machineName".to_owned(), connector.machine_name.as_str().into()),
        ("externalIp".to_owned(), connector.external_ip.as_str().into()),
        ("status".to_owned(), connector.status.as_str().into()),
        ("version".to_owned(), connector.version.as_str().into()),
        ("adit".to_owned(), care(&connector.care)),
    ]);
    Entity {
        kind: &CONNECTOR,
        properties,
        etag: Some(etag(connector.revision)),
        path: format!("{PROFILE_PATH}/connectors/{}", connector.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}
