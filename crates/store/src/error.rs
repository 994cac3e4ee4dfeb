//! What can go wrong with the database, for operators. Nothing of it is meant for a client of the API.

use std::path::PathBuf;

/// The directory could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or did not answer.
    #[error("the directory could not be read or written: {0}")]
    Database(#[source] sqlx::Error),
    /// The store was closed.
    #[error("the directory is closed")]
    Closed,
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
            error => Self::Database(error),
        }
    }
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
