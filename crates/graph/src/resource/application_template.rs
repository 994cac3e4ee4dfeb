//! `applicationTemplates`: the one template there is, of an application that is in no gallery (contract section 1.9).

use adit_control::NewApplication;
use adit_odata::document::Entity;
use adit_odata::{EntityType, Projection, body};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::application::display_name;
use super::{application, owner, service_principal};
use crate::answer::Answer;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::model::{APPLICATION_SERVICE_PRINCIPAL, APPLICATION_TEMPLATE, MODEL};
use crate::scope::Scope;

/// `applicationTemplates`.
pub(crate) static APPLICATION_TEMPLATES: ApplicationTemplates = ApplicationTemplates;

/// The id by which scripts know the template.
const CUSTOM: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";

/// The app role `User` that an instantiated application has; scripts know its id.
const USER_ROLE: &str = "18d14569-c3bd-439b-9a66-3a2aee01d14f";

/// The second role of such an application in Entra.
const ACCESS_ROLE: &str = "b9632174-c057-4f7e-951b-be3adc52bfe6";

/// All templates.
pub(crate) struct ApplicationTemplates;

#[async_trait]
impl Entities for ApplicationTemplates {
    fn kind(&self) -> &'static EntityType {
        &APPLICATION_TEMPLATE
    }

    async fn list(&self, _call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        listing.select(&APPLICATION_TEMPLATE, vec![entity()])
    }

    async fn read(&self, _call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        known(scope)?;
        Ok(entity())
    }
}

/// `POST applicationTemplates/{template}/instantiate`: an application and its service principal.
pub(crate) async fn instantiate(call: &Call) -> Result<Answer, GraphError> {
    known(&call.scope)?;
    let operation = MODEL.operations.iter().find(|operation| operation.name == "instantiate");
    let operation = operation.ok_or_else(GraphError::not_offered)?;
    let mut wanted = body::parameters(&MODEL, operation, call.body()?)?;
    let name = wanted.remove("displayName");
    let name = name.as_ref().and_then(Value::as_str).map(display_name).transpose()?;
    let display_name = name.ok_or_else(|| GraphError::invalid("A value is required for property 'displayName'."))?;
    let mut attributes =
        Map::from_iter([("applicationTemplateId".to_owned(), CUSTOM.into()), ("appRoles".to_owned(), roles())]);
    if let Some(reference) = wanted.remove("serviceManagementReference").filter(|value| !value.is_null()) {
        attributes.insert("serviceManagementReference".to_owned(), reference);
    }
    let new = NewApplication { display_name, attributes, publishing: None, owner: owner::caller(call) };
    let (made, principal) = call.control.instantiate_application(&call.context, new, Map::new()).await?;
    let document = call.document();
    let location = call.url_of(&format!("applications/{}", made.id));
    let both = Map::from_iter([
        ("application".to_owned(), Value::Object(document.members(None, application::shown(&made, None)))),
        (
            "servicePrincipal".to_owned(),
            Value::Object(document.members(None, service_principal::shown(&principal, Some(&made)))),
        ),
    ]);
    let context = format!("{}.{}", MODEL.namespace, APPLICATION_SERVICE_PRINCIPAL.name);
    Ok(Answer::created(document.structure(&context, &APPLICATION_SERVICE_PRINCIPAL, both), location))
}

fn known(scope: &Scope) -> Result<(), GraphError> {
    let id = scope.id("template")?;
    if id.eq_ignore_ascii_case(CUSTOM) { Ok(()) } else { Err(GraphError::no_such_resource(id)) }
}

fn roles() -> Value {
    json!([
        {
            "allowedMemberTypes": ["User"],
            "description": "User",
            "displayName": "User",
            "id": USER_ROLE,
            "isEnabled": true,
            "origin": "Application",
            "value": null,
        },
        {
            "allowedMemberTypes": ["User"],
            "description": "msiam_access",
            "displayName": "msiam_access",
            "id": ACCESS_ROLE,
            "isEnabled": true,
            "origin": "Application",
            "value": null,
        },
    ])
}

fn entity() -> Entity {
    let properties = json!({
        "id": CUSTOM,
        "categories": [],
        "configurationUris": [],
        "description": null,
        "displayName": "Custom",
        "homePageUrl": null,
        "informationalUrls": null,
        "logoUrl": null,
        "publisher": null,
        "supportedClaimConfiguration": null,
        "supportedProvisioningTypes": [],
        "supportedSingleSignOnModes": [],
    });
    Entity {
        kind: &APPLICATION_TEMPLATE,
        properties: properties.as_object().cloned().unwrap_or_default(),
        etag: None,
        path: format!("applicationTemplates/{CUSTOM}"),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}
