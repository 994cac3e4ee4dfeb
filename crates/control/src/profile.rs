//! The settings of the whole directory.

use adit_core::OperationContext;
use adit_core::audit::Activity;
use adit_core::profile::{ProfileSettings, UpdateWindow};
use jiff::Timestamp;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::target::Expected;

/// What to change of the settings; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// Whether publishing is enabled at all.
    pub is_enabled: Option<bool>,
    /// Whether default access is enabled.
    pub is_default_access_enabled: Option<bool>,
    /// Whether an urgent update may come at any time.
    pub allow_override: Option<bool>,
    /// Before which moment connectors do not update themselves, or none.
    pub defer_until: Option<Option<Timestamp>>,
    /// Between which times of day they do, or any.
    pub window: Option<Option<UpdateWindow>>,
}

impl ControlPlane {
    /// The settings.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn profile(&self) -> Result<ProfileSettings, Error> {
        Ok(self.store().load_profile().await?)
    }

    /// Changes the settings. What is already so changes nothing.
    ///
    /// # Errors
    /// [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn update_profile(
        &self,
        context: &OperationContext,
        expected: Expected,
        wanted: ProfileChange,
    ) -> Result<ProfileSettings, Error> {
        let mut change = self.store().begin().await?;
        let old = change.load_profile().await?;
        expected.check(old.revision)?;
        let mut profile = changed(old.clone(), wanted);
        if profile == old {
            self.unchanged(change).await?;
            return Ok(profile);
        }
        change.update_profile(&mut profile).await?;
        let activity = match (old.is_enabled, profile.is_enabled) {
            (false, true) => Activity::EnableApplicationProxy,
            (true, false) => Activity::DisableApplicationProxy,
            _ => Activity::UpdateProfile,
        };
        let detail = audit::change(Some(audit::profile(&old)), Some(audit::profile(&profile)));
        change.append_audit(self.record(context, activity, "application_proxy", detail));
        self.commit(change).await?;
        Ok(profile)
    }
}

fn changed(mut profile: ProfileSettings, wanted: ProfileChange) -> ProfileSettings {
    profile.is_enabled = wanted.is_enabled.unwrap_or(profile.is_enabled);
    profile.is_default_access_enabled = wanted.is_default_access_enabled.unwrap_or(profile.is_default_access_enabled);
    let updater = &mut profile.updater;
    updater.allow_override = wanted.allow_override.unwrap_or(updater.allow_override);
    updater.defer_until = wanted.defer_until.unwrap_or(updater.defer_until);
    updater.window = wanted.window.unwrap_or(updater.window);
    profile
}
