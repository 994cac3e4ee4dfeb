//! The server of a client's HTTP/2 connection: accepts streams, and answers each on a task of its own.
//!
//! A stream's task ends as soon as its client does not want the answer any more. Before the answer it may say interim ones,
//! and asks for a body that the client holds back once somebody begins to read it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, DATE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::body::Http2Body;
use super::pulse::Pulse;
use super::send::Sending;
use super::stream::Http2Stream;
use crate::arriving::Arriving;
use crate::interim::Way;
use crate::{hold, limits};

/// Serves a connection until it ends; once `enough` completes, until the requests that have begun are answered. `begin` is
/// given each request, and spawns its task.
///
/// # Errors
/// When the connection broke, or its client did.
pub(crate) async fn serve<I: AsyncRead + AsyncWrite + Unpin>(
    io: I,
    mut begin: impl FnMut(Request<Arriving>, Answering),
    enough: impl Future<Output = ()>,
) -> Result<(), h2::Error> {
    let mut connection = builder().handshake::<_, Bytes>(io).await?;
    let mut pulse = Pulse::of(connection.ping_pong());
    let mut enough = pin!(enough);
    let mut leaves = false;
    poll_fn(move |cx| {
        loop {
            if pulse.poll_lost(cx).is_ready() {
                tracing::debug!("an HTTP/2 client gives no sign of life");
                connection.abrupt_shutdown(Reason::NO_ERROR);
            }
            if !leaves && enough.as_mut().poll(cx).is_ready() {
                leaves = true;
                connection.graceful_shutdown();
            }
            match ready!(connection.poll_accept(cx)) {
                Some(accepted) => {
                    let (request, respond) = accepted?;
                    let (request, answering) = Answering::of(request, respond);
                    begin(request, answering);
                }
                None => return Poll::Ready(Ok(())),
            }
        }
    })
    .await
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        // WebSockets (RFC 8441).
        .enable_connect_protocol()
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS)
        .max_local_error_reset_streams(Some(limits::HTTP2_FAULTY_STREAMS))
        .initial_window_size(limits::HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW)
        .max_send_buffer_size(limits::HTTP2_SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits::HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

/// A stream whose request is to be answered.
#[derive(Debug)]
pub(crate) struct Answering {
    respond: SendResponse<Bytes>,
    /// Told when the body is wanted that the client holds back.
    wanted: Option<oneshot::Receiver<()>>,
    /// What comes on a stream that asks for another protocol, and who wants it joined.
    socket: Option<(RecvStream, oneshot::Sender<Http2Stream>)>,
}

impl Answering {
    fn of(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> (Request<Arriving>, Self) {
        let (head, stream) = request.into_parts();
        let mut answering = Self { respond, wanted: None, socket: None };
        let body = if head.method == Method::CONNECT {
            let (tell, told) = oneshot::channel();
            answering.socket = Some((stream, tell));
            Arriving::Socket(Some(told))
        } else {
            let mut body = Http2Body::of_request(stream, &head.headers);
            if hold::is_held(&head.headers) {
                let (tell, told) = oneshot::channel();
                body.ask_by(tell);
                answering.wanted = Some(told);
            }
            Arriving::Http2(body)
        };
        (Request::from_parts(head, body), answering)
    }

    /// Answers with what `service` makes of the request.
    pub(crate) async fn answer<B>(self, service: impl AsyncFnOnce(Way<'_>) -> Result<Response<B>, h2::Error>)
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + 'static,
    {
        let Self { respond, mut wanted, socket } = self;
        let respond = RefCell::new(respond);
        // In a block of its own: what serving takes, sending the answer does not.
        let answered = {
            let mut serving = pin!(service(Way::Http2(&respond)));
            poll_fn(|cx| {
                if let Poll::Ready(answered) = serving.as_mut().poll(cx) {
                    return Poll::Ready(Some(answered));
                }
                let mut respond = respond.borrow_mut();
                ask_for_body(&mut wanted, &mut respond, cx);
                // A reset, or the connection's end: nobody wants the answer any more.
                respond.poll_reset(cx).map(|_| None)
            })
            .await
        };
        let mut respond = respond.into_inner();
        match answered {
            None => {}
            Some(Err(error)) => respond.send_reset(error.reason().unwrap_or(Reason::INTERNAL_ERROR)),
            Some(Ok(response)) => send(respond, response, socket).await,
        }
    }
}

/// Tells a client that waits for it to go on, once its body is wanted.
fn ask_for_body(wanted: &mut Option<oneshot::Receiver<()>>, respond: &mut SendResponse<Bytes>, cx: &mut Context<'_>) {
    let Some(asked) = wanted else { return };
    let Poll::Ready(asked) = Pin::new(asked).poll(cx) else { return };
    *wanted = None;
    if asked.is_ok() {
        say(respond, StatusCode::CONTINUE, HeaderMap::new());
    }
}

/// Says something before the answer.
pub(crate) fn say(respond: &mut SendResponse<Bytes>, status: StatusCode, headers: HeaderMap) {
    let mut interim = Response::new(());
    *interim.status_mut() = status;
    *interim.headers_mut() = headers;
    if let Err(error) = respond.send_informational(interim) {
        tracing::debug!(%error, "an interim answer was not sent");
    }
}

async fn send<B>(
    mut respond: SendResponse<Bytes>,
    response: Response<B>,
    socket: Option<(RecvStream, oneshot::Sender<Http2Stream>)>,
) where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    let (mut head, body) = response.into_parts();
    date(&mut head);
    if let Some((incoming, tell)) = socket
        && head.status.is_success()
    {
        if let Some(outgoing) = begin(&mut respond, head, false) {
            // An error means that the WebSocket was given up.
            let _ = tell.send(Http2Stream::new(incoming, outgoing));
        }
        return;
    }
    let is_all = body.is_end_stream();
    if let Some(length) = body.size_hint().exact().filter(|_| !is_all) {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    if let Some(outgoing) = begin(&mut respond, head, is_all)
        && !is_all
    {
        Sending::new(outgoing, body).await;
    }
}

/// The answer begins.
fn begin(respond: &mut SendResponse<Bytes>, head: Parts, is_all: bool) -> Option<h2::SendStream<Bytes>> {
    match respond.send_response(Response::from_parts(head, ()), is_all) {
        Ok(outgoing) => Some(outgoing),
        Err(error) => {
            tracing::debug!(%error, "an answer was not sent");
            respond.send_reset(Reason::INTERNAL_ERROR);
            None
        }
    }
}

/// Servers say when they answered (RFC 9110, section 6.6.1); most upstreams have.
fn date(head: &mut Parts) {
    if head.headers.contains_key(DATE) {
        return;
    }
    let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now());
    if let Some(now) = now.ok().and_then(|now| HeaderValue::try_from(now).ok()) {
        head.headers.insert(DATE, now);
    }
}
