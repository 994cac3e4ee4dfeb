//! One connection to an upstream: what is under way on it, and what was read of the answer.

use std::mem;
use std::task::{Context, Poll, Waker, ready};

use adit_tunnel::stream::TunnelStream;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Response};
use tokio::task::AbortHandle;

use super::Error;
use super::head::{Question, keeps_connection, read, read_fields};
use super::merging::Merging;
use super::outgoing::Outgoing;
use super::wire::Wire;
use crate::framing::body::{BodyScan, Piece};
use crate::framing::head::{HeadScan, OfResponse, ResponseHead};
use crate::framing::refusal::Refusal;
use crate::limits;
use crate::tunnel::Carried;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection<I: Wire = TunnelStream> {
    pub(super) io: I,
    /// Counts it as long as it lives; a connection that switched is counted by others.
    carried: Option<Carried>,
    at: At,
    scan: HeadScan<OfResponse>,
    /// What came and was not taken.
    pub(super) input: Bytes,
    /// The start of a head that is incomplete, or trailers.
    held: BytesMut,
    interim: usize,
    asked: Asked,
    /// The answer's head allows another request.
    keeps: bool,
    outgoing: Outgoing,
    upload: Option<Upload>,
    /// Who reads while an upload goes on beside, or waits for its end.
    waiting: Option<Waker>,
}

/// Where reading is.
#[derive(Debug)]
enum At {
    /// Between two exchanges.
    Idle,
    /// At or in a head.
    Head,
    Body(BodyScan),
    /// Another protocol: not looked at.
    Switched,
    /// The answer came whole, and no other follows.
    Closed,
    Refused(Refusal),
    /// It broke, in one direction or the other.
    Broken,
}

/// What an answer's meaning depends on.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    for_head_alone: bool,
    to_switch: bool,
}

/// A task that sends what is left of a request; it ends with the connection.
#[derive(Debug)]
pub(super) struct Upload(pub(super) AbortHandle);

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What comes of an answer's head.
pub(super) enum Came {
    /// It comes before the answer.
    Interim(Response<()>),
    Answer(Response<()>),
}

/// What came of an answer's body: something, or its end, or both.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) data: Bytes,
    pub(super) trailers: Option<Box<HeaderMap>>,
    pub(super) is_last: bool,
}

impl<I: Wire> Connection<I> {
    pub(super) fn new(io: I, carried: Option<Carried>) -> Self {
        Self {
            io,
            carried,
            at: At::Idle,
            scan: HeadScan::default(),
            input: Bytes::new(),
            held: BytesMut::new(),
            interim: 0,
            asked: Asked::default(),
            keeps: false,
            outgoing: Outgoing::none(),
            upload: None,
            waiting: None,
        }
    }

    /// A request is sent from now on.
    pub(super) fn begin(&mut self, question: Question<'_>) {
        self.at = At::Head;
        self.interim = 0;
        self.asked = Asked { for_head_alone: *question.method == Method::HEAD, to_switch: question.switches };
        self.upload = None;
        self.outgoing = Outgoing::begin(question);
    }

    /// Whether any of the request was sent.
    pub(super) const fn has_begun(&self) -> bool {
        self.outgoing.has_begun()
    }

    /// Whether more of the request may be sent.
    pub(super) fn is_sending(&self) -> bool {
        self.outgoing.is_under_way()
    }

    /// Whether what is left of a request may still be sent.
    pub(super) fn may_send_on(&self) -> bool {
        self.is_sending() && !self.is_cut()
    }

    /// Whether it is between two exchanges, and nothing has come in the meantime, nor its end.
    pub(super) fn is_open(&mut self, cx: &mut Context<'_>) -> bool {
        let is_quiet = self.may_stay() && !self.is_cut() && self.io.poll_part(cx).is_pending();
        if matches!(self.at, At::Idle) && !is_quiet {
            // If anything came, it is nobody's answer.
            self.at = At::Closed;
        }
        is_quiet
    }

    /// Whether its last exchange came to an end that allows another.
    pub(super) fn may_stay(&mut self) -> bool {
        self.io.settle();
        matches!(self.at, At::Idle) && !self.outgoing.has_failed()
    }

    /// Wakes `cx` when the upload has ended, or earlier.
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        self.waiting = Some(cx.waker().clone());
        if let Some(carried) = &self.carried {
            // Ready or not: whoever asks again will see it.
            let _ = carried.poll_cut(cx);
        }
    }

    /// A task sends what is left of the request.
    pub(super) fn goes_on_by(&mut self, upload: Upload) {
        self.upload = Some(upload);
    }

    fn is_cut(&self) -> bool {
        self.carried.as_ref().is_some_and(Carried::is_cut)
    }

    /// Sends on.
    ///
    /// # Errors
    /// The request's body broke, and with it the exchange.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let sent = self.outgoing.poll(&mut self.io, cx);
        if matches!(sent, Poll::Ready(Err(_))) {
            self.at = At::Broken;
        }
        sent
    }

    /// The same, beside the answer.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.poll_send(cx)) {
            tracing::debug!(%error, "a request broke off after its answer had begun");
        }
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(())
    }

    /// Receives until the next head is complete.
    ///
    /// # Errors
    /// There is none, or it is not let through.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, Error>> {
        loop {
            match self.take_head() {
                Ok(Some(came)) => return Poll::Ready(Ok(came)),
                Ok(None) => {}
                Err(refusal) => return Poll::Ready(Err(self.refuse(refusal))),
            }
            self.input = ready!(self.poll_input(cx))?;
            // What came before anything was sent is no answer to it.
            if self.input.is_empty() || !self.has_begun() {
                self.at = At::Broken;
                return Poll::Ready(Err(Error::Ended));
            }
        }
    }

    /// The head is a copy: clients' connections remember fields of answers, and would keep all that was received with them.
    fn take_head(&mut self) -> Result<Option<Came>, Refusal> {
        let asked = self.asked;
        let bodiless = asked.for_head_alone;
        let (head, said) = if self.held.is_empty() {
            let Some((length, said)) = self.scan.response(&self.input, bodiless)? else {
                self.held.extend_from_slice(&mem::take(&mut self.input));
                return Ok(None);
            };
            (Bytes::copy_from_slice(&self.input.split_to(length)), said)
        } else {
            self.held.extend_from_slice(&mem::take(&mut self.input));
            let Some((length, said)) = self.scan.response(&self.held, bodiless)? else { return Ok(None) };
            let head = Bytes::copy_from_slice(&self.held.split_to(length));
            self.input = mem::take(&mut self.held).freeze();
            (head, said)
        };
        let answer = read(&head, said.status)?;
        self.pass(said, &head, &answer)?;
        let is_interim = matches!(self.at, At::Head);
        Ok(Some(if is_interim { Came::Interim(answer) } else { Came::Answer(answer) }))
    }

    /// Goes on to what follows a head.
    fn pass(&mut self, said: ResponseHead, head: &[u8], answer: &Response<()>) -> Result<(), Refusal> {
        match said.status {
            101 if self.asked.to_switch && !self.is_sending() => {
                self.at = At::Switched;
                self.carried = None;
            }
            101 => return Err(Refusal::UnaskedSwitch),
            100..=199 => {
                self.interim += 1;
                if self.interim > limits::INTERIM_ANSWERS {
                    return Err(Refusal::TooManyInterim);
                }
            }
            _ => {
                self.keeps = keeps_connection(head, answer.headers());
                match BodyScan::new(said.framing) {
                    Some(body) => self.at = At::Body(body),
                    None => self.complete(),
                }
            }
        }
        Ok(())
    }

    /// The answer came whole.
    fn complete(&mut self) {
        let is_all = mem::take(&mut self.input).is_empty();
        if !is_all {
            tracing::debug!(error = %Refusal::UnaskedBytes, "an upstream connection serves no other request");
        }
        self.at = if self.keeps && is_all && !self.outgoing.has_failed() { At::Idle } else { At::Closed };
    }

    /// How many bytes of the answer's body are to come, where that was said; nothing where the answer is complete.
    pub(super) const fn body_left(&self) -> Option<Option<u64>> {
        match &self.at {
            At::Body(body) => Some(body.left()),
            _ => None,
        }
    }

    /// Receives what comes next of the answer's body.
    ///
    /// # Errors
    /// It does not come whole, or is not let through.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Error>> {
        loop {
            let received = self.take_part()?;
            if received.is_last || !received.data.is_empty() {
                return Poll::Ready(Ok(received));
            }
            self.input = match self.poll_input(cx) {
                Poll::Ready(input) => input?,
                Poll::Pending => {
                    if self.is_sending() {
                        self.wait(cx);
                    }
                    return Poll::Pending;
                }
            };
            if self.input.is_empty() {
                return Poll::Ready(self.end());
            }
        }
    }

    /// The stream has ended, within the answer.
    fn end(&mut self) -> Result<Received, Error> {
        if matches!(self.at, At::Body(BodyScan::UntilClose)) {
            self.at = At::Closed;
            return Ok(Received { is_last: true, ..Received::default() });
        }
        self.at = At::Broken;
        Err(Error::Ended)
    }

    /// Takes what was received of the body, as far as it goes.
    fn take_part(&mut self) -> Result<Received, Error> {
        let body = match &mut self.at {
            At::Body(body) => body,
            At::Refused(refusal) => return Err(Error::Refused(*refusal)),
            _ => return Err(Error::Ended),
        };
        let mut data = Merging::default();
        while !(self.input.is_empty() || body.is_over() || body.is_at_data() && data.is_enough()) {
            match body.next(&self.input) {
                Ok((length, piece)) => {
                    let part = self.input.split_to(length);
                    match piece {
                        Piece::Data => data.add(part, self.input.len()),
                        Piece::Framing => {}
                        Piece::Trailers => self.held.extend_from_slice(&part),
                    }
                }
                Err(refusal) => {
                    // What came before it is handed on.
                    let error = self.refuse(refusal);
                    let data = data.into_bytes();
                    return if data.is_empty() { Err(error) } else { Ok(Received { data, ..Received::default() }) };
                }
            }
        }
        let is_last = body.is_over();
        let trailers = if is_last { self.take_trailers()? } else { None };
        if is_last {
            self.complete();
        }
        Ok(Received { data: data.into_bytes(), trailers, is_last })
    }

    fn take_trailers(&mut self) -> Result<Option<Box<HeaderMap>>, Error> {
        let lines = mem::take(&mut self.held).freeze();
        if lines.len() <= b"\r\n".len() {
            return Ok(None);
        }
        match read_fields(&lines) {
            Ok(trailers) => Ok(Some(Box::new(trailers))),
            Err(refusal) => Err(self.refuse(refusal)),
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Error {
        self.at = At::Refused(refusal);
        Error::Refused(refusal)
    }

    /// Receives what comes next; nothing at the end.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Error>> {
        let input = if self.is_cut() { Poll::Pending } else { self.io.poll_part(cx) };
        let failed = match input {
            Poll::Ready(Ok(input)) => return Poll::Ready(Ok(input)),
            Poll::Ready(Err(error)) => Error::Broken(error),
            Poll::Pending => {
                let Some(carried) = &self.carried else { return Poll::Pending };
                ready!(carried.poll_cut(cx));
                Error::Cut
            }
        };
        self.at = At::Broken;
        Poll::Ready(Err(failed))
    }
}

impl<I: Wire> Drop for Connection<I> {
    fn drop(&mut self) {
        if matches!(self.at, At::Idle | At::Closed) {
            self.io.finish();
        }
    }
}
