//! The data folder: everything one server keeps, and who may touch it.
//!
//! The folder is 0700 and its files 0600. A lock file says that a server runs on it; the lock goes with the process, so
//! a crash leaves nothing to clean up. Files are written whole: to a temporary file, synced, then renamed over.
//!
//! The secrets are made at the first start and never replaced: a lost one is an error, not a reason for a new one, for
//! everything ever signed with it would silently stop being believed.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use adit_control::Zeroizing;

mod addresses;
pub(crate) mod copy;
mod elsewhere;
pub(crate) mod relocation;
#[cfg(test)]
mod tests;

pub(crate) use addresses::Addresses;
pub(crate) use elsewhere::Elsewhere;

/// The names in a data folder.
const LOCK: &str = "lock";
const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const SIGNING_KEY: &str = "signing-key.pem";
const SEALING_KEY: &str = "sealing-key";
const DIRECTORY: &str = "directory.sqlite";
const ELSEWHERE: &str = "database.json";
const ADDRESSES: &str = "addresses.json";
const CERTIFICATES: &str = "certificates";
const ACME: &str = "acme";
const SESSION_KEYS: &str = "session-keys";
const ASSERTION_KEYS: &str = "assertion-keys";

/// A data folder that this process serves from: no other process can, as long as this value lives.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Held, not read.
    _lock: File,
    /// Whether `addresses.json` says something that is true, and is to go with this value.
    announced: bool,
}

/// A data folder as other commands see it: read only, and with or without a server.
#[derive(Debug, Clone)]
pub(crate) struct ServedFolder {
    path: PathBuf,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataFolderError {
    #[error("data folder {} cannot be created: {source}", path.display())]
    NotCreated { path: PathBuf, source: io::Error },
    #[error("{} is not a folder", path.display())]
    NotAFolder { path: PathBuf },
    #[error("data folder {} cannot be written to: {source}", path.display())]
    NotWritable { path: PathBuf, source: io::Error },
    #[error("data folder {} is in use by another server", path.display())]
    InUse { path: PathBuf },
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} cannot be written: {source}", path.display())]
    NotWritten { path: PathBuf, source: io::Error },
    #[error(
        "{} is missing although {} exists; a new one would not be believed by anybody", missing.display(),
        beside.display()
    )]
    SecretLost { missing: PathBuf, beside: PathBuf },
    #[error("{} does not exist: no server has used this data folder", path.display())]
    NeverServed { path: PathBuf },
    #[error("{} does not exist: no server runs on this data folder", path.display())]
    NotServed { path: PathBuf },
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
}

/// A certificate and its key, as PEM.
pub(crate) struct KeyPair {
    /// The certificate.
    pub(crate) certificate: String,
    /// The private key.
    pub(crate) key: String,
}

impl DataFolder {
    /// Creates the folder if need be, and locks it for this process. Whatever was announced in it is taken back.
    ///
    /// # Errors
    /// [`DataFolderError`] when it cannot be created or written, or another server runs on it.
    pub(crate) fn lock(path: &Path) -> Result<Self, DataFolderError> {
        let mut folder = Self::take_over(path)?;
        // Left behind by a server that was killed: nothing listens there now.
        folder.withdraw_addresses();
        folder.announced = true;
        Ok(folder)
    }

    /// The same for a server that follows another one, whose addresses are its own.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn take_over(path: &Path) -> Result<Self, DataFolderError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                DataFolderError::NotAFolder { path: path.to_owned() }
            }
            _ => DataFolderError::NotCreated { path: path.to_owned(), source },
        })?;
        let not_writable = |source| DataFolderError::NotWritable { path: path.to_owned(), source };
        let lock = private_file().truncate(false).open(path.join(LOCK)).map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataFolderError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(not_writable(source)),
        }
        warn_if_others_may_read(path);
        Ok(Self { path: path.to_owned(), _lock: lock, announced: false })
    }

    /// Frees the folder for a server that follows this one and listens at the same addresses.
    pub(crate) fn hand_over(mut self) {
        self.announced = false;
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the directory's database is, unless it is elsewhere.
    pub(crate) fn directory(&self) -> PathBuf {
        self.path.join(DIRECTORY)
    }

    /// Where the administrator puts certificates; may be missing.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.path.join(CERTIFICATES)
    }

    /// Where the keys are under which sessions of users are sealed. A lost one costs nothing but the sessions.
    pub(crate) fn session_keys(&self) -> PathBuf {
        self.path.join(SESSION_KEYS)
    }

    /// Where the keys are by which assertions for upstreams are signed. A lost one is replaced.
    pub(crate) fn assertion_keys(&self) -> PathBuf {
        self.path.join(ASSERTION_KEYS)
    }

    /// Where accounts at ACME authorities and what they issued is kept; made when there is one.
    pub(crate) fn acme(&self) -> PathBuf {
        self.path.join(ACME)
    }

    /// Where the CA's certificate is, for clients that shall trust it.
    pub(crate) fn ca_path(&self) -> PathBuf {
        self.path.join(CA)
    }

    /// The CA's certificate and key. `generate` is called for a new data folder only.
    ///
    /// # Errors
    /// [`DataFolderError`], or what `generate` says.
    pub(crate) fn ca<E: From<DataFolderError>>(
        &self,
        generate: impl FnOnce() -> Result<KeyPair, E>,
    ) -> Result<KeyPair, E> {
        let (certificate, key) = (self.path.join(CA), self.path.join(CA_KEY));
        if !certificate.exists() {
            self.refuse_if_used(&certificate)?;
            let made = generate()?;
            // The certificate comes last: where it exists, its key does too.
            write_whole(&key, made.key.as_bytes())?;
            write_whole(&certificate, made.certificate.as_bytes())?;
            return Ok(made);
        }
        if !key.exists() {
            return Err(DataFolderError::SecretLost { missing: key, beside: certificate }.into());
        }
        Ok(KeyPair { certificate: read(&certificate)?, key: read(&key)? })
    }

    /// The key that signs this folder's bearer tokens. `generate` is called for a new data folder only.
    ///
    /// # Errors
    /// [`DataFolderError`], or what `generate` says.
    pub(crate) fn signing_key<E: From<DataFolderError>>(
        &self,
        generate: impl FnOnce() -> Result<String, E>,
    ) -> Result<String, E> {
        let path = self.path.join(SIGNING_KEY);
        if path.exists() {
            return Ok(read(&path)?);
        }
        self.refuse_if_used(&path)?;
        let made = generate()?;
        write_whole(&path, made.as_bytes())?;
        Ok(made)
    }

    /// The key under which secrets are kept in the directory's database, if there is one. Whether a missing one is a
    /// loss, only the directory knows: nothing may be sealed yet.
    ///
    /// # Errors
    /// [`DataFolderError::Unreadable`].
    pub(crate) fn sealing_key(&self) -> Result<Option<Zeroizing<String>>, DataFolderError> {
        let path = self.path.join(SEALING_KEY);
        if !path.exists() {
            return Ok(None);
        }
        read(&path).map(Zeroizing::new).map(Some)
    }

    /// Keeps a sealing key that was just made. Called before anything is sealed under it.
    ///
    /// # Errors
    /// [`DataFolderError::NotWritten`].
    pub(crate) fn keep_sealing_key(&self, key: &str) -> Result<(), DataFolderError> {
        write_whole(&self.path.join(SEALING_KEY), key.as_bytes())
    }

    /// Says where this server can be reached. Called once everything listens.
    ///
    /// # Errors
    /// [`DataFolderError::NotWritten`].
    pub(crate) fn announce(&mut self, addresses: &Addresses) -> Result<(), DataFolderError> {
        self.announced = true;
        write_whole(&self.path.join(ADDRESSES), addresses.to_json().as_bytes())
    }

    /// Takes the addresses back: nobody shall look for a server that has gone.
    pub(crate) fn withdraw_addresses(&self) {
        match fs::remove_file(self.path.join(ADDRESSES)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(folder = %self.path.display(), %error, "addresses.json could not be removed");
            }
            _ => {}
        }
    }

    /// A secret is missing: fine in a new folder, a loss in one that has a directory, here or elsewhere.
    fn refuse_if_used(&self, missing: &Path) -> Result<(), DataFolderError> {
        match [self.directory(), self.path.join(ELSEWHERE)].into_iter().find(|beside| beside.exists()) {
            Some(beside) => Err(DataFolderError::SecretLost { missing: missing.to_owned(), beside }),
            None => Ok(()),
        }
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.announced {
            self.withdraw_addresses();
        }
    }
}

impl ServedFolder {
    /// Looks at the folder at `path`; touches nothing.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key that signs bearer tokens for this folder's server.
    ///
    /// # Errors
    /// [`DataFolderError::NeverServed`] when no server has made one.
    pub(crate) fn signing_key(&self) -> Result<String, DataFolderError> {
        read_if_there(self.path.join(SIGNING_KEY), |path| DataFolderError::NeverServed { path })
    }

    /// The certificate of the folder's CA.
    ///
    /// # Errors
    /// [`DataFolderError::NeverServed`] when no server has made one.
    pub(crate) fn ca(&self) -> Result<String, DataFolderError> {
        read_if_there(self.path.join(CA), |path| DataFolderError::NeverServed { path })
    }

    /// Where the running server listens.
    ///
    /// # Errors
    /// [`DataFolderError::NotServed`] when none runs.
    pub(crate) fn addresses(&self) -> Result<Addresses, DataFolderError> {
        let text = read_if_there(self.path.join(ADDRESSES), |path| DataFolderError::NotServed { path })?;
        Addresses::from_json(&text)
            .map_err(|error| DataFolderError::Damaged { path: self.path.join(ADDRESSES), reason: error.to_string() })
    }
}

fn read(path: &Path) -> Result<String, DataFolderError> {
    fs::read_to_string(path).map_err(|source| DataFolderError::Unreadable { path: path.to_owned(), source })
}

fn read_if_there(path: PathBuf, missing: impl FnOnce(PathBuf) -> DataFolderError) -> Result<String, DataFolderError> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(path)),
        Err(source) => Err(DataFolderError::Unreadable { path, source }),
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// Writes a file so that a reader, or a crash, sees all of it or nothing.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), DataFolderError> {
    let temporary = path.with_extension("tmp");
    let written = (|| {
        // What an earlier crash left may have other permissions: start anew.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private_file().create_new(true).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself is durable once the folder is.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    })();
    written.map_err(|source| DataFolderError::NotWritten { path: path.to_owned(), source })
}

fn warn_if_others_may_read(path: &Path) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            folder = %path.display(),
            mode = format!("{mode:o}"),
            "other users of this machine may look into the data folder; chmod 700 it"
        );
    }
}
