//! `database.json`: that the directory of a data folder is in a database elsewhere, and how far it had come there. With it no
//! server begins unnoticed with the file that the directory was in before, with an empty database, or with an earlier copy.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use adit_core::{Epoch, Revision};
use serde::{Deserialize, Serialize};

use super::{DataFolder, DataFolderError, ELSEWHERE, write_whole};

/// Where the directory of a data folder was when it was last opened, or copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    /// The database's URL, without its password: for people.
    pub(crate) database: String,
    /// The directory's epoch.
    pub(crate) epoch: u64,
    /// Its revision, or an earlier one: it is noted when a server starts and when it ends in order.
    pub(crate) revision: u64,
}

impl Elsewhere {
    /// That the directory is there at that version.
    pub(crate) const fn new(database: String, (epoch, revision): (Epoch, Revision)) -> Self {
        Self { database, epoch: epoch.0, revision: revision.0 }
    }

    /// How far the directory had come.
    pub(crate) const fn version(&self) -> (Epoch, Revision) {
        (Epoch(self.epoch), Revision(self.revision))
    }

    /// What the data folder at `folder` notes; `None` where its directory is in it.
    ///
    /// # Errors
    /// [`DataFolderError::Unreadable`], [`DataFolderError::Damaged`].
    pub(super) fn noted_in(folder: &Path) -> Result<Option<Self>, DataFolderError> {
        let path = folder.join(ELSEWHERE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DataFolderError::Unreadable { path, source }),
        };
        let damaged = |error: serde_json::Error| DataFolderError::Damaged { path, reason: error.to_string() };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }
}

impl DataFolder {
    /// Where the directory is, if it is not in the folder.
    ///
    /// # Errors
    /// [`DataFolderError::Unreadable`], [`DataFolderError::Damaged`].
    pub(crate) fn elsewhere(&self) -> Result<Option<Elsewhere>, DataFolderError> {
        Elsewhere::noted_in(&self.path)
    }

    /// Notes where the directory is, and at which epoch; nothing is written that is there.
    ///
    /// # Errors
    /// [`DataFolderError::NotWritten`].
    pub(crate) fn keep_elsewhere(&self, elsewhere: &Elsewhere) -> Result<(), DataFolderError> {
        if matches!(self.elsewhere(), Ok(Some(kept)) if kept == *elsewhere) {
            return Ok(());
        }
        let mut text = serde_json::to_string_pretty(elsewhere).unwrap_or_default();
        text.push('\n');
        write_whole(&self.path.join(ELSEWHERE), text.as_bytes())
    }

    /// Notes how far the directory has come, if it is elsewhere.
    ///
    /// # Errors
    /// [`DataFolderError`].
    pub(crate) fn keep_version(&self, version: (Epoch, Revision)) -> Result<(), DataFolderError> {
        match self.elsewhere()? {
            Some(Elsewhere { database, .. }) => self.keep_elsewhere(&Elsewhere::new(database, version)),
            None => Ok(()),
        }
    }

    /// Notes that the directory is in the folder.
    ///
    /// # Errors
    /// [`DataFolderError::NotWritten`].
    pub(crate) fn forget_elsewhere(&self) -> Result<(), DataFolderError> {
        let path = self.path.join(ELSEWHERE);
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // The removal is durable once the folder is.
            removed => removed.and_then(|()| File::open(&self.path)?.sync_all()),
        };
        removed.map_err(|source| DataFolderError::NotWritten { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_directory_is_stays_noted_until_it_is_in_the_folder_again() {
        let parent = tempfile::tempdir().unwrap();
        let noted = Elsewhere::new("postgres://adit@db/adit".to_owned(), (Epoch(7), Revision(3)));
        let folder = DataFolder::lock(parent.path()).unwrap();
        folder.keep_version((Epoch(7), Revision(3))).unwrap();
        assert_eq!(folder.elsewhere().unwrap(), None);
        folder.keep_elsewhere(&noted).unwrap();
        drop(folder);
        let folder = DataFolder::lock(parent.path()).unwrap();
        assert_eq!(folder.elsewhere().unwrap(), Some(noted.clone()));
        folder.keep_version((Epoch(8), Revision(4))).unwrap();
        let kept = folder.elsewhere().unwrap().unwrap();
        assert_eq!((kept.version(), kept.database), ((Epoch(8), Revision(4)), noted.database));
        folder.forget_elsewhere().unwrap();
        folder.forget_elsewhere().unwrap();
        assert_eq!(folder.elsewhere().unwrap(), None);
    }

    #[test]
    fn a_note_that_cannot_be_understood_is_not_no_note() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::lock(parent.path()).unwrap();
        for text in ["", "{}", "{\"database\": \"postgres://adit@db/adit\"}"] {
            fs::write(parent.path().join(ELSEWHERE), text).unwrap();
            let refused = folder.elsewhere().unwrap_err().to_string();
            assert!(refused.contains("database.json is damaged"), "{refused}");
        }
    }

    #[test]
    fn a_secret_that_is_missing_beside_the_note_is_lost() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::lock(parent.path()).unwrap();
        let noted = Elsewhere::new("postgres://adit@db/adit".to_owned(), (Epoch(1), Revision(0)));
        folder.keep_elsewhere(&noted).unwrap();
        let lost = folder.signing_key(|| Ok::<_, DataFolderError>("made".to_owned()));
        assert!(matches!(lost, Err(DataFolderError::SecretLost { beside, .. }) if beside.ends_with(ELSEWHERE)));
    }
}
