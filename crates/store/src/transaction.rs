//! The two kinds of write: one that takes a revision, and one for presence that takes none.
//!
//! Invariant: revisions are gap-free and in commit order. The revision is taken while the write lock is held and given
//! back by a rollback.

use adit_core::audit::AuditRecord;
use adit_core::{Epoch, Revision};
use sqlx::{Row as _, Sqlite, SqliteConnection, Transaction};

use crate::change_log::{self, Entity, Operation};
use crate::error::Error;
use crate::{audit, row};

/// A change of the directory under way. It holds the write lock; dropping it rolls everything back.
#[derive(Debug)]
pub struct WriteTransaction {
    transaction: Transaction<'static, Sqlite>,
    revision: Revision,
    changes: i64,
}

/// A change of presence under way, which takes no revision. Dropping it rolls everything back.
#[derive(Debug)]
pub struct PresenceTransaction {
    transaction: Transaction<'static, Sqlite>,
}

/// Takes the next revision; from here on nobody else writes.
pub(crate) async fn begin(mut transaction: Transaction<'static, Sqlite>) -> Result<WriteTransaction, Error> {
    let row = sqlx::query("UPDATE position SET revision = revision + 1 WHERE only_row = 1 RETURNING revision")
        .fetch_one(&mut *transaction)
        .await?;
    let revision = row::revision(&row, "revision")?;
    Ok(WriteTransaction { transaction, revision, changes: 0 })
}

/// Reads where in its history the directory is.
pub(crate) async fn version(connection: &mut SqliteConnection) -> Result<(Epoch, Revision), Error> {
    let row = sqlx::query("SELECT epoch, revision FROM position WHERE only_row = 1").fetch_one(connection).await?;
    let epoch: i64 = row.try_get("epoch")?;
    Ok((Epoch(row::unsigned("epoch", epoch)?), row::revision(&row, "revision")?))
}

impl WriteTransaction {
    /// The revision that this change becomes when it is committed.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Keeps the record of this change.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn append_audit(&mut self, record: &AuditRecord) -> Result<(), Error> {
        audit::insert(&mut self.transaction, Some(self.revision), record).await
    }

    /// Makes the change durable.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer; whether the change was kept is then not known.
    pub async fn commit(self) -> Result<Revision, Error> {
        self.transaction.commit().await?;
        Ok(self.revision)
    }

    /// Undoes everything and gives the revision back: for a command that turned out to change nothing.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer; everything is undone then too.
    pub async fn roll_back(self) -> Result<(), Error> {
        Ok(self.transaction.rollback().await?)
    }

    /// Appends to the change log.
    pub(crate) async fn log(&mut self, entity: Entity, id: String, operation: Operation) -> Result<(), Error> {
        self.changes += 1;
        change_log::insert(&mut self.transaction, self.revision, self.changes, entity, &id, operation).await
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

impl PresenceTransaction {
    pub(crate) const fn new(transaction: Transaction<'static, Sqlite>) -> Self {
        Self { transaction }
    }

    /// Keeps the record of something that changed no object, such as a renewal.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn append_audit(&mut self, record: &AuditRecord) -> Result<(), Error> {
        audit::insert(&mut self.transaction, None, record).await
    }

    /// Makes the change durable.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}
