//! The access record of one request: what it was, where it went, how long that took and how it ended.
//!
//! A [`Record`] is begun with the request's head and travels with the answer's body; it is written when it is dropped,
//! so that no end is missed: the body's end, a client that leaves, an upstream that breaks off, a WebSocket that closes.
//! Nothing that may be a secret is taken up: no query, no field of a head, no body (threat model, T21).

mod clock;
mod course;
mod line;
mod recorder;
mod request_id;
mod server_timing;
mod span;
mod writer;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use adit_core::PrincipalId;
use fastrand::Rng;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use tokio::time::Instant;

pub(crate) use course::Course;
pub(crate) use recorder::Recorder;
pub(crate) use request_id::RequestId;
pub use writer::RecordDestination;
pub(crate) use writer::RecordWriter;

use crate::edge::Client;
use crate::failure::Failure;
use crate::ledger::LastFailure;
use crate::replay::Received;
use crate::serving::ForwardingRules;
use crate::trace_context::Span;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The upstream's answer was passed on to its end.
    Complete,
    /// The client left before that.
    ClientGone,
    /// The upstream's answer broke off.
    UpstreamBroken,
    /// The gateway answered itself; the reason says why.
    Refused,
    /// The user's session was ended, or the application is not open any more to whoever asked.
    SessionEnded,
}

impl Outcome {
    /// Every outcome; `outcome as usize` is its place here.
    pub(crate) const ALL: [Self; 5] =
        [Self::Complete, Self::ClientGone, Self::UpstreamBroken, Self::Refused, Self::SessionEnded];

    /// Its word in records and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::UpstreamBroken => "upstream_broken",
            Self::Refused => "refused",
            Self::SessionEnded => "session_ended",
        }
    }
}

/// What is known of a request so far.
pub(crate) struct Record {
    recorder: Rc<Recorder>,
    client: Rc<Client>,
    /// Where a trusted proxy says that the request came from.
    behind: Option<IpAddr>,
    pub(crate) id: RequestId,
    begun: Instant,
    /// The same on the wall clock, in milliseconds since 1970.
    begun_at: u64,
    handshake: Option<Duration>,
    method: Option<Method>,
    path: Option<PathAndQuery>,
    version: Version,
    host: Option<Rc<str>>,
    /// Who has signed in.
    principal: Option<PrincipalId>,
    rules: Option<Arc<ForwardingRules>>,
    /// What happened between gateway and upstream.
    pub(crate) course: Course,
    span: Option<Span>,
    status: Option<StatusCode>,
    failure: Option<Failure>,
    first_byte: Option<Duration>,
    received: Option<Rc<Received>>,
    sent: u64,
    switched: bool,
    outcome: Outcome,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("id", &self.id).field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

impl Record {
    /// Begins the record of a request whose head has just arrived.
    pub(crate) fn begin<B>(recorder: &Rc<Recorder>, client: &Rc<Client>, request: &Request<B>) -> Box<Self> {
        let begun = Instant::now();
        let (begun_at, id) = recorder.identify(begun);
        Box::new(Self {
            recorder: Rc::clone(recorder),
            client: Rc::clone(client),
            behind: client.origin(request.headers()),
            id,
            begun,
            begun_at,
            handshake: client.handshake.take(),
            method: Some(request.method().clone()),
            path: request.uri().path_and_query().cloned(),
            version: request.version(),
            host: None,
            principal: None,
            rules: None,
            course: Course::default(),
            span: None,
            status: None,
            failure: None,
            first_byte: None,
            received: None,
            sent: 0,
            switched: false,
            // Until something else is noted: a client that leaves lets everything drop.
            outcome: Outcome::ClientGone,
        })
    }

    /// When its head arrived.
    pub(crate) const fn begun(&self) -> Instant {
        self.begun
    }

    /// The id as a field's value.
    pub(crate) fn id_value(&self) -> HeaderValue {
        self.recorder.value_of(self.id)
    }

    /// What was asked is not known: it was refused before it was read as a request.
    pub(crate) fn was_not_read(&mut self) {
        (self.method, self.path) = (None, None);
    }

    /// The host was understood.
    pub(crate) fn asks_for(&mut self, host: &Rc<str>) {
        self.host = Some(Rc::clone(host));
    }

    /// Somebody who has signed in asks.
    pub(crate) const fn is_asked_by(&mut self, principal: PrincipalId) {
        self.principal = Some(principal);
    }

    /// The request was granted, and goes by these rules.
    pub(crate) fn goes_by(&mut self, rules: &Arc<ForwardingRules>) {
        self.rules = Some(Arc::clone(rules));
    }

    /// Takes the request's place in its trace, and puts into `headers` what the upstream shall be told of it.
    pub(crate) fn joins_trace(&mut self, headers: &mut HeaderMap, random: &mut Rng) {
        let may = || self.recorder.client_sampling().allows(self.begun_at / 1000);
        self.span = self.recorder.tracing().pass(headers, random, may);
    }

    /// The gateway fails the request: its application's ledger remembers that. Returns whether it is time to log it: a
    /// flood of failures is no flood of log lines, and the records tell of each.
    pub(crate) fn fails(&self, failure: &Failure) -> bool {
        let last = || LastFailure { at: self.begun_at, request: self.id, failure: failure.clone() };
        match &self.rules {
            Some(rules) => rules.ledger.failed(last()),
            None => !self.recorder.writes(),
        }
    }

    /// The request has a body, whose bytes are counted there.
    pub(crate) fn receives(&mut self, received: Option<Rc<Received>>) {
        self.received = received;
    }

    /// The upstream answered.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        let now = Instant::now();
        self.status = Some(status);
        self.first_byte = Some(now.saturating_duration_since(self.begun));
        self.course.answered(status, now);
    }

    /// Tells the client how long the parts of the request took so far.
    pub(crate) fn tell_times(&self, headers: &mut HeaderMap) {
        let opening = self.course.opening();
        let parts = server_timing::Parts {
            tls: self.handshake,
            tunnel: opening.map(|(tunnel, _)| tunnel),
            connect: opening.and_then(|(_, connect)| connect),
            first_byte: self.first_byte,
        };
        server_timing::append(headers, parts);
    }

    /// The gateway answers itself.
    pub(crate) fn refused(&mut self, failure: Failure) {
        self.recorder.meters().refused(failure.reason);
        self.status = failure.reason.is_answered().then(|| failure.status());
        self.failure = Some(failure);
        self.outcome = Outcome::Refused;
    }

    /// The connection was switched to another protocol: how long that lasts says nothing about how long answers take.
    pub(crate) fn switched(&mut self) {
        self.switched = true;
    }

    /// Bytes were received from the client beside the request's body.
    pub(crate) fn count_received(&mut self, bytes: u64) {
        self.received.get_or_insert_default().count(bytes);
    }

    /// Bytes of the answer's body were handed to the client's connection.
    pub(crate) const fn count_sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// The answer's body broke off: the client's doing, if it is its own body's end that the upstream was waiting for.
    pub(crate) fn broke_off(&mut self) {
        let by_client = self.received.as_ref().is_some_and(|received| received.is_broken());
        self.ended(if by_client { Outcome::ClientGone } else { Outcome::UpstreamBroken });
    }

    /// How the answer ended; what was noted first stays.
    pub(crate) fn ended(&mut self, outcome: Outcome) {
        if self.outcome == Outcome::ClientGone {
            self.outcome = outcome;
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let recorder = Rc::clone(&self.recorder);
        recorder.take_up(self);
    }
}
