//! The provider put together: which paths it serves, and what its endpoints share.
//!
//! One deployment is one tenant. It is named by its id, by `adit`, or by one of the names that clients use when they do not
//! know a tenant; whichever is used, tokens name the id.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use adit_control::{ControlPlane, Error};
use adit_identity::ProviderIssuer;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use crate::device::{self, Device};
use crate::discovery;
use crate::error::{OAuthError, Refusal};
use crate::first_administrator::{self, Link};
use crate::gateway_client::Gateway;
use crate::grant::authorization_code::{self, Code};
use crate::keys::Keys;
use crate::shelf::Shelf;
use crate::sign_in::{self, Flow};
use crate::sign_out;
use crate::throttle::{Throttle, Throttles, place};
use crate::{authorize, token_endpoint};

/// The words that stand for the one tenant, besides its id. With `adfs` MSAL asks nobody else whether it may trust this host.
const TENANT_NAMES: [&str; 4] = ["adit", "common", "organizations", "adfs"];

/// How often it is looked whether another key is due.
const KEY_INTERVAL: Duration = Duration::from_secs(60);

/// Where a request came from; set as an extension of the request by whoever accepts connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// What the provider needs.
pub struct Settings {
    /// The use cases.
    pub control: ControlPlane,
    /// Scheme and host (and path, if there is one) by which clients reach it, without a slash at the end.
    pub public_url: String,
    /// The audience of tokens for the administrative API.
    pub api_audience: String,
}

/// The provider at work. Clones share everything.
#[derive(Clone)]
pub struct Provider(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) control: ControlPlane,
    pub(crate) tenant: Uuid,
    pub(crate) public_url: String,
    pub(crate) issuer: String,
    pub(crate) api_audience: String,
    pub(crate) keys: Keys,
    /// The path of the public URL, without a slash at the end: what paths in pages start with.
    pub(crate) path_prefix: String,
    pub(crate) throttles: Throttles,
    /// Sign-ins under way.
    pub(crate) flows: Shelf<Flow>,
    /// Codes that wait for their application.
    pub(crate) codes: Shelf<Code>,
    /// Devices that wait for their user, and under which of their keys the codes that they show find them.
    pub(crate) devices: Shelf<Device>,
    pub(crate) user_codes: Shelf<String>,
    /// The link of the first administrator.
    pub(crate) link: Link,
    /// This installation's gateway, if it signs users in here.
    pub(crate) gateway: OnceLock<Gateway>,
}

impl Provider {
    /// Starts with the keys that the directory has; new ones are made when the first is needed.
    ///
    /// # Errors
    /// What the directory says.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        let Settings { control, public_url, api_audience } = settings;
        let tenant = control.tenant().await?;
        let issuer = format!("{public_url}/{tenant}/v2.0");
        let keys = Keys::new(control.clone(), ProviderIssuer::new(&issuer, &api_audience));
        keys.take_up().await?;
        let path_prefix = url::Url::parse(&public_url).map(|url| url.path().trim_end_matches('/').to_owned());
        Ok(Self(Arc::new(Inner {
            control,
            tenant,
            path_prefix: path_prefix.unwrap_or_default(),
            public_url,
            issuer,
            api_audience,
            keys,
            throttles: Throttles::new(),
            flows: Shelf::new(sign_in::PATIENCE),
            codes: Shelf::new(authorization_code::LIFETIME),
            devices: Shelf::new(device::PATIENCE),
            user_codes: Shelf::new(device::PATIENCE),
            link: Link::default(),
            gateway: OnceLock::new(),
        })))
    }

    /// The provider as an issuer that the API accepts.
    #[must_use]
    pub fn issuer(&self) -> &ProviderIssuer {
        self.0.keys.issuer()
    }

    /// Its URL: what tokens have as `iss`.
    #[must_use]
    pub fn issuer_url(&self) -> &str {
        &self.0.issuer
    }

    /// The path of the public URL, without a slash at its end: empty for most. The [`Provider::router`] knows nothing of it.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        &self.0.path_prefix
    }

    /// What it serves. Other paths are for whoever else listens there.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/{tenant}/v2.0/.well-known/openid-configuration", get(configuration))
            .route("/{tenant}/.well-known/openid-configuration", get(configuration))
            .route("/{tenant}/discovery/instance", get(instance))
            .route("/{tenant}/discovery/v2.0/keys", get(key_set))
            .route("/{tenant}/discovery/keys", get(key_set))
            .route("/{tenant}/oauth2/v2.0/token", post(token))
            .route("/{tenant}/oauth2/v2.0/authorize", get(begin_sign_in))
            .route("/{tenant}/oauth2/v2.0/devicecode", post(begin_device))
            .route("/{tenant}/oauth2/v2.0/logout", get(sign_out).post(sign_out))
            .route("/adit/sign-out", post(confirm_sign_out))
            .route("/adit/sign-in", post(sign_in))
            .route("/adit/device", get(device_form).post(enter_code))
            .route("/adit/first-administrator", get(administrator_form).post(make_administrator))
            .with_state(self.clone())
    }

    /// Has the next key made when it is due, for as long as somebody runs it.
    pub async fn look_after_keys(self) {
        let mut ticks = tokio::time::interval(KEY_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.0.keys.take_up().await {
                Ok(()) => {}
                Err(error) if error.is_closed() => return,
                Err(error) => tracing::warn!(%error, "the provider's keys could not be looked after"),
            }
        }
    }

    /// Refuses paths of another tenant.
    pub(crate) fn check_tenant(&self, named: &str) -> Result<(), Refusal> {
        let is_own = Uuid::try_parse(named).is_ok_and(|id| id == self.0.tenant)
            || TENANT_NAMES.iter().any(|name| name.eq_ignore_ascii_case(named));
        if is_own { Ok(()) } else { Err(OAuthError::NoSuchTenant.into()) }
    }
}

/// Where a request came from, where that is known.
pub(crate) fn address_of(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ClientAddress>().map(|address| address.0)
}

/// Counts what begins to wait for a user.
fn begins(begun: &Throttle<IpAddr>, request: &Request) -> Result<(), Refusal> {
    let Some(address) = address_of(request) else { return Ok(()) };
    match begun.take(place(address), Instant::now()) {
        None => Ok(()),
        Some(retry_after) => Err(OAuthError::Throttled { retry_after }.into()),
    }
}

async fn configuration(State(provider): State<Provider>, Path(tenant): Path<String>) -> Response {
    discovery::answered(provider.check_tenant(&tenant).map(|()| discovery::configuration(&provider)))
}

async fn instance(State(provider): State<Provider>, Path(tenant): Path<String>) -> Response {
    discovery::answered(provider.check_tenant(&tenant).map(|()| discovery::instance(&provider)))
}

async fn key_set(State(provider): State<Provider>, Path(tenant): Path<String>) -> Response {
    let answer = match provider.check_tenant(&tenant) {
        Ok(()) => provider.0.keys.document().await.map_err(Refusal::from),
        Err(refused) => Err(refused),
    };
    discovery::answered(answer)
}

async fn token(State(provider): State<Provider>, Path(tenant): Path<String>, request: Request) -> Response {
    match provider.check_tenant(&tenant) {
        Ok(()) => token_endpoint::answer(&provider, request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn begin_sign_in(State(provider): State<Provider>, Path(tenant): Path<String>, request: Request) -> Response {
    match provider.check_tenant(&tenant).and_then(|()| begins(&provider.0.throttles.sign_ins, &request)) {
        Ok(()) => {
            let (headers, query) = (request.headers(), request.uri().query().unwrap_or_default());
            authorize::answer(&provider, headers, address_of(&request), query).await
        }
        Err(refused) => authorize::stays(&refused),
    }
}

async fn sign_in(State(provider): State<Provider>, request: Request) -> Response {
    sign_in::answer(&provider, request).await
}

async fn sign_out(State(provider): State<Provider>, Path(tenant): Path<String>, request: Request) -> Response {
    match provider.check_tenant(&tenant) {
        Ok(()) => sign_out::asked(&provider, request).await,
        Err(refused) => authorize::stays(&refused),
    }
}

async fn confirm_sign_out(State(provider): State<Provider>, request: Request) -> Response {
    sign_out::confirmed(&provider, request).await
}

async fn begin_device(State(provider): State<Provider>, Path(tenant): Path<String>, request: Request) -> Response {
    match provider.check_tenant(&tenant).and_then(|()| begins(&provider.0.throttles.devices, &request)) {
        Ok(()) => device::begin(&provider, request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn device_form(State(provider): State<Provider>) -> Response {
    device::form(&provider)
}

async fn enter_code(State(provider): State<Provider>, request: Request) -> Response {
    device::entered(&provider, request).await
}

async fn administrator_form(State(provider): State<Provider>, request: Request) -> Response {
    let address = request.extensions().get::<ClientAddress>().copied();
    first_administrator::form(&provider, request.uri().query().unwrap_or_default(), address)
}

async fn make_administrator(State(provider): State<Provider>, request: Request) -> Response {
    first_administrator::answer(&provider, request).await
}
