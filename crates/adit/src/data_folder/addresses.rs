//! `addresses.json`: where the running server listens. Scripts and the other commands read it, so it has only addresses
//! that are in use, with their real ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The addresses in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Addresses {
    /// The API over plain HTTP.
    pub(crate) control: SocketAddr,
    /// The API over HTTPS.
    pub(crate) control_tls: SocketAddr,
    /// The gateway.
    pub(crate) gateway: SocketAddr,
    /// Health and metrics.
    pub(crate) metrics: SocketAddr,
    /// ACME challenges and redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<SocketAddr>,
}

impl Addresses {
    /// The file's content.
    pub(crate) fn to_json(self) -> String {
        let mut text = serde_json::to_string_pretty(&self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads the file's content.
    ///
    /// # Errors
    /// Of a text that is not four addresses.
    pub(crate) fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The HTTPS address as a client on this machine dials it.
    pub(crate) fn local_https(&self) -> SocketAddr {
        dialled(self.control_tls)
    }
}

/// The address by which a listener is reached from the same machine: loopback where it listens everywhere.
pub(crate) fn dialled(listening: SocketAddr) -> SocketAddr {
    let address = match listening.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listening.port())
}
