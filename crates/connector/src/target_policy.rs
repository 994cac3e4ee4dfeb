//! Which targets were signed for this connector's group: what a gateway shows with each stream is checked here, and what
//! nobody signed is not dialled. So a gateway that was captured is no way into this network.
//!
//! Checked are both signatures (by the CA that registration has pinned), the connector and the group, host, port and TLS,
//! the end of each, and that no older membership of another group is shown once a newer one was, before a restart
//! included: the newest one is in the data folder, and a connector that cannot read that does not start. A control plane
//! that signs nothing is an older one: its connectors dial what they are told, until a certificate says that it signs.
//! From then on nothing leads back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use adit_core::id::{ConnectorGroupId, ConnectorId};
use adit_core::permit::{Membership, Permit, Statement, Unchecked};
use adit_core::revision::{Epoch, Revision};
use adit_tunnel::protocol;
use adit_tunnel::target::Target;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use http::HeaderMap;
use rustls_pki_types::CertificateDer;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::LastMembership;
use crate::own_identity::OwnIdentity;

/// How far this machine's clock may be ahead of the control plane's, in seconds; certificates allow for as much.
const CLOCK_TOLERANCE: i64 = 5 * 60;

/// How long a membership still counts once a newer one was shown: streams of a move are on their way.
const SUPERSEDED: Duration = Duration::from_secs(60);

/// Statements that are remembered as checked: one for each application and membership, mostly. Checking takes 100 µs.
const MOST_REMEMBERED: usize = 4096;

/// Why a target is not dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSigned {
    #[error("the gateway showed no {0} that the control plane signed; a gateway that cannot is an old or a false one")]
    Missing(&'static str),
    #[error("the {0} that the gateway showed was not signed by the directory's CA")]
    Forged(&'static str),
    #[error(
        "the {what} that the gateway showed ended at {until}, and this machine's clock says {now} (seconds since 1970)"
    )]
    Ended { what: &'static str, until: i64, now: i64 },
    #[error("the gateway showed the membership of another connector, {0}")]
    OtherConnector(ConnectorId),
    #[error(
        "the gateway showed that this connector is in group {0}, which it has left since; if the directory was set back \
         to an older copy, empty the connector's data folder and register it again"
    )]
    Superseded(ConnectorGroupId),
    #[error("the target was signed for the connectors of group {signed_for}, and this one is in {own}")]
    OtherGroup { signed_for: ConnectorGroupId, own: ConnectorGroupId },
    #[error("what was signed is {host}:{port} for application {application}, not what the gateway asked for")]
    OtherTarget { host: String, port: u16, application: adit_core::ApplicationId },
}

/// Why nothing can be checked by a CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnusableRoot {
    #[error("the directory's CA certificate cannot be read")]
    Unreadable,
    #[error("the directory's CA has a key of another kind than the one that directories sign with (ECDSA P-256)")]
    OtherKindOfKey,
}

/// Decides which targets were signed for this connector.
#[derive(Debug)]
pub(crate) struct TargetPolicy {
    connector: ConnectorId,
    root: UnparsedPublicKey<Vec<u8>>,
    is_demanded: AtomicBool,
    seen: Mutex<Seen>,
    /// Where the newest membership is kept.
    own: Option<Arc<OwnIdentity>>,
}

#[derive(Debug, Default)]
struct Seen {
    permits: HashMap<Box<str>, Permit>,
    memberships: HashMap<Box<str>, Membership>,
    newest: Option<Newest>,
}

/// The newest membership that was shown.
#[derive(Debug, Clone, Copy)]
struct Newest {
    version: (Epoch, Revision),
    group: ConnectorGroupId,
    /// When its group was first shown; nothing if that was before this start.
    since: Option<Instant>,
}

impl TargetPolicy {
    /// For this connector of the directory with this CA. `is_demanded`: the control plane is known to sign.
    pub(crate) fn new(
        connector: ConnectorId,
        ca: &CertificateDer<'_>,
        is_demanded: bool,
    ) -> Result<Self, UnusableRoot> {
        let (_, ca) = X509Certificate::from_der(ca).map_err(|_| UnusableRoot::Unreadable)?;
        let key = signing_key(&ca)?.to_vec();
        Ok(Self {
            connector,
            root: UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key),
            is_demanded: AtomicBool::new(is_demanded),
            seen: Mutex::default(),
            own: None,
        })
    }

    /// Goes on from the newest membership that was kept with this identity, and keeps each newer one there.
    pub(crate) fn remembering(mut self, own: Arc<OwnIdentity>) -> Self {
        let newest = own.current().membership.map(|last| Newest {
            version: (last.epoch, last.revision),
            group: last.connector_group,
            since: None,
        });
        self.seen = Mutex::new(Seen { newest, ..Seen::default() });
        self.own = Some(own);
        self
    }

    /// The control plane signs: from now on nothing is dialled that it has not signed.
    pub(crate) fn demand(&self) {
        self.is_demanded.store(true, Ordering::Relaxed);
    }

    /// Checks the target of a stream with that head. `now` is in seconds since 1970.
    pub(crate) fn check(&self, head: &HeaderMap, target: &Target, now: i64, at: Instant) -> Result<(), NotSigned> {
        let text = |name| head.get(name).and_then(|value| value.to_str().ok());
        let (permit, membership) = match (text(protocol::PERMIT), text(protocol::MEMBERSHIP)) {
            (None, None) if !self.is_demanded.load(Ordering::Relaxed) => return Ok(()),
            (_, None) => return Err(NotSigned::Missing("membership")),
            (None, Some(_)) => return Err(NotSigned::Missing("target")),
            (Some(permit), Some(membership)) => (permit, membership),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut *seen;
        let membership = self.read("membership", membership, &mut seen.memberships)?;
        let own = self.own_group(membership, &mut seen.newest, now, at)?;
        let permit = self.read("target", permit, &mut seen.permits)?;
        covers(permit, own, target, now)
    }

    /// What a statement says whose signature is good; one that was read before is not checked again.
    fn read<'s, S: Statement>(
        &self,
        what: &'static str,
        text: &str,
        seen: &'s mut HashMap<Box<str>, S>,
    ) -> Result<&'s S, NotSigned> {
        let forged = || NotSigned::Forged(what);
        if !seen.contains_key(text) {
            let unchecked = Unchecked::parse(text).map_err(|_| forged())?;
            self.root.verify(&unchecked.message::<S>(), &unchecked.signature).map_err(|_| forged())?;
            let statement = unchecked.statement().map_err(|_| forged())?;
            if seen.len() >= MOST_REMEMBERED {
                seen.clear();
            }
            seen.insert(text.into(), statement);
        }
        seen.get(text).ok_or_else(forged)
    }

    fn own_group(
        &self,
        membership: &Membership,
        newest: &mut Option<Newest>,
        now: i64,
        at: Instant,
    ) -> Result<ConnectorGroupId, NotSigned> {
        if membership.connector != self.connector {
            return Err(NotSigned::OtherConnector(membership.connector));
        }
        has_not_ended("membership", membership.until, now)?;
        let (version, group) = ((membership.epoch, membership.revision), membership.connector_group);
        match *newest {
            Some(newest) if newest.group == group && version <= newest.version => Ok(group),
            Some(newest) if version < newest.version => {
                let is_recent = newest.since.is_some_and(|since| at.saturating_duration_since(since) <= SUPERSEDED);
                if is_recent { Ok(group) } else { Err(NotSigned::Superseded(group)) }
            }
            _ => {
                // One that is only signed anew gives the group before it no other minute.
                let since = newest.filter(|newest| newest.group == group).map_or(Some(at), |newest| newest.since);
                *newest = Some(Newest { version, group, since });
                self.keep(LastMembership { epoch: version.0, revision: version.1, connector_group: group });
                Ok(group)
            }
        }
    }

    /// On disk before it is used. That takes a few milliseconds, at a move and twice a day.
    fn keep(&self, last: LastMembership) {
        let Some(own) = &self.own else { return };
        if let Err(error) = own.change(|identity| identity.last_in(last)) {
            tracing::error!(%error, "which group this connector is in could not be kept; it is known until this process ends");
        }
    }
}

/// The CA's public key, if it is of the kind that statements are signed with.
pub(crate) fn signing_key<'c>(ca: &'c X509Certificate<'_>) -> Result<&'c [u8], UnusableRoot> {
    let key = ca.public_key();
    let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let is_ours = key.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == Some(OID_EC_P256);
    if is_ours { Ok(&key.subject_public_key.data) } else { Err(UnusableRoot::OtherKindOfKey) }
}

fn covers(permit: &Permit, own: ConnectorGroupId, target: &Target, now: i64) -> Result<(), NotSigned> {
    if permit.connector_group != own {
        return Err(NotSigned::OtherGroup { signed_for: permit.connector_group, own });
    }
    has_not_ended("target", permit.until, now)?;
    if permit.application != target.application || !permit.covers(&target.host, target.port, target.tls) {
        let (host, port, application) = (permit.host.clone(), permit.port, permit.application);
        return Err(NotSigned::OtherTarget { host, port, application });
    }
    Ok(())
}

fn has_not_ended(what: &'static str, until: i64, now: i64) -> Result<(), NotSigned> {
    if until.saturating_add(CLOCK_TOLERANCE) < now {
        return Err(NotSigned::Ended { what, until, now });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
