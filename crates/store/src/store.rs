//! Opens the database and hands out its connections: one that writes, some that only read, and one more that only reads
//! what has changed. Which engine it is, is known in [`crate::file`] and [`crate::server`].

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adit_core::{Epoch, Revision};
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqlitePool, SqliteSynchronous};

use crate::database::{Database, DatabaseUrl};
use crate::engine::{Connection, View};
use crate::error::{Error, OpenError};
use crate::file;
use crate::lock::Lock;
use crate::server::{self, Hold};
use crate::transaction::{self, PresenceTransaction, WriteTransaction};
use crate::writer::{Opener, Taken, Writer};

/// How long a server that does not answer is waited for when the store is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The directory's database.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Writer,
    readers: Pool,
    /// Where it is read what has changed: apart from the others, so that no number of lists keeps gateways waiting.
    history: Pool,
    guard: Guard,
}

/// Connections that only read.
#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What keeps other servers from the directory.
#[derive(Debug, Clone)]
enum Guard {
    Lock(Arc<Lock>),
    Hold(Hold),
}

impl Store {
    /// Opens the database file at `path`, makes it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`], which names the file and says what to do.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_synced(path, SqliteSynchronous::Full).await
    }

    /// Opens the directory where it is. The database of a server must exist there, empty or with a directory.
    ///
    /// `authority` is the fingerprint of the certificate authority in the data folder for which it is opened: on a server, the
    /// first one that is given is the one that the directory belongs to from then on. Without one nothing is asked.
    ///
    /// Where another server of ours holds the directory, it is waited for up to `wait` that it gives it back or is known to be
    /// gone, which takes 15 seconds. If it is heard of meanwhile it lives, and is not waited for any longer. Files are not
    /// waited for, because the system frees them when a process ends.
    ///
    /// # Errors
    /// [`OpenError`], which names the database and says what to do. Nothing was written then.
    pub async fn open_database(
        database: &Database,
        authority: Option<&str>,
        wait: Duration,
    ) -> Result<Self, OpenError> {
        match database {
            Database::File(path) => Self::open(path).await,
            Database::Server(url) => Self::open_at_server(url, authority, wait).await,
        }
    }

    /// A file with other syncs, for who shows that these are needed.
    pub(crate) async fn open_synced(path: &Path, synchronous: SqliteSynchronous) -> Result<Self, OpenError> {
        let file::Opened { lock, writer: (connection, options), readers, history } =
            file::open(path, synchronous).await?;
        Ok(Self {
            writer: Writer::start(Connection::Sqlite(connection), Opener::Sqlite(Box::new(options))),
            readers: Pool::Sqlite(readers),
            history: Pool::Sqlite(history),
            guard: Guard::Lock(Arc::new(lock)),
        })
    }

    async fn open_at_server(url: &DatabaseUrl, authority: Option<&str>, wait: Duration) -> Result<Self, OpenError> {
        let (connection, hold) = Box::pin(server::open(url, authority, wait)).await?;
        let pools = async { Ok((server::open_readers(url).await?, server::open_history(url).await?)) };
        let (readers, history) = match pools.await {
            Ok(pools) => pools,
            Err(error) => {
                hold.give_up().await;
                return Err(error);
            }
        };
        let opener = Opener::Postgres(Box::new(url.options().clone()), hold.clone());
        Ok(Self {
            writer: Writer::start(Connection::Postgres(Box::new(connection)), opener),
            readers: Pool::Postgres(readers),
            history: Pool::Postgres(history),
            guard: Guard::Hold(hold),
        })
    }

    /// Takes the write lock and the next revision. Dropping the transaction gives both back.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn begin(&self) -> Result<WriteTransaction, Error> {
        Ok(WriteTransaction::new(self.writer.turn(Taken::Next).await?))
    }

    /// Takes the write lock for what needs no revision: tunnels, and records of renewals.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn begin_presence(&self) -> Result<PresenceTransaction, Error> {
        Ok(PresenceTransaction::new(self.writer.turn(Taken::None).await?))
    }

    /// Where in its history the directory is.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn version(&self) -> Result<(Epoch, Revision), Error> {
        let mut read = self.history.acquire().await?;
        transaction::version(&mut read).await
    }

    /// How many transactions were committed; commands that come at the same time share one.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Closes the connections once they are idle. Another process may open the database then. A server that does not answer
    /// is waited for at most some seconds.
    pub async fn close(&self) {
        self.readers.close().await;
        self.history.close().await;
        match &self.guard {
            Guard::Hold(hold) => {
                if tokio::time::timeout(CLOSE_TIMEOUT, self.writer.close()).await.is_err() {
                    tracing::warn!("the writer of the directory was not closed in order");
                }
                hold.give_up().await;
            }
            Guard::Lock(lock) => {
                // However long a disk takes: nobody else has the file before.
                self.writer.close().await;
                if let Err(error) = lock.free() {
                    tracing::warn!(%error, "the directory's lock is held until this process ends");
                }
            }
        }
    }

    /// For one statement, which sees the directory at one moment by itself. Several that must see the same moment need a
    /// transaction of their own, which is two exchanges with the database more: that counts when many small questions
    /// are asked.
    pub(crate) async fn read(&self) -> Result<Connection, Error> {
        self.readers.acquire().await
    }

    /// One unchanging view for what the snapshot of the directory is made of, on the connection that lists do not use. To be
    /// closed in the end: on a server, one that is only dropped costs a new connection.
    pub(crate) async fn history(&self) -> Result<Connection, Error> {
        self.history.view().await
    }
}

impl Pool {
    async fn acquire(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite(pool) => Connection::SqliteOfPool(Box::pin(pool.acquire()).await?),
            Self::Postgres(pool) => Connection::PostgresOfPool(Box::pin(pool.acquire()).await?),
        })
    }

    async fn view(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite(pool) => Connection::SqliteView(Box::pin(pool.begin()).await?),
            Self::Postgres(pool) => {
                Connection::PostgresView(Box::pin(View::begin(Box::pin(pool.acquire()).await?)).await?)
            }
        })
    }

    async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => {
                let _closed = tokio::time::timeout(CLOSE_TIMEOUT, pool.close()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;
    use crate::testing::each_engine;

    #[tokio::test]
    async fn the_writer_syncs_every_commit_and_checks_references() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("directory.db")).await.unwrap();
        for (pragma, expected) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5000)]
        {
            let mut presence = store.begin_presence().await.unwrap();
            let found = engine::query(pragma).fetch_one(presence.connection()).await.unwrap();
            assert_eq!(found.try_get::<i64, _>(0).unwrap(), expected, "{pragma}");
        }
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        for directory in each_engine().await {
            for mut reader in [directory.store.read().await.unwrap(), directory.store.history().await.unwrap()] {
                let written = engine::query("DELETE FROM audit").execute(&mut reader).await.unwrap_err().to_string();
                assert!(written.contains("readonly") || written.contains("read-only"), "{written}");
            }
        }
    }

    #[tokio::test]
    async fn a_view_does_not_change_and_what_comes_after_it_does() {
        for directory in each_engine().await {
            let store = &directory.store;
            let mut view = store.history().await.unwrap();
            let before = transaction::version(&mut view).await.unwrap();
            store.begin().await.unwrap().commit().await.unwrap();
            assert_eq!(transaction::version(&mut view).await.unwrap(), before);
            drop(view);
            assert_eq!(store.version().await.unwrap().1, Revision(before.1.0 + 1));
        }
    }

    #[tokio::test]
    async fn a_closed_store_says_so_and_another_one_opens_at_once() {
        for directory in each_engine().await {
            let store = directory.store.clone();
            store.close().await;
            assert!(matches!(store.version().await, Err(Error::Closed)));
            assert!(matches!(store.begin().await, Err(Error::Closed)));
            assert!(matches!(store.read().await, Err(Error::Closed)));
        }
    }
}
