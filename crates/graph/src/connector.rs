//! Connectors: reading, moving between groups, deleting.

use adit_core::query::{ConnectorField, Filter, Query, Value};
use adit_core::{Connector, ConnectorGroupId};
use adit_odata::document::Entity;
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::collection::{Listing, counted};
use crate::connector_group;
use crate::error::GraphError;
use crate::expand;
use crate::if_match::etag;
use crate::model::{CONNECTOR, CONNECTOR_GROUP, PROFILE_CONTEXT};
use crate::preference::Return;
use crate::reference::{self, Reference};

/// `GET connectors`.
pub(crate) async fn list(call: &Call) -> Result<Answer, GraphError> {
    list_where(call, None).await
}

/// `GET connectors/$count`.
pub(crate) async fn count(call: &Call) -> Result<Answer, GraphError> {
    count_where(call, None).await
}

/// `GET connectors/{id}`.
pub(crate) async fn read(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.control.connector(call.connector_id()?).await?;
    answer(call, connector).await
}

/// `DELETE connectors/{id}`.
pub(crate) async fn delete(call: &Call) -> Result<Answer, GraphError> {
    let id = call.connector_id()?;
    call.control.delete_connector(&call.context, call.at(id)).await?;
    Ok(Answer::no_content())
}

/// `POST connectors/{id}/memberOf/$ref`.
pub(crate) async fn move_to_group(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &CONNECTOR_GROUP)?;
    let id = call.connector_id()?;
    let body = call.body()?;
    let group = match reference::in_body(&body)? {
        Some(reference) => reference.connector_group()?,
        None => connector_group::id_in_body(&body)?,
    };
    let connector = call.control.move_connector(&call.context, call.at(id), group).await?;
    if call.preferred == Return::Representation {
        let group = call.control.connector_group(connector.connector_group).await?;
        return connector_group::linked(call, group).await;
    }
    Ok(Answer::no_content())
}

/// `DELETE connectors/{id}/memberOf/{group}/$ref`, or `.../memberOf/$ref` with the group as an option or not at all.
pub(crate) async fn leave_group(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.at(call.connector_id()?);
    let group = match (call.connector_group_id_if_any()?, &call.options.reference) {
        (Some(group), _) => Some(group),
        (None, Some(text)) => Some(Reference::parse(text)?.connector_group()?),
        (None, None) => None,
    };
    match group {
        Some(group) => call.control.leave_connector_group(&call.context, connector, group).await?,
        None => call.control.return_connector_to_default_group(&call.context, connector).await?,
    };
    Ok(Answer::no_content())
}

/// The connectors of one group, or all.
pub(crate) async fn list_where(call: &Call, group: Option<ConnectorGroupId>) -> Result<Answer, GraphError> {
    let listing = listing(Listing::of(call, &CONNECTOR, field)?, group);
    let page = call.control.list_connectors(&listing.query).await?;
    let shown = listing.shown(call, page);
    let mut entities = Vec::with_capacity(shown.items.len());
    for connector in &shown.items {
        entities.push(expanded_entity(call, connector).await?);
    }
    shown.entities(call, &CONNECTOR, &context(), entities)
}

/// How many connectors one group has, or how many there are.
pub(crate) async fn count_where(call: &Call, group: Option<ConnectorGroupId>) -> Result<Answer, GraphError> {
    let listing = listing(Listing::count_of(call, &CONNECTOR, field)?, group);
    Ok(counted(&call.control.list_connectors(&listing.query).await?))
}

/// References to the connectors of one group.
pub(crate) async fn list_references(call: &Call, group: ConnectorGroupId) -> Result<Answer, GraphError> {
    expand::refuse(call)?;
    let listing = listing(Listing::of(call, &CONNECTOR, field)?, Some(group));
    let page = call.control.list_connectors(&listing.query).await?;
    Ok(listing.shown(call, page).references(call, |connector| call.connector_url(connector.id)))
}

/// Answers with one connector.
pub(crate) async fn answer(call: &Call, connector: Connector) -> Result<Answer, GraphError> {
    let tag = etag(connector.revision);
    Ok(Answer::ok(document(call, &connector).await?).with_etag(tag))
}

/// Answers 201 with one connector that was linked.
pub(crate) async fn created(call: &Call, connector: Connector) -> Result<Answer, GraphError> {
    let location = call.connector_url(connector.id);
    let tag = etag(connector.revision);
    Ok(Answer::created(document(call, &connector).await?, location).with_etag(tag))
}

async fn document(call: &Call, connector: &Connector) -> Result<Json, GraphError> {
    let entity = expanded_entity(call, connector).await?;
    Ok(call.document().entity(&context(), &call.projection(&CONNECTOR)?, entity))
}

async fn expanded_entity(call: &Call, connector: &Connector) -> Result<Entity, GraphError> {
    let mut entity = entity(connector);
    for name in expand::expanded(call, &CONNECTOR)? {
        let group = call.control.connector_group(connector.connector_group).await?;
        entity.expanded.push((name, json!([connector_group::member(call, &group)])));
    }
    Ok(entity)
}

/// A connector as an item inside another answer.
pub(crate) fn member(call: &Call, connector: &Connector) -> Map<String, Json> {
    call.document().members(&adit_odata::Projection::Default, entity(connector))
}

/// A connector in Graph's spelling.
fn entity(connector: &Connector) -> Entity {
    let properties = Map::from_iter([
        ("id".to_owned(), connector.id.to_string().into()),
        ("machineName".to_owned(), connector.machine_name.as_str().into()),
        ("externalIp".to_owned(), connector.external_ip.as_str().into()),
        ("status".to_owned(), connector.status.as_str().into()),
        ("version".to_owned(), connector.version.as_str().into()),
    ]);
    Entity { kind: &CONNECTOR, properties, etag: etag(connector.revision), expanded: Vec::new() }
}

/// The question for all connectors of a group.
pub(crate) fn in_group(group: ConnectorGroupId) -> Filter<ConnectorField> {
    Filter::equal(ConnectorField::ConnectorGroup, Value::Text(group.to_string()))
}

/// The question for the first connectors of a group, as many as one page has.
pub(crate) fn members_of(group: ConnectorGroupId) -> Query<ConnectorField> {
    Query { limit: adit_core::query::LARGEST_PAGE, ..Query::default() }.narrowed(in_group(group))
}

fn listing(listing: Listing<ConnectorField>, group: Option<ConnectorGroupId>) -> Listing<ConnectorField> {
    match group {
        Some(group) => listing.narrowed(in_group(group)),
        None => listing,
    }
}

fn field(property: &str) -> Option<ConnectorField> {
    match property {
        "id" => Some(ConnectorField::Id),
        "machineName" => Some(ConnectorField::MachineName),
        "externalIp" => Some(ConnectorField::ExternalIp),
        "status" => Some(ConnectorField::Status),
        "version" => Some(ConnectorField::Version),
        _ => None,
    }
}

fn context() -> String {
    format!("{PROFILE_CONTEXT}/connectors")
}
