//! What this connector may dial: the operator's list, and addresses that are never dialled.
//!
//! Checked on the address after name resolution, so that a name which changes its mind cannot lead elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// A text that is not an entry of an allow list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not HOST:PORT: a name, an address or a network (10.0.0.0/8), then ':' and a port or '*'")]
pub struct NotAnAllowEntry(pub String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Name(String),
    Network(IpNet),
}

/// One entry: a name, an address or a network, and a port or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowEntry {
    place: Place,
    port: Option<u16>,
}

impl FromStr for AllowEntry {
    type Err = NotAnAllowEntry;

    fn from_str(text: &str) -> Result<Self, NotAnAllowEntry> {
        let wrong = || NotAnAllowEntry(text.to_owned());
        let (place, port) = text.trim().rsplit_once(':').ok_or_else(wrong)?;
        let port = if port == "*" { None } else { Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?) };
        let bare = place.strip_prefix('[').and_then(|place| place.strip_suffix(']')).unwrap_or(place);
        let place = if let Ok(network) = bare.parse::<IpNet>() {
            Place::Network(network.trunc())
        } else if let Ok(address) = bare.parse::<IpAddr>() {
            Place::Network(IpNet::from(address))
        } else {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if bare.is_empty() || bare != place || !bare.bytes().all(allowed) {
                return Err(wrong());
            }
            Place::Name(bare.to_ascii_lowercase())
        };
        Ok(Self { place, port })
    }
}

impl AllowEntry {
    fn permits(&self, name: &str, address: IpAddr, port: u16) -> bool {
        let right_place = match &self.place {
            Place::Name(allowed) => name.eq_ignore_ascii_case(allowed),
            Place::Network(network) => network.contains(&address),
        };
        right_place && self.port.is_none_or(|allowed| allowed == port)
    }
}

/// Everything this connector may dial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    entries: Vec<AllowEntry>,
}

/// Why an address is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Link-local, metadata, multicast, unspecified and the like.
    #[error("{0} is an address that connectors never dial (link-local, metadata, multicast, unspecified or broadcast)")]
    NeverDialled(IpAddr),
    /// Not on the operator's list.
    #[error("{0} port {1} is not on this connector's --allow list")]
    NotListed(IpAddr, u16),
}

impl AllowList {
    /// Only what the entries permit; an empty list permits every address that is ever dialled.
    #[must_use]
    pub const fn new(entries: Vec<AllowEntry>) -> Self {
        Self { entries }
    }

    /// Checks one address that `name` was resolved to.
    ///
    /// # Errors
    /// [`NotAllowed`], with the reason.
    pub fn check(&self, name: &str, address: IpAddr, port: u16) -> Result<(), NotAllowed> {
        let address = effective(address);
        if is_never_dialled(address) {
            return Err(NotAllowed::NeverDialled(address));
        }
        if !self.entries.is_empty() && !self.entries.iter().any(|entry| entry.permits(name, address, port)) {
            return Err(NotAllowed::NotListed(address, port));
        }
        Ok(())
    }
}

/// The IPv4 address inside an IPv6 one, where the network would turn it into that: mapped (`::ffff:0:0/96`) and
/// NAT64 (`64:ff9b::/96`, RFC 6052).
fn effective(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let octets = v6.octets();
    let [.., a, b, c, d] = octets;
    if v6.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) {
        return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    }
    address.to_canonical()
}

fn is_never_dialled(address: IpAddr) -> bool {
    /// Metadata services outside the link-local range: Azure's wire server, Alibaba's, Oracle's.
    const METADATA_V4: [Ipv4Addr; 3] =
        [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
    /// The metadata services of Amazon and Google over IPv6.
    const METADATA_V6: [Ipv6Addr; 2] =
        [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];
    match address {
        IpAddr::V4(v4) => {
            let this_network = matches!(v4.octets(), [0, ..]);
            this_network || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || METADATA_V4.contains(&v4)
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast() || METADATA_V6.contains(&v6)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    fn check(list: &AllowList, name: &str, address: &str, port: u16) -> bool {
        list.check(name, address.parse().unwrap(), port).is_ok()
    }

    #[test]
    fn without_a_list_private_networks_and_loopback_are_dialled() {
        for address in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd00::1", "203.0.113.9"] {
            assert!(check(&AllowList::default(), "x", address, 80), "{address}");
        }
    }

    #[test]
    fn some_addresses_are_never_dialled_whatever_the_list_says() {
        let anything = list(&["0.0.0.0/0:*", "::/0:*"]);
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "fd00:ec2::254",
        ] {
            assert!(!check(&AllowList::default(), "x", address, 80), "{address}");
            assert!(!check(&anything, "x", address, 80), "{address}");
        }
    }

    #[test]
    fn with_a_list_nothing_else_is_dialled() {
        let list = list(&["wiki.corp:443", "10.0.0.0/8:*", "[fd00::5]:8080"]);
        assert!(check(&list, "Wiki.Corp", "192.168.7.7", 443));
        assert!(!check(&list, "wiki.corp", "192.168.7.7", 80));
        assert!(!check(&list, "wiki.corp", "169.254.0.1", 443), "a name on the list does not open link-local");
        assert!(check(&list, "any", "10.200.0.1", 9999));
        assert!(check(&list, "any", "::ffff:10.200.0.1", 9999));
        assert!(check(&list, "any", "fd00::5", 8080));
        assert!(!check(&list, "any", "11.0.0.1", 80));
    }

    #[test]
    fn what_is_not_an_entry_is_refused() {
        for text in
            ["", "host", "host:", ":80", "host:0", "host:99999", "ho st:80", "10.0.0.0/33:80", "[host]:80", "*:80"]
        {
            assert!(text.parse::<AllowEntry>().is_err(), "{text}");
        }
    }
}
