//! Where the rules are tested: each directory is a database of PostgreSQL.

use adit_control::Database;

/// How the name of the part ends in which the newest changes are: there is only one.
pub(crate) const NEWEST: &str = "all of the database";

/// A place for one directory.
pub(crate) struct Place {
    url: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { url: adit_test_postgresql::url() }
    }

    pub(crate) fn database(&self) -> Database {
        Database::Server(self.url.parse().unwrap())
    }

    /// Everything that is kept, each part with its name.
    pub(crate) fn kept(&self) -> Vec<(String, Vec<u8>)> {
        vec![(NEWEST.to_owned(), adit_test_postgresql::contents(&self.url).into_bytes())]
    }
}
