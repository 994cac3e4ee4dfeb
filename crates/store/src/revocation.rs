//! Revocations in the database: sessions that were ended before their time. They take no revision, for gateways get them
//! beside the snapshot, and they go once nothing is left that they could end.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::{PresenceTransaction, WriteTransaction};

/// What kind of thing was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationKind {
    /// One session.
    Session,
    /// All sessions of a user.
    Principal,
    /// All sessions at an application.
    Application,
}

impl RevocationKind {
    const ALL: [Self; 3] = [Self::Session, Self::Principal, Self::Application];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Principal => "principal",
            Self::Application => "application",
        }
    }

    fn parse(word: &str) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or("no such kind of revocation")
    }
}

/// Something that was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What kind.
    pub kind: RevocationKind,
    /// Which: the number of a session, or an id.
    pub subject: String,
    /// What began then or before does not count.
    pub at: Timestamp,
    /// From then on nothing is left that it could end.
    pub kept_until: Timestamp,
}

impl WriteTransaction {
    /// Ends something, together with the change. A later revocation of the same takes the place of an earlier one.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn revoke(&mut self, revocation: &Revocation) -> Result<(), Error> {
        insert(self.connection(), revocation).await
    }
}

impl PresenceTransaction {
    /// Ends something. A later revocation of the same takes the place of an earlier one.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn revoke(&mut self, revocation: &Revocation) -> Result<(), Error> {
        insert(self.connection(), revocation).await
    }

    /// Forgets what could end nothing any more at `now`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn forget_revocations(&mut self, now: Timestamp) -> Result<u64, Error> {
        let sql = sqlx::query("DELETE FROM revocation WHERE kept_until <= ?");
        Ok(sql.bind(row::instant(now)).execute(self.connection()).await?.rows_affected())
    }
}

impl Store {
    /// Everything that was ended and could still count at `now`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, Error> {
        let mut read = self.read().await?;
        let sql = sqlx::query("SELECT kind, subject, revoked_at, kept_until FROM revocation WHERE kept_until > ?");
        let rows = sql.bind(row::instant(now)).fetch_all(&mut *read).await?;
        rows.iter().map(revocation).collect()
    }
}

async fn insert(connection: &mut SqliteConnection, revocation: &Revocation) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO revocation (kind, subject, revoked_at, kept_until) VALUES (?, ?, ?, ?) \
         ON CONFLICT (kind, subject) DO UPDATE SET revoked_at = excluded.revoked_at, kept_until = excluded.kept_until \
         WHERE excluded.revoked_at >= revocation.revoked_at",
    )
    .bind(revocation.kind.as_str())
    .bind(&revocation.subject)
    .bind(row::instant(revocation.at))
    .bind(row::instant(revocation.kept_until))
    .execute(connection)
    .await?;
    Ok(())
}

fn revocation(row: &SqliteRow) -> Result<Revocation, Error> {
    Ok(Revocation {
        kind: row::parsed(row, "kind", RevocationKind::parse)?,
        subject: row.try_get("subject")?,
        at: row::parsed(row, "revoked_at", str::parse)?,
        kept_until: row::parsed(row, "kept_until", str::parse)?,
    })
}
