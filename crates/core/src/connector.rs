//! A connector: our program beside a private network, which dials out to the gateways.
//!
//! Invariant (architecture, section 7, point 3): a connector is in exactly one connector group, so `connector_group`
//! is not optional and "adding" a connector to a group is moving it.

use jiff::Timestamp;

use crate::id::{ConnectorGroupId, ConnectorId, TunnelId};
use crate::name::MachineName;
use crate::revision::Revision;

/// Whether a connector has a live tunnel to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectorStatus {
    /// At least one tunnel is up.
    Active,
    /// No tunnel is up.
    Inactive,
}

impl ConnectorStatus {
    /// The word by which it is written and compared.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// Which keys a connector's certificates are issued for. Each registration starts a new generation, and certificates
/// of an older one are refused: that is how a take-over revokes the key it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct KeyGeneration(pub u32);

/// Who a connector's certificate says it is. Written into the certificate as a SPIFFE-shaped URI; the control plane
/// writes it, gateways read it, nothing of it comes from the connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorIdentity {
    /// The connector.
    pub connector: ConnectorId,
    /// The registration the key belongs to.
    pub generation: KeyGeneration,
}

impl ConnectorIdentity {
    const PREFIX: &str = "spiffe://adit/connector/";

    /// The URI for the certificate's subject alternative name.
    #[must_use]
    pub fn to_uri(self) -> String {
        format!("{}{}/{}", Self::PREFIX, self.connector, self.generation.0)
    }

    /// Reads the URI of a certificate; `None` for any other URI.
    #[must_use]
    pub fn parse(uri: &str) -> Option<Self> {
        let (connector, generation) = uri.strip_prefix(Self::PREFIX)?.split_once('/')?;
        let identity = Self { connector: connector.parse().ok()?, generation: KeyGeneration(generation.parse().ok()?) };
        (identity.to_uri() == uri).then_some(identity)
    }
}

/// What somebody should see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectorCare {
    /// Its software is older than the gateway's, and has to be upgraded before the gateway is the next time.
    pub needs_upgrade: bool,
    /// When two processes with its key were seen to take turns, if they were since it registered.
    pub key_copied: Option<Timestamp>,
}

/// A connector as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its id.
    pub id: ConnectorId,
    /// The computer it runs on; not unique.
    pub machine_name: MachineName,
    /// The address that the gateway saw it come from; empty until it first connected.
    pub external_ip: String,
    /// Its software version; empty until it first connected.
    pub version: String,
    /// Whether it has a live tunnel.
    pub status: ConnectorStatus,
    /// The one group it is in.
    pub connector_group: ConnectorGroupId,
    /// The generation of its key; 0 when it was pre-provisioned and never registered.
    pub key_generation: KeyGeneration,
    /// What somebody should see to.
    pub care: ConnectorCare,
    /// The start of its process that is drained, by the instance id of its hello; one that was started since serves.
    pub drained: Option<TunnelId>,
    /// When it was first made.
    pub created: Timestamp,
    /// The revision of its last change.
    pub revision: Revision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_uri_is_an_identity() {
        let identity =
            ConnectorIdentity { connector: ConnectorId::new(uuid::Uuid::from_u128(5)), generation: KeyGeneration(3) };
        let uri = identity.to_uri();
        assert_eq!(ConnectorIdentity::parse(&uri), Some(identity));
        for other in [format!("{uri}/"), uri.replace("/3", "/03"), uri.replace("adit", "evil"), "https://x/".to_owned()]
        {
            assert_eq!(ConnectorIdentity::parse(&other), None, "{other}");
        }
    }
}
