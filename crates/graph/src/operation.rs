//! The generic operations: what GET, POST, PATCH, PUT and DELETE do with a collection, an entity, a reference or a
//! property, whatever its type. What is particular to a type is behind [`crate::entities::Entities`].

mod collection;
mod entity;
mod link;
mod property;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::resource::{
    application, application_template, client_secret, deleted_item, delta, drain, explanation, health, profile,
    publishing, registration_token, user,
};
use crate::surface::Action;

/// An operation that is particular to its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    UpdateUpdater,
    CreateRegistrationToken,
    ListRegistrationTokens,
    RevokeRegistrationToken,
    DrainConnector,
    ResumeConnector,
    ConnectorWork,
    ApplicationsDelta,
    Explain,
    GroupsHealth,
    ApplicationsHealth,
    ApplicationHealth,
    UpdatePublishing,
    DeletePublishing,
    AddApplicationPassword,
    RemoveApplicationPassword,
    AddServicePrincipalPassword,
    RemoveServicePrincipalPassword,
    InstantiateTemplate,
    RestoreDeletedItem,
    RevokeSessions,
    RevokeApplicationSessions,
}

/// Carries out what an endpoint does.
pub(crate) async fn carry_out(action: Action, call: &Call) -> Result<Answer, GraphError> {
    match action {
        Action::List(entities) => collection::list(call, entities).await,
        Action::Count(entities) => collection::count(call, entities).await,
        Action::ListReferences(entities) => collection::references(call, entities).await,
        Action::Read(entities) => entity::read(call, entities).await,
        Action::Create(entities) => entity::create(call, entities).await,
        Action::Update(entities) => entity::update(call, entities).await,
        Action::Delete(entities) => entity::delete(call, entities).await,
        Action::ReadReference(entities) => link::read(call, entities).await,
        Action::Link(entities) => link::add(call, entities).await,
        Action::Unlink(entities) => link::remove(call, entities).await,
        Action::ReadProperty(entities) => property::read(call, entities).await,
        Action::Call(operation) => call_operation(operation, call).await,
    }
}

async fn call_operation(operation: Operation, call: &Call) -> Result<Answer, GraphError> {
    match operation {
        Operation::UpdateUpdater => profile::update_updater(call).await,
        Operation::CreateRegistrationToken => registration_token::create(call).await,
        Operation::ListRegistrationTokens => registration_token::list(call).await,
        Operation::RevokeRegistrationToken => registration_token::revoke(call).await,
        Operation::DrainConnector => drain::drain(call).await,
        Operation::ResumeConnector => drain::resume(call).await,
        Operation::ConnectorWork => drain::work(call).await,
        Operation::ApplicationsDelta => delta::applications(call).await,
        Operation::Explain => explanation::explain(call).await,
        Operation::GroupsHealth => health::groups(call).await,
        Operation::ApplicationsHealth => health::applications(call).await,
        Operation::ApplicationHealth => health::application(call).await,
        Operation::UpdatePublishing => publishing::update(call).await,
        Operation::DeletePublishing => publishing::delete(call).await,
        Operation::AddApplicationPassword => client_secret::add_to_application(call).await,
        Operation::RemoveApplicationPassword => client_secret::remove_from_application(call).await,
        Operation::AddServicePrincipalPassword => client_secret::add_to_service_principal(call).await,
        Operation::RemoveServicePrincipalPassword => client_secret::remove_from_service_principal(call).await,
        Operation::InstantiateTemplate => application_template::instantiate(call).await,
        Operation::RestoreDeletedItem => deleted_item::restore(call).await,
        Operation::RevokeSessions => user::revoke_sessions(call).await,
        Operation::RevokeApplicationSessions => application::revoke_sessions(call).await,
    }
}

pub(crate) use entity::answer as answer_entity;
