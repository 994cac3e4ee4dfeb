//! Who this connector is: its key, its certificate, its gateway; kept in the data folder.
//!
//! The key is made here and never leaves. It is written before the first registration, so that a crash in between can
//! repeat the registration with the same key. Files are written beside and renamed, mode 0600.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use adit_core::id::ConnectorGroupId;
use adit_core::revision::{Epoch, Revision};
use adit_tunnel::message::Binary;
use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

const KEY_FILE: &str = "connector-key.pem";
const IDENTITY_FILE: &str = "connector.json";
const LOCK_FILE: &str = "connector.lock";

/// Something in the data folder is in the way.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read or written.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is damaged.
    #[error("{path} is damaged: {reason}; remove it and register again with a new token", path = .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// Another connector runs on this folder.
    #[error("another connector runs on {0}; give each connector a data folder of its own")]
    InUse(PathBuf),
}

/// The connector's private key.
pub(crate) struct ConnectorKey(KeyPair);

impl ConnectorKey {
    /// A PKCS#10 request, DER. It carries the key and nothing else that counts.
    pub(crate) fn request(&self) -> Result<Vec<u8>, rcgen::Error> {
        Ok(CertificateParams::default().serialize_request(&self.0)?.der().to_vec())
    }

    pub(crate) fn for_tls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.0.serialize_der()))
    }

    /// Whether this is the key's public half, as certificates have it.
    pub(crate) fn is_of(&self, subject_public_key_info: &[u8]) -> bool {
        subject_public_key_info == self.0.subject_public_key_info()
    }
}

/// The newest group membership that a gateway has shown: an older one is no way back, after a new start neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastMembership {
    pub(crate) epoch: Epoch,
    pub(crate) revision: Revision,
    pub(crate) connector_group: ConnectorGroupId,
}

/// What registration gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// `host:port` of the gateway.
    pub(crate) gateway: String,
    /// The connector's id.
    pub(crate) connector: String,
    /// What the machine calls itself.
    pub(crate) machine_name: String,
    /// The directory's CA, DER.
    ca: Binary,
    /// This connector's certificate, DER.
    certificate: Binary,
    /// When the certificate was issued, seconds since 1970.
    pub(crate) issued: i64,
    /// When it ends, seconds since 1970.
    pub(crate) not_after: i64,
    /// SHA-256 of the secret of the token it was registered with: a start with another token registers again.
    #[serde(default)]
    token: Option<Binary>,
    /// The control plane signs targets: a certificate said so once.
    #[serde(default)]
    pub(crate) signs_targets: bool,
    /// The newest group membership that was shown; nothing before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) membership: Option<LastMembership>,
}

impl Identity {
    pub(crate) fn new(
        gateway: String,
        connector: String,
        machine_name: String,
        ca: &CertificateDer<'_>,
        certificate: Binary,
        (issued, not_after): (i64, i64),
        signs_targets: bool,
    ) -> Self {
        let (ca, token, membership) = (Binary(ca.to_vec()), None, None);
        Self { gateway, connector, machine_name, ca, certificate, issued, not_after, token, signs_targets, membership }
    }

    /// Demands what the identity before it did, if both are of one directory: a certificate of an earlier time is no way
    /// back to targets that nobody signed, nor to a group that the same connector has left.
    pub(crate) fn after(mut self, old: Option<&Self>) -> Self {
        let Some(old) = old.filter(|old| old.ca == self.ca) else { return self };
        self.signs_targets |= old.signs_targets;
        if old.connector == self.connector {
            self.membership = old.membership;
        }
        self
    }

    /// Notes the token that this identity came from.
    pub(crate) fn with_token(mut self, secret: &[u8]) -> Self {
        self.token = Some(fingerprint(secret));
        self
    }

    /// Whether it came from the token with this secret.
    pub(crate) fn is_from(&self, secret: &[u8]) -> bool {
        self.token == Some(fingerprint(secret))
    }

    /// The same identity, last seen with this membership.
    pub(crate) fn last_in(&self, membership: LastMembership) -> Self {
        Self { membership: Some(membership), ..self.clone() }
    }

    /// The same identity with a new certificate.
    pub(crate) fn renewed(&self, certificate: Binary, issued: i64, not_after: i64, signs_targets: bool) -> Self {
        // What was true once stays so: a gateway must not lead back to a time when nothing was signed.
        let signs_targets = self.signs_targets || signs_targets;
        Self { certificate, issued, not_after, signs_targets, ..self.clone() }
    }

    pub(crate) fn ca(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.ca.0.clone())
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.certificate.0.clone())
    }
}

fn fingerprint(secret: &[u8]) -> Binary {
    Binary(digest(&SHA256, secret).as_ref().to_vec())
}

/// The data folder of one connector; locked while it is open.
#[derive(Debug)]
pub(crate) struct IdentityFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl IdentityFolder {
    /// Opens the folder, making it if needed, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| FolderError::Io { path, error }
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Some(lock) }),
            Err(fs::TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
            Err(fs::TryLockError::Error(error)) => Err(FolderError::Io { path: lock_path, error }),
        }
    }

    /// Reads key and identity, if the connector was registered; also while it runs. Nothing is made or changed.
    pub(crate) fn look_into(path: &Path) -> Result<Option<(Identity, ConnectorKey)>, FolderError> {
        let folder = Self { path: path.to_owned(), _lock: None };
        match (folder.identity()?, folder.read(KEY_FILE)?) {
            (Some(identity), Some(_)) => Ok(Some((identity, folder.key()?))),
            _ => Ok(None),
        }
    }

    /// The key in the folder; made if there is none.
    pub(crate) fn key(&self) -> Result<ConnectorKey, FolderError> {
        let damaged =
            |error: rcgen::Error| FolderError::Damaged { path: self.path.join(KEY_FILE), reason: error.to_string() };
        if let Some(pem) = self.read(KEY_FILE)? {
            return KeyPair::from_pem(&pem).map(ConnectorKey).map_err(damaged);
        }
        let key = KeyPair::generate().map_err(damaged)?;
        self.write(KEY_FILE, key.serialize_pem().as_bytes())?;
        Ok(ConnectorKey(key))
    }

    /// The identity in the folder, if the connector was registered.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, FolderError> {
        let Some(json) = self.read(IDENTITY_FILE)? else { return Ok(None) };
        serde_json::from_str(&json)
            .map(Some)
            .map_err(|error| FolderError::Damaged { path: self.path.join(IDENTITY_FILE), reason: error.to_string() })
    }

    /// Keeps an identity: it is on disk, whole, when this returns.
    pub(crate) fn keep(&self, identity: &Identity) -> Result<(), FolderError> {
        let json = serde_json::to_string_pretty(identity)
            .map_err(|error| FolderError::Damaged { path: self.path.join(IDENTITY_FILE), reason: error.to_string() })?;
        self.write(IDENTITY_FILE, json.as_bytes())
    }

    fn read(&self, name: &str) -> Result<Option<String>, FolderError> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let beside = self.path.join(format!("{name}.new"));
        let written = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(&self.path)?.sync_all()
        };
        written().map_err(|error| FolderError::Io { path: path.clone(), error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_a_second_connector_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connector");
        let open = IdentityFolder::open(&path).unwrap();
        let first = open.key().unwrap().for_tls().secret_der().to_vec();
        let second = open.key().unwrap().for_tls().secret_der().to_vec();
        assert_eq!(first, second);
        assert!(matches!(IdentityFolder::open(&path), Err(FolderError::InUse(_))));
        drop(open);
        assert!(IdentityFolder::open(&path).is_ok());
    }

    #[test]
    fn who_registers_anew_with_the_same_directory_goes_on_demanding_signatures() {
        let of = |ca: &[u8], signs_targets| {
            let (ca, certificate) = (CertificateDer::from(ca.to_vec()), Binary(Vec::new()));
            Identity::new(String::new(), String::new(), String::new(), &ca, certificate, (0, 1), signs_targets)
        };
        assert!(of(b"one", false).after(Some(&of(b"one", true))).signs_targets);
        assert!(!of(b"two", false).after(Some(&of(b"one", true))).signs_targets, "another directory");
        assert!(of(b"one", true).after(Some(&of(b"one", false))).signs_targets);
        assert!(!of(b"one", false).after(None).signs_targets);
    }

    #[test]
    fn a_damaged_identity_is_said_to_be_damaged_and_so_is_one_whose_membership_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let open = IdentityFolder::open(folder.path()).unwrap();
        assert!(open.identity().unwrap().is_none());
        fs::write(folder.path().join(IDENTITY_FILE), "{\"gateway\":").unwrap();
        assert!(matches!(open.identity(), Err(FolderError::Damaged { .. })));
        let (ca, certificate) = (CertificateDer::from(Vec::new()), Binary(Vec::new()));
        let mut identity = Identity::new(String::new(), String::new(), String::new(), &ca, certificate, (0, 1), true);
        identity.membership = Some(membership(7));
        open.keep(&identity).unwrap();
        assert_eq!(open.identity().unwrap().unwrap().membership, Some(membership(7)));
        let path = folder.path().join(IDENTITY_FILE);
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, whole.replace("\"revision\": 7", "\"revision\": -7")).unwrap();
        let error = open.identity().unwrap_err().to_string();
        assert!(error.contains(IDENTITY_FILE) && error.contains("register again"), "{error}");
    }

    fn membership(revision: u64) -> LastMembership {
        let connector_group = ConnectorGroupId::new(uuid::Uuid::from_u128(2));
        LastMembership { epoch: Epoch(1), revision: Revision(revision), connector_group }
    }

    #[test]
    fn the_same_connector_registered_anew_remembers_its_newest_membership_and_another_one_does_not() {
        let of = |connector: &str, ca: &[u8]| {
            let (ca, certificate) = (CertificateDer::from(ca.to_vec()), Binary(Vec::new()));
            Identity::new(String::new(), connector.to_owned(), String::new(), &ca, certificate, (0, 1), true)
        };
        let mut old = of("a", b"one");
        old.membership = Some(membership(7));
        assert_eq!(of("a", b"one").after(Some(&old)).membership, old.membership);
        assert_eq!(of("b", b"one").after(Some(&old)).membership, None, "another connector");
        assert_eq!(of("a", b"two").after(Some(&old)).membership, None, "another directory");
    }
}
