//! The built-in identity provider beside the API: on the same listeners, unless another issuer is configured.
//!
//! It learns where a request came from as the API does: the peer of the connection, or what a trusted proxy says in
//! `X-Forwarded-For`.

use std::net::IpAddr;

use adit_control::ControlPlane;
use adit_gateway::sign_in_places;
use adit_graph::Peer;
use adit_identity::{ClientSecret, LOCAL_AUDIENCE, ProviderSettings, Transport};
use adit_provider::{ClientAddress, Provider};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use http::HeaderMap;
use ipnet::IpNet;

use super::StartError;
use crate::configuration::Api;
use crate::data_folder::Addresses;

/// Starts the provider, unless another issuer signs people in.
pub(super) async fn start(
    control: &ControlPlane,
    api: &Api,
    addresses: &Addresses,
) -> Result<Option<Provider>, StartError> {
    if !api.issuers.is_empty() {
        return Ok(None);
    }
    let settings = adit_provider::Settings {
        control: control.clone(),
        public_url: public_url(api, addresses),
        api_audience: LOCAL_AUDIENCE.to_owned(),
    };
    Ok(Some(Provider::start(settings).await.map_err(StartError::Provider)?))
}

/// By what clients reach it: as configured, else `localhost` over TLS.
fn public_url(api: &Api, addresses: &Addresses) -> String {
    match &api.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("https://localhost:{}", addresses.control_tls.port()),
    }
}

/// The provider as the gateway at `authority` knows it, which signs users in there; `None` where it admits no gateway.
///
/// It is asked in this process: by its public name it may not be reached from here, and its certificate is renewed by
/// whoever made it.
pub(super) fn for_gateway(provider: &Provider, authority: &str) -> Option<ProviderSettings> {
    let [callback, _] = sign_in_places(authority);
    let client = provider.admit_gateway(&callback)?;
    Some(ProviderSettings {
        issuer: provider.issuer_url().to_owned(),
        client_id: client.client_id,
        client_secret: Some(ClientSecret::new(client.secret.to_string())),
        transport: Transport::InProcess(provider.in_process()),
        groups_claim: "groups".to_owned(),
        scopes: Vec::new(),
    })
}

/// The API with the provider beside it.
pub(super) fn beside(api: Router, provider: Option<&Provider>, trusted_proxies: &[IpNet]) -> Router {
    let Some(provider) = provider else { return api };
    let trusted = trusted_proxies.to_vec();
    let own = provider.router().layer(middleware::from_fn(move |mut request: Request, next: Next| {
        if let Some(address) = client_address(&request, &trusted) {
            request.extensions_mut().insert(ClientAddress(address));
        }
        next.run(request)
    }));
    own.merge(api)
}

fn client_address(request: &Request, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.extensions().get::<Peer>()?.address;
    Some(behind_proxies(peer, request.headers(), trusted))
}

/// The nearest address that is no trusted proxy's: what stands before it in the header came from its own client.
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(&address.to_canonical()));
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let forwarded: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut nearest = peer;
    for text in forwarded.into_iter().rev() {
        if !is_trusted(&nearest) {
            break;
        }
        let Ok(address) = text.parse() else { break };
        nearest = address;
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let found = |peer: &str, header: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", header.parse().unwrap());
            behind_proxies(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(found("10.1.1.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(found("10.1.1.1", "198.51.100.1, 192.0.2.7, 10.2.2.2"), "192.0.2.7");
        assert_eq!(found("192.0.2.9", "192.0.2.7"), "192.0.2.9", "anybody can write a header");
        assert_eq!(found("10.1.1.1", "nonsense"), "10.1.1.1");
    }
}
