//! Where the rules are tested: each directory is a file in a folder of its own.

use adit_control::Database;
use tempfile::TempDir;

/// How the name of the part ends in which the newest changes are: the log of the database.
pub(crate) const NEWEST: &str = "-wal";

/// A place for one directory.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn database(&self) -> Database {
        Database::File(self.folder.path().join("directory.db"))
    }

    /// Everything that is kept, each part with its name.
    pub(crate) fn kept(&self) -> Vec<(String, Vec<u8>)> {
        let paths = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
    }

    /// What is there if the process is killed at this moment.
    pub(crate) fn left_behind(&self) -> Self {
        let left = Self::new();
        for name in ["directory.db", "directory.db-wal"] {
            std::fs::copy(self.folder.path().join(name), left.folder.path().join(name)).unwrap();
        }
        left
    }
}
