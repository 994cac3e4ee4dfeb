//! Tunnels in the database: presence. A row is written when a tunnel comes up and deleted when it goes down, without a
//! revision; a connector is active while it has one.

use adit_core::ConnectorId;
use adit_core::id::TunnelId;
use adit_core::name::MachineName;
use jiff::Timestamp;

use crate::engine;
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::{PresenceTransaction, WriteTransaction};

/// A tunnel that came up, and what the gateway saw of its connector.
#[derive(Debug, Clone)]
pub struct Tunnel {
    /// Its id.
    pub id: TunnelId,
    /// What the connector calls this start of its process.
    pub instance: TunnelId,
    /// Whose it is.
    pub connector: ConnectorId,
    /// What the machine calls itself.
    pub machine_name: MachineName,
    /// The version of the connector's software.
    pub version: String,
    /// The address that the gateway saw.
    pub external_ip: String,
    /// Its software is older than the gateway's.
    pub needs_upgrade: bool,
    /// Since when it is up.
    pub since: Timestamp,
}

impl PresenceTransaction {
    /// Notes that a tunnel is up and what was seen of its connector. `false`, and nothing is written, when there is no
    /// such connector.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn insert_tunnel(&mut self, tunnel: &Tunnel) -> Result<bool, Error> {
        let seen = engine::query(
            "UPDATE connector SET machine_name = ?, machine_name_folded = ?, version = ?, external_ip = ?, \
             needs_upgrade = ?, unseen_hours = 0, seen_generation = key_generation WHERE id = ?",
        )
        .bind(tunnel.machine_name.as_str())
        .bind(tunnel.machine_name.folded())
        .bind(tunnel.version.as_str())
        .bind(tunnel.external_ip.as_str())
        .bind(if tunnel.needs_upgrade { "true" } else { "false" })
        .bind(tunnel.connector.to_string())
        .execute(self.connection())
        .await?;
        if seen.rows_affected() == 0 {
            return Ok(false);
        }
        engine::query(
            "INSERT INTO tunnel (id, instance, connector_id, since) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        )
        .bind(tunnel.id.to_string())
        .bind(tunnel.instance.to_string())
        .bind(tunnel.connector.to_string())
        .bind(row::instant(tunnel.since))
        .execute(self.connection())
        .await?;
        Ok(true)
    }

    /// Notes that a tunnel is down. Twice is as good as once.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_tunnel(&mut self, id: TunnelId) -> Result<(), Error> {
        engine::query("DELETE FROM tunnel WHERE id = ?").bind(id.to_string()).execute(self.connection()).await?;
        Ok(())
    }

    /// Forgets every tunnel: for the start of a process, whose predecessor may have died with tunnels up.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_all_tunnels(&mut self) -> Result<u64, Error> {
        Ok(engine::query("DELETE FROM tunnel").execute(self.connection()).await?.rows_affected())
    }
}

impl WriteTransaction {
    /// What the newest of a connector's tunnels calls the start of its process; `None` if none is up.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn newest_instance(&mut self, connector: ConnectorId) -> Result<Option<TunnelId>, Error> {
        let sql = "SELECT instance FROM tunnel WHERE connector_id = ? ORDER BY since DESC LIMIT 1";
        let row = engine::query(sql).bind(connector.to_string()).fetch_optional(self.connection()).await?;
        row.map(|row| row::parsed(&row, "instance", str::parse)).transpose()
    }
}

impl Store {
    /// Whether a tunnel of this start of the connector's process is up.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn is_up(&self, connector: ConnectorId, instance: TunnelId) -> Result<bool, Error> {
        let mut read = self.read().await?;
        let found = engine::query("SELECT 1 FROM tunnel WHERE connector_id = ? AND instance = ?")
            .bind(connector.to_string())
            .bind(instance.to_string())
            .fetch_optional(&mut read)
            .await?;
        Ok(found.is_some())
    }
}
