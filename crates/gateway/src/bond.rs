//! Connection-bound sign-in (`NTLM`, `Negotiate`): upstream connections that belong to one client connection.
//!
//! These schemes sign in a connection and not a request: whoever sends over that upstream connection afterwards is the
//! user who signed in. So from the first challenge or token on, the connection is kept here, with the client connection
//! it belongs to, and in no pool.
//!
//! Invariant: what is kept here was used for this client connection and no other, is used for nothing but the
//! application, revision and connector it was made for, and dies with the client connection, or when somebody else signs
//! in over that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use adit_core::id::{ApplicationId, PrincipalId};
use adit_identity::session::SessionId;
use tokio::time::{Instant, timeout};

use crate::core::Core;
use crate::limits;
use crate::pool::{Idle, PoolKey, Upstream};
use crate::serving::{ForwardingRules, LiveConnector, Serving};

/// Whose requests a client connection carries, which decides whether anything can be bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// One user's, one after the other: HTTP/1.1.
    OneByOne,
    /// One user's, beside each other: HTTP/2. Two handshakes on one upstream connection would break each other.
    Beside,
    /// Those of a proxy's users, whoever they are.
    OfManyUsers,
}

/// The upstream connections that are bound to one client connection.
#[derive(Debug)]
pub(crate) struct Bonds {
    carries: Carries,
    /// The pool knows of this client, for tidying up.
    noted: Cell<bool>,
    /// Who has signed in at the gateway over it, as far as that was asked.
    owner: Cell<Option<(SessionId, PrincipalId)>>,
    kept: RefCell<Vec<(PoolKey, Idle)>>,
}

/// A bound connection on its way into use, and the connector it goes through.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) connector: Arc<LiveConnector>,
    pub(crate) upstream: Upstream,
}

impl Bonds {
    pub(crate) fn of(carries: Carries) -> Rc<Self> {
        Rc::new(Self { carries, noted: Cell::new(false), owner: Cell::new(None), kept: RefCell::default() })
    }

    /// Whether a request with such a token must be sent over HTTP/1.1 instead.
    pub(crate) fn needs_http1(&self) -> bool {
        self.carries == Carries::Beside
    }

    /// Whether it is one user's connection, whatever is spoken on it.
    pub(crate) fn is_of_one_user(&self) -> bool {
        self.carries != Carries::OfManyUsers
    }

    /// Whether connections can be bound to this client at all.
    pub(crate) fn can_bind(&self) -> bool {
        self.carries == Carries::OneByOne
    }

    /// Its requests are somebody's from here on: what was bound for somebody else is closed.
    pub(crate) fn belong_to(&self, owner: (SessionId, PrincipalId)) {
        if self.owner.replace(Some(owner)).is_some_and(|before| before != owner) {
            self.kept.borrow_mut().clear();
        }
    }

    /// Whether nothing is bound, as for nearly every client.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.borrow().is_empty()
    }

    /// Takes the connection that is bound for an application, once it is ready; one that does not fit any more is
    /// closed.
    pub(crate) async fn take(&self, core: &Core, rules: &ForwardingRules) -> Option<Bound> {
        let application = &rules.application;
        let (key, upstream) = self.remove(application.id)?;
        if key.revision != application.revision || key.destination != rules.destination || !upstream.is_usable() {
            return None;
        }
        let connector = core.serving().find(application.connector_group, key.connector).map(Arc::clone)?;
        // A body may still be on its way that its answer did not wait for.
        match timeout(limits::BOUND_READY, upstream.client.ready()).await {
            Ok(true) => Some(Bound { connector, upstream }),
            _ => None,
        }
    }

    fn remove(&self, application: ApplicationId) -> Option<(PoolKey, Upstream)> {
        let mut kept = self.kept.borrow_mut();
        let index = kept.iter().position(|(key, _)| key.application == application)?;
        let (key, idle) = kept.swap_remove(index);
        Some((key, idle.upstream))
    }

    /// Keeps a connection for the next request of this client; one connection for each application.
    pub(crate) fn keep(self: &Rc<Self>, core: &Core, key: PoolKey, upstream: Upstream) {
        if !self.can_bind() || !upstream.may_stay() {
            return;
        }
        // A request that began before the last one was answered, if there ever is one, must not leave two behind.
        self.remove(key.application);
        if !self.noted.get() && !core.pool.borrow_mut().note_bonds(self) {
            return tracing::warn!("too many clients have bound upstream connections: one more was closed");
        }
        self.noted.set(true);
        let mut kept = self.kept.borrow_mut();
        if kept.len() < limits::BOUND_PER_CLIENT {
            kept.push((key, Idle { upstream, since: Instant::now() }));
        }
    }

    /// Closes what has been idle for too long, cannot be used, or was made by settings that have changed.
    pub(crate) fn tidy(&self, now: Instant, serving: &Serving) {
        let current = |key: &PoolKey| {
            let rules = serving.rules(key.application);
            rules.is_some_and(|rules| rules.application.revision == key.revision)
        };
        self.kept.borrow_mut().retain(|(key, idle)| {
            now.duration_since(idle.since) < limits::BOUND_IDLE && idle.upstream.is_usable() && current(key)
        });
    }

    /// Closes what goes over one tunnel connection.
    pub(crate) fn purge(&self, connection: u64) {
        self.kept.borrow_mut().retain(|(_, idle)| idle.upstream.tunnel.id != connection);
    }
}
