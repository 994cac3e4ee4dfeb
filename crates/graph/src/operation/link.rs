//! References: GET, POST, PUT and DELETE of `$ref` (contract section 3, R1 to R8, and section 8, point 2).

use adit_odata::reference;

use super::entity::{answer, check_answer, created};
use crate::answer::Answer;
use crate::call::Call;
use crate::entities::Entities;
use crate::error::GraphError;
use crate::expand;
use crate::model::MODEL;
use crate::preference::Return;

/// The path of 2016 whose page shows 201 with the connector; nothing newer uses it.
const SHOWN_IN_2016: &str = "onPremisesPublishingProfiles/{profile}/connectorGroups/{group}/members/$ref";

/// The reference to the one entity behind a navigation.
pub(super) async fn read(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    expand::refuse(&call.query_on(entities.kind())?)?;
    let entity = entities.read(call, &call.scope).await?;
    Ok(Answer::ok(call.document().reference(call.url_of(&entity.path))))
}

/// A new reference, or another one where there is one only.
pub(super) async fn add(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    check_answer(call, entities)?;
    let linked = entities.link(call, &call.scope, call.body()?).await?;
    let shows = match call.preferred.returns {
        Return::Representation => true,
        Return::Minimal => false,
        Return::Unsaid => call.path.alias.is_some() && call.pattern == SHOWN_IN_2016,
    };
    match (shows, call.method == http::Method::POST) {
        (false, _) => Ok(Answer::no_content()),
        (true, true) => created(call, linked).await,
        (true, false) => answer(call, linked).await,
    }
}

/// The end of a reference: named by a key in the path, or by the option `$id`.
pub(super) async fn remove(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    let named = call.options.reference.as_deref();
    let reference = named.map(|text| reference::parse(&MODEL, text)).transpose()?;
    entities.unlink(call, &call.scope, reference).await?;
    Ok(Answer::no_content())
}
