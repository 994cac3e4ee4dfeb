//! A gateway that nobody reaches: it takes up versions of the directory as any gateway does, and has tunnels that lead
//! nowhere. For whoever wants to know what a version, a change or a look costs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ApplicationId, TunnelId};
use adit_core::revision::{Epoch, Revision};
use adit_core::snapshot::Snapshot;
use adit_tunnel::carrier;
use adit_tunnel::unread::UnreadHere;
use bytes::Bytes;
use h2::client::SendRequest;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use crate::directory::TunnelUp;
use crate::gateway::{Front, Gateway, Settings, StartError};
use crate::tunnel::TunnelConnection;

/// Enough for what the gateway says first on a connection.
const FIRST_WORDS: usize = 64 * 1024;

/// A gateway without a socket and without cores.
pub struct StillGateway {
    gateway: Gateway,
    front: Front,
    /// Of a connection whose other end says nothing, shared by all tunnels.
    requests: SendRequest<Bytes>,
}

impl StillGateway {
    /// Serves the newest snapshot of `settings`, with all certificates that it wants. Nothing is registered for metrics.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let (near, _far) = tokio::io::duplex(FIRST_WORDS);
        let (requests, _) = carrier::gateway_end(near).await.map_err(std::io::Error::other)?;
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let (gateway, _, mut front) = Gateway::make(address, settings, &mut Registry::default())?;
        front.catch_up().await;
        Ok(Self { gateway, front, requests })
    }

    /// Serves a snapshot: what a gateway does when one comes, from end to end. On a runtime, as that may end streams later.
    pub fn serve(&mut self, snapshot: Arc<Snapshot>) {
        self.front.serve_from(snapshot);
    }

    /// Enters a tunnel of a connector that the snapshot knows.
    pub fn connect(&self, identity: ConnectorIdentity) {
        let book = &self.gateway.shared().book;
        let instance = TunnelId::new(Uuid::new_v4());
        let make = |tunnel, load| {
            let up = TunnelUp {
                tunnel,
                instance,
                connector: identity.connector,
                machine_name: String::new(),
                version: String::new(),
                from: IpAddr::V4(Ipv4Addr::LOCALHOST),
                needs_upgrade: false,
            };
            let carrier = (self.requests.clone(), UnreadHere::new(&self.gateway.shared().unread));
            (TunnelConnection::new(book.next_id(), 0, identity, tunnel, instance, carrier, load), up)
        };
        book.add(identity, instance, i64::MAX, make);
    }

    /// Serves through all tunnels that were entered: what of them waits is compiled.
    pub fn settle(&self) {
        self.gateway.shared().book.catch_up();
    }

    /// The application whose rules a request for `host` and `path` goes by, and how many connectors serve it here.
    #[must_use]
    pub fn find(&self, host: &str, path: &str) -> Option<(ApplicationId, usize)> {
        let serving = self.gateway.shared().serving.load();
        let rules = serving.rules(serving.snapshot.route(host, path)?.application.id)?;
        Some((rules.application.id, serving.connectors(rules.application.connector_group).len()))
    }

    /// The version that is served.
    #[must_use]
    pub fn version(&self) -> (Epoch, Revision) {
        self.gateway.version()
    }
}
