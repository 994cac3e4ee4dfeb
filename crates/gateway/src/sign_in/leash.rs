//! What ends an answer or a WebSocket whose visitor may not go on: the session was ended, its time is over, the user is not
//! assigned any more, the application requires something else by now.
//!
//! Each core looks a few times a second whether the directory or what was ended has changed; then every leash of the core asks
//! the very function that granted the request. Nothing is asked while nothing changes.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use adit_core::ApplicationId;
use adit_core::access::{self, AccessRequest, Who};
use adit_core::snapshot::Snapshot;
use adit_identity::session::SessionId;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::gate::Visitor;
use super::now;
use crate::core::Core;

/// How often a core looks: with the time that a change takes to get here, what was ended is over within a second.
const LOOK: Duration = Duration::from_millis(250);

/// The longest time without a look at the clock: it may be set, and a timer counts no sleep of the machine.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Tells the leashes of a core that something has changed.
#[derive(Debug)]
pub(crate) struct Changes(watch::Sender<()>);

impl Default for Changes {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

/// Looks for changes as long as the core lives, where users can sign in.
pub(crate) async fn look(core: Rc<Core>) {
    let Some(sign_in) = &core.shared.sign_in else { return };
    let known = || (Arc::clone(&core.serving().snapshot), sign_in.ended.load_full());
    let (mut snapshot, mut ended): (Arc<Snapshot>, Arc<HashSet<SessionId>>) = known();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let (new_snapshot, new_ended) = known();
        let is_same = new_snapshot.has_content_of(&snapshot) && Arc::ptr_eq(&new_ended, &ended);
        (snapshot, ended) = (new_snapshot, new_ended);
        if !is_same {
            core.changes.0.send_replace(());
        }
    }
}

/// What one answer or WebSocket depends on.
pub(crate) struct Leash {
    core: Rc<Core>,
    visitor: Visitor,
    application: ApplicationId,
    host: Rc<str>,
    path: String,
    changes: watch::Receiver<()>,
}

impl Leash {
    /// The leash of a request that was granted a moment ago: the core has done nothing else since.
    pub(crate) fn new(
        core: &Rc<Core>,
        visitor: Visitor,
        application: ApplicationId,
        host: &Rc<str>,
        path: String,
    ) -> Self {
        let (core, host) = (Rc::clone(core), Rc::clone(host));
        let changes = core.changes.0.subscribe();
        Self { core, visitor, application, host, path, changes }
    }

    /// Who is held by it.
    pub(crate) const fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// Completes once the visitor may not go on. May be dropped and called again.
    pub(crate) async fn ended(&mut self) {
        loop {
            let left = Duration::from_millis(self.visitor.session.ends.saturating_sub(now()));
            tokio::select! {
                // It fails only when the core is gone.
                _ = self.changes.changed() => {}
                () = sleep(left.min(LONGEST_WAIT)) => {}
            }
            if !self.may_go_on() {
                return;
            }
        }
    }

    fn may_go_on(&self) -> bool {
        let Some(sign_in) = &self.core.shared.sign_in else { return false };
        // What is open is in use: only requests are measured by the time without one.
        let in_use = adit_identity::Session { seen: now(), ..self.visitor.session.clone() };
        if !sign_in.counts(&self.core, &in_use, Some(self.application), now()) {
            return false;
        }
        let serving = self.core.serving();
        let asked = AccessRequest { host: &self.host, path: &self.path };
        let granted = access::decide_for(&serving.snapshot, asked, Who::Principal(self.visitor.principal()));
        granted.is_ok_and(|grant| grant.application().id == self.application)
    }
}
