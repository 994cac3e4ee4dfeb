//! Owners of applications: who may change an application with a permission that covers only what is one's own.

use adit_control::NewOwner;
use adit_core::owner::{Owner, OwnerId};
use adit_core::{ApplicationId, PrincipalKind};
use adit_identity::TokenKind;
use adit_odata::document::Entity;
use adit_odata::reference::{self, Reference};
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::model::{DIRECTORY_OBJECT, MODEL, SERVICE_PRINCIPAL, USER};
use crate::scope::Scope;

/// `applications/{application}/owners`.
pub(crate) static OWNERS: Owners = Owners;

/// `servicePrincipals/{servicePrincipal}/owners`: those of its application.
pub(crate) static OWNERS_OF_SERVICE_PRINCIPAL: OwnersOfServicePrincipal = OwnersOfServicePrincipal;

/// The owners of an application.
pub(crate) struct Owners;

/// The owners of the application behind a service principal.
pub(crate) struct OwnersOfServicePrincipal;

#[async_trait]
impl Entities for Owners {
    fn kind(&self) -> &'static EntityType {
        &DIRECTORY_OBJECT
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let application = scope.application_id(&call.control).await?;
        list_of(call, application, listing).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let application = scope.application_id(&call.control).await?;
        read_of(call, application, scope).await
    }

    async fn link(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let application = scope.application_id(&call.control).await?;
        let (id, kind) = match reference::in_body(&MODEL, &body)? {
            Some(reference) => (reference.key.clone(), kind_of(&reference)?),
            None => match reference::id_in_body(&body)? {
                Some(id) => (id.to_owned(), None),
                None => {
                    return Err(GraphError::invalid("The request body must refer to an owner by '@odata.id' or 'id'."));
                }
            },
        };
        let new = NewOwner { id: owner_id(&id)?, kind, name: None };
        Ok(entity(&call.control.add_owner(&call.context, application, new).await?))
    }

    async fn unlink(&self, call: &Call, scope: &Scope, reference: Option<Reference>) -> Result<(), GraphError> {
        let application = scope.application_id(&call.control).await?;
        let id = match (scope.key("owner"), reference) {
            (Some(_), _) => owner_id(scope.id("owner")?)?,
            (None, Some(reference)) => {
                kind_of(&reference)?;
                owner_id(&reference.key)?
            }
            (None, None) => {
                return Err(GraphError::bad_request(
                    "The owner to remove must be named in the path or by the option '$id'.",
                ));
            }
        };
        Ok(call.control.remove_owner(&call.context, application, &id).await?)
    }
}

#[async_trait]
impl Entities for OwnersOfServicePrincipal {
    fn kind(&self) -> &'static EntityType {
        &DIRECTORY_OBJECT
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        list_of(call, application_behind(call, scope).await?, listing).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        read_of(call, application_behind(call, scope).await?, scope).await
    }
}

/// The caller as the owner of what it makes.
pub(super) fn caller(call: &Call) -> Option<Owner> {
    let kind = match call.token.kind() {
        TokenKind::AppOnly => PrincipalKind::ServicePrincipal,
        TokenKind::Delegated => PrincipalKind::User,
    };
    let name = call.token.name().map(str::to_owned);
    Some(Owner { id: OwnerId::parse(call.caller()).ok()?, kind, name })
}

async fn application_behind(call: &Call, scope: &Scope) -> Result<ApplicationId, GraphError> {
    let principal = scope.service_principal(&call.control).await?;
    Ok(call.control.application_by_app_id(principal.app_id).await?.id)
}

async fn list_of(call: &Call, application: ApplicationId, listing: &Listing<'_>) -> Result<Listed, GraphError> {
    let owners = call.control.list_owners(application).await?;
    listing.select(&DIRECTORY_OBJECT, owners.iter().map(entity).collect())
}

async fn read_of(call: &Call, application: ApplicationId, scope: &Scope) -> Result<Entity, GraphError> {
    let id = scope.id("owner")?;
    let owners = call.control.list_owners(application).await?;
    let found = owners.iter().find(|owner| owner.id.as_str().eq_ignore_ascii_case(id));
    found.map(entity).ok_or_else(|| GraphError::no_such_resource(id))
}

/// What a reference says about the kind of an owner; `directoryObjects` says nothing.
fn kind_of(reference: &Reference) -> Result<Option<PrincipalKind>, GraphError> {
    match reference.entity_type.name {
        "user" => Ok(Some(PrincipalKind::User)),
        "servicePrincipal" => Ok(Some(PrincipalKind::ServicePrincipal)),
        "directoryObject" => Ok(None),
        other => Err(GraphError::invalid(format!("An object of type '{other}' cannot be an owner."))),
    }
}

/// What an id may hold as it is in a segment of a URL.
const NON_ALPHANUMERIC_OR_MARK: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn owner_id(text: &str) -> Result<OwnerId, GraphError> {
    OwnerId::parse(text).map_err(|error| GraphError::invalid(format!("Invalid id of an owner: {error}.")))
}

fn entity(owner: &Owner) -> Entity {
    let kind = match owner.kind {
        PrincipalKind::User => &USER,
        PrincipalKind::ServicePrincipal => &SERVICE_PRINCIPAL,
        PrincipalKind::Group => &DIRECTORY_OBJECT,
    };
    // A user has a name to show, and where nobody said it there is the id.
    let name = owner.name.as_ref().map_or(owner.id.as_str(), |name| name.as_str());
    let properties = Map::from_iter([
        ("id".to_owned(), owner.id.as_str().into()),
        ("deletedDateTime".to_owned(), Value::Null),
        ("displayName".to_owned(), name.into()),
    ]);
    Entity {
        kind,
        properties,
        etag: None,
        path: format!("directoryObjects/{}", utf8_percent_encode(owner.id.as_str(), NON_ALPHANUMERIC_OR_MARK)),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}
