//! What was removed from the directory since a revision: the half of a delta query that is not in the objects
//! themselves.

use adit_core::{ApplicationId, Revision};

use crate::engine;
use crate::error::Error;
use crate::row;
use crate::store::Store;

/// An entry of the change log that says that an application was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// The application.
    pub application: ApplicationId,
    /// The command that deleted it.
    pub revision: Revision,
    /// The place of the entry among those of the command.
    pub place: i64,
}

impl Store {
    /// The applications that were deleted after the entry at `after` and by `upto` and are not there again, oldest
    /// first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn removals_after(
        &self,
        after: (Revision, i64),
        upto: Revision,
        limit: u32,
    ) -> Result<Vec<Removal>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query(
            "SELECT revision, place, id FROM change_log \
             WHERE entity = 'application' AND operation = 'delete' AND revision <= ? AND (revision, place) > (?, ?) \
             AND NOT EXISTS (SELECT 1 FROM application WHERE application.id = change_log.id) \
             ORDER BY revision, place LIMIT ?",
        )
        .bind(row::signed(upto))
        .bind(row::signed(after.0))
        .bind(after.1)
        .bind(i64::from(limit))
        .fetch_all(&mut read)
        .await?;
        let removal = |row| {
            Ok(Removal {
                application: row::parsed(row, "id", str::parse)?,
                revision: row::revision(row, "revision")?,
                place: row.try_get("place")?,
            })
        };
        rows.iter().map(removal).collect()
    }
}
