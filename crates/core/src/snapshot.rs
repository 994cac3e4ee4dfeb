//! The immutable, versioned directory that a gateway works from: what is published where, which connectors serve it.
//!
//! The control plane makes the next one after every change; a gateway swaps it in whole, so one request never sees a mix
//! of two versions. Lookups are by host, then the longest path prefix.
//!
//! What two versions have in common they share, so the next one costs what has changed and not the whole directory.

mod sharded;

use std::collections::HashSet;
use std::sync::Arc;

use crate::application::{HostHeader, PreAuthentication, UpstreamCertificate, UpstreamTimeout};
use crate::connector::KeyGeneration;
use crate::external_url::ExternalUrl;
use crate::id::{ApplicationId, ConnectorGroupId, ConnectorId};
use crate::internal_url::InternalUrl;
use crate::revision::{Epoch, Revision};
use crate::snapshot::sharded::Sharded;

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
    content: Arc<Content>,
}

/// What is published, and which connectors there are.
#[derive(Debug, Clone, Default)]
struct Content {
    applications: Sharded<ApplicationId, Arc<PublishedApplication>>,
    /// Those with the longest prefix first.
    by_host: Sharded<Arc<str>, Vec<Arc<PublishedApplication>>>,
    connectors: Sharded<ConnectorId, KnownConnector>,
}

/// What became of some objects from one version to a later one; `None` for those that gateways no longer know.
#[derive(Debug, Clone, Default)]
pub struct SnapshotChanges {
    /// Each application once.
    pub applications: Vec<(ApplicationId, Option<PublishedApplication>)>,
    /// Each connector once.
    pub connectors: Vec<(ConnectorId, Option<KnownConnector>)>,
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
        let changes = SnapshotChanges {
            applications: applications.into_iter().map(|application| (application.id, Some(application))).collect(),
            connectors: connectors.into_iter().map(|connector| (connector.id, Some(connector))).collect(),
        };
        Self::default().changed(epoch, revision, changes)
    }

    /// A later version, in which nothing but `changes` is different.
    #[must_use]
    pub fn changed(&self, epoch: Epoch, revision: Revision, mut changes: SnapshotChanges) -> Self {
        changes.applications.retain(|(id, now)| now.is_some() || self.content.applications.get(id).is_some());
        changes.connectors.retain(|(id, now)| now.as_ref() != self.content.connectors.get(id));
        let mut content = Arc::clone(&self.content);
        if !changes.applications.is_empty() || !changes.connectors.is_empty() {
            Arc::make_mut(&mut content).apply(changes);
        }
        Self { epoch, revision, content }
    }

    /// Whether gateways find the same in both; certainly so where it says yes.
    #[must_use]
    pub fn has_content_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.content, &other.content)
    }

    /// Which version this is; gateways never go back in this order.
    #[must_use]
    pub const fn version(&self) -> (Epoch, Revision) {
        (self.epoch, self.revision)
    }

    /// Whether anything is published at `host` (lower case, without port).
    #[must_use]
    pub fn publishes_host(&self, host: &str) -> bool {
        self.content.by_host.get(host).is_some()
    }

    /// The hosts at which something is published.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.content.by_host.keys().map(|host| &**host)
    }

    /// The published applications, in no order.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<PublishedApplication>> {
        self.content.applications.values()
    }

    /// Finds what is published at `host` (lower case, without port) and `path` (checked by
    /// [`crate::request_path::check`], without the query); the longest prefix wins.
    #[must_use]
    pub fn route(&self, host: &str, path: &str) -> Option<Route<'_>> {
        self.content.by_host.get(host)?.iter().find_map(|application| {
            application.external_url.prefix().below(path).map(|below| Route { application, below })
        })
    }

    /// Finds a connector.
    #[must_use]
    pub fn connector(&self, id: ConnectorId) -> Option<&KnownConnector> {
        self.content.connectors.get(&id)
    }

    /// The known connectors, in no order.
    pub fn connectors(&self) -> impl Iterator<Item = &KnownConnector> {
        self.content.connectors.values()
    }

    /// How many hosts, applications and connectors it knows.
    #[must_use]
    pub fn size(&self) -> (usize, usize, usize) {
        (self.content.by_host.len(), self.content.applications.len(), self.content.connectors.len())
    }
}

impl Content {
    fn apply(&mut self, changes: SnapshotChanges) {
        for (id, now) in changes.connectors {
            match now {
                Some(connector) => self.connectors.insert(id, connector),
                None => self.connectors.remove(&id),
            }
        }
        // All old places first: one application may have taken another's.
        let mut hosts: HashSet<Arc<str>> = HashSet::new();
        for (id, _) in &changes.applications {
            self.leave(*id);
        }
        for application in changes.applications.into_iter().filter_map(|(_, now)| now) {
            hosts.insert(self.enter(Arc::new(application)));
        }
        for host in hosts {
            self.sort(host);
        }
    }

    fn leave(&mut self, id: ApplicationId) {
        let Some(old) = self.applications.get(&id).cloned() else { return };
        self.applications.remove(&id);
        let host = old.external_url.host();
        let others = self.by_host.get(host).into_iter().flatten().filter(|other| other.id != id);
        let others: Vec<_> = others.cloned().collect();
        if others.is_empty() {
            self.by_host.remove(host);
        } else {
            self.by_host.insert(Arc::from(host), others);
        }
    }

    fn enter(&mut self, application: Arc<PublishedApplication>) -> Arc<str> {
        let host: Arc<str> = Arc::from(application.external_url.host());
        let mut at_host = self.by_host.get(&host).cloned().unwrap_or_default();
        at_host.push(Arc::clone(&application));
        self.by_host.insert(Arc::clone(&host), at_host);
        self.applications.insert(application.id, application);
        host
    }

    fn sort(&mut self, host: Arc<str>) {
        let Some(at_host) = self.by_host.get(&host) else { return };
        let mut sorted = at_host.clone();
        sorted.sort_by_key(|application| std::cmp::Reverse(application.external_url.prefix().as_str().len()));
        self.by_host.insert(host, sorted);
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

    fn known(number: u128, generation: u32) -> KnownConnector {
        KnownConnector {
            id: ConnectorId::new(Uuid::from_u128(number)),
            connector_group: ConnectorGroupId::new(Uuid::from_u128(1)),
            key_generation: KeyGeneration(generation),
        }
    }

    #[test]
    fn a_later_version_differs_by_its_changes_only_and_the_earlier_one_stays() {
        let open = |number, url| published(number, url, PreAuthentication::Passthrough);
        let id = |number| ApplicationId::new(Uuid::from_u128(number));
        let first = Snapshot::compile(
            Epoch(1),
            Revision(5),
            [open(1, "https://a.example/"), open(2, "https://a.example/team/"), open(3, "https://b.example/")],
            [known(7, 1), known(8, 1)],
        );
        let changes = SnapshotChanges {
            // The first takes the place of the third, which moves below the second; the fourth was never published.
            applications: vec![
                (id(1), Some(open(1, "https://b.example/"))),
                (id(3), Some(open(3, "https://a.example/team/deep/"))),
                (id(4), None),
            ],
            connectors: vec![(known(7, 1).id, Some(known(7, 2))), (known(8, 1).id, None)],
        };
        let second = first.changed(Epoch(1), Revision(6), changes);
        assert_eq!(second.version(), (Epoch(1), Revision(6)));
        assert_eq!(second.size(), (2, 3, 1));
        assert_eq!(routed(&second, "b.example", "/"), Some(1));
        assert_eq!(routed(&second, "a.example", "/"), None);
        assert_eq!(routed(&second, "a.example", "/team/x"), Some(2));
        assert_eq!(routed(&second, "a.example", "/team/deep/x"), Some(3));
        assert_eq!(second.connector(known(7, 1).id), Some(&known(7, 2)));
        assert_eq!(second.connector(known(8, 1).id), None);
        assert_eq!((routed(&first, "a.example", "/"), routed(&first, "b.example", "/")), (Some(1), Some(3)));
        assert_eq!(first.connector(known(8, 1).id), Some(&known(8, 1)));

        let gone = SnapshotChanges { applications: vec![(id(1), None)], connectors: vec![] };
        let third = second.changed(Epoch(1), Revision(7), gone);
        assert!(!third.publishes_host("b.example"));
        assert_eq!(third.hosts().collect::<Vec<_>>(), ["a.example"]);
    }

    #[test]
    fn a_version_in_which_nothing_changed_for_gateways_is_the_same_content() {
        let first = Snapshot::compile(Epoch(1), Revision(5), [], [known(7, 1)]);
        let unpublished = ApplicationId::new(Uuid::from_u128(4));
        let changes = SnapshotChanges {
            applications: vec![(unpublished, None)],
            connectors: vec![(known(7, 1).id, Some(known(7, 1)))],
        };
        let second = first.changed(Epoch(1), Revision(6), changes);
        assert!(second.has_content_of(&first));
        assert_eq!(second.version().1, Revision(6));
    }
}
