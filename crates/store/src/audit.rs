//! The audit log: one record per administrative write, committed with the write.

use adit_core::Revision;
use adit_core::audit::{Activity, AuditRecord};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::error::Error;
use crate::row;
use crate::store::Store;

impl Store {
    /// The newest records first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn newest_audit(&self, limit: u32) -> Result<Vec<AuditRecord>, Error> {
        let mut read = self.read().await?;
        let rows = sqlx::query(
            "SELECT id, at, activity, actor, request_id, target, detail FROM audit ORDER BY at DESC, id DESC LIMIT ?",
        )
        .bind(i64::from(limit))
        .fetch_all(&mut *read)
        .await?;
        rows.iter().map(record_from).collect()
    }

    /// The records of the command that became `revision`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn audit_of(&self, revision: Revision) -> Result<Vec<AuditRecord>, Error> {
        let mut read = self.read().await?;
        let rows = sqlx::query(
            "SELECT id, at, activity, actor, request_id, target, detail FROM audit WHERE revision = ? ORDER BY id",
        )
        .bind(row::signed(revision))
        .fetch_all(&mut *read)
        .await?;
        rows.iter().map(record_from).collect()
    }
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    revision: Option<Revision>,
    record: &AuditRecord,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO audit (id, revision, at, activity, actor, request_id, target, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.id.to_string())
    .bind(revision.map(row::signed))
    .bind(row::instant(record.at))
    .bind(record.activity.as_str())
    .bind(record.actor.as_str())
    .bind(record.request_id.to_string())
    .bind(record.target.as_str())
    .bind(record.detail.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

fn record_from(row: &SqliteRow) -> Result<AuditRecord, Error> {
    Ok(AuditRecord {
        id: row::parsed(row, "id", str::parse)?,
        at: row::parsed(row, "at", str::parse::<Timestamp>)?,
        activity: row::parsed(row, "activity", activity)?,
        actor: row.try_get("actor")?,
        request_id: row::parsed(row, "request_id", str::parse)?,
        target: row.try_get("target")?,
        detail: row::parsed(row, "detail", |text| serde_json::from_str(text))?,
    })
}

fn activity(word: &str) -> Result<Activity, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
}
