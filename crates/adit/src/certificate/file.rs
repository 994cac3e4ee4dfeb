//! A certificate and its key from PEM files: the chain, leaf first, and the key in the same file or in one beside it.
//!
//! What is read is checked as a whole, so that half a renewal (a new certificate with the old key) is never used.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use adit_control::Zeroizing;
use adit_gateway::{ServerCertificate, UnusableCertificate};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The largest file that is read; a long chain of large keys has about 20 KiB.
const LARGEST: u64 = 1024 * 1024;

/// Bits of a key file's mode that let others read it, or anybody but its owner change it. That its group may read it is
/// common (`ssl-cert`).
const TOO_OPEN: u32 = 0o027;

/// A certificate and its key in files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CertificateFile {
    /// The chain.
    pub(crate) certificate: PathBuf,
    /// The key; the same file if that holds both.
    pub(crate) key: PathBuf,
}

/// What tells that a file was written: a rename over it changes the inode, writing into it the time or the length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp([(u64, u64, Option<SystemTime>); 2]);

/// Why a certificate's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateFileError {
    #[error("certificate {} cannot be read: {reason}", path.display())]
    Certificate { path: PathBuf, reason: String },
    #[error("key {} cannot be read: {reason}", path.display())]
    Key { path: PathBuf, reason: String },
    #[error("certificate {} with key {} cannot be used: {reason}", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, reason: UnusableCertificate },
    #[error("certificate folder {} cannot be read: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
}

impl CertificateFile {
    /// Reads and checks both.
    ///
    /// # Errors
    /// [`CertificateFileError`], which names the file.
    pub(crate) fn read(&self) -> Result<ServerCertificate, CertificateFileError> {
        let chain = self.read_chain()?;
        let key = self.read_key()?;
        ServerCertificate::new(chain, key).map_err(|reason| CertificateFileError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            reason,
        })
    }

    /// Both files as they are at the moment; none if one is missing.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let stamp = |metadata: Metadata| (metadata.ino(), metadata.len(), metadata.modified().ok());
        let certificate = std::fs::metadata(&self.certificate).ok()?;
        let key = std::fs::metadata(&self.key).ok()?;
        Some(Stamp([stamp(certificate), stamp(key)]))
    }

    fn read_chain(&self) -> Result<Vec<CertificateDer<'static>>, CertificateFileError> {
        let unreadable = |reason: String| CertificateFileError::Certificate { path: self.certificate.clone(), reason };
        // It may hold the key as well.
        let text = read(&self.certificate).map_err(|error| unreadable(error.to_string()))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|error| unreadable(error.to_string()))?;
        if chain.is_empty() {
            return Err(unreadable("it has no CERTIFICATE section".to_owned()));
        }
        Ok(chain)
    }

    fn read_key(&self) -> Result<PrivateKeyDer<'static>, CertificateFileError> {
        let unreadable = |reason: String| CertificateFileError::Key { path: self.key.clone(), reason };
        let text = read(&self.key).map_err(|error| unreadable(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        warn_if_too_open(&self.key);
        Ok(key)
    }
}

/// All of a file, wiped afterwards.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > LARGEST {
        return Err(io::Error::other(format!("it has {length} bytes, more than the {LARGEST} that are read")));
    }
    // Of its full size from the start: growing would leave copies of a key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1));
    file.take(LARGEST).read_to_end(&mut content)?;
    Ok(content)
}

fn warn_if_too_open(path: &Path) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        tracing::warn!(
            key = %path.display(),
            mode = format!("{mode:o}"),
            "other users of this machine may read or change a private key; chmod 600 it"
        );
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use super::*;

    /// Writes a new certificate for `host` and its key as `NAME.pem` and `NAME.key`.
    pub(crate) fn write(folder: &Path, name: &str, host: &str) -> CertificateFile {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        CertificateFile { certificate, key }
    }

    #[test]
    fn the_key_may_be_in_the_certificates_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "one", "one.example");
        let both = folder.path().join("both.pem");
        let text = [&file.key, &file.certificate].map(|path| fs::read_to_string(path).unwrap()).concat();
        fs::write(&both, text).unwrap();
        let read = CertificateFile { certificate: both.clone(), key: both }.read().unwrap();
        assert!(read.covers("one.example"));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let one = write(folder.path(), "one", "one.example");
        let two = write(folder.path(), "two", "two.example");
        let read = |certificate: &Path, key: &Path| {
            CertificateFile { certificate: certificate.to_owned(), key: key.to_owned() }.read().unwrap_err()
        };
        let mixed = read(&one.certificate, &two.key);
        assert!(matches!(mixed, CertificateFileError::Unusable { reason: UnusableCertificate::KeyMismatch, .. }));
        for file in [&one.certificate, &two.key] {
            assert!(mixed.to_string().contains(&file.display().to_string()), "{mixed}");
        }
        assert!(matches!(read(&one.key, &one.key), CertificateFileError::Certificate { .. }));
        assert!(matches!(read(&one.certificate, &one.certificate), CertificateFileError::Key { .. }));
        let missing = read(&folder.path().join("none.pem"), &one.key).to_string();
        assert!(missing.contains("none.pem"), "{missing}");
        let large = folder.path().join("large.pem");
        fs::write(&large, vec![b'a'; 2 * 1024 * 1024]).unwrap();
        assert!(read(&large, &one.key).to_string().contains("2097152 bytes"));
    }

    #[test]
    fn a_file_that_was_written_or_replaced_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let one = write(folder.path(), "one", "one.example");
        let before = one.stamp();
        assert!(before.is_some());
        assert_eq!(one.stamp(), before);
        let two = write(folder.path(), "two", "two.example");
        fs::rename(&two.key, &one.key).unwrap();
        assert_ne!(one.stamp(), before);
        fs::remove_file(&one.key).unwrap();
        assert_eq!(one.stamp(), None);
    }
}
