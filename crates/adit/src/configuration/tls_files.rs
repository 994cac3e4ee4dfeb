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
        let loaded = Arc::new(certified(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), loaded })
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

    /// The key as it stands in its file.
    ///
    /// # Errors
    /// [`TlsFilesError::Key`] when the file is gone by now.
    pub(crate) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsFilesError> {
        read_key(&self.key)
    }

    /// Whether the certificate is for `host`.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let Ok(name) = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']')) else { return false };
        let Some(leaf) = self.loaded.cert.first() else { return false };
        rustls::server::ParsedCertificate::try_from(leaf)
            .is_ok_and(|leaf| rustls::client::verify_server_name(&leaf, &name).is_ok())
    }
}

fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsFilesError> {
    let unreadable = |reason: String| TlsFilesError::Certificate { path: certificate.to_owned(), reason };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(error.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable("it has no CERTIFICATE section".to_owned()));
    }
    let private = read_key(key)?;
    CertifiedKey::from_der(chain, private, &rustls::crypto::aws_lc_rs::default_provider())
        .map_err(|reason| TlsFilesError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned(), reason })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFilesError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| TlsFilesError::Key { path: path.to_owned(), reason: error.to_string() })
}
