//! Where the certificates of this process come from, put together: the directory's own authority, uploads, PEM files and
//! ACME.
//!
//! The gateway asks for them as [`adit_gateway::ServerCertificates`]; which one it shows is its choice. The API's
//! listener asks at each handshake ([`Certificates`] is its resolver): a file's certificate for the names that it covers,
//! else one of the local authority. Nothing here needs a restart when something changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use adit_control::{ControlPlane, ServerCertificate as Issued};
use adit_core::ApplicationId;
use adit_gateway::{
    CertificateSource, ProvidedCertificate, ServerCertificate, ServerCertificates, UploadedCertificates,
};
use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::acme::Challenges;
use crate::command_error::with_causes;

mod file;
mod files;

pub(crate) use file::{CertificateFile, CertificateFileError};
pub(crate) use files::CertificateFiles;

/// How often files are looked at: a renewed one is in use within this time.
const LOOK_AFTER: Duration = Duration::from_secs(2);

/// Where this process's certificates come from.
pub(crate) struct Certificates {
    control: ControlPlane,
    runtime: Handle,
    /// By which this server itself is reached.
    names: Vec<String>,
    /// The API's certificate of the local authority.
    own: ArcSwap<ServerCertificate>,
    /// Those of files, once more for the API's handshakes.
    files: ArcSwap<Vec<ServerCertificate>>,
    provided: watch::Sender<Arc<Vec<ProvidedCertificate>>>,
    challenges: Arc<Challenges>,
}

impl Certificates {
    /// Issues the API's certificate for `names`, and has those of `files`.
    ///
    /// # Errors
    /// A sentence, when the authority cannot issue it.
    pub(crate) fn new(
        control: ControlPlane,
        names: Vec<String>,
        files: &CertificateFiles,
    ) -> Result<Arc<Self>, String> {
        let own = issue(&control, &names)?;
        let certificates = Self {
            control,
            runtime: Handle::current(),
            names,
            own: ArcSwap::from_pointee(own),
            files: ArcSwap::default(),
            provided: watch::Sender::new(Arc::default()),
            challenges: Arc::default(),
        };
        certificates.take_files(files);
        Ok(Arc::new(certificates))
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

    /// The answers to ACME challenges at the moment.
    pub(crate) const fn challenges(&self) -> &Arc<Challenges> {
        &self.challenges
    }

    /// Looks after files and the API's certificate for as long as it is polled.
    pub(crate) async fn look_after(self: Arc<Self>, mut files: CertificateFiles) {
        loop {
            tokio::time::sleep(LOOK_AFTER).await;
            let looked = tokio::task::spawn_blocking(move || {
                let changed = files.look_again();
                (files, changed)
            });
            let Ok((back, changed)) = looked.await else { return };
            files = back;
            if changed {
                self.take_files(&files);
            }
            self.reissue(Timestamp::now());
        }
    }

    /// Puts certificates in the place of those that the same source gave before.
    pub(crate) fn replace(&self, source: CertificateSource, certificates: &[ServerCertificate]) {
        self.provided.send_modify(|provided| {
            let others = provided.iter().filter(|other| other.source != source).cloned();
            let given = certificates.iter().map(|given| ProvidedCertificate { source, certificate: given.clone() });
            *provided = Arc::new(others.chain(given).collect());
        });
    }

    fn take_files(&self, files: &CertificateFiles) {
        let certificates = files.certificates();
        self.replace(CertificateSource::File, &certificates);
        self.files.store(Arc::new(certificates));
    }

    fn reissue(&self, now: Timestamp) {
        if now < self.own.load().two_thirds() {
            return;
        }
        match issue(&self.control, &self.names) {
            Ok(own) => {
                tracing::info!(not_after = %own.not_after(), "the API's certificate was reissued");
                self.own.store(Arc::new(own));
            }
            Err(error) => tracing::error!(%error, "the API's certificate could not be reissued"),
        }
    }
}

fn issue(control: &ControlPlane, names: &[String]) -> Result<ServerCertificate, String> {
    let issued = control.authority().issue_server(names).map_err(|error| with_causes(&error))?;
    usable(issued)
}

fn usable(Issued { chain, key, .. }: Issued) -> Result<ServerCertificate, String> {
    ServerCertificate::new(chain, key).map_err(|error| with_causes(&error))
}

impl ServerCertificates for Certificates {
    fn issue(&self, names: &[String]) -> Result<ServerCertificate, String> {
        issue(&self.control, names)
    }

    fn uploaded(&self, applications: Vec<ApplicationId>) -> BoxFuture<'static, UploadedCertificates> {
        let control = self.control.clone();
        let task = self.runtime.spawn(async move {
            let opened = control.open_certificates(&applications).await.map_err(|error| with_causes(&error))?;
            let usable = opened.into_iter().filter_map(|(application, opened)| {
                let usable = usable(opened);
                let shown = usable.as_ref().map_err(|error| {
                    tracing::error!(%application, %error, "an uploaded certificate cannot be shown");
                });
                shown.ok().map(|certificate| (application, certificate.clone()))
            });
            Ok(usable.collect())
        });
        async move { task.await.unwrap_or_else(|_| Err("the control plane does not answer".to_owned())) }.boxed()
    }

    fn provided(&self) -> watch::Receiver<Arc<Vec<ProvidedCertificate>>> {
        self.provided.subscribe()
    }

    fn challenge(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.challenges.tls(host)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let files = self.files.load();
        let named = hello.server_name().filter(|_| !files.is_empty()).and_then(|name| {
            let now = Timestamp::now();
            files.iter().find(|certificate| certificate.covers(name) && certificate.is_valid_at(now))
        });
        Some(named.map_or_else(|| self.own.load().certified(), ServerCertificate::certified))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("names", &self.names).finish_non_exhaustive()
    }
}
