//! The immutable, versioned directory that a gateway works from: what is published where, which connectors serve it.
//!
//! The control plane makes the next one after every change; a gateway swaps it in whole, so one request never sees a mix
//! of two versions. Lookups are by host, then the longest path prefix. A host at which something is published is asked
//! before wildcards, whatever the path, and the longest domain before shorter ones: who publishes a part of a host opens
//! no more of it through a wildcard.
//!
//! What two versions have in common they share, so the next one costs what has changed and not the whole directory.

mod openable;
mod places;
mod published_application;

use std::sync::Arc;

use crate::connector::KeyGeneration;
use crate::id::{ApplicationId, ConnectorGroupId, ConnectorId, PrincipalId, TunnelId};
use crate::revision::{Epoch, Revision};
use crate::revocation::{Revocation, SessionsOf, Version};
use crate::sharded::{Difference, Sharded};
use crate::snapshot::openable::Openable;
use crate::snapshot::places::{Place, Places};
pub use crate::snapshot::published_application::{Entrance, PublishedApplication};
use crate::wildcard;

/// A connector, as far as a gateway needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownConnector {
    /// Its id.
    pub id: ConnectorId,
    /// The one group it is in.
    pub connector_group: ConnectorGroupId,
    /// The only key generation whose certificates are accepted.
    pub key_generation: KeyGeneration,
    /// The start of its process that is drained, by the instance id of its hello: nothing new goes there.
    pub drained: Option<TunnelId>,
    /// Which group it is in, as the control plane signed it ([`crate::permit::Membership`]).
    pub membership: Option<Arc<str>>,
}

impl KnownConnector {
    /// Whether both are in the same group with the same key, whatever was signed.
    #[must_use]
    pub fn is_where(&self, other: &Self) -> bool {
        (self.id, self.connector_group, self.key_generation) == (other.id, other.connector_group, other.key_generation)
    }
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
    places: Places,
    /// Those that are published under a wildcard, by the domain behind its star (`.example`).
    by_domain: Sharded<Arc<str>, Arc<PublishedApplication>>,
    connectors: Sharded<ConnectorId, KnownConnector>,
    /// Who is assigned where.
    openable: Openable,
    /// The users of this directory itself who may not sign in.
    disabled: Sharded<PrincipalId, ()>,
    /// Sessions that are over if they began at an earlier version.
    revocations: Sharded<SessionsOf, Revocation>,
}

/// What became of some objects from one version to a later one; `None` for those that gateways no longer know.
#[derive(Debug, Clone, Default)]
pub struct SnapshotChanges {
    /// Each application once.
    pub applications: Vec<(ApplicationId, Option<PublishedApplication>)>,
    /// Each connector once.
    pub connectors: Vec<(ConnectorId, Option<KnownConnector>)>,
    /// Each user of this directory itself once, and whether it is there and may not sign in.
    pub disabled: Vec<(PrincipalId, bool)>,
    /// Sessions that are over if they began before.
    pub revocations: Vec<(SessionsOf, Revocation)>,
}

impl SnapshotChanges {
    fn is_empty(&self) -> bool {
        self.applications.is_empty()
            && self.connectors.is_empty()
            && self.disabled.is_empty()
            && self.revocations.is_empty()
    }
}

/// What an application was in an earlier version, and is in a later one.
pub type ApplicationDifference<'s> = Difference<'s, ApplicationId, Arc<PublishedApplication>>;

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
            ..SnapshotChanges::default()
        };
        Self::default().changed(epoch, revision, changes)
    }

    /// A later version, in which nothing but `changes` is different.
    #[must_use]
    pub fn changed(&self, epoch: Epoch, revision: Revision, mut changes: SnapshotChanges) -> Self {
        changes.applications.retain(|(id, now)| now.is_some() || self.content.applications.get(id).is_some());
        changes.connectors.retain(|(id, now)| now.as_ref() != self.content.connectors.get(id));
        changes.disabled.retain(|(id, is_disabled)| *is_disabled != self.is_disabled(*id));
        changes.revocations.retain(|(of, ended)| self.ended_before(*of).is_none_or(|known| known < ended.before));
        let mut content = Arc::clone(&self.content);
        if !changes.is_empty() {
            Arc::make_mut(&mut content).apply(changes);
        }
        Self { epoch, revision, content }
    }

    /// Whether gateways find the same in both; certainly so where it says yes.
    #[must_use]
    pub fn has_content_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.content, &other.content)
    }

    /// The applications that are not the same in this version and in an earlier one. Costs what has changed, if this one was
    /// made from that.
    #[must_use]
    pub fn applications_since<'s>(&'s self, earlier: &'s Self) -> Vec<ApplicationDifference<'s>> {
        let is_same = |own: &Arc<PublishedApplication>, other: &Arc<PublishedApplication>| {
            Arc::ptr_eq(own, other) || own == other
        };
        self.content.applications.since(&earlier.content.applications, is_same)
    }

    /// Whether it has the same connectors as an earlier version.
    #[must_use]
    pub fn has_connectors_of(&self, earlier: &Self) -> bool {
        self.has_content_of(earlier)
            || self.content.connectors.since(&earlier.content.connectors, PartialEq::eq).is_empty()
    }

    /// Which version this is; gateways never go back in this order.
    #[must_use]
    pub const fn version(&self) -> (Epoch, Revision) {
        (self.epoch, self.revision)
    }

    /// Whether anything is published at `host` (lower case, without port), itself or under a wildcard.
    #[must_use]
    pub fn publishes_host(&self, host: &str) -> bool {
        self.content.places.has(host) || self.under_wildcard(host).is_some()
    }

    /// The hosts at which something is published, those with a star among them: what certificates are needed for.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let wildcards = self.content.by_domain.values().map(|application| application.external_url.host());
        self.content.places.hosts().chain(wildcards)
    }

    /// Whether `host` is one of [`Self::hosts`], as it stands there.
    #[must_use]
    pub fn has_host(&self, host: &str) -> bool {
        let is_wildcard = |domain| self.content.by_domain.get(domain).is_some();
        self.content.places.has(host) || wildcard::domain(host).is_some_and(is_wildcard)
    }

    /// The published applications, in no order.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<PublishedApplication>> {
        self.content.applications.values()
    }

    /// Finds a published application.
    #[must_use]
    pub fn application(&self, id: ApplicationId) -> Option<&Arc<PublishedApplication>> {
        self.content.applications.get(&id)
    }

    /// Finds what is published at `host` (lower case, without port) and `path` (checked by
    /// [`crate::request_path::check`], without the query); the longest prefix wins.
    #[must_use]
    pub fn route(&self, host: &str, path: &str) -> Option<Route<'_>> {
        if let Some(found) = self.content.places.find(host, path) {
            let (place, below) = found?;
            return Some(Route { application: &place.application, entrance: place.entrance, below });
        }
        let application = self.under_wildcard(host)?;
        // Under a wildcard all paths are published ([`wildcard`]).
        path.starts_with('/').then_some(Route { application, entrance: Entrance::External, below: 1 })
    }

    /// The application with the longest domain that `host` is below.
    fn under_wildcard(&self, host: &str) -> Option<&Arc<PublishedApplication>> {
        let by_domain = &self.content.by_domain;
        if by_domain.is_empty() {
            return None;
        }
        wildcard::domains_above(host).find_map(|domain| by_domain.get(domain))
    }

    /// Whether an application is assigned to that group: others decide nothing, and a session may leave them out.
    #[must_use]
    pub fn names_group(&self, group: PrincipalId) -> bool {
        self.content.openable.names_group(group)
    }

    /// The published applications that a user in those groups may be able to open, each once: [`crate::access`] decides.
    #[must_use]
    pub fn openable<'s>(
        &'s self,
        user: PrincipalId,
        groups: &[PrincipalId],
    ) -> Box<dyn Iterator<Item = &'s Arc<PublishedApplication>> + 's> {
        match self.content.openable.of(user, groups) {
            Some(few) => Box::new(few.filter_map(|id| self.content.applications.get(&id))),
            None => Box::new(self.applications()),
        }
    }

    /// Whether that is a user of this directory itself who may not sign in.
    #[must_use]
    pub fn is_disabled(&self, user: PrincipalId) -> bool {
        self.content.disabled.get(&user).is_some()
    }

    /// The version of the directory before which sessions began that are over, if any are.
    #[must_use]
    pub fn ended_before(&self, of: SessionsOf) -> Option<Version> {
        self.revocation(of).map(|ended| ended.before)
    }

    /// What ended sessions last, if anything did.
    #[must_use]
    pub fn revocation(&self, of: SessionsOf) -> Option<Revocation> {
        self.content.revocations.get(&of).copied()
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
        let hosts = self.content.places.host_count() + self.content.by_domain.len();
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
        for (user, is_disabled) in changes.disabled {
            if is_disabled { self.disabled.insert(user, ()) } else { self.disabled.remove(&user) }
        }
        for (of, ended) in changes.revocations {
            self.revocations.insert(of, ended);
        }
        for (id, now) in &changes.applications {
            self.openable.change(*id, self.applications.get(id).map(Arc::as_ref), now.as_ref());
        }
        // All old places first: one application may have taken another's.
        for (id, _) in &changes.applications {
            self.leave(*id);
        }
        for application in changes.applications.into_iter().filter_map(|(_, now)| now) {
            self.enter(Arc::new(application));
        }
    }

    fn leave(&mut self, id: ApplicationId) {
        let Some(old) = self.applications.get(&id).cloned() else { return };
        self.applications.remove(&id);
        if let Some(domain) = wildcard::domain(old.external_url.host()) {
            self.by_domain.remove(domain);
        } else {
            self.places.remove(&old, Entrance::External);
        }
        if old.alternate_url.is_some() {
            self.places.remove(&old, Entrance::Alternate);
        }
    }

    fn enter(&mut self, application: Arc<PublishedApplication>) {
        let place = |entrance| Place::new(&application, entrance);
        if let Some(domain) = wildcard::domain(application.external_url.host()) {
            self.by_domain.insert(Arc::from(domain), Arc::clone(&application));
        } else {
            self.places.insert(place(Entrance::External));
        }
        if application.alternate_url.is_some() {
            self.places.insert(place(Entrance::Alternate));
        }
        self.applications.insert(application.id, application);
    }
}

#[cfg(test)]
pub(crate) mod tests;
