//! Folders: the repository, the build folder, and one temporary folder for each test.

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the repository")
}

/// The build folder: everything a test leaves for a person to look at goes below it.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// A temporary folder, removed on drop; or one that stays.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Held for its drop.
    _temporary: Option<tempfile::TempDir>,
}

impl Scratch {
    /// A new, empty folder.
    #[must_use]
    pub fn new() -> Self {
        let temporary = tempfile::Builder::new().prefix("adit-test-").tempdir().expect("a temporary folder");
        Self { path: temporary.path().to_owned(), _temporary: Some(temporary) }
    }

    /// The folder at `path`, made if there is none, which stays with all that is in it.
    #[must_use]
    pub fn kept(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("a folder to keep");
        Self { path: path.to_owned(), _temporary: None }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
