//! The one publishing profile, `applicationProxy`: a fixed object. It is enabled for as long as Adit runs.

use adit_odata::document::Entity;
use serde_json::Map;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::expand;
use crate::model::PROFILE;

/// `GET onPremisesPublishingProfiles/applicationProxy`.
pub(crate) fn read(call: &Call) -> Result<Answer, GraphError> {
    expand::refuse(call)?;
    let properties = Map::from_iter([
        ("id".to_owned(), "applicationProxy".into()),
        ("isEnabled".to_owned(), true.into()),
        ("isDefaultAccessEnabled".to_owned(), false.into()),
    ]);
    let entity = Entity { kind: &PROFILE, properties, etag: "W/\"0\"".to_owned(), expanded: Vec::new() };
    let path = "onPremisesPublishingProfiles";
    Ok(Answer::ok(call.document().entity(path, &call.projection(&PROFILE)?, entity)))
}
