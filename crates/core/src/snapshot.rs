//! The immutable, versioned directory that a gateway works from: what is published where, which connectors serve it.
//!
//! The control plane compiles one after every change; a gateway swaps it in whole, so one request never sees a mix of
//! two versions. Lookups are by host, then the longest path prefix.

use std::collections::HashMap;
use std::sync::Arc;

use crate::application::{HostHeader, PreAuthentication, UpstreamCertificate, UpstreamTimeout};
use crate::connector::KeyGeneration;
use crate::external_url::ExternalUrl;
use crate::id::{ApplicationId, ConnectorGroupId, ConnectorId};
use crate::internal_url::InternalUrl;
use crate::revision::{Epoch, Revision};

/// A published application, as far as a gateway needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedApplication {
    /// Its id.
    pub id: ApplicationId,
    /// Its name, for pages and logs.
    pub name: String,
    /// What users type.
    pub external_url: ExternalUrl,
    /// What the connector dials.
    pub internal_url: InternalUrl,
    /// Sign-in first, or passthrough.
    pub pre_authentication: PreAuthentication,
    /// Which `Host` the upstream sees.
    pub host_header: HostHeader,
    /// Whether the upstream's certificate is verified.
    pub upstream_certificate: UpstreamCertificate,
    /// How long to wait for the upstream's answer.
    pub timeout: UpstreamTimeout,
    /// The group whose connectors serve it.
    pub connector_group: ConnectorGroupId,
    /// The revision of the application's last change: connections made under older settings are not reused.
    pub revision: Revision,
}

/// A connector, as far as a gateway needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownConnector {
    /// Its id.
    pub id: ConnectorId,
    /// The one group it is in.
    pub connector_group: ConnectorGroupId,
    /// The only key generation whose certificates are accepted.
    pub key_generation: KeyGeneration,
}

/// One version of the directory.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    epoch: Epoch,
    revision: Revision,
    by_host: HashMap<String, Vec<Arc<PublishedApplication>>>,
    connectors: HashMap<ConnectorId, KnownConnector>,
}

/// Where a request goes: the application, and where in the path the part below its prefix starts.
#[derive(Debug, Clone, Copy)]
pub struct Route<'s> {
    /// The application with the longest matching prefix.
    pub application: &'s Arc<PublishedApplication>,
    /// Offset into the request's path, as [`crate::request_path::PathPrefix::below`] gives it.
    pub below: usize,
}

impl Snapshot {
    /// Compiles a version of the directory.
    #[must_use]
    pub fn compile(
        epoch: Epoch,
        revision: Revision,
        applications: impl IntoIterator<Item = PublishedApplication>,
        connectors: impl IntoIterator<Item = KnownConnector>,
    ) -> Self {
        let mut by_host: HashMap<String, Vec<Arc<PublishedApplication>>> = HashMap::new();
        for application in applications {
            by_host.entry(application.external_url.host().to_owned()).or_default().push(Arc::new(application));
        }
        for applications in by_host.values_mut() {
            applications.sort_by_key(|application| std::cmp::Reverse(application.external_url.prefix().as_str().len()));
        }
        let connectors = connectors.into_iter().map(|connector| (connector.id, connector)).collect();
        Self { epoch, revision, by_host, connectors }
    }

    /// Which version this is; gateways never go back in this order.
    #[must_use]
    pub const fn version(&self) -> (Epoch, Revision) {
        (self.epoch, self.revision)
    }

    /// Whether anything is published at `host` (lower case, without port).
    #[must_use]
    pub fn publishes_host(&self, host: &str) -> bool {
        self.by_host.contains_key(host)
    }

    /// The hosts at which something is published.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.by_host.keys().map(String::as_str)
    }

    /// The published applications, in no order.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<PublishedApplication>> {
        self.by_host.values().flatten()
    }

    /// Finds what is published at `host` (lower case, without port) and `path` (checked by
    /// [`crate::request_path::check`], without the query); the longest prefix wins.
    #[must_use]
    pub fn route(&self, host: &str, path: &str) -> Option<Route<'_>> {
        self.by_host.get(host)?.iter().find_map(|application| {
            application.external_url.prefix().below(path).map(|below| Route { application, below })
        })
    }

    /// Finds a connector.
    #[must_use]
    pub fn connector(&self, id: ConnectorId) -> Option<&KnownConnector> {
        self.connectors.get(&id)
    }

    /// The known connectors, in no order.
    pub fn connectors(&self) -> impl Iterator<Item = &KnownConnector> {
        self.connectors.values()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use uuid::Uuid;

    pub(crate) fn published(
        number: u128,
        external: &str,
        pre_authentication: PreAuthentication,
    ) -> PublishedApplication {
        PublishedApplication {
            id: ApplicationId::new(Uuid::from_u128(number)),
            name: format!("application {number}"),
            external_url: ExternalUrl::parse(external).unwrap(),
            internal_url: InternalUrl::parse("http://internal:8080/").unwrap(),
            pre_authentication,
            host_header: HostHeader::Internal,
            upstream_certificate: UpstreamCertificate::Verified,
            timeout: UpstreamTimeout::Default,
            connector_group: ConnectorGroupId::new(Uuid::from_u128(1)),
            revision: Revision(1),
        }
    }

    fn routed(snapshot: &Snapshot, host: &str, path: &str) -> Option<u128> {
        snapshot.route(host, path).map(|route| route.application.id.uuid().as_u128())
    }

    #[test]
    fn the_longest_prefix_wins_and_unknown_hosts_have_no_application() {
        let snapshot = Snapshot::compile(
            Epoch(1),
            Revision(5),
            [
                published(1, "https://a.example/", PreAuthentication::Passthrough),
                published(2, "https://a.example/team/", PreAuthentication::Passthrough),
                published(3, "https://b.example/only/", PreAuthentication::Passthrough),
            ],
            [],
        );
        assert_eq!(routed(&snapshot, "a.example", "/"), Some(1));
        assert_eq!(routed(&snapshot, "a.example", "/team/x"), Some(2));
        assert_eq!(routed(&snapshot, "a.example", "/te%61m/x"), Some(2), "another spelling is the same place");
        assert_eq!(routed(&snapshot, "a.example", "/teams"), Some(1));
        assert_eq!(routed(&snapshot, "b.example", "/"), None);
        assert_eq!(routed(&snapshot, "c.example", "/"), None);
    }
}
