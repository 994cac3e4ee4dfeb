//! Copies of a data folder: made while a server runs on it, and made a data folder of their own.
//!
//! A copy has what a server cannot make anew: the directory, the CA, the key that secrets are sealed under, certificates and
//! accounts at ACME authorities. Keys of tokens, sessions and assertions are not in it: a folder that is made from a copy gets
//! others, so that nothing counts any more that was ended after the copy was made.
//!
//! Both are written to a folder beside the one that is asked for, which is renamed when all of it is synced: what has the
//! name is whole.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use adit_control::{AuthorityError, StoreOpenError, backup};
use adit_core::{Epoch, Revision};
use adit_identity::{LocalKey, LocalKeyError};

use super::relocation::since_1970;
use super::{ACME, CA, CA_KEY, CERTIFICATES, DIRECTORY, SEALING_KEY, SIGNING_KEY};
use super::{DataFolderError, Elsewhere, write_whole};

/// Files that are copied as they are. The first two are in every folder that a server has run on.
const FILES: [&str; 3] = [CA, CA_KEY, SEALING_KEY];

/// Folders whose files are copied, where they exist, and how many folders deep those are.
const FOLDERS: [(&str, usize); 2] = [(CERTIFICATES, 1), (ACME, 2)];

/// How files end that are being written; they get their name when they are whole.
const UNFINISHED: &str = "tmp";

/// Why there is no copy, or no data folder from it. Nothing has the name that was asked for, but in the last case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error("{} exists already, and nothing is written over", path.display())]
    Exists { path: PathBuf },
    #[error("{} is no data folder or copy of one: {missing} is missing", path.display())]
    NotADataFolder { path: PathBuf, missing: &'static str },
    #[error(
        "the directory of {} is in the database {database}; PostgreSQL's own pg_dump copies it, and ca.pem, ca-key.pem, \
         sealing-key, certificates and acme are copied as files", folder.display()
    )]
    AtAServer { folder: PathBuf, database: String },
    #[error("the directory of {} is in the database {database}, and not in the folder", folder.display())]
    Elsewhere { folder: PathBuf, database: String },
    #[error("both are data folders, and a directory is copied to another engine")]
    TwoFolders,
    #[error("there is no directory in {at}")]
    NoDirectory { at: String },
    #[error(transparent)]
    Directory(#[from] StoreOpenError),
    #[error(transparent)]
    Relocation(#[from] adit_control::copy::CopyError),
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    #[error("{} cannot be copied: {source}", path.display())]
    NotCopied { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Key(#[from] LocalKeyError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("{} is there and whole, but may be gone after a power cut: {source}", path.display())]
    NotSynced { path: PathBuf, source: io::Error },
}

/// Copies the data folder at `folder` to `copy`, which must not exist. Says at which version the directory is in it.
///
/// # Errors
/// [`CopyError`].
pub(crate) async fn back_up(folder: &Path, copy: &Path) -> Result<(Epoch, Revision), CopyError> {
    if let Some(Elsewhere { database, .. }) = Elsewhere::noted_in(folder)? {
        return Err(CopyError::AtAServer { folder: folder.to_owned(), database });
    }
    let unfinished = Unfinished::beside(copy)?;
    // The directory comes first: a secret that it needs is there before what is sealed under it.
    let version = backup::back_up(&existing(folder, DIRECTORY)?, &unfinished.path.join(DIRECTORY)).await?;
    copy_secrets(folder, &unfinished.path)?;
    unfinished.finish(copy)?;
    Ok(version)
}

/// Makes a data folder at `folder`, which must not exist, of a copy. Says in which epoch it begins.
///
/// # Errors
/// [`CopyError`].
pub(crate) async fn restore(copy: &Path, folder: &Path) -> Result<Epoch, CopyError> {
    let unfinished = Unfinished::beside(folder)?;
    let directory = unfinished.path.join(DIRECTORY);
    backup::back_up(&existing(copy, DIRECTORY)?, &directory).await?;
    copy_secrets(copy, &unfinished.path)?;
    let (_, key) = LocalKey::generate()?;
    write_whole(&unfinished.path.join(SIGNING_KEY), key.as_bytes())?;
    let epoch = backup::begin_epoch(&directory, Epoch(since_1970())).await?;
    unfinished.finish(folder)?;
    Ok(epoch)
}

/// A file that a data folder, or a copy of one, has.
pub(super) fn existing(folder: &Path, name: &'static str) -> Result<PathBuf, CopyError> {
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { Err(CopyError::NotADataFolder { path: folder.to_owned(), missing: name }) }
}

fn copy_secrets(from: &Path, to: &Path) -> Result<(), CopyError> {
    existing(from, CA)?;
    existing(from, CA_KEY)?;
    for name in FILES {
        if from.join(name).exists() {
            copy_file(&from.join(name), &to.join(name))?;
        }
    }
    for (name, depth) in FOLDERS {
        if from.join(name).is_dir() {
            copy_folder(&from.join(name), &to.join(name), depth)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), CopyError> {
    let content = fs::read(from).map_err(|source| CopyError::NotCopied { path: from.to_owned(), source })?;
    Ok(write_whole(to, &content)?)
}

/// Links are followed: a certificate is often one. What is no file, or lies deeper, is nothing that a server reads; what has
/// gone or is not finished is a file of a server that goes on.
fn copy_folder(from: &Path, to: &Path, depth: usize) -> Result<(), CopyError> {
    let failed = |source| CopyError::NotCopied { path: from.to_owned(), source };
    new_folder(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let (from, to) = (from.join(&name), to.join(&name));
        if from.extension().is_some_and(|extension| extension == UNFINISHED) {
            continue;
        }
        let copied = match fs::metadata(&from) {
            Ok(entry) if entry.is_file() => copy_file(&from, &to),
            Ok(entry) if entry.is_dir() && depth > 1 => copy_folder(&from, &to, depth - 1),
            Ok(_) => Ok(()),
            Err(source) => Err(CopyError::NotCopied { path: from.clone(), source }),
        };
        match copied {
            Err(CopyError::NotCopied { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(path = %from.display(), "it was there a moment ago, or is a link to nothing: not copied");
            }
            copied => copied?,
        }
    }
    Ok(())
}

fn new_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// A folder that is written, beside what it will be; dropped before that it is removed.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    fn beside(path: &Path) -> Result<Self, CopyError> {
        let exists = || CopyError::Exists { path: path.to_owned() };
        if path.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let mut name = OsString::from(".");
        name.push(path.file_name().ok_or_else(exists)?);
        name.push(format!(".unfinished-{:08x}", fastrand::u32(..)));
        let unfinished = path.with_file_name(name);
        new_folder(&unfinished).map_err(|source| DataFolderError::NotCreated { path: unfinished.clone(), source })?;
        Ok(Self { path: unfinished })
    }

    /// Gives it its name. A folder that has got that name meanwhile is not written over, unless it is empty.
    fn finish(self, path: &Path) -> Result<(), CopyError> {
        let named = File::open(&self.path).and_then(|folder| folder.sync_all());
        let named = named.and_then(|()| fs::rename(&self.path, path));
        named.map_err(|source| CopyError::NotCopied { path: path.to_owned(), source })?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let synced = File::open(parent.unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all());
        synced.map_err(|source| CopyError::NotSynced { path: path.to_owned(), source })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is not there any more once it has its name; what cannot be removed is in nobody's way.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as a server leaves it, with something in it that is the server's alone.
    async fn served(at: &Path) {
        new_folder(at).unwrap();
        for name in [CA, CA_KEY, SEALING_KEY, SIGNING_KEY, "lock", "session-keys", "addresses.json"] {
            write_whole(&at.join(name), name.as_bytes()).unwrap();
        }
        new_folder(&at.join(CERTIFICATES)).unwrap();
        write_whole(&at.join(CERTIFICATES).join("wiki.pem"), b"certificate").unwrap();
        // A file that is being written, a link to nothing, and one that leads round and round.
        fs::write(at.join(CERTIFICATES).join("mail.tmp"), "half").unwrap();
        std::os::unix::fs::symlink("nowhere", at.join(CERTIFICATES).join("old.pem")).unwrap();
        std::os::unix::fs::symlink(".", at.join(CERTIFICATES).join("round")).unwrap();
        let (authority, _) = adit_control::CertificateAuthority::generate().unwrap();
        let (sealing_key, _) = adit_control::SealingKey::generate().unwrap();
        let settings = adit_control::Settings {
            database: adit_control::Database::File(at.join(DIRECTORY)),
            authority,
            sealing_key,
            gateway_address: "localhost:443".to_owned(),
        };
        adit_control::ControlPlane::open(settings).await.unwrap().close().await;
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_copy_has_what_cannot_be_made_anew_and_a_folder_of_it_keys_of_its_own() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        served(&at("data")).await;
        let (epoch, _) = back_up(&at("data"), &at("copy")).await.unwrap();
        assert_eq!(names(&at("copy")), [CA_KEY, CA, CERTIFICATES, DIRECTORY, SEALING_KEY]);
        assert_eq!(names(&at("copy").join(CERTIFICATES)), ["wiki.pem"]);
        assert_eq!(fs::read(at("copy").join("certificates/wiki.pem")).unwrap(), b"certificate");
        let begun = restore(&at("copy"), &at("restored")).await.unwrap();
        assert!(begun > epoch);
        let key = fs::read_to_string(at("restored").join(SIGNING_KEY)).unwrap();
        assert!(LocalKey::from_pem(&key).is_ok());
        assert_eq!(names(scratch.path()), ["copy", "data", "restored"], "nothing unfinished stays");
    }

    #[tokio::test]
    async fn nothing_is_written_over_and_what_is_no_data_folder_is_not_copied() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        served(&at("data")).await;
        new_folder(&at("empty")).unwrap();
        assert!(matches!(back_up(&at("data"), &at("empty")).await, Err(CopyError::Exists { .. })));
        assert!(matches!(restore(&at("empty"), &at("data")).await, Err(CopyError::Exists { .. })));
        assert!(matches!(back_up(&at("empty"), &at("copy")).await, Err(CopyError::NotADataFolder { .. })));
        fs::remove_file(at("data").join(CA_KEY)).unwrap();
        assert!(matches!(back_up(&at("data"), &at("copy")).await, Err(CopyError::NotADataFolder { .. })));
        assert_eq!(names(scratch.path()), ["data", "empty"]);
    }

    #[tokio::test]
    async fn a_directory_at_a_database_server_is_for_pg_dump_to_copy() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        served(&at("data")).await;
        let elsewhere = Elsewhere::new("postgres://adit@db/adit".to_owned(), (Epoch(7), Revision(1)));
        super::super::DataFolder::lock(&at("data")).unwrap().keep_elsewhere(&elsewhere).unwrap();
        let refused = back_up(&at("data"), &at("copy")).await.unwrap_err().to_string();
        assert!(refused.contains("postgres://adit@db/adit") && refused.contains("pg_dump"), "{refused}");
        assert!(!at("copy").exists());
    }
}
