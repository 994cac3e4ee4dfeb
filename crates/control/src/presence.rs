//! Presence: which tunnels are up, and what the gateway saw of their connectors. Takes no revision.

use std::net::IpAddr;

use adit_core::audit::Activity;
use adit_core::id::TunnelId;
use adit_core::{ConnectorId, MachineName, OperationContext};
use adit_store::Tunnel;
use uuid::Uuid;

use crate::audit;

use crate::control_plane::ControlPlane;
use crate::error::Error;

/// A tunnel that came up.
#[derive(Debug, Clone)]
pub struct TunnelUp {
    /// Its id.
    pub tunnel: TunnelId,
    /// What the connector calls this start of its process.
    pub instance: TunnelId,
    /// Whose it is.
    pub connector: ConnectorId,
    /// What the machine calls itself.
    pub machine_name: MachineName,
    /// The version of the connector's software.
    pub version: String,
    /// The address that the gateway saw.
    pub external_ip: IpAddr,
    /// Its software is older than the gateway's.
    pub needs_upgrade: bool,
}

impl ControlPlane {
    /// Notes that a tunnel is up: its connector is active.
    ///
    /// # Errors
    /// [`Error::ConnectorNotFound`], [`Error::Store`].
    pub async fn tunnel_up(&self, tunnel: TunnelUp) -> Result<(), Error> {
        let mut presence = self.store().begin_presence().await?;
        let known = presence
            .insert_tunnel(&Tunnel {
                id: tunnel.tunnel,
                instance: tunnel.instance,
                connector: tunnel.connector,
                machine_name: tunnel.machine_name,
                version: tunnel.version,
                // One listening socket for both families sees IPv4 peers as mapped IPv6 addresses.
                external_ip: tunnel.external_ip.to_canonical().to_string(),
                needs_upgrade: tunnel.needs_upgrade,
                since: self.now(),
            })
            .await?;
        if !known {
            return Err(Error::ConnectorNotFound(tunnel.connector));
        }
        Ok(presence.commit().await?)
    }

    /// Notes that a connector's software is too old for its gateway.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_too_old(&self, connector: ConnectorId) -> Result<(), Error> {
        let mut presence = self.store().begin_presence().await?;
        presence.note_too_old(connector).await?;
        Ok(presence.commit().await?)
    }

    /// Notes, and writes into the audit log, that a connector's key was copied. It stays noted until the connector is
    /// registered anew.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_copied_key(&self, connector: ConnectorId) -> Result<(), Error> {
        let mut presence = self.store().begin_presence().await?;
        let found = presence.find_connector(connector).await?;
        let is_news = presence.note_copied_key(connector, self.now()).await?;
        if let Some(found) = found.filter(|_| is_news) {
            let context = OperationContext::system(Uuid::now_v7());
            let detail = audit::change(None, Some(audit::connector(&found)));
            presence.append_audit(self.record(&context, Activity::ReportCopiedKey, connector, detail));
        }
        Ok(presence.commit().await?)
    }

    /// Notes that a tunnel is down. Twice is as good as once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tunnel_down(&self, tunnel: TunnelId) -> Result<(), Error> {
        let mut presence = self.store().begin_presence().await?;
        presence.delete_tunnel(tunnel).await?;
        Ok(presence.commit().await?)
    }
}
