//! HTTP/2 connections to upstreams: each carries many requests of one application, through one connector, on one core.
//!
//! The key is that of the pool, so a connection made under one application's rules is never lent to another. A connection
//! that failed a request takes no new ones, and those under way on it go on. Nobody dials beside somebody who dials: many
//! requests at once share one connection, and wait for it together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use adit_tunnel::stream::StreamAccount;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use h2::client::SendRequest;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use crate::attempt::{Again, AttemptFailed};
use crate::failure::Failure;
use crate::limits;
use crate::pool::PoolKey;
use crate::reason::Reason;
use crate::tunnel::{Stint, TunnelConnection};

/// An HTTP/2 connection to an upstream, through a stream of a tunnel.
#[derive(Debug)]
pub(crate) struct Multiplexed {
    /// Sends nothing itself, so asking it never waits.
    sender: RefCell<SendRequest<Bytes>>,
    /// Passed by one request at a time.
    gate: Semaphore,
    account: Arc<StreamAccount>,
    tunnel: Arc<TunnelConnection>,
    /// The stint of the tunnel in which it was opened.
    stint: Arc<Stint>,
    requests: Cell<usize>,
    /// What the upstream allows at a time, as it said last.
    allowed: Rc<Cell<usize>>,
    retired: Cell<bool>,
    idle_since: Cell<Instant>,
}

impl Multiplexed {
    pub(crate) fn new(
        sender: SendRequest<Bytes>,
        account: Arc<StreamAccount>,
        (tunnel, stint): (Arc<TunnelConnection>, Arc<Stint>),
        allowed: Rc<Cell<usize>>,
    ) -> Self {
        let (requests, retired, idle_since) = (Cell::new(0), Cell::new(false), Cell::new(Instant::now()));
        let sender = RefCell::new(sender);
        let gate = Semaphore::new(1);
        Self { sender, gate, account, tunnel, stint, requests, allowed, retired, idle_since }
    }

    /// Its only place, where it is to carry one request and no other.
    pub(crate) fn alone(self) -> Place {
        Place::on(&Rc::new(self))
    }

    fn is_usable(&self) -> bool {
        !self.retired.get() && !self.is_closed() && self.tunnel.takes_streams() && !self.stint.is_over()
    }

    /// Whether it has ended, or its upstream takes nothing new.
    fn is_closed(&self) -> bool {
        matches!(self.sender.borrow_mut().poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)))
    }

    fn has_room(&self) -> bool {
        self.requests.get() < self.allowed.get().min(limits::UPSTREAM_HTTP2_STREAMS)
    }

    fn is_idle_too_long(&self, now: Instant) -> bool {
        self.requests.get() == 0 && now.duration_since(self.idle_since.get()) >= limits::UPSTREAM_HTTP2_IDLE
    }
}

/// One request's place on a connection.
#[derive(Debug)]
pub(crate) struct Place(Rc<Multiplexed>);

impl Place {
    fn on(connection: &Rc<Multiplexed>) -> Self {
        connection.requests.set(connection.requests.get() + 1);
        Self(Rc::clone(connection))
    }

    /// What sends the request, and the gate before it.
    pub(crate) fn sender(&self) -> (SendRequest<Bytes>, &Semaphore) {
        (self.0.sender.borrow().clone(), &self.0.gate)
    }

    /// The account of the stream that carries the connection.
    pub(crate) fn account(&self) -> &Arc<StreamAccount> {
        &self.0.account
    }

    /// The tunnel's connection beneath.
    pub(crate) fn tunnel(&self) -> &Arc<TunnelConnection> {
        &self.0.tunnel
    }

    /// Nothing new is sent over the connection: it failed this request.
    pub(crate) fn retire(&self) {
        self.0.retired.set(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.requests.set(self.0.requests.get().saturating_sub(1));
        self.0.idle_since.set(Instant::now());
    }
}

/// A connection on its way: everybody who waits for it learns how it went.
pub(crate) type Opening = Shared<oneshot::Receiver<Result<(), AttemptFailed>>>;

/// Tells everybody who waits for a connection how its opening went.
pub(crate) type Tell = oneshot::Sender<Result<(), AttemptFailed>>;

/// The opening of a connection, as whoever does it owes it to the others: however it ends, given up or panicking too, they
/// are told, and whoever comes next may open one.
pub(crate) struct Opener<F: FnMut(Option<Opened>)> {
    tell: Option<Tell>,
    outcome: Option<Result<Opened, AttemptFailed>>,
    keep: F,
}

impl<F: FnMut(Option<Opened>)> Opener<F> {
    /// `keep` has [`Multiplex::opened`] know.
    pub(crate) const fn new(tell: Tell, keep: F) -> Self {
        Self { tell: Some(tell), outcome: None, keep }
    }

    /// The opening has ended like this.
    pub(crate) fn ended(mut self, outcome: Result<Opened, AttemptFailed>) {
        self.outcome = Some(outcome);
    }
}

impl<F: FnMut(Option<Opened>)> Drop for Opener<F> {
    fn drop(&mut self) {
        let (opened, told) = match self.outcome.take() {
            Some(Ok(opened)) => (Some(opened), Ok(())),
            Some(Err(failed)) => (None, Err(failed)),
            None => (None, Err(not_opened())),
        };
        (self.keep)(opened);
        if let Some(tell) = self.tell.take() {
            // An error means that nobody waits any more.
            let _ = tell.send(told);
        }
    }
}

fn not_opened() -> AttemptFailed {
    let failure = Failure::new(Reason::TunnelLost, "the connection was not opened");
    AttemptFailed { failure, again: Again::NothingArrived }
}

/// What there is for one key.
#[derive(Debug, Default)]
struct Shelf {
    connections: Vec<Rc<Multiplexed>>,
    opening: Option<Opening>,
    /// When TLS with the upstream last agreed on HTTP/1.1.
    http1: Option<Instant>,
}

/// What a request finds.
pub(crate) enum Found {
    /// A place.
    Place(Place),
    /// The upstream speaks HTTP/1.1.
    Http1,
    /// A connection is being opened.
    Opening(Opening),
    /// Every connection is full, and there are as many as may be.
    Full,
    /// The caller opens a connection, and tells the sender how it went.
    Nothing(Tell, Opening),
}

/// The HTTP/2 connections of one core.
#[derive(Debug, Default)]
pub(crate) struct Multiplex {
    shelves: HashMap<PoolKey, Shelf>,
}

impl Multiplex {
    /// A place on the connection with the fewest requests, or what is to be done for one.
    pub(crate) fn find(&mut self, key: &PoolKey) -> Found {
        let shelf = self.shelves.entry(key.clone()).or_default();
        shelf.connections.retain(|connection| connection.is_usable());
        let free = shelf.connections.iter().filter(|connection| connection.has_room());
        if let Some(connection) = free.min_by_key(|connection| connection.requests.get()) {
            return Found::Place(Place::on(connection));
        }
        if shelf.http1.is_some_and(|since| since.elapsed() < limits::UPSTREAM_HTTP1_REMEMBERED) {
            return Found::Http1;
        }
        if let Some(opening) = &shelf.opening {
            return Found::Opening(opening.clone());
        }
        if shelf.connections.len() >= limits::UPSTREAM_HTTP2_CONNECTIONS {
            return Found::Full;
        }
        let (tell, told) = oneshot::channel();
        let opening = told.shared();
        shelf.opening = Some(opening.clone());
        Found::Nothing(tell, opening)
    }

    /// The opening has ended; in success with a connection, if it speaks HTTP/2.
    pub(crate) fn opened(&mut self, key: PoolKey, opened: Option<Opened>) {
        let shelf = self.shelves.entry(key).or_default();
        shelf.opening = None;
        match opened {
            Some(Opened::Http2(connection)) => {
                shelf.http1 = None;
                shelf.connections.push(connection);
            }
            Some(Opened::Http1) => shelf.http1 = Some(Instant::now()),
            None => {}
        }
    }

    /// Drops what has been idle for too long or cannot be used.
    pub(crate) fn tidy(&mut self, now: Instant) {
        self.shelves.retain(|_, shelf| {
            shelf.connections.retain(|connection| connection.is_usable() && !connection.is_idle_too_long(now));
            let remembers = shelf.http1.is_some_and(|since| since.elapsed() < limits::UPSTREAM_HTTP1_REMEMBERED);
            !shelf.connections.is_empty() || shelf.opening.is_some() || remembers
        });
    }

    /// Drops the connections over one tunnel connection; requests under way on them go on.
    pub(crate) fn purge(&mut self, tunnel_connection: u64) {
        for shelf in self.shelves.values_mut() {
            shelf.connections.retain(|connection| connection.tunnel.id != tunnel_connection);
        }
    }
}

/// What a connection that was opened speaks.
pub(crate) enum Opened {
    Http2(Rc<Multiplexed>),
    Http1,
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use adit_core::connector::{ConnectorIdentity, KeyGeneration};
    use adit_core::id::{ApplicationId, ConnectorId};
    use adit_core::revision::Revision;
    use uuid::Uuid;

    use super::*;
    use crate::serving::Destination;

    #[tokio::test]
    async fn an_opening_that_was_given_up_is_told_and_does_not_stand_in_the_way_of_the_next() {
        let key = PoolKey {
            connector: ConnectorIdentity {
                connector: ConnectorId::new(Uuid::from_u128(1)),
                generation: KeyGeneration(1),
            },
            application: ApplicationId::new(Uuid::from_u128(2)),
            revision: Revision(1),
            destination: Destination::Only,
        };
        let multiplex = RefCell::new(Multiplex::default());
        let Found::Nothing(tell, opening) = multiplex.borrow_mut().find(&key) else { panic!("there is nothing yet") };
        assert!(matches!(multiplex.borrow_mut().find(&key), Found::Opening(_)));
        drop(Opener::new(tell, |opened| multiplex.borrow_mut().opened(key.clone(), opened)));
        assert_eq!(opening.await.unwrap().unwrap_err().again, Again::NothingArrived);
        assert!(matches!(multiplex.borrow_mut().find(&key), Found::Nothing(..)));
    }
}
