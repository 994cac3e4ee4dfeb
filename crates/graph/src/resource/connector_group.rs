//! Connector groups: all of them, the group of a connector, the group of an application.
//!
//! `If-Match` is about the object that holds a link: the application whose group is assigned, the group that gains a
//! member, the connector that is placed.

use adit_control::{ConnectorGroupChange, ConnectorGroupReference, NewConnectorGroup};
use adit_core::query::{ConnectorGroupField, Expression, Field, Value as Asked};
use adit_core::{ConnectorGroup, ConnectorGroupId, DisplayName, Region};
use adit_odata::document::Entity;
use adit_odata::reference::Reference;
use adit_odata::{EntityType, Projection, body};
use async_trait::async_trait;
use serde_json::{Map, Value};

use super::connector::member_of;
use super::linked;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::{CONNECTOR_GROUP, MODEL, PROFILE_PATH};
use crate::scope::Scope;

/// `connectorGroups` of the profile.
pub(crate) static CONNECTOR_GROUPS: ConnectorGroups = ConnectorGroups;

/// `connectors/{connector}/memberOf`.
pub(crate) static GROUPS_OF_CONNECTOR: GroupsOfConnector = GroupsOfConnector;

/// `applications/{application}/connectorGroup/members/{connector}/memberOf`.
pub(crate) static GROUPS_OF_MEMBER: GroupsOfMember = GroupsOfMember;

/// `applications/{application}/connectorGroup`.
pub(crate) static GROUP_OF_APPLICATION: GroupOfApplication = GroupOfApplication;

/// All groups.
pub(crate) struct ConnectorGroups;

/// The one group of a connector, as a collection.
pub(crate) struct GroupsOfConnector;

/// The same, of a connector that is reached through an application.
pub(crate) struct GroupsOfMember;

/// The group that serves an application.
pub(crate) struct GroupOfApplication;

#[async_trait]
impl Entities for ConnectorGroups {
    fn kind(&self) -> &'static EntityType {
        &CONNECTOR_GROUP
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_connector_groups(&listing.question(&CONNECTOR_GROUP)?).await?;
        Ok(listing.page(page, entity))
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&call.control.connector_group(scope.connector_group()?).await?))
    }

    async fn create(&self, call: &Call, _scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let name = name(&body)?.ok_or_else(|| GraphError::invalid("A value is required for property 'name'."))?;
        let new = NewConnectorGroup { name, region: region(&body).flatten() };
        Ok(entity(&call.control.create_connector_group(&call.context, new).await?))
    }

    async fn update(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let change = ConnectorGroupChange { name: name(&body)?, region: region(&body) };
        let target = call.at(scope.connector_group()?);
        Ok(entity(&call.control.update_connector_group(&call.context, target, change).await?))
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        Ok(call.control.delete_connector_group(&call.context, call.at(scope.connector_group()?)).await?)
    }
}

#[async_trait]
impl Entities for GroupsOfConnector {
    fn kind(&self) -> &'static EntityType {
        &CONNECTOR_GROUP
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let connector = call.control.connector(scope.connector()?).await?;
        list_one(call, connector.connector_group, listing).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let connector = call.control.connector(scope.connector()?).await?;
        let id = scope.connector_group()?;
        if connector.connector_group != id {
            return Err(GraphError::no_such_connector_group(&id.to_string()));
        }
        Ok(entity(&call.control.connector_group(id).await?))
    }

    /// Moves the connector; the form that tools really use.
    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let (connector, group) = (scope.connector()?, linked::connector_group_in(&body)?);
        let moved = call.control.move_connector(&call.context, call.at(connector), group).await?;
        Ok(entity(&call.control.connector_group(moved.connector_group).await?))
    }

    /// Back to the default group; out of the named group only if it is there.
    async fn unlink(&self, call: &Call, scope: &Scope, reference: Option<Reference>) -> Result<(), GraphError> {
        let connector = call.at(scope.connector()?);
        let group = match (scope.key("group"), reference) {
            (Some(_), _) => Some(scope.connector_group()?),
            (None, Some(reference)) => Some(linked::connector_group(reference)?),
            (None, None) => None,
        };
        match group {
            Some(group) => call.control.leave_connector_group(&call.context, connector, group).await?,
            None => call.control.return_connector_to_default_group(&call.context, connector).await?,
        };
        Ok(())
    }
}

#[async_trait]
impl Entities for GroupsOfMember {
    fn kind(&self) -> &'static EntityType {
        &CONNECTOR_GROUP
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let group = group_of_application(call, scope).await?;
        let connector = member_of(call, scope, group.id).await?;
        list_one(call, connector.connector_group, listing).await
    }

    /// Page 002: moves a member of the application's group into the group of the body.
    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let reference = named(body)?;
        let application = scope.application_id(&call.control).await?;
        let connector = call.at(scope.connector()?);
        Ok(entity(&call.control.place_member_in_group(&call.context, application, connector, reference).await?))
    }
}

#[async_trait]
impl Entities for GroupOfApplication {
    fn kind(&self) -> &'static EntityType {
        &CONNECTOR_GROUP
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&group_of_application(call, scope).await?))
    }

    /// Page 004: assigns the group.
    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let group = linked::connector_group_in(&body)?;
        let application = scope.application_id(&call.control).await?;
        Ok(entity(&call.control.assign_connector_group(&call.context, call.at(application), group).await?))
    }

    /// Back to the default group.
    async fn unlink(&self, call: &Call, scope: &Scope, reference: Option<Reference>) -> Result<(), GraphError> {
        let application = scope.application_id(&call.control).await?;
        match reference {
            Some(reference) => {
                let group = linked::connector_group(reference)?;
                call.control.unassign_from_connector_group(&call.context, call.at(application), group).await?
            }
            None => call.control.unassign_connector_group(&call.context, call.at(application)).await?,
        };
        Ok(())
    }
}

/// The group that serves the application of the scope.
pub(super) async fn group_of_application(call: &Call, scope: &Scope) -> Result<ConnectorGroup, GraphError> {
    let application = scope.application_id(&call.control).await?;
    Ok(call.control.connector_group_of(application).await?)
}

async fn list_one(call: &Call, group: ConnectorGroupId, listing: &Listing<'_>) -> Result<Listed, GraphError> {
    let field = Field::ConnectorGroup(ConnectorGroupField::Id);
    let only = Expression::equal(field, Asked::Text(group.to_string()));
    let page = call.control.list_connector_groups(&listing.question(&CONNECTOR_GROUP)?.narrowed(only)).await?;
    Ok(listing.page(page, entity))
}

/// The group that a body names: by reference, by id, or as an entity by its name.
fn named(mut given: Map<String, Value>) -> Result<ConnectorGroupReference, GraphError> {
    if linked::is_named(&given)? {
        return linked::connector_group_in(&given).map(ConnectorGroupReference::Id);
    }
    // The published request has the names of types where values belong: such a region counts as absent.
    given.retain(|name, value| {
        !name.eq_ignore_ascii_case("region") || value.as_str().is_some_and(|word| Region::find(word).is_some())
    });
    let entity = body::entity(&MODEL, &CONNECTOR_GROUP, given)?;
    match name(&entity)? {
        Some(name) => Ok(ConnectorGroupReference::Name { name, region: region(&entity).flatten() }),
        None => Err(GraphError::invalid("The connector group must be named by '@odata.id', 'id' or 'name'.")),
    }
}

/// A group in Graph's spelling.
fn entity(group: &ConnectorGroup) -> Entity {
    let properties = Map::from_iter([
        ("id".to_owned(), group.id.to_string().into()),
        ("name".to_owned(), group.name.as_str().into()),
        ("connectorGroupType".to_owned(), "applicationProxy".into()),
        ("isDefault".to_owned(), group.is_default().into()),
        ("region".to_owned(), group.region.map(Region::as_str).into()),
    ]);
    Entity {
        kind: &CONNECTOR_GROUP,
        properties,
        etag: Some(etag(group.revision)),
        path: format!("{PROFILE_PATH}/connectorGroups/{}", group.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

/// The name in a checked body.
fn name(body: &Map<String, Value>) -> Result<Option<DisplayName>, GraphError> {
    let Some(text) = body.get("name").and_then(Value::as_str) else { return Ok(None) };
    let invalid = |error| GraphError::invalid(format!("Invalid value specified for property 'name': {error}."));
    DisplayName::parse(text).map(Some).map_err(invalid)
}

/// The region in a checked body: not given, none, or one.
fn region(body: &Map<String, Value>) -> Option<Option<Region>> {
    body.get("region").map(|value| value.as_str().and_then(Region::find))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(body: Value) -> Result<ConnectorGroupReference, GraphError> {
        let Value::Object(body) = body else { unreachable!() };
        named(body)
    }

    #[test]
    fn the_group_of_page_002_is_named_by_reference_then_id_then_name() {
        let id: ConnectorGroupId = "aaaaaaaa-0000-0000-0000-00000000000a".parse().unwrap();
        let link = format!("https://graph.microsoft.com/beta/connectorGroups/{id}");
        let by_link = group(json!({"@odata.id": link, "id": "other", "name": "x"})).unwrap();
        assert!(matches!(by_link, ConnectorGroupReference::Id(own) if own == id));
        let by_id = group(json!({"id": id, "name": "x"})).unwrap();
        assert!(matches!(by_id, ConnectorGroupReference::Id(own) if own == id));
        let published = json!({"@odata.type": "#microsoft.graph.connectorGroup", "connectorGroupType": "String",
            "isDefault": "Boolean", "name": "String", "region": "String"});
        let by_name = group(published).unwrap();
        assert!(matches!(by_name, ConnectorGroupReference::Name { region: None, .. }));
        let by_name = group(json!({"Name": "x", "Region": "EUR"})).unwrap();
        assert!(matches!(by_name, ConnectorGroupReference::Name { region: Some(Region::Eur), .. }));
        assert_eq!(group(json!({"isDefault": true})).unwrap_err().status, http::StatusCode::BAD_REQUEST);
    }
}
