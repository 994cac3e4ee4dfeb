//! Segments of an application that is published under a wildcard, and their CORS configurations (contract section 1.7).
//!
//! They are kept in the publishing, as one JSON document; reading and writing go through one transaction.

use adit_control::PublishingPatch;
use adit_core::application::Attributes;
use adit_odata::document::Entity;
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::{CORS_CONFIGURATION, WEB_APPLICATION_SEGMENT};
use crate::scope::Scope;

/// `.../microsoft.graph.webSegmentConfiguration/applicationSegments`.
pub(crate) static WEB_SEGMENTS: WebSegments = WebSegments;

/// `.../applicationSegments/{segment}/corsConfigurations`.
pub(crate) static CORS_CONFIGURATIONS: CorsConfigurations = CorsConfigurations;

/// How many segments, and how many CORS configurations of one segment, an application can have.
const MOST: usize = 500;

/// How large all segments of an application may be together, in bytes of JSON: they are written as a whole.
const LARGEST: usize = 256 * 1024;

const CONFIGURATION: &str = "segmentsConfiguration";
const SEGMENTS: &str = "applicationSegments";
const CORS: &str = "corsConfigurations";

/// The segments of an application.
pub(crate) struct WebSegments;

/// The CORS configurations of a segment.
pub(crate) struct CorsConfigurations;

#[async_trait]
impl Entities for WebSegments {
    fn kind(&self) -> &'static EntityType {
        &WEB_APPLICATION_SEGMENT
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let place = Place::of(call, scope).await?;
        let segments = place.segments.iter().map(|segment| place.segment(segment)).collect();
        listing.select(&WEB_APPLICATION_SEGMENT, segments)
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let place = Place::of(call, scope).await?;
        let segment = found(&place.segments, scope.id("segment")?)?;
        Ok(place.segment(segment))
    }

    async fn create(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        if body.get("externalUrl").is_none_or(Value::is_null) {
            return Err(GraphError::invalid("A value is required for property 'externalUrl'."));
        }
        let id = Uuid::now_v7().to_string();
        let new = with_id(&id, body, &WEB_APPLICATION_SEGMENT);
        edit(call, scope, move |segments| push(segments, new)).await?;
        self.read(call, &scope.clone().with("segment", &id)).await
    }

    async fn update(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let id = scope.id("segment")?.to_owned();
        edit(call, scope, move |segments| {
            found_mut(segments, &id)?.extend(body);
            Ok(())
        })
        .await?;
        self.read(call, scope).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        let id = scope.id("segment")?.to_owned();
        edit(call, scope, move |segments| remove(segments, &id)).await
    }
}

#[async_trait]
impl Entities for CorsConfigurations {
    fn kind(&self) -> &'static EntityType {
        &CORS_CONFIGURATION
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let place = Place::of(call, scope).await?;
        let segment = found(&place.segments, scope.id("segment")?)?;
        let all = children(segment).iter().map(|cors| place.cors(segment, cors)).collect();
        listing.select(&CORS_CONFIGURATION, all)
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let place = Place::of(call, scope).await?;
        let segment = found(&place.segments, scope.id("segment")?)?;
        let cors = found(children(segment), scope.id("cors")?)?;
        Ok(place.cors(segment, cors))
    }

    async fn create(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        if body.get("resource").is_none_or(Value::is_null) {
            return Err(GraphError::invalid("A value is required for property 'resource'."));
        }
        let id = Uuid::now_v7().to_string();
        let new = with_id(&id, body, &CORS_CONFIGURATION);
        let segment = scope.id("segment")?.to_owned();
        edit(call, scope, move |segments| push(children_mut(found_mut(segments, &segment)?)?, new)).await?;
        self.read(call, &scope.clone().with("cors", &id)).await
    }

    async fn update(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let (segment, id) = (scope.id("segment")?.to_owned(), scope.id("cors")?.to_owned());
        edit(call, scope, move |segments| {
            found_mut(children_mut(found_mut(segments, &segment)?)?, &id)?.extend(body);
            Ok(())
        })
        .await?;
        self.read(call, scope).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        let (segment, id) = (scope.id("segment")?.to_owned(), scope.id("cors")?.to_owned());
        edit(call, scope, move |segments| remove(children_mut(found_mut(segments, &segment)?)?, &id)).await
    }
}

/// The segments of one application, and how they are addressed.
struct Place {
    path: String,
    etag: String,
    segments: Vec<Value>,
}

impl Place {
    async fn of(call: &Call, scope: &Scope) -> Result<Self, GraphError> {
        let application = scope.application(&call.control).await?;
        let publishing =
            application.publishing().ok_or_else(|| GraphError::not_published(&application.id.to_string()))?;
        Ok(Self {
            path: format!(
                "applications/{}/onPremisesPublishing/{CONFIGURATION}/microsoft.graph.webSegmentConfiguration/{SEGMENTS}",
                application.id
            ),
            etag: etag(application.revision),
            segments: segments_in(&publishing.attributes),
        })
    }

    fn segment(&self, segment: &Value) -> Entity {
        self.entity(&WEB_APPLICATION_SEGMENT, segment, format!("{}/{}", self.path, id_of(segment)))
    }

    fn cors(&self, segment: &Value, cors: &Value) -> Entity {
        let path = format!("{}/{}/{CORS}/{}", self.path, id_of(segment), id_of(cors));
        self.entity(&CORS_CONFIGURATION, cors, path)
    }

    /// Its ETag is that of the application, of which it is a part.
    fn entity(&self, kind: &'static EntityType, document: &Value, path: String) -> Entity {
        let mut properties = document.as_object().cloned().unwrap_or_default();
        properties.remove(CORS);
        Entity {
            kind,
            properties,
            etag: Some(self.etag.clone()),
            path,
            select: Projection::Default,
            expanded: Vec::new(),
            annotations: Map::new(),
        }
    }
}

/// Changes the segments inside one transaction.
async fn edit(
    call: &Call,
    scope: &Scope,
    change: impl FnOnce(&mut Vec<Value>) -> Result<(), GraphError> + Send,
) -> Result<(), GraphError> {
    let id = scope.application_id(&call.control).await?;
    let edited = call.control.edit_publishing(&call.context, call.at(id), |publishing| {
        let mut segments = segments_in(&publishing.attributes);
        change(&mut segments)?;
        if json!(segments).to_string().len() > LARGEST {
            return Err(GraphError::invalid(format!(
                "The segments of an application cannot take more than {LARGEST} bytes."
            )));
        }
        let configuration = json!({"@odata.type": "#microsoft.graph.webSegmentConfiguration", SEGMENTS: segments});
        let attributes = Attributes::from_iter([(CONFIGURATION.to_owned(), configuration)]);
        Ok::<_, GraphError>((PublishingPatch { attributes, ..PublishingPatch::default() }, ()))
    });
    edited.await.map(|_| ())
}

fn segments_in(attributes: &Attributes) -> Vec<Value> {
    let segments = attributes.get(CONFIGURATION).and_then(|configuration| configuration.get(SEGMENTS));
    segments.and_then(Value::as_array).cloned().unwrap_or_default()
}

/// A new entry: every property of its type, and its id.
fn with_id(id: &str, body: Map<String, Value>, kind: &'static EntityType) -> Value {
    let mut entry: Map<String, Value> = kind
        .all_properties()
        .iter()
        .map(|property| {
            let empty = if property.kind.is_collection() { json!([]) } else { Value::Null };
            (property.name.to_owned(), empty)
        })
        .collect();
    entry.extend(body);
    entry.insert("id".to_owned(), id.into());
    Value::Object(entry)
}

fn push(entries: &mut Vec<Value>, new: Value) -> Result<(), GraphError> {
    if entries.len() >= MOST {
        return Err(GraphError::invalid(format!("There cannot be more than {MOST} of them.")));
    }
    entries.push(new);
    Ok(())
}

fn remove(entries: &mut Vec<Value>, id: &str) -> Result<(), GraphError> {
    let before = entries.len();
    entries.retain(|entry| !id_of(entry).eq_ignore_ascii_case(id));
    if entries.len() == before { Err(GraphError::no_such_resource(id)) } else { Ok(()) }
}

fn found<'e>(entries: &'e [Value], id: &str) -> Result<&'e Value, GraphError> {
    let found = entries.iter().find(|entry| id_of(entry).eq_ignore_ascii_case(id));
    found.ok_or_else(|| GraphError::no_such_resource(id))
}

fn found_mut<'e>(entries: &'e mut [Value], id: &str) -> Result<&'e mut Map<String, Value>, GraphError> {
    let found = entries.iter_mut().find(|entry| id_of(entry).eq_ignore_ascii_case(id));
    found.and_then(Value::as_object_mut).ok_or_else(|| GraphError::no_such_resource(id))
}

fn children(segment: &Value) -> &[Value] {
    segment.get(CORS).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn children_mut(segment: &mut Map<String, Value>) -> Result<&mut Vec<Value>, GraphError> {
    let children = segment.entry(CORS.to_owned()).or_insert_with(|| json!([]));
    children.as_array_mut().ok_or_else(GraphError::not_offered)
}

fn id_of(entry: &Value) -> &str {
    entry.get("id").and_then(Value::as_str).unwrap_or_default()
}
