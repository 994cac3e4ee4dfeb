//! The connector group of an application: reading, assigning, and the pages that reach its members through it.
//!
//! `If-Match` is about the object that holds the link: the application whose group is assigned, the group that gains a
//! member, the connector that is placed.

use adit_control::{ConnectorGroupReference, ConnectorReference};
use adit_core::{ApplicationId, ConnectorGroup, MachineName, Region};
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::application;
use crate::call::{Call, checked_entity};
use crate::connector;
use crate::connector_group;
use crate::error::GraphError;
use crate::expand;
use crate::model::{APPLICATION, CONNECTOR, CONNECTOR_GROUP};
use crate::preference::Return;
use crate::reference;

/// `GET applications/{id}/connectorGroup`.
pub(crate) async fn read(call: &Call) -> Result<Answer, GraphError> {
    let group = group_of(call).await?;
    connector_group::answer(call, group).await
}

/// `GET applications/{id}/connectorGroup/$ref`.
pub(crate) async fn read_reference(call: &Call) -> Result<Answer, GraphError> {
    let group = group_of(call).await?;
    Ok(Answer::ok(call.document().reference(call.connector_group_url(group.id))))
}

/// `PUT applications/{id}/connectorGroup/$ref` (page 004); POST and PATCH do the same.
pub(crate) async fn assign(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &CONNECTOR_GROUP)?;
    let body = call.body()?;
    let group = match reference::in_body(&body)? {
        Some(reference) => reference.connector_group()?,
        None => connector_group::id_in_body(&body)?,
    };
    let application = call.application_id().await?;
    let group = call.control.assign_connector_group(&call.context, call.at(application), group).await?;
    if call.preferred == Return::Representation {
        return connector_group::linked(call, group).await;
    }
    Ok(Answer::no_content())
}

/// `DELETE applications/{id}/connectorGroup/$ref`: back to the default group.
pub(crate) async fn unassign(call: &Call) -> Result<Answer, GraphError> {
    let application = call.application_id().await?;
    call.control.unassign_connector_group(&call.context, call.at(application)).await?;
    Ok(Answer::no_content())
}

/// `POST connectorGroups/{id}/applications`, as scripts of 2016 assign a group: the same from the other side.
pub(crate) async fn assign_from_group(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &APPLICATION)?;
    let group = call.connector_group_id()?;
    let application = named_application(&call.body()?)?;
    call.control.assign_connector_group(&call.context, application, call.at(group)).await?;
    if call.preferred == Return::Representation {
        return application::created(call, call.control.application(application).await?).await;
    }
    Ok(Answer::no_content())
}

/// The application that a body names: by reference or by id.
fn named_application(body: &Map<String, Value>) -> Result<ApplicationId, GraphError> {
    if let Some(reference) = reference::in_body(body)? {
        return reference.application();
    }
    match reference::id_in_body(body)? {
        Some(id) => id.parse().map_err(|_| GraphError::no_such_resource(id)),
        None => Err(GraphError::invalid("The request body must refer to an application by '@odata.id' or 'id'.")),
    }
}

/// `GET applications/{id}/connectorGroup/members`.
pub(crate) async fn list_members(call: &Call) -> Result<Answer, GraphError> {
    connector::list_where(call, Some(group_of(call).await?.id)).await
}

/// `GET applications/{id}/connectorGroup/members/$count`.
pub(crate) async fn count_members(call: &Call) -> Result<Answer, GraphError> {
    connector::count_where(call, Some(group_of(call).await?.id)).await
}

/// `GET applications/{id}/connectorGroup/members/$ref`.
pub(crate) async fn list_member_references(call: &Call) -> Result<Answer, GraphError> {
    connector::list_references(call, group_of(call).await?.id).await
}

/// `GET applications/{id}/connectorGroup/members/{connector}`.
pub(crate) async fn read_member(call: &Call) -> Result<Answer, GraphError> {
    let group = group_of(call).await?;
    let connector = connector_group::member_of(call, group.id).await?;
    connector::answer(call, connector).await
}

/// `GET applications/{id}/connectorGroup/members/{connector}/memberOf`.
pub(crate) async fn list_groups_of_member(call: &Call) -> Result<Answer, GraphError> {
    let group = group_of(call).await?;
    let connector = connector_group::member_of(call, group.id).await?;
    connector_group::list_where(call, Some(connector.connector_group)).await
}

/// `POST applications/{id}/connectorGroup/members/$ref` (page 003): moves a connector into the application's group, or
/// makes an entry there for a machine that is still to register.
pub(crate) async fn add_connector(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &CONNECTOR)?;
    let reference = named_connector(&call.body()?)?;
    let application = call.application_id().await?;
    let connector =
        call.control.add_connector_to_application(&call.context, application, call.expected.clone(), reference).await?;
    if call.preferred == Return::Representation {
        return connector::created(call, connector).await;
    }
    Ok(Answer::no_content())
}

/// `POST applications/{id}/connectorGroup/members/{connector}/memberOf/$ref` (page 002): moves a member of the
/// application's group into the group of the body.
pub(crate) async fn place_member(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &CONNECTOR_GROUP)?;
    let reference = named_group(call.body()?)?;
    let connector = call.connector_id()?;
    let application = call.application_id().await?;
    let group = call.control.place_member_in_group(&call.context, application, call.at(connector), reference).await?;
    if call.preferred == Return::Representation {
        return connector_group::linked(call, group).await;
    }
    Ok(Answer::no_content())
}

/// The connector that a body names: by reference, by id, or as an entity by its machine name.
fn named_connector(body: &Map<String, Value>) -> Result<ConnectorReference, GraphError> {
    if let Some(reference) = reference::in_body(body)? {
        return Ok(ConnectorReference::Id(reference.connector()?));
    }
    if let Some(id) = reference::id_in_body(body)? {
        return id.parse().map(ConnectorReference::Id).map_err(|_| GraphError::no_such_connector(id));
    }
    let entity = checked_entity(&CONNECTOR, body.clone())?;
    let Some(name) = entity.get("machineName").and_then(Value::as_str) else {
        return Err(GraphError::invalid("The connector must be named by '@odata.id', 'id' or 'machineName'."));
    };
    let invalid = |error| GraphError::invalid(format!("Invalid value specified for property 'machineName': {error}."));
    MachineName::parse(name).map(ConnectorReference::MachineName).map_err(invalid)
}

/// The group that a body names: by reference, by id, or as an entity by its name.
fn named_group(mut body: Map<String, Value>) -> Result<ConnectorGroupReference, GraphError> {
    if let Some(reference) = reference::in_body(&body)? {
        return Ok(ConnectorGroupReference::Id(reference.connector_group()?));
    }
    if let Some(id) = reference::id_in_body(&body)? {
        return id.parse().map(ConnectorGroupReference::Id).map_err(|_| GraphError::no_such_connector_group(id));
    }
    // The published request has the names of types where values belong: such a region counts as absent.
    body.retain(|name, value| {
        !name.eq_ignore_ascii_case("region") || value.as_str().is_some_and(|word| Region::find(word).is_some())
    });
    let entity = checked_entity(&CONNECTOR_GROUP, body)?;
    match connector_group::name(&entity)? {
        Some(name) => Ok(ConnectorGroupReference::Name { name, region: connector_group::region(&entity).flatten() }),
        None => Err(GraphError::invalid("The connector group must be named by '@odata.id', 'id' or 'name'.")),
    }
}

async fn group_of(call: &Call) -> Result<ConnectorGroup, GraphError> {
    let application = call.application_id().await?;
    Ok(call.control.connector_group_of(application).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_core::ConnectorGroupId;
    use serde_json::json;

    fn group(body: Value) -> Result<ConnectorGroupReference, GraphError> {
        let Value::Object(body) = body else { unreachable!() };
        named_group(body)
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
