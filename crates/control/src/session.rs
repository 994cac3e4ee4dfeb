//! Sessions of users that are ended before their time: by a sign-out, by an administrator, or because the user was
//! disabled, deleted or given another password. The sessions themselves are in cookies; only their ends are kept here.
//!
//! Invariant: what was ended is durable, and gateways have it, before the use case returns.

use std::sync::Arc;
use std::time::Duration;

use adit_core::audit::Activity;
use adit_core::{ApplicationId, OperationContext, PrincipalId, UserId};
use adit_identity::session::{Revocations, SessionId};
use adit_store::{Revocation, RevocationKind, Store};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::audit;
use crate::control_plane::ControlPlane;
use crate::error::Error;

/// How long sessions last at most, and how long a revocation is kept that ends several.
pub const LONGEST_SESSION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a revocation outlives what it ends: gateways' clocks differ.
const MARGIN: Duration = Duration::from_secs(60 * 60);

/// How many sessions are ended before it is looked which of them could not last any more.
const LOOK_AT: usize = 256;

/// What was ended, as gateways read it.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    all: Arc<ArcSwap<Revocations>>,
    /// Held by whoever changes it: how many sessions there may be before those that are over are let go.
    turn: Mutex<usize>,
}

impl Ended {
    /// What the directory knows of.
    pub(crate) async fn load(store: &Store, now: Timestamp) -> Result<Self, Error> {
        let ended = Self::default();
        let mut most = ended.turn.lock().await;
        ended.read(store, now, &mut most).await?;
        drop(most);
        Ok(ended)
    }

    /// Takes in what has become durable.
    async fn add(&self, revocation: &Revocation, store: &Store, now: Timestamp) {
        let mut most = self.turn.lock().await;
        let mut all = Revocations::clone(&self.all.load());
        include(&mut all, revocation);
        let is_time = all.sessions.len() >= *most;
        self.all.store(Arc::new(all));
        if is_time && let Err(error) = self.read(store, now, &mut most).await {
            tracing::warn!(%error, "ended sessions that are over anyway are kept for now");
        }
    }

    /// Reads everything anew, without what could end nothing any more. Whoever has the turn calls it: what becomes durable
    /// meanwhile is taken in afterwards.
    async fn read(&self, store: &Store, now: Timestamp, most: &mut usize) -> Result<(), Error> {
        let mut presence = store.begin_presence().await?;
        presence.forget_revocations(now).await?;
        presence.commit().await?;
        let mut all = Revocations::default();
        store.revocations(now).await?.iter().for_each(|revocation| include(&mut all, revocation));
        *most = (all.sessions.len() * 2).max(LOOK_AT);
        self.all.store(Arc::new(all));
        Ok(())
    }
}

fn include(all: &mut Revocations, revocation: &Revocation) {
    let at = u64::try_from(revocation.at.as_millisecond()).unwrap_or_default();
    let id = || Uuid::try_parse(&revocation.subject).ok();
    match revocation.kind {
        RevocationKind::Session => all.sessions.extend(SessionId::parse(&revocation.subject)),
        RevocationKind::Principal => {
            let known = id().map(|id| all.principals.entry(PrincipalId::new(id)).or_default());
            known.into_iter().for_each(|known| *known = at.max(*known));
        }
        RevocationKind::Application => {
            let known = id().map(|id| all.applications.entry(ApplicationId::new(id)).or_default());
            known.into_iter().for_each(|known| *known = at.max(*known));
        }
    }
}

impl ControlPlane {
    /// What was ended before its time, now and later: each change is swapped in whole.
    #[must_use]
    pub fn revocations(&self) -> Arc<ArcSwap<Revocations>> {
        Arc::clone(&self.ended().all)
    }

    /// Ends one session, which would last until `until` (milliseconds since 1970): somebody signed out.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn end_session(&self, session: SessionId, until: u64) -> Result<(), Error> {
        let now = self.now();
        let latest = later(now, LONGEST_SESSION);
        let until = i64::try_from(until).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let kept_until = later(until.unwrap_or(latest).clamp(now, latest), MARGIN);
        let subject = session.to_text();
        self.keep(Revocation { kind: RevocationKind::Session, subject, at: now, kept_until }).await
    }

    /// Ends all sessions of a user of this directory.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Store`].
    pub async fn revoke_sessions_of_user(&self, context: &OperationContext, user: UserId) -> Result<(), Error> {
        let found = self.user(user).await?;
        let revocation = self.revocation_of_user(user);
        let mut presence = self.store().begin_presence().await?;
        presence.revoke(&revocation).await?;
        let detail = audit::with(audit::change(None, None), "target_name", found.display_name.as_str());
        presence.append_audit(self.record(context, Activity::RevokeSessions, user, detail));
        presence.commit().await?;
        self.has_ended(Some(revocation)).await;
        Ok(())
    }

    /// That all sessions of a user end now.
    pub(crate) fn revocation_of_user(&self, user: UserId) -> Revocation {
        let at = self.now();
        let kept_until = later(later(at, LONGEST_SESSION), MARGIN);
        Revocation { kind: RevocationKind::Principal, subject: user.uuid().to_string(), at, kept_until }
    }

    /// Tells gateways what has become durable.
    pub(crate) async fn has_ended(&self, revocation: Option<Revocation>) {
        if let Some(revocation) = revocation {
            self.ended().add(&revocation, self.store(), self.now()).await;
        }
    }

    async fn keep(&self, revocation: Revocation) -> Result<(), Error> {
        let mut presence = self.store().begin_presence().await?;
        presence.revoke(&revocation).await?;
        presence.commit().await?;
        self.has_ended(Some(revocation)).await;
        Ok(())
    }
}

fn later(than: Timestamp, by: Duration) -> Timestamp {
    than.checked_add(by).unwrap_or(Timestamp::MAX)
}
