//! The directory in an SQLite file: how it is opened.
//!
//! One writer, because SQLite has one; `BEGIN IMMEDIATE`, because a transaction that starts reading and then writes can
//! fail at once whatever the busy timeout. `synchronous=FULL`, because what was acknowledged must survive a power cut.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use crate::database::Place;
use crate::error::OpenError;
use crate::lock::{self, Lock};
use crate::migrations::MIGRATIONS;
use crate::upgrade::bring_up_to_date;

/// How long SQLite waits for a lock that a backup program may hold.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a question waits for its turn to read before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections for reading: more than the cores of a small machine do not help SQLite.
const READERS: u32 = 4;

/// What SQLite answers for a file that is none of its own.
const SQLITE_NOTADB: &str = "26";

/// A file that was opened.
pub(crate) struct Opened {
    pub(crate) lock: Lock,
    /// The connection that writes, and how another one is opened.
    pub(crate) writer: (SqliteConnection, SqliteConnectOptions),
    pub(crate) readers: SqlitePool,
    pub(crate) history: SqlitePool,
}

/// Opens the file at `path`, makes it if there is none, and brings its schema up to date.
pub(crate) async fn open(path: &Path, synchronous: SqliteSynchronous) -> Result<Opened, OpenError> {
    let lock = lock::take(path)?;
    lock::private_file(path).map_err(|source| OpenError::NotWritable { path: path.to_owned(), source })?;
    refuse_foreign(path).await?;
    let options = writer_options(path).synchronous(synchronous);
    let mut connection = options.connect().await.map_err(|source| explain(path, source))?;
    bring_up_to_date(&mut connection, path).await?;
    let readers = open_readers(path, READERS).await?;
    let history = open_readers(path, 1).await?;
    Ok(Opened { lock, writer: (connection, options), readers, history })
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
    let mut connection = looking_options(path).connect().await?;
    let rows = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut connection).await?;
    connection.close().await?;
    rows.iter().map(|row| row.try_get("name")).collect()
}

/// Whether the file at `path` holds a directory, or nothing at all yet.
pub(crate) async fn has_directory(path: &Path) -> Result<bool, OpenError> {
    refuse_foreign(path).await?;
    Ok(!tables_of(path).await.map_err(|source| explain(path, source))?.is_empty())
}

/// Opens a file that is there, for looking at it or copying it.
pub(crate) async fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    looking_options(path).connect().await.map_err(|source| explain(path, source))
}

fn looking_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT)
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
    let options = looking_options(path).read_only(true);
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

pub(crate) fn place(path: &Path) -> Place {
    Place::File(path.to_owned())
}

pub(crate) fn explain(path: &Path, source: sqlx::Error) -> OpenError {
    if is_not_a_database(&source) {
        return not_a_database(path);
    }
    OpenError::Database { at: place(path), source }
}

pub(crate) fn is_not_a_database(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == SQLITE_NOTADB)
}

pub(crate) fn not_a_database(path: &Path) -> OpenError {
    OpenError::NotADatabase { at: place(path), table: None }
}
