//! Addresses as a configuration writes them: what connectors dial, where to listen, whose word counts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

/// `host:port` that connectors dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayAddress {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub(crate) host: String,
    /// The port; 0 stands for the port the gateway really listens on.
    pub(crate) port: u16,
}

/// A listening address; `localhost:PORT` is the IPv4 loopback.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListenAddress(pub(super) SocketAddr);

/// A network or a single address.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Network(pub(super) IpNet);

/// Reads a listening address.
///
/// # Errors
/// A sentence that says what was expected.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse::<ListenAddress>().map(|address| address.0)
}

// === impl GatewayAddress ===

impl FromStr for GatewayAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("'{text}' is not a gateway address; HOST:PORT is expected, as in adit.example.com:8443");
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().map_err(|_| expected())?;
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let plausible = match address {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => url::Host::parse(host).is_ok_and(|parsed| !matches!(parsed, url::Host::Ipv6(_))),
        };
        if !plausible {
            return Err(expected());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

// === impl ListenAddress ===

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!("'{text}' is not a listening address; ADDRESS:PORT is expected, as in 127.0.0.1:8080 or [::]:8443")
        };
        if let Some(port) = text.strip_prefix("localhost:") {
            return Ok(Self((Ipv4Addr::LOCALHOST, port.parse().map_err(|_| expected())?).into()));
        }
        text.parse().map(Self).map_err(|_| expected())
    }
}

// === impl Network ===

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>()
            .or_else(|_| single())
            .map(Self)
            .map_err(|_| format!("'{text}' is not a network; an address or a CIDR is expected, as in 10.0.0.0/8"))
    }
}
