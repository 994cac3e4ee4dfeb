//! Service principals: an application's own, made when it is published or by itself, changed, and deleted with all that
//! names it.

use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::query::{Page, Query};
use adit_core::service_principal::effective_app_roles;
use adit_core::{
    API_APP_ID, AppId, Application, DisplayName, OperationContext, Revision, ServicePrincipal, ServicePrincipalId,
};
use adit_store::WriteTransaction;
use serde_json::Value;
use uuid::Uuid;

use crate::audit;
use crate::client_secret;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::refresh_token::disables;
use crate::target::Target;

/// A service principal to make.
#[derive(Debug, Clone)]
pub struct NewServicePrincipal {
    /// The client id of the application, which must exist.
    pub app_id: AppId,
    /// Its name; that of the application if none is given.
    pub display_name: Option<DisplayName>,
    /// What only the API layer understands.
    pub attributes: Attributes,
}

/// Makes of a service principal as it is and of attributes to set those that are set in fact.
pub type MergePrincipalAttributes = fn(&ServicePrincipal, Attributes) -> Attributes;

/// What to change of a service principal.
#[derive(Debug, Clone, Default)]
pub struct ServicePrincipalChange {
    /// Another name.
    pub display_name: Option<DisplayName>,
    /// Each key replaces what was there under it.
    pub attributes: Attributes,
    /// Applied to the attributes first, inside the transaction; without one they are set as they are.
    pub merge: Option<MergePrincipalAttributes>,
}

impl ControlPlane {
    /// One page of the service principals.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_service_principals(&self, query: &Query) -> Result<Page<ServicePrincipal>, Error> {
        Ok(self.store().list_service_principals(query).await?)
    }

    /// One service principal.
    ///
    /// # Errors
    /// [`Error::ServicePrincipalNotFound`], [`Error::Store`].
    pub async fn service_principal(&self, id: ServicePrincipalId) -> Result<ServicePrincipal, Error> {
        self.store().find_service_principal(id).await?.ok_or(Error::ServicePrincipalNotFound(id))
    }

    /// The service principal of an application, by the application's client id.
    ///
    /// # Errors
    /// [`Error::NoServicePrincipalOf`], [`Error::Store`].
    pub async fn service_principal_by_app_id(&self, id: AppId) -> Result<ServicePrincipal, Error> {
        self.store().find_service_principal_of(id).await?.ok_or(Error::NoServicePrincipalOf(id))
    }

    /// The app roles that can be assigned to principals of a service principal: the application's and its own.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn app_roles_of(&self, principal: &ServicePrincipal) -> Result<Vec<Value>, Error> {
        let application = self.store().find_application_by_app_id(principal.app_id).await?;
        Ok(effective_app_roles(application.as_ref(), principal))
    }

    /// Makes the service principal of an application that has none.
    ///
    /// # Errors
    /// [`Error::AppIdNotFound`], [`Error::ServicePrincipalExists`], [`Error::Store`].
    pub async fn create_service_principal(
        &self,
        context: &OperationContext,
        new: NewServicePrincipal,
    ) -> Result<ServicePrincipal, Error> {
        let mut change = self.store().begin().await?;
        let found = change.find_application_by_app_id(new.app_id).await?;
        let application = found.ok_or(Error::AppIdNotFound(new.app_id))?;
        if let Some(other) = change.find_service_principal_of(new.app_id).await? {
            return Err(Error::ServicePrincipalExists { app_id: new.app_id, id: other.id });
        }
        let named = new.display_name.unwrap_or_else(|| application.display_name.clone());
        let principal = self.add_service_principal(&mut change, context, &application, named, new.attributes).await?;
        self.commit(change).await?;
        Ok(principal)
    }

    /// Changes a service principal. What is already so changes nothing.
    ///
    /// # Errors
    /// [`Error::ServicePrincipalNotFound`], [`Error::StandsForTheApi`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn update_service_principal(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ServicePrincipalId>>,
        wanted: ServicePrincipalChange,
    ) -> Result<ServicePrincipal, Error> {
        let mut change = self.store().begin().await?;
        let old = load_own(&mut change, target).await?;
        let mut principal = old.clone();
        if let Some(name) = wanted.display_name {
            principal.display_name = name;
        }
        let attributes = match wanted.merge {
            Some(merge) => merge(&old, wanted.attributes),
            None => wanted.attributes,
        };
        principal.attributes.extend(attributes);
        if principal == old {
            self.unchanged(change).await?;
            return Ok(principal);
        }
        self.write_service_principal(&mut change, context, &old, &mut principal).await?;
        self.commit(change).await?;
        Ok(principal)
    }

    /// Deletes a service principal with the assignments to it and of it, its ownerships and its secrets. The application stays.
    ///
    /// # Errors
    /// [`Error::ServicePrincipalNotFound`], [`Error::StandsForTheApi`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn delete_service_principal(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ServicePrincipalId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let principal = load_own(&mut change, target).await?;
        let (id, old) = (principal.id, audit::service_principal(&principal));
        client_secret::forget_secrets_of(&mut change, &principal).await?;
        let taken = change.take_service_principal(principal).await?;
        let detail = audit::with(audit::change(Some(old), None), "assignments", taken.assignments.len());
        change.append_audit(self.record(context, Activity::DeleteServicePrincipal, id, detail));
        self.commit(change).await
    }

    /// Makes a service principal as part of a larger change.
    pub(crate) async fn add_service_principal(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        application: &Application,
        display_name: DisplayName,
        attributes: Attributes,
    ) -> Result<ServicePrincipal, Error> {
        let mut principal = ServicePrincipal {
            id: ServicePrincipalId::new(Uuid::now_v7()),
            app_id: application.app_id,
            display_name,
            created: self.now(),
            attributes,
            revision: Revision::default(),
        };
        if application.publishing().is_some() {
            principal.mark_published();
        }
        change.insert_service_principal(&mut principal).await?;
        let detail = audit::change(None, Some(audit::service_principal(&principal)));
        change.append_audit(self.record(context, Activity::AddServicePrincipal, principal.id, detail));
        Ok(principal)
    }

    /// Does to the service principal what follows from a change of its application: one that becomes published has one
    /// with the tags of a published application, one that ends loses the tag, and one that had its application's name
    /// keeps having it.
    pub(crate) async fn follow_application(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        old: &Application,
        new: &Application,
    ) -> Result<(), Error> {
        let (was, is) = (old.publishing().is_some(), new.publishing().is_some());
        if was == is && old.display_name == new.display_name {
            return Ok(());
        }
        let Some(before) = change.find_service_principal_of(new.app_id).await? else {
            return if is && !was { self.add_missing_principal(change, context, new).await } else { Ok(()) };
        };
        let mut principal = before.clone();
        if before.display_name == old.display_name {
            principal.display_name = new.display_name.clone();
        }
        match (was, is) {
            (false, true) => principal.mark_published(),
            (true, false) => principal.mark_unpublished(),
            _ => {}
        }
        if principal == before {
            return Ok(());
        }
        self.write_service_principal(change, context, &before, &mut principal).await
    }

    async fn add_missing_principal(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        application: &Application,
    ) -> Result<(), Error> {
        let name = application.display_name.clone();
        self.add_service_principal(change, context, application, name, Attributes::new()).await?;
        Ok(())
    }

    async fn write_service_principal(
        &self,
        change: &mut WriteTransaction,
        context: &OperationContext,
        old: &ServicePrincipal,
        new: &mut ServicePrincipal,
    ) -> Result<(), Error> {
        change.update_service_principal(old, new).await?;
        let application = change.find_application_by_app_id(new.app_id).await?;
        if application.is_some_and(|application| disables((&application, old), (&application, new))) {
            change.end_refresh_grants_of(new.app_id).await?;
        }
        let detail = audit::change(Some(audit::service_principal(old)), Some(audit::service_principal(new)));
        let changed = audit::differing(&old.attributes, &new.attributes);
        let detail = audit::with(detail, "changed_attributes", changed);
        change.append_audit(self.record(context, Activity::UpdateServicePrincipal, new.id, detail));
        Ok(())
    }
}

/// The same for a service principal that is to be changed or deleted: not the one of the API.
pub(crate) async fn load_own(
    change: &mut WriteTransaction,
    target: impl Into<Target<ServicePrincipalId>>,
) -> Result<ServicePrincipal, Error> {
    let found = load(change, target).await?;
    if found.app_id == API_APP_ID { Err(Error::StandsForTheApi(found.id)) } else { Ok(found) }
}

/// Loads a service principal that must exist, and be at one of the revisions that are expected of it.
pub(crate) async fn load(
    change: &mut WriteTransaction,
    target: impl Into<Target<ServicePrincipalId>>,
) -> Result<ServicePrincipal, Error> {
    let target = target.into();
    let found = change.find_service_principal(target.id).await?.ok_or(Error::ServicePrincipalNotFound(target.id))?;
    target.expected.check(found.revision)?;
    Ok(found)
}
