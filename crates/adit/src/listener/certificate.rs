//! The certificates that this process shows: from the local CA, or from PEM files for the names those are for.
//!
//! The API's listener asks at each handshake ([`Certificates`] is its resolver). A task reissues what the local CA
//! signed well before it ends, and reads the PEM files again, so that nothing needs a restart.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use adit_control::{CertificateAuthority, ControlPlane, ServerCertificate};
use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::command_error::with_causes;
use crate::configuration::TlsFiles;

/// How often certificates are looked after: a renewed file is in use within this time.
const LOOK_AFTER: Duration = Duration::from_secs(60);

/// Reissued when less than this is left: a third of the 90 days that the local CA gives.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A chain and its key, as the gateway takes them.
pub(crate) type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Where this process's certificates come from.
pub(crate) struct Certificates {
    control: ControlPlane,
    /// By which this server itself is reached.
    names: Vec<String>,
    files: Option<RwLock<TlsFiles>>,
    own: RwLock<Own>,
}

/// The API's certificate from the local CA.
struct Own {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

impl Certificates {
    /// Issues the API's certificate for `names`.
    ///
    /// # Errors
    /// A sentence, when the CA cannot issue it.
    pub(crate) fn new(control: ControlPlane, names: Vec<String>, files: Option<TlsFiles>) -> Result<Arc<Self>, String> {
        let own = RwLock::new(issue(control.authority(), &names)?);
        Ok(Arc::new(Self { control, names, files: files.map(RwLock::new), own }))
    }

    /// What the API's listener accepts TLS with.
    ///
    /// # Errors
    /// A sentence, when the TLS library refuses the settings.
    pub(crate) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// The names by which this server itself is reached.
    pub(crate) fn own_names(&self) -> &[String] {
        &self.names
    }

    /// A certificate for `names`: from the PEM files if they cover all of them, else from the local CA. For the
    /// server's own names always from the local CA, which is all that connectors believe.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) fn for_names(&self, names: &[String]) -> Result<ChainAndKey, String> {
        let covering = |files: &TlsFiles| names != self.names && names.iter().all(|name| files.covers(name));
        if let Some(files) = self.files().filter(covering) {
            return Ok((files.certified_key().cert.clone(), files.private_key()));
        }
        let ServerCertificate { chain, key, .. } =
            self.control.authority().issue_server(names).map_err(|error| with_causes(&error))?;
        Ok((chain, key))
    }

    /// Looks after the certificates for as long as it is polled.
    pub(crate) async fn look_after(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_AFTER).await;
            self.reload_files();
            self.reissue(Timestamp::now());
        }
    }

    fn reload_files(&self) {
        let (Some(files), Some(shared)) = (self.files(), &self.files) else { return };
        match files.reload() {
            Ok(read) => *shared.write().unwrap_or_else(PoisonError::into_inner) = read,
            Err(error) => {
                tracing::warn!(%error, "the certificate files could not be read; the earlier ones stay in use")
            }
        }
    }

    fn reissue(&self, now: Timestamp) {
        let not_after = self.own.read().unwrap_or_else(PoisonError::into_inner).not_after;
        if not_after.duration_since(now) > RENEW_BEFORE {
            return;
        }
        match issue(self.control.authority(), &self.names) {
            Ok(own) => {
                tracing::info!(not_after = %own.not_after, "the API's certificate was reissued");
                *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
            }
            Err(error) => tracing::error!(%error, %not_after, "the API's certificate could not be reissued"),
        }
    }

    fn files(&self) -> Option<TlsFiles> {
        self.files.as_ref().map(|files| files.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn issue(authority: &CertificateAuthority, names: &[String]) -> Result<Own, String> {
    let ServerCertificate { chain, key, not_after } =
        authority.issue_server(names).map_err(|error| with_causes(&error))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| error.to_string())?;
    Ok(Own { key: Arc::new(key), not_after })
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.files().filter(|files| files.covers(name)));
        if let Some(files) = named {
            return Some(files.certified_key());
        }
        Some(Arc::clone(&self.own.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("names", &self.names).finish_non_exhaustive()
    }
}
