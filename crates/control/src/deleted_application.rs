//! Deleting applications, and having them back: list what was deleted, restore it, purge it.
//!
//! A deleted application is published no more from the moment its deletion is acknowledged, and its URLs are free. For
//! 30 days it can be restored, with what went with it; then it is purged by itself.

use std::sync::Weak;
use std::time::Duration;

use adit_core::audit::Activity;
use adit_core::deleted_application::purged_until;
use adit_core::query::{Page, Query};
use adit_core::{API_APP_ID, Application, ApplicationId, DeletedApplication, OperationContext};
use adit_store::WriteTransaction;
use uuid::Uuid;

use crate::application::{check_place_free, check_unique_name_free, load};
use crate::audit;
use crate::connector_group;
use crate::control_plane::{ControlPlane, Inner};
use crate::error::Error;
use crate::target::Target;

/// How often it is looked for what has been deleted for long enough.
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How many are looked up at once, so that a large clean-up does not have to be in memory.
const PURGE_BATCH: u32 = 100;

impl ControlPlane {
    /// Deletes an application; it is published no more, and can be restored for a while.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn delete_application(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let application = load(&mut change, target.into()).await?;
        change.delete_application(&application, self.now()).await?;
        let detail = audit::change(Some(audit::application(&application)), None);
        change.append_audit(self.record(context, Activity::DeleteApplication, application.id, detail));
        self.commit(change).await
    }

    /// One page of the deleted applications.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_deleted_applications(&self, query: &Query) -> Result<Page<DeletedApplication>, Error> {
        Ok(self.store().list_deleted_applications(query).await?)
    }

    /// One deleted application.
    ///
    /// # Errors
    /// [`Error::DeletedApplicationNotFound`], [`Error::Store`].
    pub async fn deleted_application(&self, id: ApplicationId) -> Result<DeletedApplication, Error> {
        self.store().find_deleted_application(id).await?.ok_or(Error::DeletedApplicationNotFound(id))
    }

    /// Whether a deleted application would have roles of the API again if it were restored.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn deleted_application_has_api_roles(&self, id: ApplicationId) -> Result<bool, Error> {
        let Some(api) = self.store().find_service_principal_of(API_APP_ID).await? else { return Ok(false) };
        let belongings = self.store().belongings_of_deleted(id).await?;
        Ok(belongings.assignments.iter().any(|assignment| assignment.resource == api.id))
    }

    /// Makes a deleted application what it was: published at its URLs, in its group, with its service principal and
    /// its owners. If its group is gone meanwhile, it is in the default group.
    ///
    /// # Errors
    /// [`Error::DeletedApplicationNotFound`], [`Error::ChangedMeanwhile`], [`Error::ExternalUrlTaken`],
    /// [`Error::InternalUrlTaken`], [`Error::UniqueNameTaken`], [`Error::Store`].
    pub async fn restore_application(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
    ) -> Result<Application, Error> {
        let mut change = self.store().begin().await?;
        let mut application = load_deleted(&mut change, target.into()).await?.application;
        check_unique_name_free(&mut change, &application).await?;
        if let Some(publishing) = application.publishing() {
            // URLs that were accepted once come back as they were: what went with the application is worth more.
            check_place_free(&mut change, application.id, publishing).await?;
        }
        return_to_existing_group(&mut change, &mut application).await?;
        change.restore_application(&mut application).await?;
        let detail = audit::change(None, Some(audit::application(&application)));
        change.append_audit(self.record(context, Activity::RestoreApplication, application.id, detail));
        self.commit(change).await?;
        Ok(application)
    }

    /// Forgets a deleted application for good.
    ///
    /// # Errors
    /// [`Error::DeletedApplicationNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn purge_application(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>>,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        let application = load_deleted(&mut change, target.into()).await?.application;
        change.purge_application(application.id).await?;
        let detail = audit::change(Some(audit::application(&application)), None);
        change.append_audit(self.record(context, Activity::PurgeApplication, application.id, detail));
        self.commit(change).await
    }

    /// Purges what was deleted more than 30 days ago, and says how much that was.
    ///
    /// # Errors
    /// [`Error::Store`]; what was purged until then stays purged.
    pub async fn purge_expired(&self) -> Result<u64, Error> {
        let mut purged = 0;
        loop {
            let expired = self.store().deleted_until(purged_until(self.now()), PURGE_BATCH).await?;
            if expired.is_empty() {
                return Ok(purged);
            }
            for application in expired {
                match self.purge_application(&OperationContext::system(Uuid::now_v7()), application).await {
                    Ok(()) => purged += 1,
                    // Somebody else restored or purged it since it was looked up.
                    Err(Error::DeletedApplicationNotFound(_)) => {}
                    Err(Error::Store(unreadable @ adit_store::Error::Unreadable { .. })) => {
                        tracing::error!(%application, %unreadable, "a deleted application is purged unread");
                        self.purge_unread(application).await?;
                        purged += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Purges a deleted application that cannot be read: it would be in the way of all the others.
    async fn purge_unread(&self, id: ApplicationId) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        change.purge_application(id).await?;
        let context = OperationContext::system(Uuid::now_v7());
        let detail = audit::with(audit::change(None, None), "unreadable", true);
        change.append_audit(self.record(&context, Activity::PurgeApplication, id, detail));
        self.commit(change).await
    }
}

/// Purges what is over, for as long as the control plane lives.
pub(crate) async fn purge_regularly(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(PURGE_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        match ControlPlane::from(inner).purge_expired().await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "applications deleted 30 days ago were purged"),
            Err(Error::Store(adit_store::Error::Closed)) => return,
            Err(error) => {
                tracing::warn!(%error, "deleted applications could not be purged; it is tried again in an hour")
            }
        }
    }
}

/// The group it was in, if that is still there; else the default group.
async fn return_to_existing_group(change: &mut WriteTransaction, application: &mut Application) -> Result<(), Error> {
    let Some(group) = application.connector_group() else { return Ok(()) };
    if change.find_connector_group(group).await?.is_some() {
        return Ok(());
    }
    let default = connector_group::load_default(change).await?;
    application.assign(default.id).map_err(|refused| Error::ApplicationNotPublished(refused.0))
}

async fn load_deleted(
    change: &mut WriteTransaction,
    target: Target<ApplicationId>,
) -> Result<DeletedApplication, Error> {
    let found =
        change.find_deleted_application(target.id).await?.ok_or(Error::DeletedApplicationNotFound(target.id))?;
    target.expected.check(found.application.revision)?;
    Ok(found)
}
