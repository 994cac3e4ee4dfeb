//! GET, POST, PATCH and DELETE of one entity.

use adit_odata::document::Entity;
use http::header;

use crate::answer::Answer;
use crate::call::Call;
use crate::entities::Entities;
use crate::error::GraphError;
use crate::expand;
use crate::model::context_of;
use crate::preference::Return;

/// The entity that the path names.
pub(super) async fn read(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    let query = call.query_on(entities.kind())?;
    expand::check(call, &query, entities.kind())?;
    let entity = entities.read(call, &call.scope).await?;
    answer(call, entity).await
}

/// A new entity.
pub(super) async fn create(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    check_answer(call, entities)?;
    let body = call.entity_body(entities.kind())?;
    let entity = entities.create(call, &call.scope, body).await?;
    if call.preferred.returns == Return::Minimal {
        let (location, id) = (call.url_of(&entity.path), entity.etag.clone());
        let answer = Answer::no_content().with(header::LOCATION, location.as_str()).with_entity_id(&location);
        return Ok(answer.with_etag(id));
    }
    created(call, entity).await
}

/// Changed properties of the entity that the path names.
pub(super) async fn update(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    check_answer(call, entities)?;
    let body = call.entity_body(entities.kind())?;
    let entity = entities.update(call, &call.scope, body).await?;
    match call.preferred.returns {
        Return::Representation => answer(call, entity).await,
        Return::Unsaid | Return::Minimal => Ok(Answer::no_content().with_etag(entity.etag)),
    }
}

/// The end of the entity that the path names.
pub(super) async fn delete(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    entities.delete(call, &call.scope).await?;
    Ok(Answer::no_content())
}

/// Answers with one entity, as the request's options want it.
pub(crate) async fn answer(call: &Call, entity: Entity) -> Result<Answer, GraphError> {
    let etag = entity.etag.clone();
    Ok(Answer::ok(document(call, entity).await?).with_etag(etag))
}

/// Answers 201 with one entity that was made or linked.
pub(crate) async fn created(call: &Call, entity: Entity) -> Result<Answer, GraphError> {
    let (location, etag) = (call.url_of(&entity.path), entity.etag.clone());
    Ok(Answer::created(document(call, entity).await?, location).with_etag(etag))
}

/// Checks what shapes an answer: before a write, because after it the refusal of its answer would say that nothing had
/// happened.
pub(super) fn check_answer(call: &Call, entities: &'static dyn Entities) -> Result<(), GraphError> {
    let query = call.query_on(entities.kind())?;
    expand::check(call, &query, entities.kind())
}

async fn document(call: &Call, entity: Entity) -> Result<serde_json::Value, GraphError> {
    let kind = entity.kind;
    let query = call.query_on(kind)?;
    let mut entities = vec![entity];
    expand::fill(call, &query, &mut entities).await?;
    let entity = entities.pop().ok_or_else(GraphError::not_offered)?;
    let context = context_of(kind, &call.path);
    match call.path.entity_type() {
        Some(declared) if declared.name != kind.name && kind.is_a(declared) => {
            Ok(call.document().derived_entity(&context, declared, entity))
        }
        _ => Ok(call.document().entity(&context, entity)),
    }
}
