//! Opens the database and hands out its connections: one that writes, four that only read, and one
//! more that only reads what has changed.
//!
//! One writer, because SQLite has one; `BEGIN IMMEDIATE`, because a transaction that starts reading and then writes can
//! fail at once whatever the busy timeout. `synchronous=FULL`, because what was acknowledged must survive a power cut.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adit_core::{Epoch, Revision};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection, Transaction};

use crate::error::{Error, OpenError};
use crate::lock::{self, Lock};
use crate::migrations::MIGRATIONS;
use crate::transaction::{self, PresenceTransaction, WriteTransaction};
use crate::upgrade::bring_up_to_date;
use crate::writer::{Taken, Writer};

/// How long SQLite waits for a lock that a backup program may hold.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a question waits for its turn to read before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections for reading: more than the cores of a small machine do not help SQLite.
const READERS: u32 = 4;

/// What SQLite answers for a file that is none of its own.
const SQLITE_NOTADB: &str = "26";

/// The directory's database.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Writer,
    readers: SqlitePool,
    /// Where it is read what has changed: apart from the others, so that no number of lists keeps gateways waiting.
    history: SqlitePool,
    lock: Arc<Lock>,
}

impl Store {
    /// Opens the database at `path`, makes it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`], which names the file and says what to do.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_synced(path, SqliteSynchronous::Full).await
    }

    /// The same with other syncs, for who shows that these are needed.
    pub(crate) async fn open_synced(path: &Path, synchronous: SqliteSynchronous) -> Result<Self, OpenError> {
        let lock = lock::take(path)?;
        lock::private_file(path).map_err(|source| OpenError::NotWritable { path: path.to_owned(), source })?;
        refuse_foreign(path).await?;
        let options = writer_options(path).synchronous(synchronous);
        let mut connection = options.connect().await.map_err(|source| explain(path, source))?;
        bring_up_to_date(&mut connection, path).await?;
        let writer = Writer::start(connection, options);
        let readers = open_readers(path, READERS).await?;
        let history = open_readers(path, 1).await?;
        Ok(Self { writer, readers, history, lock: Arc::new(lock) })
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

    /// Closes the connections once they are idle. Another process may open the database then.
    pub async fn close(&self) {
        self.readers.close().await;
        self.history.close().await;
        self.writer.close().await;
        if let Err(error) = self.lock.free() {
            tracing::warn!(%error, "the directory's lock is held until this process ends");
        }
    }

    /// For one statement, which sees the directory at one moment by itself. Several that must see the same moment need a
    /// transaction of their own, which is two exchanges with the database more: that counts when many small questions
    /// are asked.
    pub(crate) async fn read(&self) -> Result<PoolConnection<Sqlite>, Error> {
        Ok(self.readers.acquire().await?)
    }

    /// One unchanging view for what the snapshot of the directory is made of, on the connection that lists do not use.
    pub(crate) async fn history(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.history.begin().await?)
    }
}

/// Refuses a database that has tables but not ours, before anything is written to it.
pub(crate) async fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    let tables = tables_of(path).await.map_err(|source| explain(path, source))?;
    if tables.is_empty() || tables.iter().any(|table| table == MIGRATIONS.table_name.as_ref()) {
        return Ok(());
    }
    Err(not_a_database(path))
}

async fn tables_of(path: &Path) -> Result<Vec<String>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let rows = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut connection).await?;
    connection.close().await?;
    rows.iter().map(|row| row.try_get("name")).collect()
}

pub(crate) fn writer_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
}

async fn open_readers(path: &Path, connections: u32) -> Result<SqlitePool, OpenError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
    reader_pool(connections).connect_with(options).await.map_err(|source| explain(path, source))
}

fn reader_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

pub(crate) fn explain(path: &Path, source: sqlx::Error) -> OpenError {
    if is_not_a_database(&source) {
        return not_a_database(path);
    }
    OpenError::Database { path: path.to_owned(), source }
}

pub(crate) fn is_not_a_database(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == SQLITE_NOTADB)
}

pub(crate) fn not_a_database(path: &Path) -> OpenError {
    OpenError::NotADatabase { path: PathBuf::from(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_writer_syncs_every_commit_and_checks_references_and_readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("directory.db")).await.unwrap();
        for (pragma, expected) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5000)]
        {
            let mut presence = store.begin_presence().await.unwrap();
            let value: i64 = sqlx::query(pragma).fetch_one(presence.connection()).await.unwrap().try_get(0).unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        let written = sqlx::query("DELETE FROM audit").execute(&store.readers).await;
        assert!(written.unwrap_err().to_string().contains("readonly"));
    }
}
