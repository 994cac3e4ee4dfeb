//! What can go wrong with the database, for operators. Nothing of it is meant for a client of the API.

mod kind;
mod open;

use std::sync::Arc;

use self::kind::{Kind, is_left_open, is_undone, kind};

pub use self::open::{Holder, OpenError};
pub use crate::database::Place;

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
    /// No connection became free, or somebody else kept the database locked, for longer than a command waits; or another
    /// transaction came in between.
    #[error("the directory was busy for too long; nothing was changed")]
    Busy,
    /// The database cannot be used at the moment; or for good, where another server has taken over the directory.
    #[error(
        "the directory's database cannot be used, and nothing was changed: {0}; see to its disk, its server and what else \
         uses it"
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
            error => match kind(&error) {
                Kind::Locked | Kind::Overtaken | Kind::Stopped => Self::Busy,
                Kind::OutOfReach => Self::Unavailable(error.into()),
                Kind::Other => Self::Database(error),
            },
        }
    }
}

impl Error {
    /// Whether it failed for a reason outside of this program and of what was asked, which may pass.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Batch(error) => matches!(kind(error), Kind::OutOfReach | Kind::Stopped) || is_left_open(error),
            Self::Unavailable(_) => true,
            _ => false,
        }
    }
}

impl From<Arc<sqlx::Error>> for Error {
    fn from(error: Arc<sqlx::Error>) -> Self {
        match kind(&error) {
            Kind::Locked | Kind::Overtaken => Self::Busy,
            Kind::Stopped if is_undone(&error) => Self::Busy,
            Kind::OutOfReach if is_undone(&error) => Self::Unavailable(error),
            _ => Self::Batch(error),
        }
    }
}

/// Whether the database says that somebody else holds the lock.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    kind(error) == Kind::Locked
}

/// Whether the same may succeed at once when it is done again from its beginning: another transaction was in its way.
pub(crate) fn is_to_be_repeated(error: &sqlx::Error) -> bool {
    kind(error) == Kind::Overtaken
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

    #[test]
    fn a_server_that_is_gone_is_out_of_reach_and_of_a_batch_nothing_is_known_then() {
        let gone = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(Error::from(gone()), Error::Unavailable(_)));
        let batch = Error::from(Arc::new(gone()));
        assert!(matches!(batch, Error::Batch(_)) && batch.is_of_the_disk(), "{batch}");
    }
}
