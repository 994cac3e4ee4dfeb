//! Sessions of users that are ended before their time: by a sign-out, or by an administrator. The sessions themselves are in
//! cookies; only their ends are kept here. (Disabling a user, and what else ends sessions, does so with that change.)
//!
//! The end of one session is no change of the directory, and gateways have it beside the snapshot; the end of all sessions of
//! a user or an application is one.
//!
//! Invariant: what was ended is durable, and gateways have it, before the use case returns.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use adit_core::audit::Activity;
use adit_core::revocation::{LONGEST_SESSION, SessionsOf};
use adit_core::{ApplicationId, OperationContext, PrincipalId, UserId};
use adit_identity::session::SessionId;
use adit_store::Store;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::audit;
use crate::control_plane::{ControlPlane, Principals};
use crate::error::Error;

/// How long the end of a session is kept beyond the session: gateways' clocks differ.
const MARGIN: Duration = Duration::from_secs(60 * 60);

/// How many sessions are ended before it is looked which of them could not last any more.
const LOOK_AT: usize = 256;

/// The single sessions that were ended, as gateways read them.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    all: Arc<ArcSwap<HashSet<SessionId>>>,
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
    async fn add(&self, session: SessionId, store: &Store, now: Timestamp) {
        let mut most = self.turn.lock().await;
        let mut all = HashSet::clone(&self.all.load());
        all.insert(session);
        let is_time = all.len() >= *most;
        self.all.store(Arc::new(all));
        if is_time && let Err(error) = self.read(store, now, &mut most).await {
            tracing::warn!(%error, "ended sessions that are over anyway are kept for now");
        }
    }

    /// Reads everything anew, without what could end nothing any more. Whoever has the turn calls it: what becomes durable
    /// meanwhile is taken in afterwards.
    async fn read(&self, store: &Store, now: Timestamp, most: &mut usize) -> Result<(), Error> {
        let mut presence = store.begin_presence().await?;
        presence.forget_ended_sessions(now).await?;
        presence.commit().await?;
        let all: HashSet<SessionId> =
            store.ended_sessions(now).await?.iter().filter_map(|id| SessionId::parse(id)).collect();
        *most = (all.len() * 2).max(LOOK_AT);
        self.all.store(Arc::new(all));
        Ok(())
    }
}

impl ControlPlane {
    /// The single sessions that were ended before their time, now and later: each change is swapped in whole.
    #[must_use]
    pub fn ended_sessions(&self) -> Arc<ArcSwap<HashSet<SessionId>>> {
        Arc::clone(&self.ended().all)
    }

    /// Ends one session, which would last until `until` (milliseconds since 1970): somebody signed out. One that was ended
    /// before, or is over anyway, costs nothing: whoever has an old cookie can ask again and again.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn end_session(&self, session: SessionId, until: u64) -> Result<(), Error> {
        let now = self.now();
        let latest = later(now, LONGEST_SESSION);
        let until = i64::try_from(until).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        if self.ended().all.load().contains(&session) || until.is_some_and(|until| later(until, MARGIN) < now) {
            return Ok(());
        }
        let kept_until = later(until.unwrap_or(latest).clamp(now, latest), MARGIN);
        let mut presence = self.store().begin_presence().await?;
        presence.end_session(&session.to_text(), kept_until).await?;
        presence.commit().await?;
        self.ended().add(session, self.store(), now).await;
        Ok(())
    }

    /// Ends all sessions of a user: of this directory, or where others sign in too, of anybody by the id by which assignments
    /// know them.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Store`].
    pub async fn revoke_sessions_of_user(&self, context: &OperationContext, user: UserId) -> Result<(), Error> {
        let name = match self.user(user).await {
            Ok(found) => found.display_name.as_str().to_owned(),
            Err(Error::UserNotFound(_)) if self.principals() == Principals::Foreign => user.to_string(),
            Err(error) => return Err(error),
        };
        let of = SessionsOf::Principal(PrincipalId::new(user.uuid()));
        self.revoke_sessions(context, of, Activity::RevokeSessions, &name).await
    }

    /// Ends all sessions at an application; who is signed in elsewhere signs in anew without being asked.
    ///
    /// # Errors
    /// [`Error::ApplicationNotFound`], [`Error::Store`].
    pub async fn revoke_sessions_of_application(
        &self,
        context: &OperationContext,
        application: ApplicationId,
    ) -> Result<(), Error> {
        let found = self.application(application).await?;
        let of = SessionsOf::Application(application);
        self.revoke_sessions(context, of, Activity::RevokeApplicationSessions, found.display_name.as_str()).await
    }

    async fn revoke_sessions(
        &self,
        context: &OperationContext,
        of: SessionsOf,
        activity: Activity,
        name: &str,
    ) -> Result<(), Error> {
        let mut change = self.store().begin().await?;
        change.end_sessions(of, self.now()).await?;
        let detail = audit::with(audit::change(None, None), "target_name", name);
        change.append_audit(self.record(context, activity, of.id(), detail));
        self.commit(change).await
    }
}

fn later(than: Timestamp, by: Duration) -> Timestamp {
    than.checked_add(by).unwrap_or(Timestamp::MAX)
}
