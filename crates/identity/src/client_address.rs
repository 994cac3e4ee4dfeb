//! For which client something is done: told from one part of this process to another, or read from what proxies that are
//! trusted say of it.

use std::net::IpAddr;

use http::HeaderMap;

/// The client in whose name an issuer of this process is asked: an extension of the request, as no header can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InNameOf(pub IpAddr);

/// The address of whoever sent a request: of the connection's `peer` or, behind trusted proxies, the nearest that is none of
/// theirs that `X-Forwarded-For` names. What stands before it there came from the client itself.
///
/// # Errors
/// The last address that is known, where it is a trusted proxy's: nobody further is named, or what is named cannot be read.
pub fn behind_proxies(
    peer: IpAddr,
    headers: &HeaderMap,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<IpAddr, IpAddr> {
    // A line that is no text is not passed over: it names nobody.
    let lines = headers.get_all("x-forwarded-for").iter().rev().map(|line| line.to_str().unwrap_or_default());
    let mut named = lines.flat_map(|line| line.rsplit(','));
    let mut nearest = peer.to_canonical();
    while is_trusted(nearest) {
        let next = named.next().and_then(|text| text.trim().parse::<IpAddr>().ok());
        nearest = next.ok_or(nearest)?.to_canonical();
    }
    Ok(nearest)
}

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

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_nearest_address_that_is_no_trusted_proxys_is_the_clients() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let is_trusted = |own: IpAddr| own.is_loopback() || own == address("10.0.0.1");
        for (peer, lines, found) in [
            ("9.9.9.9", &["1.1.1.1"][..], Ok("9.9.9.9")),
            ("127.0.0.1", &["1.1.1.1"], Ok("1.1.1.1")),
            ("127.0.0.1", &["6.6.6.6, 1.1.1.1, 10.0.0.1"], Ok("1.1.1.1")),
            ("127.0.0.1", &["6.6.6.6", "1.1.1.1", "::ffff:10.0.0.1"], Ok("1.1.1.1")),
            ("::ffff:127.0.0.1", &["2001:db8::1"], Ok("2001:db8::1")),
            ("127.0.0.1", &[], Err("127.0.0.1")),
            ("127.0.0.1", &["10.0.0.1"], Err("10.0.0.1")),
            ("127.0.0.1", &["6.6.6.6, unknown, 10.0.0.1"], Err("10.0.0.1")),
            ("127.0.0.1", &["6.6.6.6", ""], Err("127.0.0.1")),
            ("127.0.0.1", &["6.6.6.6", "é, 10.0.0.1"], Err("127.0.0.1")),
            ("127.0.0.1", &["1.1.1.1:80"], Err("127.0.0.1")),
        ] {
            let values = lines.iter().map(|line| HeaderValue::from_bytes(line.as_bytes()).unwrap());
            let headers = values.map(|value| (HeaderName::from_static("x-forwarded-for"), value)).collect();
            let walked = behind_proxies(address(peer), &headers, is_trusted);
            assert_eq!(walked, found.map(address).map_err(address), "{peer} {lines:?}");
        }
    }
}
