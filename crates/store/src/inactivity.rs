//! Connectors that nobody has seen for long. What counts are hours in which a server was there for them, and not the clock:
//! who could not connect was not away.
//!
//! An entry for which no machine has registered yet is none of them, however old it is: it waits for its machine.

use adit_core::ConnectorId;

use crate::engine;
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::{PresenceTransaction, WriteTransaction};

impl PresenceTransaction {
    /// Notes that an hour has passed in which connectors without a tunnel could have had one. Those in `connected` have one,
    /// whether that was written down or not.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn note_hour(&mut self, connected: &[ConnectorId]) -> Result<(), Error> {
        let is_up = "EXISTS (SELECT 1 FROM tunnel WHERE tunnel.connector_id = connector.id)";
        for sql in [
            format!("UPDATE connector SET unseen_hours = 0 WHERE unseen_hours > 0 AND {is_up}"),
            format!("UPDATE connector SET unseen_hours = unseen_hours + 1 WHERE key_generation > 0 AND NOT {is_up}"),
        ] {
            engine::query(sqlx::AssertSqlSafe(sql)).execute(self.connection()).await?;
        }
        for id in connected {
            self.note_seen(*id).await?;
        }
        Ok(())
    }

    /// Notes that a connector was there.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn note_seen(&mut self, id: ConnectorId) -> Result<(), Error> {
        let sql = "UPDATE connector SET unseen_hours = 0 WHERE id = ? AND unseen_hours > 0";
        engine::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        Ok(())
    }
}

impl Store {
    /// Connectors that were not seen for `hours`, at most `limit`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn unseen_connectors(&self, hours: u32, limit: u32) -> Result<Vec<ConnectorId>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query(
            "SELECT id FROM connector WHERE unseen_hours >= ? \
             AND NOT EXISTS (SELECT 1 FROM tunnel WHERE tunnel.connector_id = connector.id) ORDER BY id LIMIT ?",
        )
        .bind(i64::from(hours))
        .bind(i64::from(limit))
        .fetch_all(&mut read)
        .await?;
        rows.iter().map(|row| row::parsed(row, "id", str::parse)).collect()
    }
}

impl WriteTransaction {
    /// Whether a connector is there that was not seen for `hours`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn is_unseen(&mut self, id: ConnectorId, hours: u32) -> Result<bool, Error> {
        let found = engine::query(
            "SELECT id FROM connector WHERE id = ? AND unseen_hours >= ? \
             AND NOT EXISTS (SELECT 1 FROM tunnel WHERE tunnel.connector_id = connector.id)",
        )
        .bind(id.to_string())
        .bind(i64::from(hours))
        .fetch_optional(self.connection())
        .await?;
        Ok(found.is_some())
    }
}
