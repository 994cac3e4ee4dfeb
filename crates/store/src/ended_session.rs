//! Single sessions that were ended, in the database: by a sign-out. They take no revision, for gateways get them beside the
//! snapshot, and they go once the session would have ended by itself.

use jiff::Timestamp;

use crate::engine;
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::PresenceTransaction;

impl PresenceTransaction {
    /// Ends a session by its number, which is kept until it could not count any more. Of two ends the longer one is kept.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn end_session(&mut self, id: &str, kept_until: Timestamp) -> Result<(), Error> {
        engine::query(
            "INSERT INTO ended_session (id, kept_until) VALUES (?, ?) \
             ON CONFLICT (id) DO UPDATE SET kept_until = excluded.kept_until \
             WHERE excluded.kept_until > ended_session.kept_until",
        )
        .bind(id)
        .bind(row::instant(kept_until))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Forgets those that would have ended by themselves at `now`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn forget_ended_sessions(&mut self, now: Timestamp) -> Result<(), Error> {
        let sql = engine::query("DELETE FROM ended_session WHERE kept_until <= ?");
        sql.bind(row::instant(now)).execute(self.connection()).await?;
        Ok(())
    }
}

impl Store {
    /// The numbers of the sessions that were ended and could still count at `now`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn ended_sessions(&self, now: Timestamp) -> Result<Vec<String>, Error> {
        let mut read = self.read().await?;
        let sql = engine::query("SELECT id FROM ended_session WHERE kept_until > ?");
        let rows = sql.bind(row::instant(now)).fetch_all(&mut read).await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }
}
