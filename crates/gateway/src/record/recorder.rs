//! A core's recorder: it gathers lines in a buffer of its own and hands them on in batches, so that a request neither
//! waits for the disk nor meets another core.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use http::HeaderValue;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use super::clock::Clock;
use super::request_id::{RequestId, RequestIds};
use super::writer::RecordWriter;
use super::{Record, line, span};
use crate::limits;
use crate::metrics::CoreMeters;
use crate::span::Spans;
use crate::trace_context::{ClientSampling, Tracing};

/// Takes up the records of one core.
#[derive(Debug)]
pub(crate) struct Recorder {
    ids: RefCell<RequestIds>,
    clock: RefCell<Clock>,
    batch: RefCell<Batch>,
    /// The first line since the buffer was empty has come.
    begun: Notify,
    /// `None` if no records are wanted.
    writer: Option<RecordWriter>,
    /// `None` if no spans are wanted.
    spans: Option<Spans>,
    client_sampling: ClientSampling,
    meters: Arc<CoreMeters>,
}

#[derive(Debug, Default)]
struct Batch {
    lines: Vec<u8>,
    records: u64,
}

impl Recorder {
    pub(crate) fn new(writer: Option<RecordWriter>, spans: Option<Spans>, meters: Arc<CoreMeters>) -> Rc<Self> {
        Rc::new(Self {
            ids: RefCell::new(RequestIds::new()),
            clock: RefCell::new(Clock::new()),
            batch: RefCell::default(),
            begun: Notify::new(),
            writer,
            spans,
            client_sampling: ClientSampling::default(),
            meters,
        })
    }

    /// What the core counts.
    pub(crate) fn meters(&self) -> &CoreMeters {
        &self.meters
    }

    /// Whether records are written.
    pub(crate) const fn writes(&self) -> bool {
        self.writer.is_some()
    }

    /// The wall clock at `moment` in milliseconds since 1970, and the id of a request that came then.
    pub(super) fn identify(&self, moment: Instant) -> (u64, RequestId) {
        let millis = self.clock.borrow_mut().millis_at(moment);
        (millis, self.ids.borrow_mut().next(millis))
    }

    /// What the gateway does about traces: it takes part in them where it keeps a record or a span of its part.
    pub(crate) fn tracing(&self) -> Tracing {
        let begins = self.spans.as_ref().map(Spans::threshold);
        Tracing { takes_part: self.writes() || begins.is_some(), begins }
    }

    /// How often clients decided that their traces are sampled.
    pub(super) const fn client_sampling(&self) -> &ClientSampling {
        &self.client_sampling
    }

    /// `id` as a field's value.
    pub(super) fn value_of(&self, id: RequestId) -> HeaderValue {
        self.ids.borrow_mut().value_of(id)
    }

    /// Counts a request that has ended, and writes its record.
    pub(super) fn take_up(&self, record: &Record) {
        let now = Instant::now();
        let total = now.saturating_duration_since(record.begun);
        self.meters.ended(record.outcome, record.status);
        self.meters.moved(record.received.as_ref().map_or(0, |received| received.bytes()), record.sent);
        if let Some(first_byte) = record.first_byte {
            self.meters.first_byte.observe(first_byte);
        }
        if !record.switched {
            self.meters.total.observe(total);
        }
        if let Some(spans) = &self.spans {
            span::tell(&*spans.sink, record, self.clock.borrow_mut().at(now), total);
        }
        let Some(writer) = &self.writer else { return };
        let mut batch = self.batch.borrow_mut();
        if batch.lines.is_empty() {
            batch.lines.reserve(limits::RECORD_BATCH + limits::RECORD_BATCH / 4);
            self.begun.notify_one();
        }
        line::write(&mut batch.lines, record, &mut self.clock.borrow_mut(), total);
        batch.records += 1;
        if batch.lines.len() >= limits::RECORD_BATCH {
            batch.hand_to(writer);
        }
    }

    /// Hands on what there is a moment after its first line has come, again and again.
    pub(crate) async fn hand_on_in_time(&self) {
        loop {
            self.begun.notified().await;
            sleep(limits::RECORD_LINGER).await;
            self.hand_on();
        }
    }

    /// Hands on what there is; `reached` is dropped once everything up to here was written.
    pub(crate) fn hand_on_until(&self, reached: mpsc::Sender<()>) {
        self.hand_on();
        if let Some(writer) = &self.writer {
            writer.mark(reached);
        }
    }

    fn hand_on(&self) {
        if let Some(writer) = &self.writer {
            self.batch.borrow_mut().hand_to(writer);
        }
    }
}

impl Batch {
    fn hand_to(&mut self, writer: &RecordWriter) {
        let Self { lines, records } = std::mem::take(self);
        if records > 0 {
            writer.hand_over(lines, records);
        }
    }
}
