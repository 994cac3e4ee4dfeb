//! Where a directory is kept: in a file, or on a PostgreSQL server.

mod url;

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

pub use self::url::{BadDatabaseUrl, DatabaseUrl};

/// What keeps a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// An SQLite file.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Server(DatabaseUrl),
}

/// Where a directory is, for people: without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file.
    File(PathBuf),
    /// The URL of the database.
    Server(String),
}

impl Database {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::File(path) => Place::File(path.clone()),
            Self::Server(url) => url.place(),
        }
    }
}

impl Display for Place {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Server(url) => formatter.write_str(url),
        }
    }
}
