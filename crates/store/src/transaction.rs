//! The two kinds of write: one that takes a revision, and one for presence that takes none.
//!
//! Invariant: revisions are gap-free and in commit order. Commands run one after the other, and the writer counts a
//! revision only once its command is kept: one that is undone leaves its revision to the next.

use adit_core::audit::AuditRecord;
use adit_core::{Epoch, PrincipalId, PrincipalKind, Revision};

use crate::change_log::{self, Entity, Operation};
use crate::engine::{self, Connection};
use crate::error::Error;
use crate::row;
use crate::trail::Trail;
use crate::writer::Turn;

/// A change of the directory under way. Nobody else writes meanwhile; dropping it undoes everything.
#[derive(Debug)]
pub struct WriteTransaction {
    turn: Turn,
    trail: Trail,
}

/// A change of presence under way, which takes no revision. Dropping it undoes everything.
#[derive(Debug)]
pub struct PresenceTransaction {
    turn: Turn,
    trail: Trail,
}

/// Reads where in its history the directory is.
pub(crate) async fn version(connection: &mut Connection) -> Result<(Epoch, Revision), Error> {
    let row = engine::query("SELECT epoch, revision FROM position WHERE only_row = 1").fetch_one(connection).await?;
    let epoch: i64 = row.try_get("epoch")?;
    Ok((Epoch(row::unsigned("epoch", epoch)?), row::revision(&row, "revision")?))
}

impl WriteTransaction {
    /// A change in its turn, which has taken a revision.
    pub(crate) fn new(turn: Turn) -> Self {
        Self { turn, trail: Trail::default() }
    }

    /// The revision that this change becomes when it is committed.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.turn.revision
    }

    /// Keeps the record of this change, if the change is kept.
    pub fn append_audit(&mut self, record: AuditRecord) {
        self.trail.record(Some(self.turn.revision), record);
    }

    /// Makes the change durable, together with others that came at the same time.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer. If it was the `COMMIT` itself that failed, it is not known whether the
    /// change was kept.
    pub async fn commit(self) -> Result<Revision, Error> {
        let revision = self.revision();
        self.turn.keep(self.trail).await?;
        Ok(revision)
    }

    /// Undoes everything and gives the revision back: for a command that turned out to change nothing. Returns when what
    /// the command has read is durable.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer; everything is undone then too.
    pub async fn roll_back(self) -> Result<(), Error> {
        self.turn.undo().await
    }

    /// Appends to the change log, if the change is kept.
    pub(crate) fn log(&mut self, entity: Entity, id: String, operation: Operation) {
        self.trail.log(self.turn.revision, entity, id, operation);
    }

    /// Appends the assignments to a principal and of it to the change log.
    pub(crate) async fn log_assignments_of(
        &mut self,
        principal: (PrincipalId, PrincipalKind),
        operation: Operation,
    ) -> Result<(), Error> {
        let (revision, place) = (self.revision(), self.trail.last_place());
        let logged =
            change_log::insert_assignments_of(self.connection(), revision, place, principal, operation).await?;
        self.trail.passed(logged);
        Ok(())
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.turn.connection()
    }
}

impl PresenceTransaction {
    pub(crate) fn new(turn: Turn) -> Self {
        Self { turn, trail: Trail::default() }
    }

    /// Keeps the record of something that changed no object, such as a renewal, if the change is kept.
    pub fn append_audit(&mut self, record: AuditRecord) {
        self.trail.record(None, record);
    }

    /// Makes the change durable.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer. If it was the `COMMIT` itself that failed, it is not known whether the
    /// change was kept.
    pub async fn commit(self) -> Result<(), Error> {
        self.turn.keep(self.trail).await
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.turn.connection()
    }
}
