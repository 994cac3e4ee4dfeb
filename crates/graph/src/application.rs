//! Applications: reading, making, changing, deleting. How they are published is in [`crate::publishing`], the
//! properties without a meaning of their own in [`crate::attribute`], their connector group in [`crate::assignment`].

use adit_control::{ApplicationChange, NewApplication, PublishingChange};
use adit_core::application::Attributes;
use adit_core::query::{ApplicationField, Filter, LARGEST_PAGE, Query, Value};
use adit_core::{Application, ConnectorGroupId, DisplayName};
use adit_odata::document::Entity;
use serde_json::{Map, Value as Json, json};

use crate::answer::Answer;
use crate::attribute;
use crate::call::Call;
use crate::collection::{Listing, counted};
use crate::connector_group;
use crate::error::GraphError;
use crate::expand;
use crate::if_match::etag;
use crate::model::APPLICATION;
use crate::preference::Return;
use crate::publishing;

/// `GET applications`.
pub(crate) async fn list(call: &Call) -> Result<Answer, GraphError> {
    list_where(call, None).await
}

/// `GET applications/$count`.
pub(crate) async fn count(call: &Call) -> Result<Answer, GraphError> {
    count_where(call, None).await
}

/// `POST applications`.
pub(crate) async fn create(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &APPLICATION)?;
    let wanted = Wanted::of(call)?;
    let display_name = wanted.display_name.ok_or_else(|| {
        GraphError::invalid("A value is required for property 'displayName' of resource 'Application'.")
    })?;
    let publishing = match wanted.publishing {
        PublishingChange::Merge(patch) => Some(patch),
        PublishingChange::Keep | PublishingChange::End => None,
    };
    let new = NewApplication { display_name, attributes: wanted.attributes, publishing };
    let application = call.control.create_application(&call.context, new).await?;
    if call.preferred == Return::Minimal {
        return Ok(Answer::no_content().with(http::header::LOCATION, call.application_url(application.id)));
    }
    created(call, application).await
}

/// `GET applications/{id}`.
pub(crate) async fn read(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &APPLICATION)?;
    let application = call.application().await?;
    answer(call, application).await
}

/// `PATCH applications/{id}`: the application's own properties, its publishing, or both at once.
pub(crate) async fn update(call: &Call) -> Result<Answer, GraphError> {
    expand::check_answer(call, &APPLICATION)?;
    let wanted = Wanted::of(call)?;
    let change = ApplicationChange {
        display_name: wanted.display_name,
        attributes: wanted.attributes,
        merge: Some(attribute::merged),
        publishing: wanted.publishing,
    };
    let application = apply(call, change).await?;
    if call.preferred == Return::Representation { answer(call, application).await } else { Ok(Answer::no_content()) }
}

/// `DELETE applications/{id}`.
pub(crate) async fn delete(call: &Call) -> Result<Answer, GraphError> {
    let id = call.application_id().await?;
    call.control.delete_application(&call.context, call.at(id)).await?;
    Ok(Answer::no_content())
}

/// Changes the application that the path names.
pub(crate) async fn apply(call: &Call, change: ApplicationChange) -> Result<Application, GraphError> {
    let id = call.application_id().await?;
    Ok(call.control.update_application(&call.context, call.at(id), change).await?)
}

/// The applications of one group, or all.
pub(crate) async fn list_where(call: &Call, group: Option<ConnectorGroupId>) -> Result<Answer, GraphError> {
    expand::check_answer(call, &APPLICATION)?;
    let listing = listing(Listing::of(call, &APPLICATION, field)?, group);
    let page = call.control.list_applications(&listing.query).await?;
    let shown = listing.shown(call, page);
    let mut entities = Vec::with_capacity(shown.items.len());
    for application in &shown.items {
        entities.push(expanded_entity(call, application).await?);
    }
    shown.entities(call, &APPLICATION, APPLICATIONS, entities)
}

/// How many applications one group has, or how many there are.
pub(crate) async fn count_where(call: &Call, group: Option<ConnectorGroupId>) -> Result<Answer, GraphError> {
    let listing = listing(Listing::count_of(call, &APPLICATION, field)?, group);
    Ok(counted(&call.control.list_applications(&listing.query).await?))
}

/// References to the applications of one group.
pub(crate) async fn list_references(call: &Call, group: ConnectorGroupId) -> Result<Answer, GraphError> {
    expand::refuse(call)?;
    let listing = listing(Listing::of(call, &APPLICATION, field)?, Some(group));
    let page = call.control.list_applications(&listing.query).await?;
    Ok(listing.shown(call, page).references(call, |application| call.application_url(application.id)))
}

/// Answers 201 with one application that was made or linked.
pub(crate) async fn created(call: &Call, application: Application) -> Result<Answer, GraphError> {
    let (location, tag) = (call.application_url(application.id), etag(application.revision));
    Ok(Answer::created(document(call, &application).await?, location).with_etag(tag))
}

/// Answers with one application.
pub(crate) async fn answer(call: &Call, application: Application) -> Result<Answer, GraphError> {
    let tag = etag(application.revision);
    Ok(Answer::ok(document(call, &application).await?).with_etag(tag))
}

/// An application as an item inside another answer.
pub(crate) fn member(call: &Call, application: &Application) -> Map<String, Json> {
    call.document().members(&adit_odata::Projection::Default, entity(application))
}

/// The question for the first applications of a group, as many as one page has.
pub(crate) fn applications_of(group: ConnectorGroupId) -> Query<ApplicationField> {
    Query { limit: LARGEST_PAGE, ..Query::default() }.narrowed(in_group(group))
}

/// The collection in context URLs.
const APPLICATIONS: &str = "applications";

/// What the body of a POST or PATCH asks for.
struct Wanted {
    display_name: Option<DisplayName>,
    attributes: Attributes,
    publishing: PublishingChange,
}

impl Wanted {
    fn of(call: &Call) -> Result<Self, GraphError> {
        let mut body = call.entity_body(&APPLICATION)?;
        let display_name = body.remove("displayName").as_ref().and_then(Json::as_str).map(display_name).transpose()?;
        let publishing = match body.remove("onPremisesPublishing") {
            None => PublishingChange::Keep,
            Some(value) => publishing::change(&value)?,
        };
        Ok(Self { display_name, attributes: attribute::checked(body)?, publishing })
    }
}

fn display_name(text: &str) -> Result<DisplayName, GraphError> {
    DisplayName::parse(text)
        .map_err(|error| GraphError::invalid(format!("Invalid value specified for property 'displayName': {error}.")))
}

async fn document(call: &Call, application: &Application) -> Result<Json, GraphError> {
    let entity = expanded_entity(call, application).await?;
    Ok(call.document().entity(APPLICATIONS, &call.projection(&APPLICATION)?, entity))
}

async fn expanded_entity(call: &Call, application: &Application) -> Result<Entity, GraphError> {
    let mut entity = entity(application);
    for name in expand::expanded(call, &APPLICATION)? {
        let group = match application.connector_group() {
            Some(group) => json!(connector_group::member(call, &call.control.connector_group(group).await?)),
            None => Json::Null,
        };
        entity.expanded.push((name, group));
    }
    Ok(entity)
}

/// An application in Graph's spelling.
fn entity(application: &Application) -> Entity {
    let mut properties = attribute::shown(application);
    properties.insert("id".to_owned(), application.id.to_string().into());
    properties.insert("appId".to_owned(), application.app_id.to_string().into());
    properties.insert("displayName".to_owned(), application.display_name.as_str().into());
    // Seven fractional digits, as in Graph's own answers.
    properties.insert("createdDateTime".to_owned(), format!("{:.7}", application.created).into());
    let published = application.publishing().map(publishing::shown);
    properties.insert("onPremisesPublishing".to_owned(), published.map_or(Json::Null, Json::Object));
    Entity { kind: &APPLICATION, properties, etag: etag(application.revision), expanded: Vec::new() }
}

fn in_group(group: ConnectorGroupId) -> Filter<ApplicationField> {
    Filter::equal(ApplicationField::ConnectorGroup, Value::Text(group.to_string()))
}

fn listing(listing: Listing<ApplicationField>, group: Option<ConnectorGroupId>) -> Listing<ApplicationField> {
    match group {
        Some(group) => listing.narrowed(in_group(group)),
        None => listing,
    }
}

fn field(property: &str) -> Option<ApplicationField> {
    match property {
        "id" => Some(ApplicationField::Id),
        "appId" => Some(ApplicationField::AppId),
        "displayName" => Some(ApplicationField::DisplayName),
        "createdDateTime" => Some(ApplicationField::Created),
        "onPremisesPublishing/externalUrl" => Some(ApplicationField::ExternalUrl),
        "onPremisesPublishing/internalUrl" => Some(ApplicationField::InternalUrl),
        _ => None,
    }
}
