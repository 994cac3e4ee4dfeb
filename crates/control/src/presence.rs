//! Presence: which tunnels are up, and what the gateway saw of their connectors. Takes no revision.

use std::net::IpAddr;

use adit_core::id::TunnelId;
use adit_core::{ConnectorId, MachineName};
use adit_store::Tunnel;

use crate::control_plane::ControlPlane;
use crate::error::Error;

/// A tunnel that came up.
#[derive(Debug, Clone)]
pub struct TunnelUp {
    /// Its id.
    pub tunnel: TunnelId,
    /// Whose it is.
    pub connector: ConnectorId,
    /// What the machine calls itself.
    pub machine_name: MachineName,
    /// The version of the connector's software.
    pub version: String,
    /// The address that the gateway saw.
    pub external_ip: IpAddr,
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
                connector: tunnel.connector,
                machine_name: tunnel.machine_name,
                version: tunnel.version,
                // One listening socket for both families sees IPv4 peers as mapped IPv6 addresses.
                external_ip: tunnel.external_ip.to_canonical().to_string(),
                since: self.now(),
            })
            .await?;
        if !known {
            return Err(Error::ConnectorNotFound(tunnel.connector));
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
