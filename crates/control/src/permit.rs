//! Signs what connectors may dial, and which group each is in ([`adit_core::permit`]), for the snapshots of gateways.
//!
//! What has changed is signed with its change; everything is signed anew when half of the time is over, so that a gateway
//! which has lost its control plane can show what it has for at least half a day. A statement that could not be signed is
//! missing, and connectors then dial nothing of it: that is tried again soon ([`Signing`]). One that was to be signed anew
//! stays as it was meanwhile.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use adit_core::permit::{self, Membership, Permit, Statement};
use adit_core::snapshot::{KnownConnector, PublishedApplication, SnapshotChanges};
use adit_core::{Epoch, Revision, Snapshot};
use adit_store::snapshot::SnapshotStep;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::authority::{AuthorityError, CertificateAuthority};

/// How long what is signed counts: as long as a connector's certificate. A gateway that was captured can use what it was
/// given before for as long.
pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// When everything is signed anew.
pub const RENEWAL: Duration = Duration::from_secs(12 * 60 * 60);

/// The pause after statements could not be signed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: applications do not work meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// When everything was signed last, and when it is tried again if something could not be.
#[derive(Debug)]
pub(crate) struct Signing {
    signed: Timestamp,
    failures: u32,
    again: Option<Instant>,
}

impl Signing {
    /// Everything was signed at `signed`, but for what is then said to have failed.
    pub(crate) const fn new(signed: Timestamp) -> Self {
        Self { signed, failures: 0, again: None }
    }

    /// Whether everything is to be signed: it is time, something could not be, or the clock was set back.
    pub(crate) fn is_due(&self, now: Timestamp, at: Instant) -> bool {
        let age = now.duration_since(self.signed);
        self.again.map_or_else(|| age.is_negative() || age.unsigned_abs() >= RENEWAL, |again| at >= again)
    }

    /// Everything was signed.
    pub(crate) fn succeeded(&mut self, now: Timestamp) {
        if self.failures > 0 {
            tracing::info!("what connectors may dial is signed again");
        }
        *self = Self::new(now);
    }

    /// Something could not be signed: said once, tried again. `random` is in 0..1 and spreads the pauses.
    pub(crate) fn failed(&mut self, failed: &Failed, at: Instant, random: f64) {
        if self.failures == 0 {
            let (statements, error) = (failed.statements, &failed.error);
            tracing::error!(statements, %error, "statements for connectors could not be signed; tried again until they are");
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.again = Some(at + pause.mul_f64(0.5 + random));
    }
}

/// Statements that could not be signed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// How many.
    pub(crate) statements: usize,
    /// Why the first of them could not.
    pub(crate) error: AuthorityError,
}

type Sign<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, AuthorityError> + 'a;

/// Signs the statements of one version of the directory.
pub(crate) struct Signer<'a> {
    sign: Box<Sign<'a>>,
    version: (Epoch, Revision),
    until: i64,
    failed: RefCell<Option<Failed>>,
}

impl<'a> Signer<'a> {
    pub(crate) fn new(authority: &'a CertificateAuthority, version: (Epoch, Revision), now: Timestamp) -> Self {
        Self::by(Box::new(|message| authority.sign_message(message)), version, now)
    }

    fn by(sign: Box<Sign<'a>>, version: (Epoch, Revision), now: Timestamp) -> Self {
        let lifetime = i64::try_from(LIFETIME.as_secs()).unwrap_or_default();
        Self { sign, version, until: now.as_second().saturating_add(lifetime), failed: RefCell::default() }
    }

    /// What could not be signed, if something could not.
    pub(crate) fn failed(self) -> Option<Failed> {
        self.failed.into_inner()
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

    /// The same version with everything signed anew; what cannot be is as it was.
    pub(crate) fn renew(&self, last: &Snapshot) -> Snapshot {
        let applications = last.applications().map(|application| {
            let permit = self.permit(application).or_else(|| application.permit.clone());
            (application.id, Some(PublishedApplication { permit, ..PublishedApplication::clone(application) }))
        });
        let connectors = last.connectors().map(|connector| {
            let membership = self.membership(connector).or_else(|| connector.membership.clone());
            (connector.id, Some(KnownConnector { membership, ..connector.clone() }))
        });
        let changes = SnapshotChanges {
            applications: applications.collect(),
            connectors: connectors.collect(),
            ..SnapshotChanges::default()
        };
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
        let not_signed = |error| match &mut *self.failed.borrow_mut() {
            Some(failed) => failed.statements += 1,
            none => *none = Some(Failed { statements: 1, error }),
        };
        permit::signed(statement, &self.sign).map(Arc::from).map_err(not_signed).ok()
    }
}

#[cfg(test)]
mod tests;
