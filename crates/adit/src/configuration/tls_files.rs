//! A certificate and its key from PEM files, read and checked: they belong together, and the certificate says which
//! hosts it is for. Read again by whoever holds it, so that a renewed certificate is used without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// A certificate chain and key from files.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
    loaded: Arc<CertifiedKey>,
    private_key: Arc<PrivateKeyDer<'static>>,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsFilesError {
    #[error("certificate {} cannot be read: {reason}", path.display())]
    Certificate { path: PathBuf, reason: String },
    #[error("key {} cannot be read: {reason}", path.display())]
    Key { path: PathBuf, reason: String },
    #[error("key {} does not belong to certificate {}: {reason}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf, reason: rustls::Error },
}

impl TlsFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsFilesError`], which names the file.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, TlsFilesError> {
        let chain = read_chain(certificate)?;
        let private_key = Arc::new(read_key(key)?);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let loaded = CertifiedKey::from_der(chain, private_key.clone_key(), &provider).map_err(|reason| {
            TlsFilesError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned(), reason }
        })?;
        let loaded = Arc::new(loaded);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), loaded, private_key })
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// [`TlsFilesError`]; what was read before is still good.
    pub(crate) fn reload(&self) -> Result<Self, TlsFilesError> {
        Self::load(&self.certificate, &self.key)
    }

    /// The chain and the key.
    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.loaded)
    }

    /// The key that belongs to the chain.
    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        self.private_key.clone_key()
    }

    /// Whether the certificate is for `host`.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let Ok(name) = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']')) else { return false };
        let Some(leaf) = self.loaded.cert.first() else { return false };
        rustls::server::ParsedCertificate::try_from(leaf)
            .is_ok_and(|leaf| rustls::client::verify_server_name(&leaf, &name).is_ok())
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let unreadable = |reason: String| TlsFilesError::Certificate { path: path.to_owned(), reason };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(error.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable("it has no CERTIFICATE section".to_owned()));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFilesError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| TlsFilesError::Key { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    #[test]
    fn a_certificate_is_used_for_the_names_it_covers_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = written(folder.path(), "*.example.com");
        let files = TlsFiles::load(&certificate, &key).unwrap();
        assert!(files.covers("wiki.example.com"));
        for other in ["example.com", "a.b.example.com", "wiki.example.org", "127.0.0.1", "[::1]", "", "not a name"] {
            assert!(!files.covers(other), "{other}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, _) = written(folder.path(), "one.example");
        let (_, key) = written(folder.path(), "two.example");
        assert!(matches!(TlsFiles::load(&certificate, &key), Err(TlsFilesError::Mismatch { .. })));
        assert!(matches!(TlsFiles::load(&key, &key), Err(TlsFilesError::Certificate { .. })));
        assert!(matches!(TlsFiles::load(&certificate, &certificate), Err(TlsFilesError::Key { .. })));
    }

    #[test]
    fn a_renewed_certificate_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = written(folder.path(), "one.example");
        let files = TlsFiles::load(&certificate, &key).unwrap();
        let renewed = written(folder.path(), "two.example");
        fs::rename(renewed.0, &certificate).unwrap();
        assert!(files.reload().is_err(), "half a renewal is not taken");
        fs::rename(renewed.1, &key).unwrap();
        assert!(files.reload().unwrap().covers("two.example"));
    }
}
