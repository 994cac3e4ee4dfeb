//! The settings of the whole directory: one row, which is there from the start.

use adit_core::ProfileSettings;
use adit_core::profile::UpdaterSettings;

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// Under which id the change log names the one row.
const THE_PROFILE: &str = "application_proxy";

impl Store {
    /// The settings.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn load_profile(&self) -> Result<ProfileSettings, Error> {
        let mut read = self.read().await?;
        load(&mut read).await
    }
}

impl WriteTransaction {
    /// The settings.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn load_profile(&mut self) -> Result<ProfileSettings, Error> {
        load(self.connection()).await
    }

    /// Writes the settings, and gives them this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn update_profile(&mut self, profile: &mut ProfileSettings) -> Result<(), Error> {
        profile.revision = self.revision();
        engine::query("UPDATE profile SET is_enabled = ?, is_default_access_enabled = ?, updater = ?, revision = ?")
            .bind(profile.is_enabled.to_string())
            .bind(profile.is_default_access_enabled.to_string())
            .bind(row::json("updater", &profile.updater)?)
            .bind(row::signed(profile.revision))
            .execute(self.connection())
            .await?;
        self.log(Entity::Profile, THE_PROFILE.to_owned(), Operation::Update);
        Ok(())
    }
}

async fn load(connection: &mut Connection) -> Result<ProfileSettings, Error> {
    let row = engine::query("SELECT is_enabled, is_default_access_enabled, updater, revision FROM profile")
        .fetch_one(connection)
        .await?;
    profile_from(&row)
}

fn profile_from(row: &Row) -> Result<ProfileSettings, Error> {
    Ok(ProfileSettings {
        is_enabled: row::parsed(row, "is_enabled", str::parse)?,
        is_default_access_enabled: row::parsed(row, "is_default_access_enabled", str::parse)?,
        updater: row::parsed(row, "updater", |text| serde_json::from_str::<UpdaterSettings>(text))?,
        revision: row::revision(row, "revision")?,
    })
}
