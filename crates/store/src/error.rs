//! What can go wrong with the database, for operators. Nothing of it is meant for a client of the API.

use std::path::PathBuf;
use std::sync::Arc;

/// What SQLite answers when another program holds the lock for longer than it waits.
const SQLITE_BUSY: u32 = 5;

/// What SQLite answers when a statement was stopped before its end.
const SQLITE_INTERRUPT: u32 = 9;

/// What SQLite answers when the disk is full. What a `COMMIT` would have kept is not kept then.
const SQLITE_FULL: u32 = 13;

/// What SQLite answers when its file cannot be used for a reason outside of this program: it became read-only, the disk
/// fails, the file is damaged, the disk is full, the file cannot be opened, another program holds its locks against the
/// rules, or it is a database no more.
const SQLITE_OUT_OF_REACH: [u32; 7] = [8, 10, 11, SQLITE_FULL, 14, 15, 26];

/// The directory could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or did not answer.
    #[error("the directory could not be read or written: {0}")]
    Database(#[source] sqlx::Error),
    /// A batch of changes could not be made durable. If it was the `COMMIT` itself that failed, it is not known whether
    /// they were kept; else none of them was.
    #[error("the directory could not be written, and whether the change was kept is not known: {0}")]
    Batch(#[source] Arc<sqlx::Error>),
    /// No connection became free, or another program kept the database locked, for longer than a command waits.
    #[error("the directory was busy for too long; nothing was changed")]
    Busy,
    /// The database's file cannot be used at the moment.
    #[error(
        "the directory's file cannot be used, and nothing was changed: {0}; see to the disk and to what else uses it"
    )]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The answer to a list did not come within the time that it may take.
    #[error("the question takes too long to answer")]
    TooExpensive,
    /// The store was closed.
    #[error("the directory is closed")]
    Closed,
    /// A question that no list can answer, such as one for a field of another kind of object: a fault of this program.
    #[error("the question makes no sense: {reason}")]
    BadQuestion {
        /// What is wrong with it.
        reason: String,
    },
    /// A stored row does not make sense.
    #[error("the stored {column} '{value}' cannot be understood: {reason}; restore the directory from a backup")]
    Unreadable {
        /// The column.
        column: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::PoolTimedOut => Self::Busy,
            error if is_locked(&error) => Self::Busy,
            error if kind(&error) == Some(SQLITE_INTERRUPT) => Self::TooExpensive,
            error if kind(&error).is_some_and(|kind| SQLITE_OUT_OF_REACH.contains(&kind)) => {
                Self::Unavailable(error.into())
            }
            error => Self::Database(error),
        }
    }
}

impl Error {
    /// Whether the batch failed for a reason outside of this program, which may pass.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        let Self::Batch(error) = self else { return matches!(self, Self::Unavailable(_)) };
        kind(error).is_some_and(|kind| SQLITE_OUT_OF_REACH.contains(&kind))
    }
}

impl From<Arc<sqlx::Error>> for Error {
    fn from(error: Arc<sqlx::Error>) -> Self {
        match kind(&error) {
            Some(SQLITE_BUSY) => Self::Busy,
            Some(SQLITE_FULL) => Self::Unavailable(error),
            _ => Self::Batch(error),
        }
    }
}

/// Whether SQLite says that somebody else holds the lock.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    kind(error) == Some(SQLITE_BUSY)
}

/// What kind of failure SQLite reports: the low byte of its code.
fn kind(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    Some(code & 0xff)
}

/// Why the directory could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file cannot be written.
    #[error(
        "cannot open the directory at {}: {source}; the folder must exist and be writable for this user", path.display()
    )]
    NotWritable {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the directory at {} is in use by another server; stop that one first, or use another data folder", path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{} is not a directory database; move it away, or use another data folder", path.display())]
    NotADatabase {
        /// The database file.
        path: PathBuf,
    },
    /// Its pages, or what refers to each other in them, do not hold together.
    #[error("the directory at {} is damaged: {reason}; take an earlier copy", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What was found first.
        reason: String,
    },
    /// A newer version has written it.
    #[error(
        "the directory at {} was written by a newer version (its schema is {found}, this version knows up to {known}); \
         start that version again", path.display()
    )]
    FromTheFuture {
        /// The database file.
        path: PathBuf,
        /// The schema's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of the directory at {} could not be brought up to date: {source}", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        source: sqlx::migrate::MigrateError,
    },
    /// Anything else the database says.
    #[error("cannot open the directory at {}: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        source: sqlx::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use sqlx::ConnectOptions as _;

    #[tokio::test]
    async fn a_lock_that_somebody_else_keeps_is_busy_and_not_broken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.db");
        let store = Store::open(&path).await.unwrap();
        let change = store.begin().await.unwrap();
        let impatient =
            sqlx::sqlite::SqliteConnectOptions::new().filename(&path).busy_timeout(std::time::Duration::ZERO);
        let mut other = impatient.connect().await.unwrap();
        let refused = sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap_err();
        assert!(matches!(Error::from(refused), Error::Busy));
        assert!(matches!(Error::from(sqlx::Error::PoolTimedOut), Error::Busy));
        let wrong = sqlx::query("SELECT nosuch FROM position").fetch_one(&mut other).await.unwrap_err();
        assert!(matches!(Error::from(wrong), Error::Database(_)));
        drop(change);
    }

    #[tokio::test]
    async fn a_file_that_was_damaged_is_out_of_reach_and_no_fault_of_the_question() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.db");
        Store::open(&path).await.unwrap().close().await;
        std::fs::write(&path, vec![b'x'; 8192]).unwrap();
        let mut other = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        let refused = sqlx::query("SELECT 1 FROM position").fetch_one(&mut other).await.unwrap_err();
        let error = Error::from(refused);
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
    }
}
