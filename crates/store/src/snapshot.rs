//! Reads the whole directory at one moment, as far as gateways need to know it.

use adit_core::snapshot::{KnownConnector, PublishedApplication};
use adit_core::{KeyGeneration, Snapshot};
use sqlx::{Row as _, SqliteConnection};

use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction;

impl Store {
    /// Compiles the directory as it is: version, published applications and connectors of one moment.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn load_snapshot(&self) -> Result<Snapshot, Error> {
        let mut read = self.read().await?;
        let (epoch, revision) = transaction::version(&mut read).await?;
        let applications = published(&mut read).await?;
        let connectors = connectors(&mut read).await?;
        Ok(Snapshot::compile(epoch, revision, applications, connectors))
    }
}

async fn published(connection: &mut SqliteConnection) -> Result<Vec<PublishedApplication>, Error> {
    let applications = crate::application::all_published(connection).await?;
    Ok(applications
        .into_iter()
        .filter_map(|application| {
            let connector_group = application.connector_group()?;
            let publishing = application.publishing()?.clone();
            Some(PublishedApplication {
                id: application.id,
                name: application.display_name.as_str().to_owned(),
                external_url: publishing.external_url,
                internal_url: publishing.internal_url,
                pre_authentication: publishing.pre_authentication,
                host_header: publishing.host_header,
                upstream_certificate: publishing.upstream_certificate,
                timeout: publishing.timeout,
                connector_group,
                revision: application.revision,
            })
        })
        .collect())
}

/// Entries that never registered have no key, so gateways need not know them.
async fn connectors(connection: &mut SqliteConnection) -> Result<Vec<KnownConnector>, Error> {
    let rows = sqlx::query("SELECT id, connector_group_id, key_generation FROM connector WHERE key_generation > 0")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(KnownConnector {
                id: row::parsed(row, "id", str::parse)?,
                connector_group: row::parsed(row, "connector_group_id", str::parse)?,
                key_generation: KeyGeneration(row::unsigned("key_generation", row.try_get("key_generation")?)?),
            })
        })
        .collect()
}
