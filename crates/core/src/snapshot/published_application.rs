//! A published application as gateways know it: the settings of its publishing that matter there, without the rest.

use std::sync::Arc;

use crate::admission::Admission;
use crate::application::{
    Application, BodyLinks, HostHeader, PreAuthentication, TrafficRouting, TranslatedTo, UpstreamCertificate,
    UpstreamTimeout,
};
use crate::external_url::ExternalUrl;
use crate::health_probe::HealthProbe;
use crate::id::{AppId, ApplicationId, ConnectorGroupId};
use crate::internal_url::InternalUrl;
use crate::maintenance::Maintenance;
use crate::revision::Revision;
use crate::sign_on::SignOn;
use crate::upstream_protocol::UpstreamProtocol;
use crate::upstream_times::UpstreamTimes;

/// The attribute by which scripts cannot read the session cookie.
const HTTP_ONLY_COOKIE: &str = "isHttpOnlyCookieEnabled";

/// The attribute by which the session cookie outlives the browser.
const PERSISTENT_COOKIE: &str = "isPersistentCookieEnabled";

/// The attribute that says how users are signed in at the upstream, its member with the way, and the way that is by headers.
const SINGLE_SIGN_ON: &str = "singleSignOnSettings";
const SINGLE_SIGN_ON_MODE: &str = "singleSignOnMode";
const BY_HEADERS: &str = "aadHeaderBased";

/// The attribute with the names that access tokens may have as audience.
const IDENTIFIER_URIS: &str = "identifierUris";

/// A published application, as far as a gateway needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedApplication {
    /// Its id.
    pub id: ApplicationId,
    /// Its client id: what access tokens for it have as audience.
    pub app_id: AppId,
    /// Other names that access tokens for it may have as audience.
    pub identifier_uris: Arc<[Arc<str>]>,
    /// Its name, for pages and logs.
    pub name: String,
    /// What users type.
    pub external_url: ExternalUrl,
    /// What the connector dials.
    pub internal_url: InternalUrl,
    /// A second URL at which users reach it.
    pub alternate_url: Option<ExternalUrl>,
    /// Which of the two public URLs stands for the internal one where a host is named.
    pub translated_to: TranslatedTo,
    /// Sign-in first, or passthrough.
    pub pre_authentication: PreAuthentication,
    /// Who may use it, if it requires sign-in; without this nobody may.
    pub admission: Option<Arc<Admission>>,
    /// Whether scripts cannot read its session cookie, where its administrator has said so.
    pub is_http_only_cookie: Option<bool>,
    /// Whether its session cookie outlives the browser, where its administrator has said so.
    pub is_persistent_cookie: Option<bool>,
    /// Which `Host` the upstream sees.
    pub host_header: HostHeader,
    /// What becomes of links in bodies.
    pub body_links: BodyLinks,
    /// Whether the upstream's certificate is verified.
    pub upstream_certificate: UpstreamCertificate,
    /// How long to wait for the upstream's answer.
    pub timeout: UpstreamTimeout,
    /// How long its parts may take.
    pub upstream_times: UpstreamTimes,
    /// Which version of HTTP the upstream is spoken to in.
    pub upstream_protocol: UpstreamProtocol,
    /// How a connector is chosen.
    pub traffic_routing: TrafficRouting,
    /// Whether it is closed for a while.
    pub maintenance: Maintenance,
    /// How its connectors probe it by themselves.
    pub health_probe: HealthProbe,
    /// How its upstream is told who asks, if it is.
    pub sign_on: SignOn,
    /// Whether it is told.
    pub is_sign_on_by_headers: bool,
    /// The group whose connectors serve it.
    pub connector_group: ConnectorGroupId,
    /// The revision of the application's last change: connections made under older settings are not reused.
    pub revision: Revision,
    /// What its connectors may dial for it, as the control plane signed it ([`crate::permit::Permit`]).
    pub permit: Option<Arc<str>>,
}

/// One of an application's public URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// The external URL.
    External,
    /// The alternate URL.
    Alternate,
}

impl PublishedApplication {
    /// What a gateway needs to know of an application, without who may use it; nothing if it is not published.
    #[must_use]
    pub fn of(application: &Application) -> Option<Self> {
        let connector_group = application.connector_group()?;
        let publishing = application.publishing()?.clone();
        let said = |name| publishing.attributes.get(name).and_then(serde_json::Value::as_bool);
        let single_sign_on = publishing.attributes.get(SINGLE_SIGN_ON).and_then(|own| own.get(SINGLE_SIGN_ON_MODE));
        let is_sign_on_by_headers = single_sign_on.and_then(serde_json::Value::as_str) == Some(BY_HEADERS);
        Some(Self {
            id: application.id,
            app_id: application.app_id,
            identifier_uris: identifier_uris(application),
            admission: None,
            is_http_only_cookie: said(HTTP_ONLY_COOKIE),
            is_persistent_cookie: said(PERSISTENT_COOKIE),
            name: application.display_name.as_str().to_owned(),
            external_url: publishing.external_url,
            internal_url: publishing.internal_url,
            alternate_url: publishing.alternate_url,
            translated_to: publishing.translated_to,
            pre_authentication: publishing.pre_authentication,
            host_header: publishing.host_header,
            body_links: publishing.body_links,
            upstream_certificate: publishing.upstream_certificate,
            timeout: publishing.timeout,
            upstream_times: publishing.upstream_times,
            upstream_protocol: publishing.upstream_protocol,
            traffic_routing: publishing.traffic_routing,
            maintenance: publishing.maintenance,
            health_probe: publishing.health_probe,
            sign_on: publishing.sign_on,
            is_sign_on_by_headers,
            connector_group,
            revision: application.revision,
            permit: None,
        })
    }

    /// The hosts of its entrances.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.external_url).chain(&self.alternate_url).map(ExternalUrl::host)
    }

    /// The URL of one of its entrances.
    #[must_use]
    pub fn url_at(&self, entrance: Entrance) -> &ExternalUrl {
        match (entrance, &self.alternate_url) {
            (Entrance::Alternate, Some(alternate)) => alternate,
            _ => &self.external_url,
        }
    }

    /// The public URL that stands for the internal one where a host is named.
    #[must_use]
    pub fn translated_url(&self) -> &ExternalUrl {
        match self.translated_to {
            TranslatedTo::Alternate => self.url_at(Entrance::Alternate),
            TranslatedTo::External => &self.external_url,
        }
    }
}

fn identifier_uris(application: &Application) -> Arc<[Arc<str>]> {
    let uris = application.attributes.get(IDENTIFIER_URIS).and_then(serde_json::Value::as_array);
    uris.into_iter().flatten().filter_map(|uri| uri.as_str().filter(|uri| !uri.is_empty())).map(Arc::from).collect()
}
