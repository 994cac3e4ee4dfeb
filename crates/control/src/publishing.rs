//! Changing a part of a publishing by reading it first: for what is kept in its attributes as lists, of which clients
//! add, change and remove single items.
//!
//! Reading, editing and writing are one transaction, so that of two who add an item neither is lost.

use adit_core::audit::Activity;
use adit_core::{Application, ApplicationId, OperationContext, Publishing};

use crate::application::{PublishingPatch, load_published, publish};
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::target::Target;

impl ControlPlane {
    /// Gives `edit` how the application is published, and applies the patch that it makes of it. Returns the
    /// application as it is then, and what else `edit` returned. A patch that changes nothing changes nothing; a
    /// certificate cannot come this way, because opening it takes time.
    ///
    /// # Errors
    /// What `edit` says; [`Error::ApplicationNotPublished`], [`Error::ChangedMeanwhile`], [`Error::ExternalUrlTaken`],
    /// [`Error::InternalUrlTaken`], [`Error::Store`].
    pub async fn edit_publishing<R: Send, E: From<Error>>(
        &self,
        context: &OperationContext,
        target: impl Into<Target<ApplicationId>> + Send,
        edit: impl FnOnce(&Publishing) -> Result<(PublishingPatch, R), E> + Send,
    ) -> Result<(Application, R), E> {
        let target = target.into();
        let id = target.id;
        let mut change = self.store().begin().await.map_err(Error::from)?;
        let old = load_published(&mut change, target).await?;
        let publishing = old.publishing().ok_or(Error::ApplicationNotPublished(id))?;
        let (patch, result) = edit(publishing)?;
        let mut application = old.clone();
        publish(&mut change, &mut application, patch).await?;
        let application = self.finish_update(change, context, Activity::UpdateApplication, &old, application).await?;
        Ok((application, result))
    }
}
