//! The one publishing profile, `applicationProxy`: the settings of the whole directory.

use adit_control::ProfileChange;
use adit_core::profile::{ProfileSettings, UpdateWindow};
use adit_odata::document::Entity;
use adit_odata::{EntityType, Projection, body};
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Time;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::{MODEL, PROFILE, PROFILE_ID, UPDATER_CONFIGURATION};
use crate::preference::Return;
use crate::scope::Scope;

/// `onPremisesPublishingProfiles`.
pub(crate) static PROFILES: Profiles = Profiles;

/// The profiles, of which there is one.
pub(crate) struct Profiles;

#[async_trait]
impl Entities for Profiles {
    fn kind(&self) -> &'static EntityType {
        &PROFILE
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        listing.select(&PROFILE, vec![entity(&call.control.profile().await?)])
    }

    async fn read(&self, call: &Call, _scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&call.control.profile().await?))
    }

    async fn update(&self, call: &Call, _scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let truth = |name: &str| body.get(name).and_then(Value::as_bool);
        let mut change = match body.get("hybridAgentUpdaterConfiguration") {
            Some(Value::Object(updater)) => updater_change(updater)?,
            _ => ProfileChange::default(),
        };
        change.is_enabled = truth("isEnabled");
        change.is_default_access_enabled = truth("isDefaultAccessEnabled");
        Ok(entity(&call.control.update_profile(&call.context, call.expected.clone(), change).await?))
    }
}

/// `PATCH onPremisesPublishingProfiles/{profile}/hybridAgentUpdaterConfiguration`.
pub(crate) async fn update_updater(call: &Call) -> Result<Answer, GraphError> {
    let body = body::complex(&MODEL, &UPDATER_CONFIGURATION, call.body()?, UPDATER_CONFIGURATION.name)?;
    let change = updater_change(&body)?;
    let profile = call.control.update_profile(&call.context, call.expected.clone(), change).await?;
    if call.preferred.returns != Return::Representation {
        return Ok(Answer::no_content());
    }
    let Value::Object(shown) = updater(&profile) else { return Ok(Answer::no_content()) };
    Ok(Answer::ok(call.document().structure(&call.path.context_path(), &UPDATER_CONFIGURATION, shown)))
}

fn updater_change(wanted: &Map<String, Value>) -> Result<ProfileChange, GraphError> {
    Ok(ProfileChange {
        allow_override: wanted.get("allowUpdateConfigurationOverride").and_then(Value::as_bool),
        defer_until: wanted.get("deferUpdateDateTime").map(instant).transpose()?,
        window: wanted.get("updateWindow").map(window).transpose()?,
        ..ProfileChange::default()
    })
}

fn instant(value: &Value) -> Result<Option<Timestamp>, GraphError> {
    let Some(text) = value.as_str() else { return Ok(None) };
    text.parse().map(Some).map_err(|_| invalid("deferUpdateDateTime"))
}

/// A window has two ends.
fn window(value: &Value) -> Result<Option<UpdateWindow>, GraphError> {
    if value.is_null() {
        return Ok(None);
    }
    let time = |name: &str| -> Result<Time, GraphError> {
        let text = value.get(name).and_then(Value::as_str).ok_or_else(|| invalid(name))?;
        text.parse().map_err(|_| invalid(name))
    };
    Ok(Some(UpdateWindow { start: time("updateWindowStartTime")?, end: time("updateWindowEndTime")? }))
}

fn invalid(name: &str) -> GraphError {
    GraphError::invalid(format!("Invalid or missing value for property 'hybridAgentUpdaterConfiguration/{name}'."))
}

fn entity(profile: &ProfileSettings) -> Entity {
    let properties = Map::from_iter([
        ("id".to_owned(), PROFILE_ID.into()),
        ("isEnabled".to_owned(), profile.is_enabled.into()),
        ("isDefaultAccessEnabled".to_owned(), profile.is_default_access_enabled.into()),
        ("hybridAgentUpdaterConfiguration".to_owned(), updater(profile)),
    ]);
    Entity {
        kind: &PROFILE,
        properties,
        etag: Some(etag(profile.revision)),
        path: crate::model::PROFILE_PATH.to_owned(),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

fn updater(profile: &ProfileSettings) -> Value {
    let updater = &profile.updater;
    let window = updater.window.as_ref().map(|window| {
        json!({
            "updateWindowStartTime": window.start.strftime("%H:%M:%S").to_string(),
            "updateWindowEndTime": window.end.strftime("%H:%M:%S").to_string(),
        })
    });
    json!({
        "allowUpdateConfigurationOverride": updater.allow_override,
        "deferUpdateDateTime": updater.defer_until.map(|at| at.to_string()),
        "updateWindow": window,
    })
}
