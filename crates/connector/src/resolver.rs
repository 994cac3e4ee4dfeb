//! Where the addresses of an upstream come from. They are asked for at each dial, and each is checked before it is dialled:
//! an address is never asked for a second time in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use adit_tunnel::target::{OpenFailure, OpenReason, Target};

use crate::network::Network;

/// The addresses of the target's host.
pub(crate) async fn resolve(network: &dyn Network, target: &Target) -> Result<Vec<SocketAddr>, OpenFailure> {
    let with_port = |address| SocketAddr::new(address, target.port);
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![with_port(address)]);
    }
    // Names below `localhost` are this machine, whatever a name server says (RFC 6761, section 6.3).
    if target.host.ends_with(".localhost") {
        return Ok([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(with_port).to_vec());
    }
    let resolved = network.resolve(&target.host, target.port).await;
    resolved.map_err(|error| OpenFailure::new(OpenReason::NameNotResolved, format!("{}: {error}", target.host)))
}
