//! Opening the file of a directory: what can be wrong with it is said clearly, and nothing is changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../src/testing.rs"]
mod testing;

use std::path::Path;

use adit_core::{Epoch, Revision};
use adit_store::{OpenError, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};

use self::testing::each_engine;

async fn connection(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> String {
    let row = sqlx::query(sql).fetch_one(connection).await.unwrap();
    row.try_get::<String, _>(0).unwrap()
}

#[tokio::test]
async fn a_new_directory_starts_before_its_first_revision() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.version().await.unwrap(), (Epoch(1), Revision(0)));
    assert_eq!(pragma(&mut connection(&path).await, "PRAGMA journal_mode").await, "wal");
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_own_user_can_read_the_directory() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("directory.db")).await.unwrap();
    store.begin().await.unwrap().commit().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "database, log and lock");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "x").unwrap();
    for path in [folder.path().join("missing").join("directory.db"), file.join("directory.db")] {
        let error = Store::open(&path).await.unwrap_err();
        assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.to_string().contains("must exist and be writable"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let text = "this is a letter to my aunt, not a database\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert!(error.to_string().contains("is not a directory database"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("CREATE TABLE recipe (name TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    let tables = sqlx::query("SELECT name FROM sqlite_master").fetch_all(&mut connection(&path).await).await.unwrap();
    assert_eq!(tables.len(), 1);
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    Store::open(&path).await.unwrap().close().await;
    let mut later = connection(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', 1, x'00', 0)",
    )
    .execute(&mut later)
    .await
    .unwrap();
    later.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::FromTheFuture { found: 9000, .. }), "{error}");
    assert!(error.to_string().contains("written by a newer version"), "{error}");
}

#[tokio::test]
async fn a_second_store_on_one_directory_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let first = Store::open(&path).await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(first);
    Store::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_dropped_write_leaves_nothing_and_gives_its_revision_back() {
    for directory in each_engine().await {
        let store = &directory.store;
        assert_eq!(store.begin().await.unwrap().revision(), Revision(1));
        store.begin().await.unwrap().roll_back().await.unwrap();
        assert_eq!(store.begin().await.unwrap().commit().await.unwrap(), Revision(1));
        assert_eq!(store.version().await.unwrap(), (Epoch(1), Revision(1)));
    }
}

#[tokio::test]
async fn a_closed_store_says_so() {
    for directory in each_engine().await {
        directory.store.close().await;
        assert!(matches!(directory.store.version().await, Err(adit_store::Error::Closed)));
    }
}
