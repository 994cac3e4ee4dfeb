//! `addPassword` and `removePassword` of applications and service principals: a secret that the server makes and shows
//! once, in the answer that made it.

use adit_control::{IssuedClientSecret, NewClientSecret};
use adit_core::{AppId, ClientSecretId};
use adit_identity::TokenKind;
use adit_odata::body;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::application::display_name;
use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::model::{MODEL, PASSWORD_CREDENTIAL};
use crate::permission::Permission;

/// `POST applications/{id}/addPassword`; the body may be left out.
pub(crate) async fn add_to_application(call: &Call) -> Result<Answer, GraphError> {
    let new = wanted(call)?;
    let application = call.scope.application(&call.control).await?;
    check_may_become(call, application.app_id).await?;
    let id = application.id;
    Ok(issued(call, &call.control.add_application_secret(&call.context, call.at(id), new).await?))
}

/// `POST applications/{id}/removePassword`.
pub(crate) async fn remove_from_application(call: &Call) -> Result<Answer, GraphError> {
    let secret = named(call)?;
    let id = call.scope.application_id(&call.control).await?;
    call.control.remove_application_secret(&call.context, call.at(id), secret).await?;
    Ok(Answer::no_content())
}

/// `POST servicePrincipals/{id}/addPassword`; the body may be left out.
pub(crate) async fn add_to_service_principal(call: &Call) -> Result<Answer, GraphError> {
    let new = wanted(call)?;
    let principal = call.scope.service_principal(&call.control).await?;
    check_may_become(call, principal.app_id).await?;
    let id = principal.id;
    Ok(issued(call, &call.control.add_service_principal_secret(&call.context, call.at(id), new).await?))
}

/// `POST servicePrincipals/{id}/removePassword`.
pub(crate) async fn remove_from_service_principal(call: &Call) -> Result<Answer, GraphError> {
    let secret = named(call)?;
    let id = call.scope.service_principal_id(&call.control).await?;
    call.control.remove_service_principal_secret(&call.context, call.at(id), secret).await?;
    Ok(Answer::no_content())
}

/// Whoever gives a program a secret can be that program. So where it may do something at the API, that takes the permission
/// to assign such roles; a program may always renew its own.
pub(super) async fn check_may_become(call: &Call, app_id: AppId) -> Result<(), GraphError> {
    let is_itself = call.token.kind() == TokenKind::AppOnly && call.token.client() == Some(app_id.to_string().as_str());
    if is_itself || call.control.api_permissions_of_app(app_id).await?.is_empty() {
        return Ok(());
    }
    call.require(Permission::AssignApiRoles)
}

/// The secret with what is known of it.
fn issued(call: &Call, issued: &IssuedClientSecret) -> Answer {
    let mut properties = match serde_json::to_value(&issued.secret) {
        Ok(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    properties.insert("secretText".to_owned(), issued.text.as_str().into());
    Answer::ok(call.document().structure("microsoft.graph.passwordCredential", &PASSWORD_CREDENTIAL, properties))
}

fn wanted(call: &Call) -> Result<NewClientSecret, GraphError> {
    let mut parameters = match &call.body {
        None => Map::new(),
        Some(_) => parameters(call, "addPassword")?,
    };
    let Some(Value::Object(wanted)) = parameters.remove("passwordCredential") else {
        return Ok(NewClientSecret::default());
    };
    // A client that sends its own would think it had been taken.
    if wanted.get("secretText").is_some_and(|text| !text.is_null()) {
        let message = "Property 'secretText' cannot be set: the server makes the secret, and returns it once.";
        return Err(GraphError::invalid(message));
    }
    let name = wanted.get("displayName").and_then(Value::as_str).filter(|name| !name.trim().is_empty());
    Ok(NewClientSecret {
        display_name: name.map(display_name).transpose()?,
        starts: moment(&wanted, "startDateTime")?,
        ends: moment(&wanted, "endDateTime")?,
    })
}

fn named(call: &Call) -> Result<ClientSecretId, GraphError> {
    let parameters = parameters(call, "removePassword")?;
    let text = parameters.get("keyId").and_then(Value::as_str).unwrap_or_default();
    text.parse().map_err(|_| GraphError::no_such_resource(text))
}

fn moment(wanted: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, GraphError> {
    let Some(text) = wanted.get(name).and_then(Value::as_str) else { return Ok(None) };
    let invalid = |_| GraphError::invalid(format!("Invalid value specified for property '{name}': out of range."));
    text.parse().map(Some).map_err(invalid)
}

fn parameters(call: &Call, name: &str) -> Result<Map<String, Value>, GraphError> {
    let operation = MODEL.operations.iter().find(|operation| operation.name == name);
    Ok(body::parameters(&MODEL, operation.ok_or_else(GraphError::not_offered)?, call.body()?)?)
}
