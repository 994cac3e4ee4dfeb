//! The directory of the tests: whoever has the good secret becomes a connector, and hosts get certificates of the same CA.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use adit_control::CertificateAuthority;
use adit_core::connector::ConnectorIdentity;
use adit_core::id::TunnelId;
use adit_gateway::{ConnectorDirectory, Renewed, ServerCertificate, ServerCertificates, TunnelUp};
use adit_tunnel::message::{Binary, Refused, Register, Registered, Retry};
use futures_util::future::BoxFuture;

use super::identity;

/// How long the first certificate of a connector is said to live, in seconds: longer than most tests.
const FIRST_LIFE: i64 = 9;

/// The secret of a registration token that is good; any other is refused.
pub(crate) const GOOD_SECRET: [u8; 32] = [1; 32];

/// Registers whoever asks, and notes who is present.
pub(super) struct OpenDirectory {
    pub(super) authority: CertificateAuthority,
    pub(super) registered: AtomicU32,
    pub(super) renewed: AtomicU32,
    pub(super) present: Mutex<HashMap<TunnelId, TunnelUp>>,
}

impl ConnectorDirectory for OpenDirectory {
    fn register(&self, request: Register, _: IpAddr) -> BoxFuture<'static, Result<Registered, Refused>> {
        if request.secret.0 != GOOD_SECRET {
            let refused = Refused { retry: Retry::Never, reason: "not a good token".to_owned() };
            return Box::pin(async move { Err(refused) });
        }
        let number = self.registered.fetch_add(1, Ordering::SeqCst) + 1;
        let identity = identity(number);
        let issued = self.authority.issue_connector(identity, &request.request.0).unwrap();
        let registered = Registered {
            connector: identity.connector.to_string(),
            certificate: Binary(issued.certificate_der),
            // As if it ended soon: connectors renew two thirds into what they are told.
            not_after: jiff::Timestamp::now().as_second() + FIRST_LIFE,
            now: None,
        };
        Box::pin(async move { Ok(registered) })
    }

    fn renew(&self, identity: ConnectorIdentity, request: Vec<u8>) -> BoxFuture<'static, Result<Renewed, Refused>> {
        self.renewed.fetch_add(1, Ordering::SeqCst);
        let issued = self.authority.issue_connector(identity, &request).unwrap();
        let renewed = Renewed { certificate: issued.certificate_der, not_after: issued.not_after.as_second() };
        Box::pin(async move { Ok(renewed) })
    }

    fn tunnel_up(&self, tunnel: TunnelUp) -> BoxFuture<'static, ()> {
        self.present.lock().unwrap().insert(tunnel.tunnel, tunnel);
        Box::pin(async {})
    }

    fn tunnel_down(&self, tunnel: TunnelId) -> BoxFuture<'static, ()> {
        self.present.lock().unwrap().remove(&tunnel);
        Box::pin(async {})
    }
}

pub(super) struct LocalCertificates(pub(super) CertificateAuthority);

impl ServerCertificates for LocalCertificates {
    fn issue(&self, names: &[String]) -> Result<ServerCertificate, String> {
        let issued = self.0.issue_server(names).map_err(|error| error.to_string())?;
        ServerCertificate::new(issued.chain, issued.key).map_err(|error| error.to_string())
    }
}
