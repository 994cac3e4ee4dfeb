//! What the gateway needs from the control plane, in its own words. The binary wires it.
//!
//! Futures are driven on the gateway's cores: an implementation hands slow work to threads of its own.

use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ApplicationId, ConnectorId, TunnelId};
use adit_tunnel::message::{Refused, Register, Registered};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::certificate::{ProvidedCertificate, ServerCertificate};

/// A connector's new certificate.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// DER.
    pub certificate: Vec<u8>,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
}

/// A tunnel came up.
#[derive(Debug, Clone)]
pub struct TunnelUp {
    /// The tunnel: one start of the connector's process, at this gateway.
    pub tunnel: TunnelId,
    /// What the connector calls this start of its process.
    pub instance: TunnelId,
    /// The connector.
    pub connector: ConnectorId,
    /// What its machine calls itself.
    pub machine_name: String,
    /// Its software version.
    pub version: String,
    /// Where the gateway sees it come from.
    pub from: IpAddr,
    /// It speaks an older protocol than this gateway.
    pub needs_upgrade: bool,
}

/// What a gateway noticed about a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    /// It speaks no protocol that this gateway does, and has to be upgraded.
    TooOld,
    /// Two processes with its key ran at the same time, again and again: the key was copied.
    KeyCopied,
}

/// Registration and presence of connectors.
pub trait ConnectorDirectory: Send + Sync + 'static {
    /// A quick look, without a write or a signature, whether the token is one that the directory knows; if not, the answer
    /// that [`Self::register`] would give.
    fn recognise(&self, request: &Register) -> BoxFuture<'static, Result<(), Refused>> {
        let _ = request;
        ready(Ok(())).boxed()
    }

    /// Redeems a registration token.
    fn register(&self, request: Register, from: IpAddr) -> BoxFuture<'static, Result<Registered, Refused>>;

    /// Issues a new certificate for a connector that proved its current one.
    fn renew(&self, identity: ConnectorIdentity, request: Vec<u8>) -> BoxFuture<'static, Result<Renewed, Refused>>;

    /// Notes that a tunnel is up. Called once for each tunnel, before its [`Self::tunnel_down`].
    fn tunnel_up(&self, tunnel: TunnelUp) -> BoxFuture<'static, ()>;

    /// Notes something about a connector.
    fn noticed(&self, connector: ConnectorId, noticed: Noticed) -> BoxFuture<'static, ()> {
        let _ = (connector, noticed);
        ready(()).boxed()
    }

    /// Notes that a tunnel is gone.
    fn tunnel_down(&self, tunnel: TunnelId) -> BoxFuture<'static, ()>;
}

/// Where certificates for the names of published applications come from.
pub trait ServerCertificates: Send + Sync + 'static {
    /// Issues a certificate of the directory's own authority for `names` (host names or addresses). Called off the
    /// request path.
    ///
    /// # Errors
    /// A sentence for the log.
    fn issue(&self, names: &[String]) -> Result<ServerCertificate, String>;

    /// The certificates that were uploaded with these applications; those without one are left out.
    fn uploaded(&self, applications: Vec<ApplicationId>) -> BoxFuture<'static, UploadedCertificates> {
        drop(applications);
        ready(Ok(Vec::new())).boxed()
    }

    /// What there is from files and by ACME, and every change of it.
    fn provided(&self) -> watch::Receiver<Arc<Vec<ProvidedCertificate>>> {
        watch::channel(Arc::default()).1
    }

    /// What answers an ACME authority that asks whether this server has the name `host`. Called in handshakes.
    fn challenge(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let _ = host;
        None
    }
}

/// Certificates by application, or a sentence for the log.
pub type UploadedCertificates = Result<Vec<(ApplicationId, ServerCertificate)>, String>;
