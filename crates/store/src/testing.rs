//! An empty directory of a test's own on each engine: for the tests of this crate, inside and beside it.

#![allow(dead_code, reason = "not every test program has a use for all of it")]

use std::time::Duration;

use adit_store::{Database, DatabaseUrl, OpenError, Store};
use tempfile::TempDir;

/// An open directory. When a test fails while it has one, it says on which engine.
pub(crate) struct Directory {
    pub(crate) store: Store,
    /// Where its file is, on SQLite.
    pub(crate) folder: Option<TempDir>,
    /// Its database, on PostgreSQL.
    pub(crate) url: Option<String>,
    _shown: Shown,
}

/// One on SQLite, and one on PostgreSQL.
pub(crate) async fn each_engine() -> Vec<Directory> {
    vec![on_sqlite().await, on_postgres().await]
}

pub(crate) async fn on_sqlite() -> Directory {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("directory.db")).await.unwrap();
    Directory { store, folder: Some(folder), url: None, _shown: Shown("SQLite") }
}

pub(crate) async fn on_postgres() -> Directory {
    let url = adit_test_postgresql::url();
    let store = open(&url).await.unwrap();
    Directory { store, folder: None, url: Some(url), _shown: Shown("PostgreSQL") }
}

/// A new database without a directory.
pub(crate) fn postgres_url() -> DatabaseUrl {
    adit_test_postgresql::url().parse().unwrap()
}

/// Opens the directory in a database of PostgreSQL, at once or not at all.
pub(crate) async fn open(url: &str) -> Result<Store, OpenError> {
    Store::open_database(&Database::Server(url.parse().unwrap()), None, Duration::ZERO).await
}

impl Directory {
    pub(crate) const fn is_on_postgres(&self) -> bool {
        self.url.is_some()
    }

    /// Does something to the database that Adit does not.
    pub(crate) async fn change_beneath(&self, statement: &str) {
        if let Some(url) = &self.url {
            adit_test_postgresql::sql(url, statement);
        }
        if let Some(folder) = &self.folder {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("directory.db"));
            let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut other).await.unwrap();
        }
    }
}

struct Shown(&'static str);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with a directory on {}", self.0);
        }
    }
}
