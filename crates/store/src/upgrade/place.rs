//! The places of applications whose URLs were written before a path had one spelling.
//!
//! A place is unique by its text, so an old spelling left the same place free for somebody else. Each gets the text
//! that is compared today. Where another application has that already, it keeps its old text: both are served as
//! before, and a line in the log names them.

use adit_core::Publishing;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::failed_to_encode;

/// Writes what is taken from the URLs of published applications anew, live ones and deleted ones.
pub(super) async fn respell(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = "SELECT id, display_name, publishing, external_url, external_place, alternate_place FROM application \
               WHERE publishing IS NOT NULL ORDER BY id";
    for row in &sqlx::query(sql).fetch_all(&mut *connection).await? {
        if let Some(found) = Found::of(row)? {
            found.respell(connection).await?;
        }
    }
    let sql = "SELECT id, publishing, external_url FROM deleted_application WHERE publishing IS NOT NULL";
    for row in &sqlx::query(sql).fetch_all(&mut *connection).await? {
        let Some(publishing) = publishing(row)? else { continue };
        let url = publishing.external_url.to_string();
        if row.try_get::<Option<String>, _>("external_url")?.as_ref() != Some(&url) {
            let sql = "UPDATE deleted_application SET external_url = ? WHERE id = ?";
            sqlx::query(sql).bind(url).bind(row.try_get::<String, _>("id")?).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// `None` for what cannot be read, which stays as it is.
fn publishing(row: &SqliteRow) -> Result<Option<Publishing>, sqlx::Error> {
    let read = serde_json::from_str(row.try_get("publishing")?);
    if let Err(reason) = &read {
        let id: String = row.try_get("id")?;
        tracing::error!(id, %reason, "how an application is published cannot be read, and stays as it is");
    }
    Ok(read.ok())
}

/// A live application as it is stored.
struct Found {
    id: String,
    name: String,
    publishing: Publishing,
    /// What its columns say: the external URL, its place, and that of the alternate URL.
    stored: [Option<String>; 3],
}

impl Found {
    fn of(row: &SqliteRow) -> Result<Option<Self>, sqlx::Error> {
        let Some(publishing) = publishing(row)? else { return Ok(None) };
        let (id, name) = (row.try_get("id")?, row.try_get("display_name")?);
        let stored = [row.try_get("external_url")?, row.try_get("external_place")?, row.try_get("alternate_place")?];
        Ok(Some(Self { id, name, publishing, stored }))
    }

    async fn respell(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let (external, alternate) = (&self.publishing.external_url, self.publishing.alternate_url.as_ref());
        let [_, external_place, alternate_place] = &self.stored;
        let wanted = [
            Some(external.to_string()),
            self.free(connection, external_place, Some(external.place())).await?,
            self.free(connection, alternate_place, alternate.map(adit_core::ExternalUrl::place)).await?,
        ];
        if wanted == self.stored {
            return Ok(());
        }
        let [url, external_place, alternate_place] = wanted;
        let sql = "UPDATE application SET publishing = ?, external_url = ?, external_place = ?, alternate_place = ? \
                   WHERE id = ?";
        sqlx::query(sql)
            .bind(serde_json::to_string(&self.publishing).map_err(failed_to_encode)?)
            .bind(url)
            .bind(external_place)
            .bind(alternate_place)
            .bind(&self.id)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// `place`, or what is `stored` of it where another application is published there.
    async fn free(
        &self,
        connection: &mut SqliteConnection,
        stored: &Option<String>,
        place: Option<String>,
    ) -> Result<Option<String>, sqlx::Error> {
        if place == *stored {
            return Ok(place);
        }
        let sql = "SELECT id FROM application WHERE (external_place = ?1 OR alternate_place = ?1) AND id <> ?2";
        let taken = sqlx::query(sql).bind(&place).bind(&self.id).fetch_optional(connection).await?;
        let Some(taken) = taken else { return Ok(place) };
        let (id, application, by) = (&self.id, &self.name, taken.try_get::<String, _>("id")?);
        tracing::warn!(id, application, place, by, "two applications are published at one place: change one of them");
        Ok(stored.clone())
    }
}
