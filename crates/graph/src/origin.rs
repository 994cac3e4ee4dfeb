//! Where a request came from, and which scheme and host its client sees: what nextLinks, locations and context URLs
//! start with (contract section 8, point 13).

use std::net::IpAddr;

use adit_identity::behind_proxies;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;
use url::Url;

/// Where proxies say for whom they ask.
pub(crate) const FORWARDED_FOR: &str = "x-forwarded-for";

/// The peer of the connection on which a request came; set as a request extension by the listener.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// `http` or `https`: how the connection was made.
    pub scheme: &'static str,
}

/// Scheme and host (and path, if the public URL has one) without a slash at the end.
pub(crate) fn of(parts: &Parts, public_url: Option<&Url>, trusted_proxies: &[IpNet]) -> String {
    if let Some(url) = public_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let peer = parts.extensions.get::<Peer>();
    let trusted = peer.is_some_and(|peer| trusted_proxies.iter().any(|net| net.contains(&peer.address.to_canonical())));
    let forwarded = |name: &str| trusted.then(|| nearest(parts, name)).flatten();
    let scheme = match forwarded("x-forwarded-proto") {
        Some("https") => "https",
        Some("http") => "http",
        _ => peer.map_or("http", |peer| peer.scheme),
    };
    let host = forwarded("x-forwarded-host").filter(|host| is_host(host)).or_else(|| own_host(parts));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// The address of the client of a request, as [`behind_proxies`] finds it; a trusted proxy's where nobody further is known.
#[must_use]
pub fn client_address(extensions: &Extensions, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address| trusted_proxies.iter().any(|network| network.contains(&address));
    let found = behind_proxies(extensions.get::<Peer>()?.address, headers, is_trusted);
    Some(found.unwrap_or_else(|proxy| proxy))
}

/// The last value: what the proxy next to us wrote; what stands before it came from its client.
fn nearest<'p>(parts: &'p Parts, name: &str) -> Option<&'p str> {
    let value = parts.headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

fn own_host(parts: &Parts) -> Option<&str> {
    let from_header = || parts.headers.get(http::header::HOST).and_then(|value| value.to_str().ok());
    parts.uri.authority().map(http::uri::Authority::as_str).or_else(from_header).filter(|host| is_host(host))
}

/// Only characters of host names, addresses and ports: the host is written into URLs and JSON.
fn is_host(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !host.is_empty() && host.len() <= 300 && host.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(peer: Option<(&str, &'static str)>, headers: &[(&str, &str)], public: Option<&str>) -> String {
        let mut request = http::Request::builder().uri("/beta/applications");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some((address, scheme)) = peer {
            parts.extensions.insert(Peer { address: address.parse().unwrap(), scheme });
        }
        let public = public.map(|url| Url::parse(url).unwrap());
        of(&parts, public.as_ref(), &["10.0.0.0/8".parse().unwrap()])
    }

    #[test]
    fn the_public_url_comes_first_then_the_host_of_the_request() {
        assert_eq!(origin(None, &[("host", "a:1")], Some("https://graph.example/adit/")), "https://graph.example/adit");
        assert_eq!(origin(Some(("192.0.2.1", "https")), &[("host", "a.example:8444")], None), "https://a.example:8444");
        assert_eq!(origin(None, &[("host", "127.0.0.1:80")], None), "http://127.0.0.1:80");
        assert_eq!(origin(None, &[("host", "a\"/x")], None), "http://localhost");
    }

    #[test]
    fn forwarded_headers_count_only_from_trusted_proxies() {
        let headers =
            [("host", "inner"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example, outer.example")];
        assert_eq!(origin(Some(("10.1.2.3", "http")), &headers, None), "https://outer.example");
        assert_eq!(origin(Some(("::ffff:10.1.2.3", "http")), &headers, None), "https://outer.example");
        assert_eq!(origin(Some(("192.0.2.1", "http")), &headers, None), "http://inner");
        assert_eq!(origin(None, &headers, None), "http://inner");
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let found = |peer: &str, header: &str| {
            let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
            extensions.insert(Peer { address: peer.parse().unwrap(), scheme: "https" });
            headers.insert(FORWARDED_FOR, header.parse().unwrap());
            client_address(&extensions, &headers, &trusted).unwrap().to_string()
        };
        assert_eq!(found("10.1.1.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(found("10.1.1.1", "198.51.100.1, 192.0.2.7, 10.2.2.2"), "192.0.2.7");
        assert_eq!(found("192.0.2.9", "192.0.2.7"), "192.0.2.9", "anybody can write a header");
        assert_eq!(found("10.1.1.1", "nonsense"), "10.1.1.1");
        assert_eq!(client_address(&Extensions::new(), &HeaderMap::new(), &trusted), None);
    }
}
