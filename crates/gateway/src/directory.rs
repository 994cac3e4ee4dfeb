//! What the gateway needs from the control plane, in its own words. The binary wires it.
//!
//! Futures are driven on the gateway's cores: an implementation hands slow work to threads of its own.

use std::net::IpAddr;

use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ConnectorId, TunnelId};
use adit_tunnel::message::{Refused, Register, Registered};
use futures_util::future::BoxFuture;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

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
    /// The connector.
    pub connector: ConnectorId,
    /// What its machine calls itself.
    pub machine_name: String,
    /// Its software version.
    pub version: String,
    /// Where the gateway sees it come from.
    pub from: IpAddr,
}

/// Registration and presence of connectors.
pub trait ConnectorDirectory: Send + Sync + 'static {
    /// Redeems a registration token.
    fn register(&self, request: Register, from: IpAddr) -> BoxFuture<'static, Result<Registered, Refused>>;

    /// Issues a new certificate for a connector that proved its current one.
    fn renew(&self, identity: ConnectorIdentity, request: Vec<u8>) -> BoxFuture<'static, Result<Renewed, Refused>>;

    /// Notes that a tunnel is up. Called once for each tunnel, before its [`Self::tunnel_down`].
    fn tunnel_up(&self, tunnel: TunnelUp) -> BoxFuture<'static, ()>;

    /// Notes that a tunnel is gone.
    fn tunnel_down(&self, tunnel: TunnelId) -> BoxFuture<'static, ()>;
}

/// A certificate that the gateway shows, and its key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

/// Where certificates for the names of published applications come from.
pub trait ServerCertificates: Send + Sync + 'static {
    /// Issues a certificate for `names` (host names or addresses). Called off the request path.
    ///
    /// # Errors
    /// A sentence for the log.
    fn issue(&self, names: &[String]) -> Result<ServerCertificate, String>;
}
