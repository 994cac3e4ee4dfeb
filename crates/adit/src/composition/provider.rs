//! The built-in identity provider beside the API: on the same listeners, unless another issuer is configured.
//!
//! It learns where a request came from as the API does: the peer of the connection, or what a trusted proxy says in
//! `X-Forwarded-For`.

use adit_control::ControlPlane;
use adit_gateway::sign_in_places;
use adit_graph::client_address;
use adit_identity::{ClientSecret, LOCAL_AUDIENCE, ProviderSettings, Transport};
use adit_provider::{ClientAddress, Provider};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
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
        if let Some(address) = client_address(request.extensions(), request.headers(), &trusted) {
            request.extensions_mut().insert(ClientAddress(address));
        }
        next.run(request)
    }));
    own.merge(api)
}
