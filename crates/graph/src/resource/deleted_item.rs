//! `directory/deletedItems`: applications that were deleted less than 30 days ago.

use std::collections::HashMap;

use adit_core::{ApplicationId, DeletedApplication};
use adit_odata::EntityType;
use adit_odata::document::Entity;
use async_trait::async_trait;

use super::application;
use crate::answer::Answer;
use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::expand;
use crate::model::APPLICATION;
use crate::operation::answer_entity;
use crate::permission::Permission;
use crate::scope::Scope;

/// `directory/deletedItems/{item}`.
pub(crate) static DELETED_ITEMS: DeletedItems = DeletedItems;

/// `directory/deletedItems/microsoft.graph.application`.
pub(crate) static DELETED_APPLICATIONS: DeletedApplications = DeletedApplications;

/// Deleted objects of any type, which is applications: nothing else stays.
pub(crate) struct DeletedItems;

/// Deleted applications.
pub(crate) struct DeletedApplications;

#[async_trait]
impl Entities for DeletedItems {
    fn kind(&self) -> &'static EntityType {
        &APPLICATION
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        read(call, scope).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        purge(call, scope).await
    }
}

#[async_trait]
impl Entities for DeletedApplications {
    fn kind(&self) -> &'static EntityType {
        &APPLICATION
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_deleted_applications(&listing.question(&APPLICATION)?).await?;
        let ids: Vec<ApplicationId> = page.items.iter().map(|deleted| deleted.application.id).collect();
        let certificates = if ids.is_empty() { HashMap::new() } else { call.control.certificates_of(&ids).await? };
        Ok(listing.page(page, |deleted| {
            let certificate = certificates.get(&deleted.application.id);
            marked(application::shown(&deleted.application, certificate), deleted)
        }))
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        read(call, scope).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        purge(call, scope).await
    }
}

/// `POST directory/deletedItems/{item}/restore`.
pub(crate) async fn restore(call: &Call) -> Result<Answer, GraphError> {
    // Before the write, because after it a refusal would say that nothing had happened.
    expand::check(call, &call.query_on(&APPLICATION)?, &APPLICATION)?;
    let id = id(&call.scope)?;
    // It comes back with its secrets: whoever knows one is the program again. Nothing is assigned to it while it is deleted.
    if call.control.deleted_application_has_api_roles(id).await? {
        call.require(Permission::AssignApiRoles)?;
    }
    let restored = call.control.restore_application(&call.context, call.at(id)).await?;
    answer_entity(call, application::entity(call, &restored).await?).await
}

async fn read(call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
    let deleted = call.control.deleted_application(id(scope)?).await?;
    Ok(marked(application::entity(call, &deleted.application).await?, &deleted))
}

async fn purge(call: &Call, scope: &Scope) -> Result<(), GraphError> {
    Ok(call.control.purge_application(&call.context, call.at(id(scope)?)).await?)
}

fn id(scope: &Scope) -> Result<ApplicationId, GraphError> {
    let text = scope.id("item")?;
    text.parse().map_err(|_| GraphError::no_such_resource(text))
}

fn marked(mut entity: Entity, deleted: &DeletedApplication) -> Entity {
    entity.properties.insert("deletedDateTime".to_owned(), format!("{:.7}", deleted.deleted).into());
    entity.path = format!("directory/deletedItems/{}", deleted.application.id);
    entity
}
