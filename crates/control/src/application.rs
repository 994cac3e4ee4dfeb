//! Applications: make, publish, change, unpublish, assign to a group.

mod publishing_patch;

use std::collections::HashMap;

use adit_core::application::{Attributes, Publishing};
use adit_core::audit::Activity;
use adit_core::query::{ApplicationField, Expression, Field, LARGEST_PAGE, OBJECT, Page, Query, Value};
use adit_core::{
    AppId, Application, ApplicationId, ConnectorGroup, ConnectorGroupId, DisplayName, OperationContext, Owner,
    ServicePrincipal,
};
use adit_store::WriteTransaction;
use uuid::Uuid;

pub use crate::application::publishing_patch::{
    HealthProbePatch, PublishingChange, PublishingPatch, UpstreamTimesPatch,
};
use crate::audit;
use crate::connector_group;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::refresh_token::disables;
use crate::target::Target;

/// An application to make.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// Its name; not unique.
    pub display_name: DisplayName,
    /// What only the API layer understands.
    pub attributes: Attributes,
    /// How it is published from the start; complete, if given.
    pub publishing: Option<PublishingPatch>,
    /// Who owns it from the start.
    pub owner: Option<Owner>,
}

/// Makes of an application as it is, of attributes to set, and of what becomes of its publishing, the attributes that
/// are set in fact: only the API layer knows which of them have parts that are changed one by one.
pub type MergeAttributes = fn(&Application, Attributes, &PublishingChange) -> Attributes;

/// What to change of an application.
#[derive(Debug, Clone, Default)]
pub struct ApplicationChange {
    /// Another name.
    pub display_name: Option<DisplayName>,
    /// Each key replaces what was there under it.
    pub attributes: Attributes,
    /// Applied to the attributes first, inside the transaction; without one they are set as they are.
    pub merge: Option<MergeAttributes>,
    /// What becomes of its publishing.
    pub publishing: PublishingChange,
}

impl ControlPlane {
    /// One page of the applications.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_applications(&self, query: &Query) -> Result<Page<Application>, Error> {
        Ok(self.store().list_applications(query).await?)
    }

    /// One application.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::Store`].
    pub async fn application(&self, id: ApplicationId) -> Result<Application, Error> {
        self.store().find_application(id).await?.ok_or(Error::ApplicationNotFound(id))
    }

    /// One application, by its client id.
    ///
    /// # Errors
    /// [`Error::AppIdNotFound`], [`Error::Store`].
    pub async fn application_by_app_id(&self, id: AppId) -> Result<Application, Error> {
        self.store().find_application_by_app_id(id).await?.ok_or(Error::AppIdNotFound(id))
    }

    /// One application, by its unique name.
    ///
    /// # Errors
    /// [`Error::UniqueNameNotFound`], [`Error::Store`].
    pub async fn application_by_unique_name(&self, name: &str) -> Result<Application, Error> {
        let found = self.store().find_application_by_unique_name(name).await?;
        found.ok_or_else(|| Error::UniqueNameNotFound(name.to_owned()))
    }

    /// The applications with these client ids; at most [`LARGEST_PAGE`] of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn applications_by_app_ids(&self, ids: &[AppId]) -> Result<HashMap<AppId, Application>, Error> {
        let field = Expression::Field(OBJECT, Field::Application(ApplicationField::AppId));
        let among = ids.iter().map(|id| Expression::Value(Value::Text(id.to_string()))).collect();
        let filter = Some(Expression::In(Box::new(field), among));
        let query = Query { filter, limit: LARGEST_PAGE, ..Query::default() };
        let page = self.store().list_applications(&query).await?;
        Ok(page.items.into_iter().map(|application| (application.app_id, application)).collect())
    }

    /// Makes an application, published or not. A published one gets its service principal.
    ///
    /// # Errors
    /// [`Error::PublishingIncomplete`], [`Error::ExternalUrlTaken`], [`Error::InternalUrlTaken`],
    /// [`Error::UniqueNameTaken`], [`Error::Store`].
    pub async fn create_application(
        &self,
        context: &OperationContext,
        mut new: NewApplication,
    ) -> Result<Application, Error> {
        let certificate = match new.publishing.as_mut().and_then(|patch| patch.certificate.take()) {
            Some(upload) => Some(self.open_upload(None, upload).await?),
            None => None,
        };
        let mut change = self.store().begin().await?;
        let application = self.add_application(&mut change, context, new).await?;
        if let Some(certificate) = certificate {
            self.keep_certificate(&mut change, context, &application, certificate).await?;
        }
        if application.publishing().is_some() {
            let name = application.display_name.clone();
            self.add_service_principal(&mut change, context, &application, name, Attributes::new()).await?;
        }
        self.commit(change).await?;
        Ok(application)
    }

    /// Makes an application together with its service principal, which gets the name of the application and the given
    /// attributes.
    ///
    /// # Errors
    /// [`Error::PublishingIncomplete`], [`Error::ExternalUrlTaken`], [`Error::InternalUrlTaken`],
    /// [`Error::UniqueNameTaken`], [`Error::Store`].
    pub async fn instantiate_application(
        &self,
        context: &OperationContext,
        new: NewApplication,
        principal: Attributes,
    ) -> Result<(Application, ServicePrincipal), Error> {
        let mut change = self.store().begin().await?;
        let application = self.add_application(&mut change, context, new).await?;
        let name = application.display_name.clone();
        let principal = self.add_service_principal(&mut change, context, &application, name, principal).await?;
        self.commit(change).await?;
        Ok((application, principal))
    }

    /// Changes an application: its own properties, its publishing, or both at once. What is already so changes nothing.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::ChangedMeanwhile`], [`Error::PublishingIncomplete`],
    /// [`Error::ExternalUrlTaken`], [`Error::InternalUrlTaken`], [`Error::UniqueNameTaken`],
    /// [`Error::UniqueNameFixed`], [`Error::Store`].
    pub async fn update_application(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
        mut wanted: ApplicationChange,
    ) -> Result<Application, Error> {
        let target = target.into();
        let certificate = match wanted.publishing.certificate() {
            Some(upload) => Some(self.open_upload(Some(target.id), upload).await?),
            None => None,
        };
        let mut change = self.store().begin().await?;
        let old = load(&mut change, target).await?;
        let mut application = old.clone();
        if let Some(name) = wanted.display_name {
            application.display_name = name;
        }
        let attributes = match wanted.merge {
            Some(merge) => merge(&old, wanted.attributes, &wanted.publishing),
            None => wanted.attributes,
        };
        application.attributes.extend(attributes);
        if application.unique_name() != old.unique_name() {
            check_unique_name_unset(&old)?;
            check_unique_name_free(&mut change, &application).await?;
        }
        match wanted.publishing {
            PublishingChange::Keep => {}
            PublishingChange::Merge(patch) => publish(&mut change, &mut application, patch).await?,
            PublishingChange::End => application.unpublish(),
        }
        if let Some(certificate) = certificate {
            let (_, is_new) = self.keep_certificate(&mut change, context, &application, certificate).await?;
            if is_new && application == old {
                change.update_application(&mut application).await?;
                self.commit(change).await?;
                return Ok(application);
            }
        }
        self.finish_update(change, context, Activity::UpdateApplication, &old, application).await
    }

    /// The group whose connectors serve an application.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`] when there is no such application or it is not published; [`Error::Store`].
    pub async fn connector_group_of(&self, application: ApplicationId) -> Result<ConnectorGroup, Error> {
        let not_published = Error::ApplicationNotPublished(application);
        let found = self.store().find_application(application).await?;
        let Some(group) = found.and_then(|application| application.connector_group()) else {
            return Err(not_published);
        };
        self.connector_group(group).await
    }

    /// Assigns the group whose connectors serve an application. Where it is assigned already, nothing changes.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`], [`Error::ChangedMeanwhile`], [`Error::ConnectorGroupNotFound`],
    /// [`Error::Store`].
    pub async fn assign_connector_group(
        &self,
        context: &OperationContext,
        application: impl Into<Target<ApplicationId>>,
        group: impl Into<Target<ConnectorGroupId>>,
    ) -> Result<ConnectorGroup, Error> {
        let mut change = self.store().begin().await?;
        let application = load_published(&mut change, application.into()).await?;
        let group = connector_group::load(&mut change, group).await?;
        self.finish_assignment(change, context, application, group).await
    }

    /// Gives an application back to the default group. Where it is there already, nothing changes.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn unassign_connector_group(
        &self,
        context: &OperationContext,
        application: impl Into<Target<ApplicationId>>,
    ) -> Result<ConnectorGroup, Error> {
        let mut change = self.store().begin().await?;
        let application = load_published(&mut change, application.into()).await?;
        let group = connector_group::load_default(&mut change).await?;
        self.finish_assignment(change, context, application, group).await
    }

    /// The same, if it is in `group`.
    ///
    /// # Errors
    /// [`Error::ApplicationNotPublished`], [`Error::ConnectorGroupNotFound`], [`Error::ChangedMeanwhile`],
    /// [`Error::NotServedBy`], [`Error::Store`].
    pub async fn unassign_from_connector_group(
        &self,
        context: &OperationContext,
        application: impl Into<Target<ApplicationId>>,
        group: impl Into<Target<ConnectorGroupId>>,
    ) -> Result<ConnectorGroup, Error> {
        let mut change = self.store().begin().await?;
        let application = load_published(&mut change, application.into()).await?;
        let group = connector_group::load(&mut change, group).await?;
        if application.connector_group() != Some(group.id) {
            return Err(Error::NotServedBy { application: application.id, group: group.id });
        }
        let default = connector_group::load_default(&mut change).await?;
        self.finish_assignment(change, context, application, default).await
    }

    /// Makes an application as part of a larger change, without a service principal.
    async fn add_application(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        new: NewApplication,
    ) -> Result<Application, Error> {
        let (id, app_id) = (ApplicationId::new(Uuid::now_v7()), AppId::new(Uuid::new_v4()));
        let mut application = Application::new(id, app_id, new.display_name, self.now(), new.attributes);
        check_unique_name_free(change, &application).await?;
        if let Some(patch) = new.publishing {
            publish(change, &mut application, patch).await?;
        }
        change.insert_application(&mut application).await?;
        let mut detail = audit::change(None, Some(audit::application(&application)));
        if let Some(owner) = new.owner {
            change.insert_owner(id, &owner).await?;
            detail = audit::with(detail, "owner", audit::owner(&owner));
        }
        change.append_audit(self.record(context, Activity::AddApplication, id, detail));
        Ok(application)
    }

    async fn finish_assignment(
        &self,
        change: WriteTransaction,
        context: &OperationContext,
        old: Application,
        group: ConnectorGroup,
    ) -> Result<ConnectorGroup, Error> {
        let mut application = old.clone();
        application.assign(group.id).map_err(|refused| Error::ApplicationNotPublished(refused.0))?;
        self.finish_update(change, context, Activity::AssignConnectorGroup, &old, application).await?;
        Ok(group)
    }

    /// Writes what changed and commits; an application that did not change stays untouched.
    pub(crate) async fn finish_update(
        &self,
        mut change: WriteTransaction,
        context: &OperationContext,
        activity: Activity,
        old: &Application,
        mut application: Application,
    ) -> Result<Application, Error> {
        if application == *old {
            self.unchanged(change).await?;
            return Ok(application);
        }
        change.update_application(&mut application).await?;
        if application.attributes != old.attributes {
            let principal = change.find_service_principal_of(application.app_id).await?;
            if principal.is_some_and(|principal| disables((old, &principal), (&application, &principal))) {
                change.end_refresh_grants_of(application.app_id).await?;
            }
        }
        let detail = audit::change(Some(audit::application(old)), Some(audit::application(&application)));
        let detail = audit::with(detail, "changed_attributes", audit::changed_attributes(old, &application));
        change.append_audit(self.record(context, activity, application.id, detail));
        self.follow_application(&mut change, context, old, &application).await?;
        self.drop_unfitting_certificate(&mut change, context, &application).await?;
        self.commit(change).await?;
        Ok(application)
    }
}

/// Publishes the application, or changes how it is published, after the rules of the whole directory. URLs are held
/// against them when one is given: what was accepted once does not keep its other settings from being changed.
pub(crate) async fn publish(
    change: &mut WriteTransaction,
    application: &mut Application,
    patch: PublishingPatch,
) -> Result<(), Error> {
    let gives_url = patch.gives_url();
    let publishing = patch.applied_to(application.publishing().cloned())?;
    if gives_url {
        publishing.check()?;
        check_place_free(change, application.id, &publishing).await?;
    }
    let default = connector_group::load_default(change).await?;
    application.publish(publishing, default.id);
    Ok(())
}

pub(crate) async fn check_place_free(
    change: &mut WriteTransaction,
    own: ApplicationId,
    publishing: &Publishing,
) -> Result<(), Error> {
    for url in publishing.entrances() {
        let other = change.find_application_at(url).await?;
        if let Some(other) = other.filter(|other| other.id != own) {
            return Err(Error::ExternalUrlTaken { url: url.clone(), by: other.id });
        }
    }
    let other = change.find_application_in_front_of(&publishing.internal_url).await?;
    if let Some(other) = other.filter(|other| other.id != own) {
        return Err(Error::InternalUrlTaken { url: publishing.internal_url.clone(), by: other.id });
    }
    Ok(())
}

/// A unique name stays: clients hold it as a key.
fn check_unique_name_unset(application: &Application) -> Result<(), Error> {
    match application.unique_name() {
        Some(name) => Err(Error::UniqueNameFixed { name: name.to_owned() }),
        None => Ok(()),
    }
}

/// Checks that no other application has the unique name of this one.
pub(crate) async fn check_unique_name_free(
    change: &mut WriteTransaction,
    application: &Application,
) -> Result<(), Error> {
    let Some(name) = application.unique_name() else { return Ok(()) };
    match change.find_application_by_unique_name(name).await? {
        Some(other) if other.id != application.id => {
            Err(Error::UniqueNameTaken { name: name.to_owned(), by: other.id })
        }
        _ => Ok(()),
    }
}

pub(crate) async fn load(change: &mut WriteTransaction, target: Target<ApplicationId>) -> Result<Application, Error> {
    let found = change.find_application(target.id).await?.ok_or(Error::ApplicationNotFound(target.id))?;
    target.expected.check(found.revision)?;
    Ok(found)
}

pub(crate) async fn load_published(
    change: &mut WriteTransaction,
    target: Target<ApplicationId>,
) -> Result<Application, Error> {
    let found = change.find_application(target.id).await?.ok_or(Error::ApplicationNotPublished(target.id))?;
    if found.publishing().is_none() {
        return Err(Error::ApplicationNotPublished(target.id));
    }
    target.expected.check(found.revision)?;
    Ok(found)
}
