//! For which client something is done: told from one part of this process to another, and never read from a request's head.

use std::net::IpAddr;

/// The client in whose name an issuer of this process is asked: an extension of the request, as no header can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InNameOf(pub IpAddr);

/// By what clients are told apart where something is shared among them: the address, or of IPv6 the network that one customer
/// has (64 bits).
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}
