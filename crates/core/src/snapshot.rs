//! The immutable, versioned directory that a gateway works from: what is published where, which connectors serve it.
//!
//! The control plane makes the next one after every change; a gateway swaps it in whole, so one request never sees a mix
//! of two versions. Lookups are by host, then the longest path prefix. A host at which something is published is asked
//! before wildcards, whatever the path, and the longest domain before shorter ones: who publishes a part of a host opens
//! no more of it through a wildcard.
//!
//! What two versions have in common they share, so the next one costs what has changed and not the whole directory.

mod sharded;

use std::collections::HashSet;
use std::sync::Arc;

use crate::application::{
    Application, BodyLinks, HostHeader, PreAuthentication, TrafficRouting, TranslatedTo, UpstreamCertificate,
    UpstreamTimeout,
};
use crate::connector::KeyGeneration;
use crate::external_url::ExternalUrl;
use crate::id::{ApplicationId, ConnectorGroupId, ConnectorId};
use crate::internal_url::InternalUrl;
use crate::maintenance::Maintenance;
use crate::revision::{Epoch, Revision};
use crate::snapshot::sharded::Sharded;
use crate::upstream_protocol::UpstreamProtocol;
use crate::upstream_times::UpstreamTimes;
use crate::wildcard;

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
    /// A second URL at which users reach it.
    pub alternate_url: Option<ExternalUrl>,
    /// Which of the two public URLs stands for the internal one where a host is named.
    pub translated_to: TranslatedTo,
    /// Sign-in first, or passthrough.
    pub pre_authentication: PreAuthentication,
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
    /// The group whose connectors serve it.
    pub connector_group: ConnectorGroupId,
    /// The revision of the application's last change: connections made under older settings are not reused.
    pub revision: Revision,
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
    /// What a gateway needs to know of an application; nothing if it is not published.
    #[must_use]
    pub fn of(application: &Application) -> Option<Self> {
        let connector_group = application.connector_group()?;
        let publishing = application.publishing()?.clone();
        Some(Self {
            id: application.id,
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
            connector_group,
            revision: application.revision,
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
    by_host: Sharded<Arc<str>, Vec<Place>>,
    /// Those that are published under a wildcard, by the domain behind its star (`.example`).
    by_domain: Sharded<Arc<str>, Arc<PublishedApplication>>,
    connectors: Sharded<ConnectorId, KnownConnector>,
}

/// One entrance of one application.
#[derive(Debug, Clone)]
struct Place {
    application: Arc<PublishedApplication>,
    entrance: Entrance,
}

impl Place {
    fn url(&self) -> &ExternalUrl {
        self.application.url_at(self.entrance)
    }
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
    /// Which of its URLs was asked.
    pub entrance: Entrance,
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

    /// Whether anything is published at `host` (lower case, without port), itself or under a wildcard.
    #[must_use]
    pub fn publishes_host(&self, host: &str) -> bool {
        self.content.by_host.get(host).is_some() || self.under_wildcard(host).is_some()
    }

    /// The hosts at which something is published, those with a star among them: what certificates are needed for.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let wildcards = self.content.by_domain.values().map(|application| application.external_url.host());
        self.content.by_host.keys().map(|host| &**host).chain(wildcards)
    }

    /// The published applications, in no order.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<PublishedApplication>> {
        self.content.applications.values()
    }

    /// Finds what is published at `host` (lower case, without port) and `path` (checked by
    /// [`crate::request_path::check`], without the query); the longest prefix wins.
    #[must_use]
    pub fn route(&self, host: &str, path: &str) -> Option<Route<'_>> {
        let Some(places) = self.content.by_host.get(host) else {
            let application = self.under_wildcard(host)?;
            let below = application.external_url.prefix().below(path)?;
            return Some(Route { application, entrance: Entrance::External, below });
        };
        places.iter().find_map(|place| {
            let below = place.url().prefix().below(path)?;
            Some(Route { application: &place.application, entrance: place.entrance, below })
        })
    }

    /// The application with the longest domain that `host` is below.
    fn under_wildcard(&self, host: &str) -> Option<&Arc<PublishedApplication>> {
        let by_domain = &self.content.by_domain;
        if by_domain.len() == 0 {
            return None;
        }
        let domains = host.match_indices('.').filter_map(|(dot, _)| host.get(dot..));
        domains.filter(|domain| wildcard::star(host, domain).is_some()).find_map(|domain| by_domain.get(domain))
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
        let hosts = self.content.by_host.len() + self.content.by_domain.len();
        (hosts, self.content.applications.len(), self.content.connectors.len())
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
            self.enter(Arc::new(application), &mut hosts);
        }
        for host in hosts {
            self.sort(host);
        }
    }

    fn leave(&mut self, id: ApplicationId) {
        let Some(old) = self.applications.get(&id).cloned() else { return };
        self.applications.remove(&id);
        if let Some(domain) = wildcard::domain(old.external_url.host()) {
            self.by_domain.remove(domain);
        }
        for host in old.hosts() {
            let others = self.by_host.get(host).into_iter().flatten().filter(|other| other.application.id != id);
            let others: Vec<_> = others.cloned().collect();
            if others.is_empty() {
                self.by_host.remove(host);
            } else {
                self.by_host.insert(Arc::from(host), others);
            }
        }
    }

    /// Takes an application in, and notes the hosts whose places are not in order any more.
    fn enter(&mut self, application: Arc<PublishedApplication>, hosts: &mut HashSet<Arc<str>>) {
        if let Some(domain) = wildcard::domain(application.external_url.host()) {
            self.by_domain.insert(Arc::from(domain), Arc::clone(&application));
        } else {
            self.enter_at(&application, Entrance::External, hosts);
        }
        if application.alternate_url.is_some() {
            self.enter_at(&application, Entrance::Alternate, hosts);
        }
        self.applications.insert(application.id, application);
    }

    fn enter_at(&mut self, application: &Arc<PublishedApplication>, entrance: Entrance, hosts: &mut HashSet<Arc<str>>) {
        let place = Place { application: Arc::clone(application), entrance };
        let host: Arc<str> = Arc::from(place.url().host());
        let mut at_host = self.by_host.get(&host).cloned().unwrap_or_default();
        at_host.push(place);
        self.by_host.insert(Arc::clone(&host), at_host);
        hosts.insert(host);
    }

    fn sort(&mut self, host: Arc<str>) {
        let Some(at_host) = self.by_host.get(&host) else { return };
        let mut sorted = at_host.clone();
        sorted.sort_by_key(|place| std::cmp::Reverse(place.url().prefix().as_str().len()));
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
            alternate_url: None,
            translated_to: TranslatedTo::default(),
            pre_authentication,
            host_header: HostHeader::Internal,
            body_links: BodyLinks::default(),
            upstream_certificate: UpstreamCertificate::Verified,
            timeout: UpstreamTimeout::Default,
            upstream_times: UpstreamTimes::default(),
            upstream_protocol: UpstreamProtocol::default(),
            traffic_routing: TrafficRouting::default(),
            maintenance: Maintenance::default(),
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

    #[test]
    fn a_host_beats_a_wildcard_and_a_longer_domain_a_shorter_one() {
        let open = |number, url| published(number, url, PreAuthentication::Passthrough);
        let applications = [
            open(1, "https://*.example/"),
            open(2, "https://*.team.example/"),
            open(3, "https://wiki.team.example/docs/"),
        ];
        let snapshot = Snapshot::compile(Epoch(1), Revision(5), applications, []);
        assert_eq!(routed(&snapshot, "a.example", "/x"), Some(1));
        assert_eq!(routed(&snapshot, "a.b.example", "/"), Some(1));
        assert_eq!(routed(&snapshot, "a.team.example", "/"), Some(2));
        assert_eq!(routed(&snapshot, "team.example", "/"), Some(1));
        assert_eq!(routed(&snapshot, "wiki.team.example", "/docs/x"), Some(3));
        assert_eq!(routed(&snapshot, "wiki.team.example", "/"), None, "the wildcard opens no more of that host");
        for host in ["example", "*.example", "a..team.example", ".example", "a.example.org", "[::1].example"] {
            assert_eq!(routed(&snapshot, host, "/"), None, "{host}");
        }
        let mut hosts: Vec<&str> = snapshot.hosts().collect();
        hosts.sort_unstable();
        assert_eq!(hosts, ["*.example", "*.team.example", "wiki.team.example"]);
        let gone =
            SnapshotChanges { applications: vec![(ApplicationId::new(Uuid::from_u128(2)), None)], connectors: vec![] };
        assert_eq!(routed(&snapshot.changed(Epoch(1), Revision(6), gone), "a.team.example", "/"), Some(1));
    }

    #[test]
    fn an_application_is_reached_at_its_alternate_url_too() {
        let mut wiki = published(1, "https://wiki.example/", PreAuthentication::Passthrough);
        wiki.alternate_url = Some(ExternalUrl::parse("https://portal.example/wiki/").unwrap());
        let portal = published(2, "https://portal.example/", PreAuthentication::Passthrough);
        let snapshot = Snapshot::compile(Epoch(1), Revision(5), [wiki, portal], []);
        let route = snapshot.route("portal.example", "/wiki/x").unwrap();
        assert_eq!(
            (route.application.name.as_str(), route.entrance, route.below),
            ("application 1", Entrance::Alternate, 6)
        );
        assert_eq!(snapshot.route("wiki.example", "/x").unwrap().entrance, Entrance::External);
        assert_eq!(routed(&snapshot, "portal.example", "/x"), Some(2));
        assert_eq!(snapshot.size(), (2, 2, 0));
        let gone =
            SnapshotChanges { applications: vec![(ApplicationId::new(Uuid::from_u128(1)), None)], connectors: vec![] };
        let later = snapshot.changed(Epoch(1), Revision(6), gone);
        assert_eq!(routed(&later, "portal.example", "/wiki/x"), Some(2));
        assert!(!later.publishes_host("wiki.example"));
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
