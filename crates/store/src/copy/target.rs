//! Where a directory is copied to: an open transaction in a database that was empty, with the newest schema in it.
//!
//! A file is written under another name beside the one that it gets, which it gets when all of it is on the disk. A server
//! makes schema and rows in the one transaction.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::CopyError;
use crate::database::{Database, Place};
use crate::engine::{self, Connection};
use crate::file::explain;
use crate::lock::{self, Lock};
use crate::server;
use crate::upgrade::bring_up_to_date;

/// What SQLite keeps beside a database. What is left of another one must not be taken for this one's.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What is written to.
pub(super) struct Target {
    connection: Connection,
    file: Option<Unfinished>,
    at: Place,
}

/// A file that has not got its name; dropped before that it is removed.
struct Unfinished {
    path: PathBuf,
    name: PathBuf,
    /// Of the name: no server makes a directory there meanwhile.
    _lock: Lock,
}

impl Target {
    /// Refuses what is not empty, and begins.
    pub(super) async fn open(to: &Database) -> Result<Self, CopyError> {
        let at = to.place();
        match to {
            Database::File(path) => {
                let file = Unfinished::beside(path)?;
                let connection = new_file(&file.path).await?;
                Ok(Self { connection, file: Some(file), at })
            }
            Database::Server(url) => match server::begin_new(url).await? {
                Some(connection) => Ok(Self { connection, file: None, at }),
                None => Err(CopyError::NotEmpty { at }),
            },
        }
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Keeps everything.
    pub(super) async fn finish(self) -> Result<(), CopyError> {
        let Self { connection, file, at } = self;
        let unheard = |source: sqlx::Error| CopyError::Unheard { at: at.clone(), source: source.into() };
        match connection {
            Connection::PostgresChange(transaction) => transaction.commit().await.map_err(unheard)?,
            mut connection => {
                engine::script(&mut connection, "COMMIT").await.map_err(unheard)?;
                connection.close().await.map_err(unheard)?;
            }
        }
        match file {
            Some(file) => file.finish(),
            None => Ok(()),
        }
    }
}

/// A new database with the newest schema, in a transaction. Nobody sees it before it is synced as a whole, so nothing is
/// synced while it is written.
async fn new_file(path: &Path) -> Result<Connection, CopyError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(true);
    let mut connection = options.connect().await.map_err(|source| explain(path, source))?;
    bring_up_to_date(&mut connection, path).await?;
    let mut connection = Connection::Sqlite(connection);
    let begun = engine::script(&mut connection, "BEGIN IMMEDIATE").await;
    begun.map_err(|source| explain(path, source))?;
    Ok(connection)
}

impl Unfinished {
    fn beside(name: &Path) -> Result<Self, CopyError> {
        let with = |ending: &str| {
            let mut file = name.file_name().unwrap_or_default().to_owned();
            file.push(ending);
            name.with_file_name(file)
        };
        let lock = lock::take(name)?;
        let beside = BESIDE.iter().map(|ending| with(ending));
        if beside.chain([name.to_owned()]).any(|path| path.symlink_metadata().is_ok()) {
            return Err(CopyError::NotEmpty { at: Place::File(name.to_owned()) });
        }
        let path = with(".unfinished");
        // Left behind by a copy that was killed; the lock says that none is under way.
        let _ = fs::remove_file(&path);
        let made = lock::new_private_file(&path);
        made.map_err(|source| CopyError::File { at: Place::File(name.to_owned()), source })?;
        Ok(Self { path, name: name.to_owned(), _lock: lock })
    }

    fn finish(self) -> Result<(), CopyError> {
        let folder = self.name.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let synced = File::open(&self.path).and_then(|file| file.sync_all());
        // Nobody else makes a file of that name, for that takes the lock.
        let named = synced.and_then(|()| fs::rename(&self.path, &self.name));
        let named = named.and_then(|()| File::open(folder)?.sync_all());
        named.map_err(|source| CopyError::File { at: Place::File(self.name.clone()), source })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is not there any more once it has its name; what cannot be removed is in nobody's way.
        let _ = fs::remove_file(&self.path);
    }
}
