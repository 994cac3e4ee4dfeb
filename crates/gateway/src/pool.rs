//! A core's idle upstream connections, and the lease of the one that a request uses.
//!
//! A connection made under one application's rules is never lent to another: the key has the connector (with its key
//! generation), the application, the revision of its settings and, under a wildcard, the host. An idle connection on which
//! anything has come, or its end, is never taken: it could become somebody's answer.

use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use adit_core::connector::ConnectorIdentity;
use adit_core::id::ApplicationId;
use adit_core::revision::Revision;
use adit_tunnel::stream::StreamAccount;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use crate::bond::Bonds;
use crate::connect::Connected;
use crate::core::{Core, drain_of};
use crate::http1::client::Client;
use crate::limits;
use crate::metrics::{Counted, Metrics};
use crate::multiplex::Multiplex;
use crate::serving::{Destination, InFlight, Serving};
use crate::tunnel::{Stint, TunnelConnection};

/// What an upstream connection may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    pub(crate) connector: ConnectorIdentity,
    pub(crate) application: ApplicationId,
    pub(crate) revision: Revision,
    /// Under a wildcard: which of its upstreams.
    pub(crate) destination: Destination,
}

/// An HTTP/1.1 connection to an upstream, through a stream of a tunnel.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) client: Client,
    pub(crate) account: Arc<StreamAccount>,
    pub(crate) tunnel: Arc<TunnelConnection>,
    /// The stint of the tunnel in which it was opened.
    pub(crate) stint: Arc<Stint>,
}

impl Upstream {
    /// Whether it may be kept after an exchange.
    pub(crate) fn may_stay(&self) -> bool {
        self.client.may_stay() && self.leads_on()
    }

    /// Whether it may be used. (One that is bound to a client: once its last request was sent whole.)
    pub(crate) fn is_usable(&self) -> bool {
        self.leads_on() && self.client.is_open()
    }

    fn leads_on(&self) -> bool {
        self.tunnel.takes_streams() && !self.stint.is_over()
    }
}

/// A connection between two uses.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) upstream: Upstream,
    pub(crate) since: Instant,
}

/// The idle connections of one core.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: HashMap<PoolKey, Vec<Idle>>,
    /// Clients that keep connections of their own, for tidying up.
    bonds: Vec<Weak<Bonds>>,
    /// HTTP/2 connections, which are never taken: requests have places on them.
    pub(crate) multiplex: Multiplex,
}

impl Pool {
    /// Takes the connection that was used last, if one is ready that has not been idle for `limit`.
    pub(crate) fn take(&mut self, key: &PoolKey, limit: Duration) -> Option<Upstream> {
        let idle = self.idle.get_mut(key)?;
        let now = Instant::now();
        let mut index = idle.len();
        while index > 0 {
            index -= 1;
            let candidate = idle.get(index)?;
            let idle_for = now.duration_since(candidate.since);
            if idle_for >= limits::IDLE || !candidate.upstream.is_usable() {
                idle.swap_remove(index);
            } else if idle_for < limit {
                return Some(idle.swap_remove(index).upstream);
            }
        }
        None
    }

    /// Puts a connection back that can serve anybody of the same application.
    pub(crate) fn put(&mut self, key: PoolKey, upstream: Upstream) {
        let idle = self.idle.entry(key).or_default();
        if upstream.may_stay() && idle.len() < limits::IDLE_CONNECTIONS {
            idle.push(Idle { upstream, since: Instant::now() });
        }
    }

    /// Remembers a client that keeps connections; `false` when too many do.
    pub(crate) fn note_bonds(&mut self, bonds: &Rc<Bonds>) -> bool {
        if self.bonds.len() >= limits::BOUND_CLIENTS {
            self.bonds.retain(|bonds| bonds.strong_count() > 0);
        }
        let room = self.bonds.len() < limits::BOUND_CLIENTS;
        if room {
            self.bonds.push(Rc::downgrade(bonds));
        }
        room
    }

    /// Drops what has been idle for too long, cannot be used, or is bound to a client by settings that have changed.
    pub(crate) fn tidy(&mut self, serving: &Serving) {
        let now = Instant::now();
        self.idle.retain(|_, idle| {
            idle.retain(|idle| now.duration_since(idle.since) < limits::IDLE && idle.upstream.is_usable());
            !idle.is_empty()
        });
        self.multiplex.tidy(now);
        self.bonds.retain(|bonds| {
            let Some(bonds) = bonds.upgrade() else { return false };
            bonds.tidy(now, serving);
            true
        });
    }

    /// Drops the idle connections on one tunnel connection.
    pub(crate) fn purge(&mut self, connection: u64) {
        for idle in self.idle.values_mut() {
            idle.retain(|idle| idle.upstream.tunnel.id != connection);
        }
        self.multiplex.purge(connection);
        for bonds in self.bonds.iter().filter_map(Weak::upgrade) {
            bonds.purge(connection);
        }
    }
}

/// Whose next request a connection may serve.
#[derive(Debug)]
pub(crate) enum Reuse {
    /// Anybody's who is sent to the same application.
    Anybodys,
    /// It carried connection-bound authentication: this client's, if it is one that connections can be bound to.
    Only(Rc<Bonds>),
    /// Nobody's: the upstream answered without the body, which it may still wait for.
    Nobodys,
}

/// An upstream connection in use by one request.
pub(crate) struct Lease {
    core: Rc<Core>,
    key: PoolKey,
    upstream: Connected,
    in_flight: InFlight,
    reuse: Reuse,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("key", &self.key).field("reuse", &self.reuse).finish_non_exhaustive()
    }
}

impl Lease {
    pub(crate) const fn new(
        core: Rc<Core>,
        key: PoolKey,
        upstream: Connected,
        in_flight: InFlight,
        reuse: Reuse,
    ) -> Self {
        Self { core, key, upstream, in_flight, reuse }
    }

    /// The connection is this client's from here on.
    pub(crate) fn bind(&mut self, bonds: &Rc<Bonds>) {
        if matches!(self.reuse, Reuse::Anybodys) {
            self.reuse = Reuse::Only(Rc::clone(bonds));
        }
    }

    /// The connector the request went through.
    pub(crate) const fn connector(&self) -> ConnectorIdentity {
        self.key.connector
    }

    /// The exchange is complete: the connection returns to its pool, or to the client it is bound to.
    pub(crate) fn give_back(self) {
        match (self.upstream, self.reuse) {
            (Connected::Own(upstream), Reuse::Anybodys) if !upstream.client.is_sent() => {
                // Whoever is to use it would wait for what is left of this request.
                let (core, key) = (self.core, self.key);
                spawn_local(async move {
                    send_rest(&upstream).await;
                    if upstream.client.is_sent() {
                        core.pool.borrow_mut().put(key, upstream);
                    }
                });
            }
            (Connected::Own(upstream), Reuse::Anybodys) => self.core.pool.borrow_mut().put(self.key, upstream),
            (Connected::Own(upstream), Reuse::Only(_)) if !upstream.client.is_sent() && !upstream.may_stay() => {
                spawn_local(async move { send_rest(&upstream).await });
            }
            (Connected::Own(upstream), Reuse::Only(bonds)) => bonds.keep(&self.core, self.key, upstream),
            // Its place is free again. No sign-in that is bound to a connection ever goes over a shared one.
            (Connected::Shared(_), _) | (_, Reuse::Nobodys) => {}
        }
    }

    /// The gateway's counters, for what goes on after the request.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.core.shared.metrics
    }

    /// The connection now belongs to an upgraded protocol; it stays counted while the first part lives. The other part
    /// completes when the connection has to end: its connector leaves, is drained or moved, or the gateway leaves. Not
    /// all at the same moment, for clients come back at once.
    pub(crate) fn into_upgraded(self) -> ((InFlight, Option<Counted>), impl Future<Output = ()>) {
        let stint = match self.upstream {
            Connected::Own(upstream) => Some(upstream.stint),
            Connected::Shared(_) => None,
        };
        let counted = stint.as_ref().map(|stint| stint.count());
        let (draining, wait) = (self.core.shared.draining.clone(), self.core.random.borrow_mut().f32());
        let has_to_end = async move {
            let over = async {
                match &stint {
                    Some(stint) => stint.over().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => {}
                () = drain_of(draining) => {}
            }
            sleep(limits::WEBSOCKETS_TOLD_WITHIN.mul_f32(wait)).await;
        };
        ((self.in_flight, counted), has_to_end)
    }
}

/// Sends what is left of a request that was answered before it had come whole, as long as the upstream takes it: there are
/// clients that read nothing before they have sent everything.
async fn send_rest(upstream: &Upstream) {
    loop {
        let before = upstream.account.written();
        let sent = timeout(limits::REST_STALL, upstream.client.rest_sent()).await;
        if sent.is_ok() {
            return;
        }
        if upstream.account.written() == before {
            return tracing::debug!("an upstream that has answered takes no more of its request");
        }
    }
}
