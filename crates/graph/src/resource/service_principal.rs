//! Service principals: an application as something that users are assigned to (contract section 1.9).
//!
//! Most of what is shown is the application's own; what a client sets is kept beside it.

use std::collections::HashMap;
use std::sync::LazyLock;

use adit_control::{NewServicePrincipal, ServicePrincipalChange};
use adit_core::service_principal::effective_app_roles;
use adit_core::{AppId, Application, ServicePrincipal};
use adit_odata::document::Entity;
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::application::display_name;
use super::attribute;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::SERVICE_PRINCIPAL;
use crate::scope::Scope;

/// `servicePrincipals`.
pub(crate) static SERVICE_PRINCIPALS: ServicePrincipals = ServicePrincipals;

/// All service principals.
pub(crate) struct ServicePrincipals;

#[async_trait]
impl Entities for ServicePrincipals {
    fn kind(&self) -> &'static EntityType {
        &SERVICE_PRINCIPAL
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_service_principals(&listing.question(&SERVICE_PRINCIPAL)?).await?;
        let ids: Vec<AppId> = page.items.iter().map(|principal| principal.app_id).collect();
        let applications: HashMap<AppId, Application> = call.control.applications_by_app_ids(&ids).await?;
        Ok(listing.page(page, |principal| shown(principal, applications.get(&principal.app_id))))
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        entity(call, &scope.service_principal(&call.control).await?).await
    }

    async fn create(&self, call: &Call, _scope: &Scope, mut body: Map<String, Value>) -> Result<Entity, GraphError> {
        let missing =
            || GraphError::invalid("A value is required for property 'appId' of resource 'ServicePrincipal'.");
        let app_id = body.remove("appId").as_ref().and_then(Value::as_str).map(str::to_owned).ok_or_else(missing)?;
        let app_id: AppId = app_id
            .parse()
            .map_err(|_| GraphError::invalid("Invalid value specified for property 'appId': a UUID is expected."))?;
        self::owned(call, app_id).await?;
        let display_name = name_in(&mut body)?;
        let new = NewServicePrincipal { app_id, display_name, attributes: attribute::without_secrets(body) };
        entity(call, &call.control.create_service_principal(&call.context, new).await?).await
    }

    async fn update(&self, call: &Call, scope: &Scope, mut body: Map<String, Value>) -> Result<Entity, GraphError> {
        let id = scope.service_principal_id(&call.control).await?;
        if body.remove("appId").is_some_and(|value| !value.is_null()) {
            return Err(GraphError::invalid("Property 'appId' is read-only and cannot be set."));
        }
        let display_name = name_in(&mut body)?;
        let change =
            ServicePrincipalChange { display_name, attributes: attribute::without_secrets(body), merge: Some(merged) };
        entity(call, &call.control.update_service_principal(&call.context, call.at(id), change).await?).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        let id = scope.service_principal_id(&call.control).await?;
        Ok(call.control.delete_service_principal(&call.context, call.at(id)).await?)
    }
}

/// A program that may change only what it owns makes service principals of its own applications only.
async fn owned(call: &Call, app_id: AppId) -> Result<(), GraphError> {
    crate::ownership::check_app_id(call, app_id).await
}

/// One service principal in Graph's spelling.
pub(super) async fn entity(call: &Call, principal: &ServicePrincipal) -> Result<Entity, GraphError> {
    let applications = call.control.applications_by_app_ids(&[principal.app_id]).await?;
    Ok(shown(principal, applications.get(&principal.app_id)))
}

/// The same, of its application.
pub(super) fn shown(principal: &ServicePrincipal, application: Option<&Application>) -> Entity {
    let mut properties = Map::new();
    for (name, value) in defaults().as_object().into_iter().flatten() {
        properties.insert(name.clone(), value.clone());
    }
    for (name, value) in &principal.attributes {
        attribute::overlay(properties.entry(name.clone()).or_insert(Value::Null), value.clone());
    }
    let app_id = principal.app_id.to_string();
    properties.insert("id".to_owned(), principal.id.to_string().into());
    properties.insert("appId".to_owned(), app_id.clone().into());
    properties.insert("displayName".to_owned(), principal.display_name.as_str().into());
    properties.insert("appRoles".to_owned(), effective_app_roles(application, principal).into());
    if let Some(application) = application {
        of_application(&mut properties, application, &app_id);
    }
    Entity {
        kind: &SERVICE_PRINCIPAL,
        properties,
        etag: Some(etag(principal.revision)),
        path: format!("servicePrincipals/{}", principal.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

/// What a service principal shows of its application.
fn of_application(properties: &mut Map<String, Value>, application: &Application, app_id: &str) {
    let attributes = attribute::shown(application);
    let of = |name: &str| attributes.get(name).cloned().unwrap_or_default();
    let of_web = |name: &str| attributes.get("web").and_then(|web| web.get(name)).cloned().unwrap_or_default();
    properties.insert("appDisplayName".to_owned(), application.display_name.as_str().into());
    properties.insert("appDescription".to_owned(), of("description"));
    properties.insert("applicationTemplateId".to_owned(), of("applicationTemplateId"));
    properties.insert("signInAudience".to_owned(), of("signInAudience"));
    properties.insert("info".to_owned(), of("info"));
    if properties.get("homepage").is_none_or(Value::is_null) {
        properties.insert("homepage".to_owned(), of_web("homePageUrl"));
    }
    if properties.get("replyUrls").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        // An application may have no `web` at all.
        let uris = of_web("redirectUris").as_array().cloned().unwrap_or_default();
        properties.insert("replyUrls".to_owned(), uris.into());
    }
    let mut names: Vec<Value> = of("identifierUris").as_array().cloned().unwrap_or_default();
    let own = properties.get("servicePrincipalNames").and_then(Value::as_array).cloned().unwrap_or_default();
    names.extend(own);
    names.push(app_id.into());
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.to_string()));
    properties.insert("servicePrincipalNames".to_owned(), names.into());
}

/// What a new service principal has in Graph.
pub(crate) fn defaults() -> &'static Value {
    &DEFAULTS
}

static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "deletedDateTime": null,
        "accountEnabled": true,
        "addIns": [],
        "alternativeNames": [],
        "appOwnerOrganizationId": null,
        "appRoleAssignmentRequired": false,
        "appRoles": [],
        "createdByAppId": null,
        "description": null,
        "disabledByMicrosoftStatus": null,
        "errorUrl": null,
        "homepage": null,
        "isDisabled": null,
        "keyCredentials": [],
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "passwordCredentials": [],
        "passwordSingleSignOnSettings": null,
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyEndDateTime": null,
        "preferredTokenSigningKeyThumbprint": null,
        "publishedPermissionScopes": [],
        "publisherName": null,
        "replyUrls": [],
        "samlMetadataUrl": null,
        "samlSingleSignOnSettings": null,
        "servicePrincipalNames": [],
        "servicePrincipalType": "Application",
        "tags": [],
        "tokenEncryptionKeyId": null,
        "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
    })
});

/// What a PATCH makes of attributes: each is replaced as a whole.
fn merged(_: &ServicePrincipal, wanted: adit_core::application::Attributes) -> adit_core::application::Attributes {
    wanted
}

fn name_in(body: &mut Map<String, Value>) -> Result<Option<adit_core::DisplayName>, GraphError> {
    body.remove("displayName").as_ref().and_then(Value::as_str).map(display_name).transpose()
}
