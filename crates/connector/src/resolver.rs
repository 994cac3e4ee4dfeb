//! Where the addresses of an upstream come from. They are asked for at each dial, and each is checked before it is dialled:
//! an address is never asked for a second time in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use adit_tunnel::target::{OpenFailure, OpenReason, Target};
use tokio::net::lookup_host;

/// Resolves names.
#[derive(Debug)]
pub(crate) enum Resolver {
    /// As this machine does.
    System,
    /// A name server that says something else each time.
    #[cfg(test)]
    Scripted(std::sync::Mutex<Vec<Vec<IpAddr>>>),
}

impl Resolver {
    /// The addresses of the target's host.
    pub(crate) async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, OpenFailure> {
        let with_port = |address| SocketAddr::new(address, target.port);
        if let Ok(address) = target.host.parse::<IpAddr>() {
            return Ok(vec![with_port(address)]);
        }
        // Names below `localhost` are this machine, whatever a name server says (RFC 6761, section 6.3).
        if target.host.ends_with(".localhost") {
            return Ok([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(with_port).to_vec());
        }
        match self {
            Self::System => match lookup_host((target.host.as_str(), target.port)).await {
                Ok(addresses) => Ok(addresses.collect()),
                Err(error) => Err(OpenFailure::new(OpenReason::NameNotResolved, format!("{}: {error}", target.host))),
            },
            #[cfg(test)]
            Self::Scripted(answers) => {
                let mut answers = answers.lock().unwrap();
                Ok(answers.remove(0).into_iter().map(with_port).collect())
            }
        }
    }
}
