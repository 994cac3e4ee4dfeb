//! Who takes spans: posts them, tries again where that may help, and counts what became of them.
//!
//! Everything has its time and its size, so that a collector that hangs or raves costs spans and nothing else.

use std::time::{Duration, Instant};

use adit_gateway::EndedSpan;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::time::{sleep, timeout};

use super::{Counts, OtlpSettings, encoding};
use crate::api_client::transport::{self, Client};

/// How long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long before the same spans are sent again, where that may help: the second time, the third.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// The longest pause that a collector may ask for; the queue fills in the meantime.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The largest answer; one that says what was wrong has a sentence.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Characters of it that are logged.
const LONGEST_SENTENCE: usize = 200;

/// How often it is logged that spans are lost.
const COMPLAIN: Duration = Duration::from_secs(60);

/// By whom requests are made.
const OURSELVES: &str = concat!("adit/", env!("CARGO_PKG_VERSION"));

/// A collector, and how it is reached.
pub(super) struct Collector {
    client: Client,
    /// It may be logged: the configuration has refused one with a user or a query.
    endpoint: Uri,
    headers: HeaderMap,
    /// Tells this process from others of its kind.
    instance: String,
    counts: Counts,
    complained: Option<Instant>,
}

/// Why a collector did not take spans.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("the collector did not answer in time")]
    Silent,
    #[error("the collector cannot be reached: {}", crate::command_error::with_causes(.0))]
    Unreachable(hyper_util::client::legacy::Error),
    #[error("the collector answered {0}")]
    Later(StatusCode, Option<Duration>),
    #[error("the collector answered {0}")]
    Refused(StatusCode),
    #[error("the collector refused {0} spans: {1}")]
    InPart(u64, String),
}

impl Collector {
    /// # Errors
    /// A sentence, when whom to trust cannot be read.
    pub(super) fn of(settings: OtlpSettings, counts: Counts) -> Result<Self, String> {
        let OtlpSettings { endpoint, mut headers, trust, .. } = settings;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(OURSELVES));
        let client = transport::client(&trust)?;
        let instance = uuid::Uuid::new_v4().to_string();
        Ok(Self { client, endpoint, headers, instance, counts, complained: None })
    }

    /// Sends a batch and leaves it empty.
    pub(super) async fn take(&mut self, batch: &mut Vec<EndedSpan>) {
        let count = batch.len() as u64;
        let body = Bytes::from(encoding::request(&self.instance, batch.drain(..)).encode_to_vec());
        let lost = match self.post_until_taken(body).await {
            Ok(()) => 0,
            Err(error) => {
                let lost = if let NotTaken::InPart(refused, _) = &error { *refused } else { count };
                self.complain(lost, &error);
                lost.min(count)
            }
        };
        self.counts.dropped.inc_by(lost);
        self.counts.sent.inc_by(count - lost);
    }

    async fn post_until_taken(&self, body: Bytes) -> Result<(), NotTaken> {
        for pause in PAUSES {
            let wanted = match self.post(body.clone()).await {
                Err(NotTaken::Later(_, wanted)) => wanted,
                Err(NotTaken::Silent | NotTaken::Unreachable(_)) => None,
                done => return done,
            };
            sleep(wanted.map_or(pause, |wanted| wanted.min(LONGEST_PAUSE))).await;
        }
        self.post(body).await
    }

    async fn post(&self, body: Bytes) -> Result<(), NotTaken> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = self.headers.clone();
        let asked = async {
            let answer = self.client.request(request).await.map_err(NotTaken::Unreachable)?;
            judge(answer).await
        };
        timeout(PATIENCE, asked).await.map_err(|_| NotTaken::Silent)?
    }

    fn complain(&mut self, spans: u64, error: &NotTaken) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN) {
            self.complained = Some(Instant::now());
            tracing::warn!(%error, endpoint = %self.endpoint, spans, "spans were not taken and are lost");
        }
    }
}

/// What an answer means (OTLP, section "OTLP/HTTP Response").
async fn judge(answer: Response<Incoming>) -> Result<(), NotTaken> {
    let status = answer.status();
    if status.is_success() {
        return rejected(answer).await;
    }
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let wanted = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            NotTaken::Later(status, wanted.map(Duration::from_secs))
        }
        _ => NotTaken::Refused(status),
    })
}

/// Whether a collector that took a request took all of its spans. It need not say anything.
async fn rejected(answer: Response<Incoming>) -> Result<(), NotTaken> {
    let Ok(body) = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await else { return Ok(()) };
    let told = ExportTraceServiceResponse::decode(body.to_bytes()).ok().and_then(|answer| answer.partial_success);
    match told {
        Some(told) if told.rejected_spans > 0 => {
            Err(NotTaken::InPart(told.rejected_spans.unsigned_abs(), sentence(&told.error_message)))
        }
        _ => Ok(()),
    }
}

/// What a collector says, as far as it is logged: on one line, and cut.
fn sentence(told: &str) -> String {
    told.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_SENTENCE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_says_is_logged_in_one_line_and_cut() {
        assert_eq!(sentence("too old\nWARN forged"), "too old WARN forged");
        assert_eq!(sentence(&"\u{e4}".repeat(LARGEST_ANSWER)), "\u{e4}".repeat(LONGEST_SENTENCE));
    }
}
