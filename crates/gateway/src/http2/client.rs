//! Requests to an upstream over HTTP/2: each on a stream of its connection, with what is said before its answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, spawn_local};

use super::body::Http2Body;
use super::send::Sending;
use crate::arriving::Arriving;
use crate::attempt::{NoAnswer, NotAnswered};
use crate::framing::refusal::Refusal;
use crate::interim::{Interim, InterimHead};
use crate::limits;
use crate::replay::{ReplayBody, RequestBody};

/// How connections are opened. Their tunnel's stream is always read: only the windows inside stall where a client reads
/// slowly.
pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(limits::UPSTREAM_HTTP2_STREAMS_AT_FIRST)
        .initial_window_size(limits::UPSTREAM_HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(limits::UPSTREAM_HTTP2_CONNECTION_WINDOW)
        .max_send_buffer_size(limits::UPSTREAM_HTTP2_SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits::HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

/// Sends a request whose body is an attempt of `kept`, and waits for its answer. Requests pass `gate` one by one: the next
/// when the one before has its stream. So where the connection ends first, it is certain of all others that they were not
/// sent.
///
/// # Errors
/// Why there is none. Given up or failed, what is left of its stream is reset.
pub(crate) async fn send(
    (mut sender, gate): (SendRequest<Bytes>, &Semaphore),
    request: Request<RequestBody>,
    kept: &ReplayBody,
    interim: &Interim<'_>,
) -> Result<Response<Arriving>, NotAnswered> {
    let not_sent = |error| NotAnswered { not_sent: true, error: NoAnswer::Http2(error) };
    // It is never closed.
    let turn = gate.acquire().await;
    poll_fn(|cx| sender.poll_ready(cx)).await.map_err(not_sent)?;
    let (mut head, body) = request.into_parts();
    announce(&mut head, &body);
    let is_all = body.is_end_stream();
    let (mut answer, outgoing) = sender.send_request(Request::from_parts(head, ()), is_all).map_err(not_sent)?;
    // The upstream may allow no more streams for now. An error is the answer's as well.
    let _ = poll_fn(|cx| sender.poll_ready(cx)).await;
    drop((sender, turn));
    let upload = if is_all { None } else { Upload::begin(Sending::new(outgoing, body)).await };
    let response = answered(&mut answer, kept, interim).await?;
    // A body that was not asked for stays where it is, and its stream ends with the answer.
    if let Some(upload) = upload
        && !kept.refuse_if_held()
    {
        upload.go_on();
    }
    let (head, stream) = response.into_parts();
    let body = Arriving::Http2(Http2Body::of_answer(stream, &head.headers));
    Ok(Response::from_parts(head, body))
}

/// Says how long the body is, where that is known and of any use (RFC 9110, section 8.6).
fn announce(head: &mut Parts, body: &RequestBody) {
    let means_nothing = matches!(head.method, Method::GET | Method::HEAD | Method::DELETE);
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0 || !means_nothing) {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
}

/// It may have been sent.
const fn failed(error: NoAnswer) -> NotAnswered {
    NotAnswered { not_sent: false, error }
}

/// The answer, and before it what is said before it.
async fn answered(
    answer: &mut ResponseFuture,
    kept: &ReplayBody,
    interim: &Interim<'_>,
) -> Result<Response<h2::RecvStream>, NotAnswered> {
    let mut said = 0;
    poll_fn(|cx| {
        while let Poll::Ready(Some(Ok(head))) = answer.poll_informational(cx) {
            said += 1;
            if said > limits::INTERIM_ANSWERS {
                return Poll::Ready(Err(failed(NoAnswer::Refused(Refusal::TooManyInterim))));
            }
            match head.status() {
                StatusCode::CONTINUE => kept.go_on(),
                StatusCode::SWITCHING_PROTOCOLS => {
                    return Poll::Ready(Err(failed(NoAnswer::Refused(Refusal::UnaskedSwitch))));
                }
                _ => interim.tell(InterimHead::of(head)),
            }
        }
        Pin::new(&mut *answer).poll(cx).map_err(|error| failed(NoAnswer::Http2(error)))
    })
    .await
}

/// A body on its way to the upstream: it ends with its request, if that is given up.
#[derive(Debug)]
struct Upload(Option<AbortHandle>);

impl Upload {
    /// Most bodies are there already, and need no task.
    async fn begin(mut sending: Sending<RequestBody>) -> Option<Self> {
        let is_sent = poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx).is_ready())).await;
        (!is_sent).then(|| Self(Some(spawn_local(sending).abort_handle())))
    }

    /// It ends when it ends: upstreams may answer before.
    fn go_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
