//! `adit.createRegistrationToken`, an action of Adit's own on a connector group: a token by which one connector joins it.

use std::time::Duration;

use adit_odata::body;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::{MODEL, REGISTRATION_TOKEN};

/// How long a token is valid if nothing was said.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// `POST connectorGroups/{id}/adit.createRegistrationToken`; the body may be left out.
pub(crate) async fn create(call: &Call) -> Result<Answer, GraphError> {
    let group = call.scope.connector_group()?;
    let operation = MODEL.operations.iter().find(|operation| operation.name == "createRegistrationToken");
    let operation = operation.ok_or_else(GraphError::not_offered)?;
    let parameters = match &call.body {
        None => Map::new(),
        Some(_) => body::parameters(&MODEL, operation, call.body()?)?,
    };
    let lifetime = lifetime(parameters.get("lifetimeInSeconds"))?;
    let issued = call.control.create_registration_token(&call.context, group, lifetime).await?;
    let properties = Map::from_iter([
        ("token".to_owned(), issued.token.to_line().into()),
        ("expirationDateTime".to_owned(), format!("{:.0}", issued.expires).into()),
    ]);
    Ok(Answer::ok(call.document().structure("adit.registrationToken", &REGISTRATION_TOKEN, properties)))
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
