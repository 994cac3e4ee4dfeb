//! The directory of a data folder goes to a database elsewhere or comes back, and begins anew after one was restored.
//!
//! The folder stays: its CA and its keys belong to the directory, wherever that is. It is locked meanwhile, so no server
//! runs on it, and it notes at the end where the directory is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use adit_control::copy::{self, Copied};
use adit_control::{CertificateAuthority, Database, DatabaseUrl, backup};
use adit_core::Epoch;
use adit_identity::LocalKey;

use super::copy::{CopyError, existing};
use super::{ASSERTION_KEYS, CA, CA_KEY, DIRECTORY, DataFolder, DataFolderError, Elsewhere, SESSION_KEYS, SIGNING_KEY};
use super::{KeyPair, write_whole};

/// One end of a copy.
#[derive(Debug)]
pub(crate) enum End {
    /// The directory of a data folder, in its file.
    Folder(PathBuf),
    /// A directory on a database server.
    Server(DatabaseUrl),
}

/// Copies the directory from one engine to another, and has the data folder note where it is from then on.
///
/// # Errors
/// [`CopyError`]; the target is as it was then, and the folder too.
pub(crate) async fn copy(from: End, to: End, progress: impl FnMut(&str, u64)) -> Result<Copied, CopyError> {
    match (from, to) {
        (End::Folder(_), End::Folder(_)) => Err(CopyError::TwoFolders),
        (End::Folder(folder), End::Server(url)) => {
            let (folder, authority) = locked(&folder)?;
            folder.refuse_elsewhere()?;
            let file = Database::File(existing(folder.path(), DIRECTORY)?);
            let elsewhere = url.to_string();
            let copied = copy::copy(&file, &Database::Server(url), Some(&authority), progress).await?;
            folder.keep_elsewhere(&Elsewhere::new(elsewhere, (copied.epoch, copied.revision)))?;
            Ok(copied)
        }
        (End::Server(url), End::Folder(folder)) => {
            let (folder, authority) = locked(&folder)?;
            let file = Database::File(folder.directory());
            let copied = copy::copy(&Database::Server(url), &file, Some(&authority), progress).await?;
            folder.forget_elsewhere()?;
            Ok(copied)
        }
        (End::Server(from), End::Server(to)) => {
            // No folder is known here; it notes the later epoch when it is served next.
            Ok(copy::copy(&Database::Server(from), &Database::Server(to), None, progress).await?)
        }
    }
}

/// Begins a new epoch in a directory on a database server that was restored, and gives the data folder new keys for tokens,
/// sessions and assertions: what was ended after the dump was made does not come back to life.
///
/// # Errors
/// [`CopyError`]. Done again, it begins another epoch.
pub(crate) async fn begin_epoch(folder: &Path, url: DatabaseUrl) -> Result<Epoch, CopyError> {
    let (folder, authority) = locked(folder)?;
    let at = url.to_string();
    let database = Database::Server(url);
    let found = copy::find(&database).await?.ok_or_else(|| CopyError::NoDirectory { at: at.clone() })?;
    found.allows(Some(&authority), &database)?;
    // The keys come first: an epoch with the keys from before would believe what they signed.
    let (_, key) = LocalKey::generate()?;
    write_whole(&folder.path().join(SIGNING_KEY), key.as_bytes())?;
    for keys in [SESSION_KEYS, ASSERTION_KEYS] {
        remove(&folder.path().join(keys))?;
    }
    let epoch = backup::begin_epoch_of(&database, Epoch(since_1970())).await?;
    folder.keep_elsewhere(&Elsewhere::new(at, (epoch, found.version.1)))?;
    Ok(epoch)
}

/// Seconds: two directories of one copy differ in when they were begun.
pub(super) fn since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A data folder that there is, for this process alone, and how databases name its CA.
fn locked(path: &Path) -> Result<(DataFolder, String), CopyError> {
    existing(path, CA)?;
    existing(path, CA_KEY)?;
    let folder = DataFolder::lock(path)?;
    let missing = || Err(CopyError::NotADataFolder { path: path.to_owned(), missing: CA });
    let KeyPair { certificate, key } = folder.ca(missing)?;
    let authority = adit_control::authority_name(&CertificateAuthority::from_pem(&certificate, &key)?);
    Ok((folder, authority))
}

impl DataFolder {
    /// Refuses a folder whose directory is elsewhere: what it has in its file is the past.
    pub(super) fn refuse_elsewhere(&self) -> Result<(), CopyError> {
        match self.elsewhere()? {
            Some(Elsewhere { database, .. }) => Err(CopyError::Elsewhere { folder: self.path.clone(), database }),
            None => Ok(()),
        }
    }
}

fn remove(path: &Path) -> Result<(), DataFolderError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DataFolderError::NotWritten { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use adit_control::{ControlPlane, SealingKey, Settings};

    use super::*;

    /// A data folder as a server leaves it that has had its directory in a file.
    async fn served(path: &Path) -> CertificateAuthority {
        let folder = DataFolder::lock(path).unwrap();
        let (authority, pem) = CertificateAuthority::generate().unwrap();
        write_whole(&path.join(CA_KEY), pem.key.as_bytes()).unwrap();
        write_whole(&path.join(CA), pem.certificate.as_bytes()).unwrap();
        for keys in [SIGNING_KEY, SESSION_KEYS, ASSERTION_KEYS] {
            write_whole(&path.join(keys), b"from before").unwrap();
        }
        open(Database::File(folder.directory()), &authority).await.unwrap().close().await;
        authority
    }

    async fn open(
        database: Database,
        authority: &CertificateAuthority,
    ) -> Result<ControlPlane, adit_control::OpenError> {
        let (sealing_key, _) = SealingKey::generate().unwrap();
        let gateway_address = "localhost:443".to_owned();
        ControlPlane::open(Settings { database, authority: authority.clone(), sealing_key, gateway_address }).await
    }

    fn url(text: &str) -> DatabaseUrl {
        text.parse().unwrap()
    }

    fn folder(path: &Path) -> End {
        End::Folder(path.to_owned())
    }

    async fn copied(from: End, to: End) -> Result<Copied, CopyError> {
        copy(from, to, |_, _| {}).await
    }

    #[tokio::test]
    async fn a_directory_goes_to_a_server_and_comes_back_and_the_folder_notes_where_it_is() {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        let authority = served(&data).await;
        let there = adit_test_postgresql::url();
        let first = copied(folder(&data), End::Server(url(&there))).await.unwrap();
        let noted = Elsewhere::noted_in(&data).unwrap().unwrap();
        assert_eq!(noted, Elsewhere::new(url(&there).to_string(), (first.epoch, first.revision)));
        let control = open(Database::Server(url(&there)), &authority).await.unwrap();
        assert_eq!(control.snapshots().borrow().version().0, first.epoch);
        control.close().await;

        let again = copied(folder(&data), End::Server(url(&adit_test_postgresql::url()))).await;
        assert!(matches!(again, Err(CopyError::Elsewhere { .. })), "what the folder has is the past: {again:?}");
        let back = copied(End::Server(url(&there)), folder(&data)).await;
        assert!(matches!(back, Err(CopyError::Relocation(copy::CopyError::NotEmpty { .. }))), "{back:?}");
        for name in ["directory.sqlite", "directory.sqlite-wal", "directory.sqlite-shm"] {
            let _ = fs::remove_file(data.join(name));
        }
        let second = copied(End::Server(url(&there)), folder(&data)).await.unwrap();
        assert!(second.epoch > first.epoch);
        assert_eq!(Elsewhere::noted_in(&data).unwrap(), None);
        open(Database::File(data.join(DIRECTORY)), &authority).await.unwrap().close().await;
    }

    #[tokio::test]
    async fn a_directory_does_not_go_to_the_folder_of_another() {
        let scratch = tempfile::tempdir().unwrap();
        let (data, other) = (scratch.path().join("data"), scratch.path().join("other"));
        let (_own, _other) = (served(&data).await, served(&other).await);
        let there = adit_test_postgresql::url();
        copied(folder(&data), End::Server(url(&there))).await.unwrap();
        fs::remove_file(other.join(DIRECTORY)).unwrap();
        let refused = copied(End::Server(url(&there)), folder(&other)).await;
        assert!(matches!(refused, Err(CopyError::Relocation(copy::CopyError::Open(_)))), "{refused:?}");
        let refused = begin_epoch(&other, url(&there)).await;
        assert!(matches!(refused, Err(CopyError::Directory(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_new_epoch_comes_with_new_keys() {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        served(&data).await;
        let there = adit_test_postgresql::url();
        assert!(matches!(begin_epoch(&data, url(&there)).await, Err(CopyError::NoDirectory { .. })));
        let copied = copied(folder(&data), End::Server(url(&there))).await.unwrap();
        let epoch = begin_epoch(&data, url(&there)).await.unwrap();
        assert!(epoch > copied.epoch);
        assert_eq!(Elsewhere::noted_in(&data).unwrap().unwrap().epoch, epoch.0);
        assert!(LocalKey::from_pem(&fs::read_to_string(data.join(SIGNING_KEY)).unwrap()).is_ok());
        assert!(!data.join(SESSION_KEYS).exists() && !data.join(ASSERTION_KEYS).exists());
    }

    #[tokio::test]
    async fn what_is_no_data_folder_or_is_served_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let (data, none) = (scratch.path().join("data"), scratch.path().join("none"));
        let there = || End::Server(url("postgres://adit@127.0.0.1:1/adit"));
        for ends in [(folder(&none), there()), (there(), folder(&none))] {
            assert!(matches!(copied(ends.0, ends.1).await, Err(CopyError::NotADataFolder { .. })));
        }
        assert!(!none.exists());
        served(&data).await;
        let _serving = DataFolder::lock(&data).unwrap();
        let refused = copied(folder(&data), there()).await;
        assert!(matches!(refused, Err(CopyError::Folder(DataFolderError::InUse { .. }))), "{refused:?}");
    }
}
