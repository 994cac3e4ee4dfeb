//! Applications: all of them, and those of a connector group. How they are published is in [`super::publishing`], the
//! properties without a meaning of their own in [`super::attribute`].

use std::collections::HashMap;

use adit_control::{ApplicationChange, NewApplication, PublishingChange};
use adit_core::application::Attributes;
use adit_core::certificate::CertificateMetadata;
use adit_core::query::{ApplicationField, Expression, Field, Page, Value as Asked};
use adit_core::{Application, ApplicationId, ConnectorGroupId, DisplayName};
use adit_odata::document::Entity;
use adit_odata::reference::Reference;
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{attribute, client_secret, linked, owner, publishing};
use crate::answer::Answer;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::APPLICATION;
use crate::scope::Scope;

/// `applications`.
pub(crate) static APPLICATIONS: Applications = Applications;

/// `connectorGroups/{group}/applications`.
pub(crate) static APPLICATIONS_OF_GROUP: ApplicationsOfGroup = ApplicationsOfGroup;

/// All applications.
pub(crate) struct Applications;

/// The applications that a connector group serves.
pub(crate) struct ApplicationsOfGroup;

#[async_trait]
impl Entities for Applications {
    fn kind(&self) -> &'static EntityType {
        &APPLICATION
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_applications(&listing.question(&APPLICATION)?).await?;
        listed(call, listing, page).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        entity(call, &scope.application(&call.control).await?).await
    }

    async fn create(&self, call: &Call, _scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let wanted = Wanted::of(body)?;
        let display_name = wanted.display_name.ok_or_else(|| {
            GraphError::invalid("A value is required for property 'displayName' of resource 'Application'.")
        })?;
        let publishing = match wanted.publishing {
            PublishingChange::Merge(patch) => Some(patch),
            PublishingChange::Keep | PublishingChange::End => None,
        };
        let attributes = attribute::of_new(wanted.attributes, publishing.as_ref());
        let new = NewApplication { display_name, attributes, publishing, owner: owner::caller(call) };
        entity(call, &call.control.create_application(&call.context, new).await?).await
    }

    /// The application's own properties, its publishing, or both at once.
    async fn update(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let wanted = Wanted::of(body)?;
        // Whoever says where users are sent back to can be the program towards them.
        if SENDS_USERS_TO.iter().any(|name| wanted.attributes.contains_key(*name)) {
            client_secret::check_may_become(call, scope.application(&call.control).await?.app_id).await?;
        }
        let change = ApplicationChange {
            display_name: wanted.display_name,
            attributes: wanted.attributes,
            merge: Some(attribute::merged),
            publishing: wanted.publishing,
        };
        entity(call, &apply(call, scope, change).await?).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        let id = scope.application_id(&call.control).await?;
        Ok(call.control.delete_application(&call.context, call.at(id)).await?)
    }
}

#[async_trait]
impl Entities for ApplicationsOfGroup {
    fn kind(&self) -> &'static EntityType {
        &APPLICATION
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let group = call.control.connector_group(scope.connector_group()?).await?.id;
        let question = listing.question(&APPLICATION)?.narrowed(in_group(group));
        let page = call.control.list_applications(&question).await?;
        listed(call, listing, page).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let group = call.control.connector_group(scope.connector_group()?).await?.id;
        let application = scope.application(&call.control).await?;
        if application.connector_group() != Some(group) {
            return Err(GraphError::no_such_resource(&application.id.to_string()));
        }
        entity(call, &application).await
    }

    /// Assigns the group, as scripts of 2016 do: from the other side.
    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let (group, application) = (scope.connector_group()?, linked::application_in(&body)?);
        call.control.assign_connector_group(&call.context, application, call.at(group)).await?;
        entity(call, &call.control.application(application).await?).await
    }

    /// Back to the default group, if it is in this one.
    async fn unlink(&self, call: &Call, scope: &Scope, reference: Option<Reference>) -> Result<(), GraphError> {
        let group = call.control.connector_group(scope.connector_group()?).await?.id;
        let application = match (scope.key("application"), reference) {
            (Some(_), _) => scope.application_id(&call.control).await?,
            (None, Some(reference)) => linked::application(reference)?,
            (None, None) => {
                return Err(GraphError::bad_request(
                    "The application to remove must be named in the path or by the option '$id'.",
                ));
            }
        };
        call.control.unassign_from_connector_group(&call.context, application, call.at(group)).await?;
        Ok(())
    }
}

/// `POST applications/{id}/adit.revokeSessions`: whoever is signed in at the application comes by way of the sign-in host
/// again.
pub(crate) async fn revoke_sessions(call: &Call) -> Result<Answer, GraphError> {
    let application = call.scope.application_id(&call.control).await?;
    call.control.revoke_sessions_of_application(&call.context, application).await?;
    Ok(Answer::no_content())
}

/// Changes the application of the scope.
pub(super) async fn apply(call: &Call, scope: &Scope, change: ApplicationChange) -> Result<Application, GraphError> {
    let id = scope.application_id(&call.control).await?;
    Ok(call.control.update_application(&call.context, call.at(id), change).await?)
}

/// One application in Graph's spelling.
pub(super) async fn entity(call: &Call, application: &Application) -> Result<Entity, GraphError> {
    let certificate = match application.publishing() {
        Some(_) => call.control.certificate_of(application.id).await?,
        None => None,
    };
    Ok(shown(application, certificate.as_ref()))
}

/// The same, with what is known of its certificate.
pub(super) fn shown(application: &Application, certificate: Option<&CertificateMetadata>) -> Entity {
    let mut properties = attribute::shown(application);
    properties.insert("id".to_owned(), application.id.to_string().into());
    properties.insert("appId".to_owned(), application.app_id.to_string().into());
    properties.insert("displayName".to_owned(), application.display_name.as_str().into());
    // Seven fractional digits, as in Graph's own answers.
    properties.insert("createdDateTime".to_owned(), format!("{:.7}", application.created).into());
    let published = application.publishing().map(|publishing| publishing::shown(publishing, certificate));
    properties.insert("onPremisesPublishing".to_owned(), published.map_or(Value::Null, Value::Object));
    Entity {
        kind: &APPLICATION,
        properties,
        etag: Some(etag(application.revision)),
        path: format!("applications/{}", application.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

/// A page of applications; what is known of their certificates is read at once.
pub(super) async fn listed(call: &Call, listing: &Listing<'_>, page: Page<Application>) -> Result<Listed, GraphError> {
    let published = page.items.iter().filter(|application| application.publishing().is_some());
    let ids: Vec<ApplicationId> = published.map(|application| application.id).collect();
    let selected = matches!(&listing.query.select, Projection::Selected(_));
    let certificates =
        if selected && !ids.is_empty() { call.control.certificates_of(&ids).await? } else { HashMap::new() };
    Ok(listing.page(page, |application| shown(application, certificates.get(&application.id))))
}

/// Properties that say where users are sent back to with what they gave, and whether without a secret.
const SENDS_USERS_TO: [&str; 4] = ["web", "spa", "publicClient", "isFallbackPublicClient"];

/// What the body of a POST or PATCH asks for.
pub(super) struct Wanted {
    pub(super) display_name: Option<DisplayName>,
    pub(super) attributes: Attributes,
    pub(super) publishing: PublishingChange,
}

impl Wanted {
    /// Reads a checked body.
    pub(super) fn of(mut body: Map<String, Value>) -> Result<Self, GraphError> {
        let display_name = body.remove("displayName").as_ref().and_then(Value::as_str).map(display_name).transpose()?;
        let publishing = match body.remove("onPremisesPublishing") {
            None => PublishingChange::Keep,
            Some(value) => publishing::change(&value)?,
        };
        Ok(Self { display_name, attributes: attribute::checked(body)?, publishing })
    }
}

/// A display name in a body.
pub(super) fn display_name(text: &str) -> Result<DisplayName, GraphError> {
    DisplayName::parse(text)
        .map_err(|error| GraphError::invalid(format!("Invalid value specified for property 'displayName': {error}.")))
}

fn in_group(group: ConnectorGroupId) -> Expression {
    Expression::equal(Field::Application(ApplicationField::ConnectorGroup), Asked::Text(group.to_string()))
}
