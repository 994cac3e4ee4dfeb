//! Connector groups: reading, making, changing, deleting, and their members.

use adit_control::{ConnectorGroupChange, NewConnectorGroup};
use adit_core::query::{ConnectorGroupField, Filter, Value};
use adit_core::{Connector, ConnectorGroup, ConnectorGroupId, DisplayName, Region};
use adit_odata::document::Entity;
use http::Method;
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::application;
use crate::call::Call;
use crate::collection::{Listing, counted};
use crate::connector;
use crate::error::GraphError;
use crate::expand;
use crate::if_match::etag;
use crate::model::{APPLICATION, CONNECTOR, CONNECTOR_GROUP, PROFILE_CONTEXT};
use crate::preference::Return;
use crate::reference::{self, Reference};
use crate::route::Root;

/// `GET connectorGroups`.
pub(crate) async fn list(call: &Call) -> Result<Answer, GraphError> {
    list_where(call, None).await
}

/// `GET connectorGroups/$count`.
pub(crate) async fn count(call: &Call) -> Result<Answer, GraphError> {
    count_where(call, None).await
}

/// `POST connectorGroups`.
pub(crate) async fn create(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &CONNECTOR_GROUP)?;
    let body = call.entity_body(&CONNECTOR_GROUP)?;
    let name = name(&body)?.ok_or_else(|| GraphError::invalid("A value is required for property 'name'."))?;
    let new = NewConnectorGroup { name, region: region(&body).flatten() };
    let group = call.control.create_connector_group(&call.context, new).await?;
    if call.preferred == Return::Minimal {
        return Ok(Answer::no_content().with(http::header::LOCATION, call.connector_group_url(group.id)));
    }
    created(call, group).await
}

/// `GET connectorGroups/{id}`.
pub(crate) async fn read(call: &Call) -> Result<Answer, GraphError> {
    let group = call.control.connector_group(call.connector_group_id()?).await?;
    answer(call, group).await
}

/// `PATCH connectorGroups/{id}`.
pub(crate) async fn update(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &CONNECTOR_GROUP)?;
    let id = call.connector_group_id()?;
    let body = call.entity_body(&CONNECTOR_GROUP)?;
    let change = ConnectorGroupChange { name: name(&body)?, region: region(&body) };
    let group = call.control.update_connector_group(&call.context, call.at(id), change).await?;
    if call.preferred == Return::Representation { answer(call, group).await } else { Ok(Answer::no_content()) }
}

/// `DELETE connectorGroups/{id}`.
pub(crate) async fn delete(call: &Call) -> Result<Answer, GraphError> {
    let id = call.connector_group_id()?;
    call.control.delete_connector_group(&call.context, call.at(id)).await?;
    Ok(Answer::no_content())
}

/// `POST connectorGroups/{id}/members/$ref` (pages 000 and 001): moves the connector into the group.
pub(crate) async fn add_member(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &CONNECTOR)?;
    let group = call.connector_group_id()?;
    let body = call.body()?;
    let connector = match reference::in_body(&body)? {
        Some(reference) => reference.connector()?,
        None => match reference::id_in_body(&body)? {
            Some(id) => id.parse().map_err(|_| GraphError::no_such_connector(id))?,
            None => {
                return Err(GraphError::invalid("The request body must refer to a connector by '@odata.id' or 'id'."));
            }
        },
    };
    let connector = call.control.move_connector(&call.context, connector, call.at(group)).await?;
    // The page of 2016 shows this path with 201 and the connector; nothing newer uses it.
    let shows = match call.preferred {
        Return::Representation => true,
        Return::Minimal => false,
        Return::Unsaid => call.root == Root::Alias2016,
    };
    if shows { connector::created(call, connector).await } else { Ok(Answer::no_content()) }
}

/// `DELETE connectorGroups/{id}/members/{connector}/$ref`, or `.../members/$ref` with the connector as an option.
pub(crate) async fn remove_member(call: &Call) -> Result<Answer, GraphError> {
    let group = call.connector_group_id()?;
    let connector = match (call.connector_id_if_any()?, &call.options.reference) {
        (Some(connector), _) => connector,
        (None, Some(text)) => Reference::parse(text)?.connector()?,
        (None, None) => {
            return Err(GraphError::bad_request(
                "The member to remove must be named in the path or by the option '$id'.",
            ));
        }
    };
    call.control.leave_connector_group(&call.context, connector, call.at(group)).await?;
    Ok(Answer::no_content())
}

/// `GET connectorGroups/{id}/members`.
pub(crate) async fn list_members(call: &Call) -> Result<Answer, GraphError> {
    connector::list_where(call, Some(existing(call).await?)).await
}

/// `GET connectorGroups/{id}/members/$count`.
pub(crate) async fn count_members(call: &Call) -> Result<Answer, GraphError> {
    connector::count_where(call, Some(existing(call).await?)).await
}

/// `GET connectorGroups/{id}/members/$ref`.
pub(crate) async fn list_member_references(call: &Call) -> Result<Answer, GraphError> {
    connector::list_references(call, existing(call).await?).await
}

/// `GET connectorGroups/{id}/members/{connector}`.
pub(crate) async fn read_member(call: &Call) -> Result<Answer, GraphError> {
    let group = existing(call).await?;
    let connector = member_of(call, group).await?;
    connector::answer(call, connector).await
}

/// `GET connectorGroups/{id}/applications`.
pub(crate) async fn list_applications(call: &Call) -> Result<Answer, GraphError> {
    application::list_where(call, Some(existing(call).await?)).await
}

/// `GET connectorGroups/{id}/applications/$count`.
pub(crate) async fn count_applications(call: &Call) -> Result<Answer, GraphError> {
    application::count_where(call, Some(existing(call).await?)).await
}

/// `GET connectorGroups/{id}/applications/$ref`.
pub(crate) async fn list_application_references(call: &Call) -> Result<Answer, GraphError> {
    application::list_references(call, existing(call).await?).await
}

/// `GET connectorGroups/{id}/applications/{application}`.
pub(crate) async fn read_application(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &APPLICATION)?;
    let group = existing(call).await?;
    let application = call.application().await?;
    if application.connector_group() != Some(group) {
        return Err(GraphError::no_such_resource(&application.id.to_string()));
    }
    application::answer(call, application).await
}

/// `GET connectors/{id}/memberOf`.
pub(crate) async fn list_of_connector(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.control.connector(call.connector_id()?).await?;
    list_where(call, Some(connector.connector_group)).await
}

/// `GET connectors/{id}/memberOf/$count`.
pub(crate) async fn count_of_connector(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.control.connector(call.connector_id()?).await?;
    count_where(call, Some(connector.connector_group)).await
}

/// `GET connectors/{id}/memberOf/$ref`.
pub(crate) async fn list_references_of_connector(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.control.connector(call.connector_id()?).await?;
    expand::refuse(call)?;
    let listing = Listing::of(call, &CONNECTOR_GROUP, field)?.narrowed(only(connector.connector_group));
    let page = call.control.list_connector_groups(&listing.query).await?;
    Ok(listing.shown(call, page).references(call, |group| call.connector_group_url(group.id)))
}

/// `GET connectors/{id}/memberOf/{group}`.
pub(crate) async fn read_of_connector(call: &Call) -> Result<Answer, GraphError> {
    let connector = call.control.connector(call.connector_id()?).await?;
    let id = call.connector_group_id()?;
    if connector.connector_group != id {
        return Err(GraphError::no_such_connector_group(&id.to_string()));
    }
    answer(call, call.control.connector_group(id).await?).await
}

/// The groups, or the one of that id, as a collection.
pub(crate) async fn list_where(call: &Call, one: Option<ConnectorGroupId>) -> Result<Answer, GraphError> {
    let listing = listing(Listing::of(call, &CONNECTOR_GROUP, field)?, one);
    let page = call.control.list_connector_groups(&listing.query).await?;
    let shown = listing.shown(call, page);
    let mut entities = Vec::with_capacity(shown.items.len());
    for group in &shown.items {
        entities.push(expanded_entity(call, group).await?);
    }
    shown.entities(call, &CONNECTOR_GROUP, &context(), entities)
}

async fn count_where(call: &Call, one: Option<ConnectorGroupId>) -> Result<Answer, GraphError> {
    let listing = listing(Listing::count_of(call, &CONNECTOR_GROUP, field)?, one);
    Ok(counted(&call.control.list_connector_groups(&listing.query).await?))
}

/// Answers with one group.
pub(crate) async fn answer(call: &Call, group: ConnectorGroup) -> Result<Answer, GraphError> {
    let tag = etag(group.revision);
    Ok(Answer::ok(document(call, &group).await?).with_etag(tag))
}

/// Answers with one group that was linked: 201 for a POST, 200 for what sets a link that there is one of.
pub(crate) async fn linked(call: &Call, group: ConnectorGroup) -> Result<Answer, GraphError> {
    if call.method == Method::POST { created(call, group).await } else { answer(call, group).await }
}

/// Answers 201 with one group.
async fn created(call: &Call, group: ConnectorGroup) -> Result<Answer, GraphError> {
    let location = call.connector_group_url(group.id);
    let tag = etag(group.revision);
    Ok(Answer::created(document(call, &group).await?, location).with_etag(tag))
}

/// The connector that the path names, if it is in `group`.
pub(crate) async fn member_of(call: &Call, group: ConnectorGroupId) -> Result<Connector, GraphError> {
    let connector = call.control.connector(call.connector_id()?).await?;
    if connector.connector_group != group {
        return Err(GraphError::no_such_connector(&connector.id.to_string()));
    }
    Ok(connector)
}

/// The group that an entity body names by its `id` alone.
pub(crate) fn id_in_body(body: &Map<String, Json>) -> Result<ConnectorGroupId, GraphError> {
    match reference::id_in_body(body)? {
        Some(id) => id.parse().map_err(|_| GraphError::no_such_connector_group(id)),
        None => Err(GraphError::invalid("The request body must refer to a connector group by '@odata.id' or 'id'.")),
    }
}

/// A group as an item inside another answer.
pub(crate) fn member(call: &Call, group: &ConnectorGroup) -> Map<String, Json> {
    call.document().members(&adit_odata::Projection::Default, entity(group))
}

async fn document(call: &Call, group: &ConnectorGroup) -> Result<Json, GraphError> {
    let entity = expanded_entity(call, group).await?;
    Ok(call.document().entity(&context(), &call.projection(&CONNECTOR_GROUP)?, entity))
}

async fn expanded_entity(call: &Call, group: &ConnectorGroup) -> Result<Entity, GraphError> {
    let mut entity = entity(group);
    for name in expand::expanded(call, &CONNECTOR_GROUP)? {
        let items: Vec<Map<String, Json>> = if name == "members" {
            let page = call.control.list_connectors(&connector::members_of(group.id)).await?;
            page.items.iter().map(|item| connector::member(call, item)).collect()
        } else {
            let page = call.control.list_applications(&application::applications_of(group.id)).await?;
            page.items.iter().map(|item| application::member(call, item)).collect()
        };
        entity.expanded.push((name, json!(items)));
    }
    Ok(entity)
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
    Entity { kind: &CONNECTOR_GROUP, properties, etag: etag(group.revision), expanded: Vec::new() }
}

/// The name in a checked body.
pub(crate) fn name(body: &Map<String, Json>) -> Result<Option<DisplayName>, GraphError> {
    let Some(text) = body.get("name").and_then(Json::as_str) else { return Ok(None) };
    let invalid = |error| GraphError::invalid(format!("Invalid value specified for property 'name': {error}."));
    DisplayName::parse(text).map(Some).map_err(invalid)
}

/// The region in a checked body: not given, none, or one.
pub(crate) fn region(body: &Map<String, Json>) -> Option<Option<Region>> {
    body.get("region").map(|value| value.as_str().and_then(Region::find))
}

/// The id of the group that the path names, which must exist.
async fn existing(call: &Call) -> Result<ConnectorGroupId, GraphError> {
    Ok(call.control.connector_group(call.connector_group_id()?).await?.id)
}

fn only(id: ConnectorGroupId) -> Filter<ConnectorGroupField> {
    Filter::equal(ConnectorGroupField::Id, Value::Text(id.to_string()))
}

fn listing(listing: Listing<ConnectorGroupField>, one: Option<ConnectorGroupId>) -> Listing<ConnectorGroupField> {
    match one {
        Some(id) => listing.narrowed(only(id)),
        None => listing,
    }
}

fn field(property: &str) -> Option<ConnectorGroupField> {
    match property {
        "id" => Some(ConnectorGroupField::Id),
        "name" => Some(ConnectorGroupField::Name),
        "region" => Some(ConnectorGroupField::Region),
        "isDefault" => Some(ConnectorGroupField::IsDefault),
        _ => None,
    }
}

fn context() -> String {
    format!("{PROFILE_CONTEXT}/connectorGroups")
}
