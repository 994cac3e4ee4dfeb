//! Signs what connectors may dial, and which group each is in ([`adit_core::permit`]), for the snapshots of gateways.
//!
//! What has changed is signed with its change; everything is signed anew when half of the time is over, so that a gateway
//! which has lost its control plane can show what it has for at least half a day. A statement that could not be signed is
//! missing, and connectors then dial nothing: that is logged here.

use std::sync::Arc;
use std::time::Duration;

use adit_core::permit::{Membership, Permit, Statement};
use adit_core::snapshot::{KnownConnector, PublishedApplication, SnapshotChanges};
use adit_core::{Epoch, Revision, Snapshot};
use adit_store::snapshot::SnapshotStep;
use jiff::Timestamp;

use crate::authority::CertificateAuthority;

/// How long what is signed counts: as long as a connector's certificate. A gateway that was captured can use what it was
/// given before for as long.
pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// When everything is signed anew.
pub(crate) const RENEWAL: Duration = Duration::from_secs(12 * 60 * 60);

/// Signs the statements of one version of the directory.
pub(crate) struct Signer<'a> {
    authority: &'a CertificateAuthority,
    version: (Epoch, Revision),
    until: i64,
}

impl<'a> Signer<'a> {
    pub(crate) fn new(authority: &'a CertificateAuthority, version: (Epoch, Revision), now: Timestamp) -> Self {
        let lifetime = i64::try_from(LIFETIME.as_secs()).unwrap_or_default();
        Self { authority, version, until: now.as_second().saturating_add(lifetime) }
    }

    /// The snapshot that a step from `last` leads to, signed.
    pub(crate) fn step(&self, mut step: SnapshotStep, last: &Snapshot) -> Snapshot {
        for application in step.changes.applications.iter_mut().filter_map(|(_, now)| now.as_mut()) {
            application.permit = self.permit(application);
        }
        let before = step.base(last).cloned();
        for connector in step.changes.connectors.iter_mut().filter_map(|(_, now)| now.as_mut()) {
            let old = before.as_ref().and_then(|before| before.connector(connector.id));
            // One that is where it was is no change for gateways, and must not become one.
            let kept = old.filter(|old| old.is_where(connector)).and_then(|old| old.membership.clone());
            connector.membership = kept.or_else(|| self.membership(connector));
        }
        step.from(last)
    }

    /// The same version with everything signed anew.
    pub(crate) fn renew(&self, last: &Snapshot) -> Snapshot {
        let applications = last.applications().map(|application| {
            let permit = self.permit(application);
            (application.id, Some(PublishedApplication { permit, ..PublishedApplication::clone(application) }))
        });
        let connectors = last.connectors().map(|connector| {
            let membership = self.membership(connector);
            (connector.id, Some(KnownConnector { membership, ..connector.clone() }))
        });
        let changes = SnapshotChanges { applications: applications.collect(), connectors: connectors.collect() };
        last.changed(self.version.0, self.version.1, changes)
    }

    fn permit(&self, application: &PublishedApplication) -> Option<Arc<str>> {
        self.sign(&Permit::new(
            application.id,
            application.connector_group,
            &application.internal_url,
            application.upstream_certificate,
            self.until,
        ))
    }

    fn membership(&self, connector: &KnownConnector) -> Option<Arc<str>> {
        let (epoch, revision) = self.version;
        let (id, connector_group, until) = (connector.id, connector.connector_group, self.until);
        self.sign(&Membership { connector: id, connector_group, epoch, revision, until })
    }

    fn sign<S: Statement>(&self, statement: &S) -> Option<Arc<str>> {
        let not_signed = |error: &_| tracing::error!(%error, "a statement for connectors could not be signed");
        self.authority.sign(statement).inspect_err(not_signed).ok()
    }
}
