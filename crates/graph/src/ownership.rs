//! `Application.ReadWrite.OwnedBy`, and users who are application developers: they may make applications, and change those
//! that they own.

use adit_core::ApplicationId;
use http::StatusCode;

use crate::call::Call;
use crate::error::GraphError;
use crate::permission::{Held, Permission};
use crate::surface::Action;

/// Refuses a write to what the caller does not own. A new application belongs to whoever makes it.
pub(crate) async fn check(call: &Call, action: Action) -> Result<(), GraphError> {
    if matches!(action, Action::Create(_) | Action::Call(crate::operation::Operation::InstantiateTemplate))
        && call.scope.key("application").is_none()
        && call.scope.key("servicePrincipal").is_none()
    {
        return Ok(());
    }
    let application = match owned_application(call).await {
        Ok(application) => application,
        // Whether it exists is nothing that a stranger learns.
        Err(error) if error.status == StatusCode::NOT_FOUND => return Err(refused()),
        Err(error) => return Err(error),
    };
    if call.control.is_owner(application, call.caller()).await? { Ok(()) } else { Err(refused()) }
}

/// The application that a write is about.
async fn owned_application(call: &Call) -> Result<ApplicationId, GraphError> {
    if call.scope.key("application").is_some() {
        return call.scope.application_id(&call.control).await;
    }
    if call.scope.key("servicePrincipal").is_some() {
        let principal = call.scope.service_principal(&call.control).await?;
        return Ok(call.control.application_by_app_id(principal.app_id).await?.id);
    }
    Err(refused())
}

fn refused() -> GraphError {
    GraphError::forbidden(Permission::WriteApplications)
}

/// Refuses to a caller with that permission alone what is about an application that it does not own.
pub(crate) async fn check_app_id(call: &Call, app_id: adit_core::AppId) -> Result<(), GraphError> {
    if Permission::WriteServicePrincipals.held_by(&call.token) != Held::OwnedOnly {
        return Ok(());
    }
    let application = match call.control.application_by_app_id(app_id).await.map_err(GraphError::from) {
        Ok(application) => application,
        Err(error) if error.status == StatusCode::NOT_FOUND => return Err(refused()),
        Err(error) => return Err(error),
    };
    if call.control.is_owner(application.id, call.caller()).await? { Ok(()) } else { Err(refused()) }
}
