//! Registration tokens, in words of Adit's own: `adit.createRegistrationToken` makes one by which one connector joins a
//! group, `adit.registrationTokens` lists those that can still be used, `adit.revokeRegistrationToken` ends one.

use std::time::Duration;

use adit_control::OpenRegistrationToken;
use adit_core::MachineName;
use adit_core::id::RegistrationTokenId;
use adit_odata::body;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::{MODEL, OPEN_REGISTRATION_TOKENS, REGISTRATION_TOKEN};

/// How long a token is valid if nothing was said.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// `POST connectorGroups/{id}/adit.createRegistrationToken`; the body may be left out.
pub(crate) async fn create(call: &Call) -> Result<Answer, GraphError> {
    let group = call.scope.connector_group()?;
    let parameters = match &call.body {
        None => Map::new(),
        Some(_) => parameters(call, "createRegistrationToken")?,
    };
    let lifetime = lifetime(parameters.get("lifetimeInSeconds"))?;
    let machine = machine_name(parameters.get("machineName"))?;
    let issued = call.control.create_registration_token(&call.context, group, machine, lifetime).await?;
    let properties = Map::from_iter([
        ("id".to_owned(), issued.id.to_string().into()),
        ("token".to_owned(), issued.token.to_line().into()),
        ("expirationDateTime".to_owned(), format!("{:.0}", issued.expires).into()),
    ]);
    Ok(Answer::ok(call.document().structure("adit.registrationToken", &REGISTRATION_TOKEN, properties)))
}

/// `GET connectorGroups/adit.registrationTokens()`.
pub(crate) async fn list(call: &Call) -> Result<Answer, GraphError> {
    let open: Vec<Value> = call.control.open_registration_tokens().await?.iter().map(shown).collect();
    let properties = Map::from_iter([("tokens".to_owned(), Value::from(open))]);
    Ok(Answer::ok(call.document().structure("adit.openRegistrationTokens", &OPEN_REGISTRATION_TOKENS, properties)))
}

/// `POST connectorGroups/adit.revokeRegistrationToken`.
pub(crate) async fn revoke(call: &Call) -> Result<Answer, GraphError> {
    let parameters = parameters(call, "revokeRegistrationToken")?;
    let text = parameters.get("id").and_then(Value::as_str).unwrap_or_default();
    let id: RegistrationTokenId = text.parse().map_err(|_| GraphError::no_such_resource(text))?;
    call.control.revoke_registration_token(&call.context, id).await?;
    Ok(Answer::no_content())
}

fn parameters(call: &Call, name: &str) -> Result<Map<String, Value>, GraphError> {
    let operation = MODEL.operations.iter().find(|operation| operation.name == name);
    Ok(body::parameters(&MODEL, operation.ok_or_else(GraphError::not_offered)?, call.body()?)?)
}

fn shown(token: &OpenRegistrationToken) -> Value {
    json!({
        "id": token.id.to_string(),
        "connectorGroupId": token.connector_group.to_string(),
        "machineName": token.machine_name.as_ref().map(MachineName::as_str),
        "createdDateTime": token.created.map(|created| format!("{created:.0}")),
        "expirationDateTime": format!("{:.0}", token.expires),
    })
}

fn machine_name(value: Option<&Value>) -> Result<Option<MachineName>, GraphError> {
    let Some(name) = value.and_then(Value::as_str) else { return Ok(None) };
    let invalid = |error| GraphError::invalid(format!("Invalid value specified for property 'machineName': {error}."));
    MachineName::parse(name).map(Some).map_err(invalid)
}

fn lifetime(value: Option<&Value>) -> Result<Duration, GraphError> {
    match value {
        None | Some(Value::Null) => Ok(DEFAULT_LIFETIME),
        Some(number) => {
            let seconds = number.as_u64().ok_or_else(|| {
                GraphError::invalid("Invalid value specified for property 'lifetimeInSeconds': it cannot be negative.")
            })?;
            Ok(Duration::from_secs(seconds))
        }
    }
}
