//! One process per directory: a lock on a file beside the database, held while the store is open.
//!
//! SQLite would let a second process write, but the first would not know: its snapshots and the presence of its
//! connectors would be wrong. The system frees the lock when a process dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::file;

/// The lock; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Frees it, whoever still holds the value: the store is closed.
    pub(crate) fn free(&self) -> std::io::Result<()> {
        self.file.unlock()
    }
}

/// Takes the lock of the directory at `path`.
pub(crate) fn take(path: &Path) -> Result<Lock, OpenError> {
    let not_writable = |source| OpenError::NotWritable { path: path.to_owned(), source };
    let file = private_file(&beside(path)).map_err(not_writable)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { at: file::place(path), by: None }),
        Err(TryLockError::Error(source)) => Err(not_writable(source)),
    }
}

/// Opens a file for writing, or makes one that only this user can read. SQLite gives its own files beside the database
/// the same rights.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a file that was not there, and that only this user can read.
pub(crate) fn new_private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
