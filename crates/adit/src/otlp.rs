//! Sends the gateway's spans to an OpenTelemetry collector: OTLP over HTTP, in Protobuf.
//!
//! A core puts a span into a bounded queue and never waits; one task encodes and posts what has gathered. What does not
//! fit, and what the collector does not take, is dropped and counted: no request waits for its span.

mod collector;
mod encoding;

use std::sync::Arc;
use std::time::Duration;

use adit_gateway::{EndedSpan, SpanSink, Spans};
use http::{HeaderMap, Uri};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::api_client::transport::Trust;
use collector::Collector;

/// Spans that wait to be sent: some seconds of a busy gateway, about 4 MiB, and 24 MiB if every path, host and method is
/// of the longest.
const QUEUE: usize = 8192;

/// Spans in one request: collectors take 4 MiB by default, and a span has about 1 KiB.
const BATCH: usize = 512;

/// How long a span may wait for others.
const LINGER: Duration = Duration::from_secs(1);

/// How long the end of the server waits for the last spans to be sent.
const FINISH: Duration = Duration::from_secs(3);

/// Where spans go, checked.
#[derive(Debug, Clone)]
pub(crate) struct OtlpSettings {
    /// The URL that takes traces.
    pub(crate) endpoint: Uri,
    /// The share of the traces begun by the gateway that is sampled.
    pub(crate) sampled: f64,
    /// What the collector wants to see, keys for instance.
    pub(crate) headers: HeaderMap,
    /// By whom the collector's certificate is signed.
    pub(crate) trust: Trust,
}

/// Whom to trust is not known, so nothing is sent.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be sent: {0}")]
pub(crate) struct NotSending(String);

/// What became of spans.
#[derive(Debug, Clone, Default)]
struct Counts {
    sent: Counter,
    dropped: Counter,
}

/// A running exporter.
pub(crate) struct Exporter {
    queue: Arc<Queue>,
    sampled: f64,
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Where cores put spans.
struct Queue {
    spans: mpsc::Sender<EndedSpan>,
    counts: Counts,
}

impl SpanSink for Queue {
    fn ended(&self, span: EndedSpan) {
        if self.spans.try_send(span).is_err() {
            self.counts.dropped.inc();
        }
    }
}

impl Exporter {
    /// Starts sending; counters go into `registry`.
    ///
    /// # Errors
    /// [`NotSending`].
    pub(crate) fn start(settings: OtlpSettings, registry: &mut Registry) -> Result<Self, NotSending> {
        let counts = Counts::default();
        let metrics = registry.sub_registry_with_prefix("adit_gateway");
        metrics.register("spans_sent", "Spans that the collector took", counts.sent.clone());
        metrics.register("spans_dropped", "Spans that were lost", counts.dropped.clone());
        let sampled = settings.sampled;
        let collector = Collector::of(settings, counts.clone()).map_err(NotSending)?;
        let (spans, queued) = mpsc::channel(QUEUE);
        let (finish, finished) = oneshot::channel();
        let task = tokio::spawn(send_all(collector, queued, finished));
        Ok(Self { queue: Arc::new(Queue { spans, counts }), sampled, finish, task })
    }

    /// Where the gateway puts its spans.
    pub(crate) fn spans(&self) -> Spans {
        Spans { sink: Arc::<Queue>::clone(&self.queue), sampled: self.sampled }
    }

    /// Sends what is left, as far as the time suffices, and ends.
    pub(crate) async fn finish(self) {
        // It fails only when the task has ended already.
        let _ = self.finish.send(());
        let mut task = self.task;
        if timeout(FINISH, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("the last spans were not sent in time");
        }
    }
}

/// Sends what comes, in batches, until it is told to finish and nothing is left.
async fn send_all(
    mut collector: Collector,
    mut queued: mpsc::Receiver<EndedSpan>,
    mut finished: oneshot::Receiver<()>,
) {
    let mut batch = Vec::new();
    let mut last = false;
    while !last {
        tokio::select! {
            _ = queued.recv_many(&mut batch, BATCH) => {}
            _ = &mut finished => last = true,
        }
        if !last && batch.len() < BATCH {
            tokio::select! {
                () = sleep(LINGER) => {}
                _ = &mut finished => last = true,
            }
        }
        while fill(&mut queued, &mut batch) {
            let more_waits = batch.len() == BATCH;
            collector.take(&mut batch).await;
            // What has come since waits for others, or each post would be followed by one for a span or two.
            if !more_waits && !last {
                break;
            }
        }
    }
}

/// Takes what waits, as far as it fits into one request; whether there is anything to send.
fn fill(queued: &mut mpsc::Receiver<EndedSpan>, batch: &mut Vec<EndedSpan>) -> bool {
    while batch.len() < BATCH {
        let Ok(span) = queued.try_recv() else { break };
        batch.push(span);
    }
    !batch.is_empty()
}

#[cfg(test)]
mod tests;
