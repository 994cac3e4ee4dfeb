//! The directory on its way from one database to another: from SQLite to PostgreSQL, back, or between two of a kind.
//!
//! The source is held meanwhile, so nobody serves it. The target is new or empty, and is written in one transaction: until
//! that is committed there is nothing. Before that, everything is read again and compared with what came from the source.
//!
//! The copy begins an epoch. Nothing is ended by that, but should somebody start the source again, no gateway, connector or
//! delta link takes the changes of one for those of the other.

mod table;
mod target;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::{Epoch, Revision};

use self::table::{Cell, Sum, TABLES, Table};
use self::target::Target;
use crate::database::Database;
use crate::engine::{self, Connection, Engine};
use crate::error::{Error, OpenError, Place};
use crate::file;
use crate::store::Store;
use crate::{server, transaction};

/// What a database holds, as far as it can be said without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where in its history the directory is.
    pub version: (Epoch, Revision),
    /// The authority whose directory it is, by the name that was given when it was first opened; a file notes none.
    pub authority: Option<String>,
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The epoch that the copy begins.
    pub epoch: Epoch,
    /// The revision at which the source was, and the copy is.
    pub revision: Revision,
    /// Rows, in all tables.
    pub rows: u64,
}

/// Why there is no copy. The target is as it was, but where its last word was not heard.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source or the target cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is nothing to copy.
    #[error("there is no directory in {at}")]
    NoDirectory {
        /// The source.
        at: Place,
    },
    /// Nothing is written over.
    #[error("{at} is not empty, and nothing is written over; move away what is there, or name another target")]
    NotEmpty {
        /// The target.
        at: Place,
    },
    /// A row of the source cannot be read.
    #[error("the table {table} cannot be read: {source}")]
    Read {
        /// The table.
        table: &'static str,
        /// What went wrong.
        source: Error,
    },
    /// PostgreSQL has no such text.
    #[error(
        "{column} of the row '{row}' in the table {table} has a NUL character, which PostgreSQL cannot keep; change the \
         object through the API first"
    )]
    NulCharacter {
        /// The table.
        table: &'static str,
        /// The primary key.
        row: String,
        /// The column.
        column: &'static str,
    },
    /// Somebody wrote to the source meanwhile.
    #[error("the directory was changed while it was copied: a server serves it; stop that one, and copy again")]
    Changed,
    /// A row cannot be written.
    #[error("the table {table} cannot be written: {source}")]
    Write {
        /// The table.
        table: &'static str,
        /// What went wrong.
        source: Error,
    },
    /// What was written is not what was read.
    #[error(
        "the table {table} is another one in the copy than in the source: {written} rows of {read}, or other values"
    )]
    Differs {
        /// The table.
        table: &'static str,
        /// Rows of the source.
        read: u64,
        /// Rows of the copy.
        written: u64,
    },
    /// The file could not be made durable, or could not get its name.
    #[error("{at} cannot be written: {source}")]
    File {
        /// The target.
        at: Place,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database did not say whether it has kept the copy.
    #[error("whether {at} has kept the copy is not known: {source}; if a directory is there, it is whole")]
    Unheard {
        /// The target.
        at: Place,
        /// What went wrong.
        source: Error,
    },
}

/// Copies the directory in `from` to `to`, which must be new or empty. Brings the source's schema up to date before. Says to
/// `progress` which table is being copied, and how many of its rows are.
///
/// `authority` is whose directory it has to be, by the name that [`Store::open_database`] gets, and whose it is in the copy;
/// without it, it stays the source's.
///
/// # Errors
/// [`CopyError`].
pub async fn copy(
    from: &Database,
    to: &Database,
    authority: Option<&str>,
    mut progress: impl FnMut(&str, u64),
) -> Result<Copied, CopyError> {
    let found = find(from).await?.ok_or_else(|| CopyError::NoDirectory { at: from.place() })?;
    found.allows(authority, from)?;
    // Before the source gets a newer schema for nothing.
    if find(to).await?.is_some() {
        return Err(CopyError::NotEmpty { at: to.place() });
    }
    let source = Box::pin(Store::open_database(from, None, Duration::ZERO)).await?;
    let copied = Box::pin(copy_to(to, &source, authority.or(found.authority.as_deref()), &mut progress)).await;
    source.close().await;
    copied
}

/// What a database holds; nothing where there is no directory. Changes nothing.
///
/// # Errors
/// [`OpenError`] when it cannot be read, or holds something else.
pub async fn find(database: &Database) -> Result<Option<Found>, OpenError> {
    match database {
        Database::File(path) if !path.exists() => Ok(None),
        Database::File(path) => {
            if !file::has_directory(path).await? {
                return Ok(None);
            }
            let mut connection = Connection::Sqlite(file::connect(path).await?);
            let version = transaction::version(&mut connection).await;
            connection.close().await.map_err(|source| file::explain(path, source))?;
            let damaged = |error: Error| OpenError::Damaged { at: database.place(), reason: error.to_string() };
            Ok(Some(Found { version: version.map_err(damaged)?, authority: None }))
        }
        Database::Server(url) => server::find(url).await,
    }
}

impl Found {
    /// Refuses the directory of another data folder than that with `authority`.
    ///
    /// # Errors
    /// [`OpenError::OtherAuthority`].
    pub fn allows(&self, authority: Option<&str>, database: &Database) -> Result<(), OpenError> {
        match (&self.authority, authority) {
            (Some(own), Some(given)) if own != given => {
                let (own, given) = (own.clone(), given.to_owned());
                Err(OpenError::OtherAuthority { at: database.place(), own, given })
            }
            _ => Ok(()),
        }
    }
}

/// Copies table by table, compares, begins the epoch, and keeps it all.
async fn copy_to(
    to: &Database,
    source: &Store,
    authority: Option<&str>,
    progress: &mut impl FnMut(&str, u64),
) -> Result<Copied, CopyError> {
    let unread = |source| CopyError::Read { table: "position", source };
    let mut target = Target::open(to).await?;
    for table in TABLES.iter().rev() {
        table.clear(target.connection()).await.map_err(|source| table.not_written(source))?;
    }
    let mut view = source.history().await.map_err(unread)?;
    let (own, revision) = transaction::version(&mut view).await.map_err(unread)?;
    let mut sums = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        sums.push(table.copy(&mut view, target.connection(), progress).await?);
    }
    // A server ends a view that nobody asks for long, and the comparison takes its time.
    view.close().await.map_err(|source| unread(source.into()))?;
    for (table, read) in TABLES.iter().zip(&sums) {
        let written = table.sum(target.connection()).await.map_err(|source| table.not_written(source))?;
        if written != *read {
            return Err(CopyError::Differs { table: table.name, read: read.rows, written: written.rows });
        }
    }
    // Two copies of one directory differ in when they were made.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = Epoch(now.as_secs().max(own.0.saturating_add(1)));
    begin(&mut target, epoch, authority).await?;
    // Nobody has taken the source meanwhile, and nothing was written to it.
    drop(source.begin_presence().await.map_err(unread)?);
    if source.version().await.map_err(unread)? != (own, revision) {
        return Err(CopyError::Changed);
    }
    target.finish().await?;
    Ok(Copied { epoch, revision, rows: sums.iter().map(|sum| sum.rows).sum() })
}

async fn begin(target: &mut Target, epoch: Epoch, authority: Option<&str>) -> Result<(), CopyError> {
    let connection = target.connection();
    let number = i64::try_from(epoch.0).unwrap_or(i64::MAX);
    let not_written = |table| move |source: sqlx::Error| CopyError::Write { table, source: source.into() };
    let begun =
        engine::query("UPDATE position SET epoch = ? WHERE only_row = 1").bind(number).execute(connection).await;
    begun.map_err(not_written("position"))?;
    if connection.engine() == Engine::Postgres {
        let noted = engine::query("UPDATE server SET authority = ? WHERE only_row = 1").bind(authority);
        noted.execute(connection).await.map_err(not_written("server"))?;
    }
    Ok(())
}

impl Table {
    /// Copies all rows, and says what was read.
    async fn copy(
        &self,
        source: &mut Connection,
        target: &mut Connection,
        progress: &mut impl FnMut(&str, u64),
    ) -> Result<Sum, CopyError> {
        let mut sum = Sum::default();
        let mut last: Option<Vec<Cell>> = None;
        loop {
            let read = self.page(source, last.as_deref()).await;
            let rows = read.map_err(|source| CopyError::Read { table: self.name, source: source.into() })?;
            let Some(end) = rows.last() else { return Ok(sum) };
            for row in &rows {
                if target.engine() == Engine::Postgres {
                    self.refuse_nul(row)?;
                }
                sum.add(row);
            }
            self.insert(target, &rows).await.map_err(|source| self.not_written(source))?;
            progress(self.name, sum.rows);
            last = Some(end.clone());
        }
    }

    fn refuse_nul(&self, row: &[Cell]) -> Result<(), CopyError> {
        match self.with_nul(row) {
            None => Ok(()),
            Some(column) => {
                Err(CopyError::NulCharacter { table: self.name, row: self.shown(row), column: column.name() })
            }
        }
    }

    fn not_written(&self, source: sqlx::Error) -> CopyError {
        CopyError::Write { table: self.name, source: source.into() }
    }
}

#[cfg(test)]
mod tests;
