//! Copies of the directory: made at one moment while it is served, and begun anew.

use std::fs::File;
use std::path::Path;

use adit_core::{Epoch, Revision};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use crate::database::{Database, Place};
use crate::engine::{self, Connection};
use crate::error::{Error, OpenError};
use crate::file::{connect, explain, not_a_database, place, refuse_foreign, writer_options};
use crate::lock;
use crate::server;
use crate::transaction;
use crate::upgrade::bring_up_to_date;

/// What counts for as long as it is known, and would count again for what was ended since the copy was made.
const ENDED_BY_A_NEW_EPOCH: [&str; 4] = [
    "DELETE FROM refresh_grant",
    // What they signed is believed no longer, and others are made.
    "DELETE FROM signing_key",
    "DELETE FROM registration_token WHERE redeemed_at IS NULL",
    "DELETE FROM tunnel",
];

/// As [`back_up`], wherever the directory is. One on a server is for the server's own programs to copy.
///
/// # Errors
/// As [`back_up`], and [`OpenError::CopiedByPgDump`].
pub async fn back_up_of(database: &Database, copy: &Path) -> Result<(Epoch, Revision), OpenError> {
    match database {
        Database::File(path) => back_up(path, copy).await,
        Database::Server(url) => Err(OpenError::CopiedByPgDump { at: url.place() }),
    }
}

/// Writes the directory at `path` to a new file at `copy`, as it is at one moment, and says which. Who serves it goes on
/// meanwhile, writes too. The copy is checked and synced; one that is not whole is an error, and is left for whoever looks.
///
/// # Errors
/// [`OpenError`] when there is no directory, `copy` exists already, or the copy cannot be written or is damaged.
pub async fn back_up(path: &Path, copy: &Path) -> Result<(Epoch, Revision), OpenError> {
    if !path.is_file() {
        return Err(not_a_database(path));
    }
    refuse_foreign(path).await?;
    let mut source = connect(path).await?;
    lock::new_private_file(copy).map_err(|source| not_written(copy, source))?;
    let to = copy.to_str().ok_or_else(|| not_written(copy, std::io::ErrorKind::InvalidFilename.into()))?;
    let written = sqlx::query("VACUUM INTO ?").bind(to).execute(&mut source).await;
    written.map_err(|source| explain(copy, source))?;
    source.close().await.map_err(|source| explain(path, source))?;
    let mut written = connect(copy).await?;
    check(&mut written, copy).await?;
    let mut written = Connection::Sqlite(written);
    let version = transaction::version(&mut written).await;
    written.close().await.map_err(|source| explain(copy, source))?;
    File::open(copy).and_then(|file| file.sync_all()).map_err(|source| not_written(copy, source))?;
    version.map_err(|error| damaged(&place(copy), &error))
}

/// As [`begin_epoch`], wherever the directory is.
///
/// # Errors
/// [`OpenError`] when it is no directory, is served, or cannot be written. A file may have got the newest schema then.
pub async fn begin_epoch_of(database: &Database, epoch: Epoch) -> Result<Epoch, OpenError> {
    let url = match database {
        Database::File(path) => return begin_epoch(path, epoch).await,
        Database::Server(url) => url,
    };
    let at = url.place();
    let mut connection = Connection::PostgresChange(server::begin_unserved(url).await?);
    let begun = begin_anew(&mut connection, epoch, &at).await?;
    if let Connection::PostgresChange(change) = connection {
        change.commit().await.map_err(|source| OpenError::Database { at, source })?;
    }
    Ok(begun)
}

/// Begins the directory at `path` anew, which was copied from another one and is served by nobody: in an epoch that is
/// `epoch` at least and later than its own, so that no gateway, connector or delta link takes its next changes for those that
/// followed the copy. Refresh tokens, registration tokens that were not used, and keys of the provider are gone, so what was
/// ended after the copy was made does not come back to life by it.
///
/// # Errors
/// [`OpenError`] when it is no directory, is served, or cannot be written. It may have got the newest schema then.
pub async fn begin_epoch(path: &Path, epoch: Epoch) -> Result<Epoch, OpenError> {
    let _lock = lock::take(path)?;
    if !path.is_file() {
        return Err(not_a_database(path));
    }
    refuse_foreign(path).await?;
    let failed = |source| explain(path, source);
    let options = writer_options(path).create_if_missing(false);
    let mut connection = options.connect().await.map_err(failed)?;
    check(&mut connection, path).await?;
    bring_up_to_date(&mut connection, path).await?;
    let mut connection = Connection::Sqlite(connection);
    engine::script(&mut connection, "BEGIN IMMEDIATE").await.map_err(failed)?;
    let begun = begin_anew(&mut connection, epoch, &place(path)).await?;
    engine::script(&mut connection, "COMMIT").await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(begun)
}

/// Writes the new epoch and ends what it ends, in a transaction that is open.
async fn begin_anew(change: &mut Connection, epoch: Epoch, at: &Place) -> Result<Epoch, OpenError> {
    let failed = |source| OpenError::Database { at: at.clone(), source };
    let (own, _) = transaction::version(change).await.map_err(|error| damaged(at, &error))?;
    let begun = Epoch(epoch.0.max(own.0.saturating_add(1)));
    let number = i64::try_from(begun.0).map_err(|_| OpenError::NotADatabase { at: at.clone(), table: None })?;
    engine::query("UPDATE position SET epoch = ?").bind(number).execute(change).await.map_err(failed)?;
    for end in ENDED_BY_A_NEW_EPOCH {
        engine::query(end).execute(change).await.map_err(failed)?;
    }
    Ok(begun)
}

/// Refuses a directory whose pages or references do not hold together.
async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| explain(path, source);
    let said = sqlx::query("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await.map_err(failed)?;
    let said: String = said.try_get(0).map_err(failed)?;
    if said != "ok" {
        return Err(OpenError::Damaged { at: place(path), reason: said });
    }
    match sqlx::query("PRAGMA foreign_key_check").fetch_optional(connection).await.map_err(failed)? {
        None => Ok(()),
        Some(row) => {
            let table: String = row.try_get(0).map_err(failed)?;
            Err(OpenError::Damaged { at: place(path), reason: format!("a row of {table} refers to nothing") })
        }
    }
}

fn damaged(at: &Place, error: &Error) -> OpenError {
    OpenError::Damaged { at: at.clone(), reason: error.to_string() }
}

fn not_written(path: &Path, source: std::io::Error) -> OpenError {
    OpenError::NotWritable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[tokio::test]
    async fn a_copy_is_what_was_committed_when_it_was_made_while_writing_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("directory.db"), folder.path().join("copy.db"));
        let store = Store::open(&path).await.unwrap();
        let change = store.begin().await.unwrap();
        let before = change.revision();
        change.commit().await.unwrap();
        // One that is under way neither stops the copy nor is in it.
        let under_way = store.begin().await.unwrap();
        let (epoch, revision) = back_up(&path, &copy).await.unwrap();
        assert_eq!((epoch, revision), (Epoch(1), before));
        under_way.commit().await.unwrap();
        assert_eq!(store.version().await.unwrap().1, Revision(before.0 + 1));
        let copied = Store::open(&copy).await.unwrap();
        assert_eq!(copied.version().await.unwrap(), (Epoch(1), before));
    }

    #[tokio::test]
    async fn a_copy_replaces_nothing_and_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("directory.db"), folder.path().join("copy.db"));
        assert!(matches!(back_up(&path, &copy).await, Err(OpenError::NotADatabase { .. })));
        let _store = Store::open(&path).await.unwrap();
        back_up(&path, &copy).await.unwrap();
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(back_up(&path, &copy).await, Err(OpenError::NotWritable { .. })));
        std::fs::write(folder.path().join("other.db"), "no database").unwrap();
        let other = back_up(&folder.path().join("other.db"), &folder.path().join("none.db")).await;
        assert!(matches!(other, Err(OpenError::NotADatabase { .. })), "{other:?}");
    }

    #[tokio::test]
    async fn a_new_epoch_is_later_than_its_own_and_than_others_and_begun_by_nobody_while_it_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.db");
        let store = Store::open(&path).await.unwrap();
        assert!(matches!(begin_epoch(&path, Epoch(7)).await, Err(OpenError::InUse { .. })));
        store.close().await;
        assert_eq!(begin_epoch(&path, Epoch(7)).await.unwrap(), Epoch(7));
        assert_eq!(begin_epoch(&path, Epoch(7)).await.unwrap(), Epoch(8));
        let store = Store::open(&path).await.unwrap();
        assert_eq!(store.version().await.unwrap().0, Epoch(8));
    }

    #[tokio::test]
    async fn a_damaged_copy_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.db");
        Store::open(&path).await.unwrap().close().await;
        let mut bytes = std::fs::read(&path).unwrap();
        // Past the first page, which says that it is a database.
        let half = bytes.len() / 2;
        bytes[half..half + 4096].fill(0xA5);
        std::fs::write(&path, &bytes).unwrap();
        let begun = begin_epoch(&path, Epoch(7)).await;
        assert!(matches!(begun, Err(OpenError::Damaged { .. } | OpenError::Database { .. })), "{begun:?}");
    }
}
