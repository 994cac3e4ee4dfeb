//! A request on its way: its head and the first of its body leave together, the rest as it comes, large parts uncopied.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{io, mem};

use bytes::{Bytes, BytesMut};
use http::header::TRAILER;
use http::{HeaderMap, HeaderName};
use http_body::Body as _;

use super::Error;
use super::head::{Question, write_field};
use super::wire::Wire;
use crate::framing::head::Framing;
use crate::replay::RequestBody;

/// Parts up to this size are copied to leave with what is before and behind them; above it, a frame of its own costs less.
const JOINED: usize = 16 * 1024;

/// What is sent of a request.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Is being sent.
    now: Bytes,
    /// Is sent after it.
    next: Bytes,
    /// Waits to be sent, small parts together: after both.
    joined: BytesMut,
    body: RequestBody,
    /// Of a length, what is left of it.
    framing: Framing,
    /// The trailers that the head speaks of.
    announced: Vec<HeaderName>,
    stage: Stage,
    /// Whether any of it was sent.
    has_begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// More of the body is to come.
    Body,
    /// There is nothing to come: what is there is sent.
    Last,
    Done,
    /// The upstream takes no more, or the body broke.
    Failed,
}

impl Outgoing {
    /// There is none.
    pub(super) fn none() -> Self {
        Self {
            now: Bytes::new(),
            next: Bytes::new(),
            joined: BytesMut::new(),
            body: RequestBody::Empty,
            framing: Framing::None,
            announced: Vec::new(),
            stage: Stage::Done,
            has_begun: false,
        }
    }

    pub(super) fn begin(question: Question<'_>) -> Self {
        let framing = framing_of(&question.body);
        let announced = if framing == Framing::Chunked { announced(question.fields) } else { Vec::new() };
        let joined = question.write(framing);
        let stage = if framing == Framing::None { Stage::Last } else { Stage::Body };
        Self { joined, body: question.body, framing, announced, stage, ..Self::none() }
    }

    /// Whether it cannot be sent whole any more.
    pub(super) fn has_failed(&self) -> bool {
        self.stage == Stage::Failed
    }

    /// Whether more of it may be sent.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Body | Stage::Last)
    }

    /// Whether any of it was sent.
    pub(super) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Sends on until all was sent, or the upstream takes no more. (What it says of that is read.)
    ///
    /// # Errors
    /// The body did not come as it should.
    pub(super) fn poll(&mut self, io: &mut impl Wire, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while self.is_under_way() {
            match ready!(self.poll_step(io, cx)) {
                Ok(()) => {}
                Err(Error::Broken(error)) => {
                    tracing::debug!(%error, "an upstream takes no more of a request");
                    self.fail();
                }
                Err(error) => {
                    self.fail();
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn fail(&mut self) {
        *self = Self { stage: Stage::Failed, has_begun: self.has_begun, ..Self::none() };
    }

    fn poll_step(&mut self, io: &mut impl Wire, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.now.is_empty() {
            return self.poll_now(io, cx).map_err(Error::Broken);
        }
        if !self.next.is_empty() {
            self.now = mem::take(&mut self.next);
            return Poll::Ready(Ok(()));
        }
        let gathered = self.poll_gather(cx)?;
        if !self.now.is_empty() || !self.next.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if self.joined.is_empty() {
            ready!(gathered);
            // The body may hold what its request was received in.
            *self = Self { has_begun: self.has_begun, ..Self::none() };
        }
        self.now = mem::take(&mut self.joined).freeze();
        Poll::Ready(Ok(()))
    }

    fn poll_now(&mut self, io: &mut impl Wire, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let before = self.now.len();
        let sent = io.poll_send(cx, &mut self.now);
        self.has_begun |= self.now.len() < before;
        sent
    }

    /// Gathers what there is of the body, up to as much as leaves together. Pending if there is nothing for now.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Error> {
        while self.stage == Stage::Body && self.joined.len() < JOINED && self.next.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(None) => self.end(&HeaderMap::new())?,
                Poll::Ready(Some(Err(error))) => return Err(Error::Body(Box::new(error))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.put(data)?,
                    Err(frame) => self.end(&frame.into_trailers().unwrap_or_default())?,
                },
            }
        }
        Ok(Poll::Ready(()))
    }

    fn put(&mut self, data: Bytes) -> Result<(), Error> {
        let is_chunk = self.framing == Framing::Chunked;
        if let Framing::Length(left) = &mut self.framing {
            *left = left.checked_sub(data.len() as u64).ok_or(Error::Length)?;
        }
        // An empty chunk would be the last one.
        if is_chunk && !data.is_empty() {
            self.joined.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        }
        let ending: &[u8] = if is_chunk && !data.is_empty() { b"\r\n" } else { b"" };
        if data.len() > JOINED {
            self.now = mem::take(&mut self.joined).freeze();
            self.next = data;
        } else {
            self.joined.extend_from_slice(&data);
        }
        self.joined.extend_from_slice(ending);
        if self.framing == Framing::Length(0) || self.body.is_end_stream() {
            self.end(&HeaderMap::new())
        } else {
            Ok(())
        }
    }

    /// The body is complete.
    fn end(&mut self, trailers: &HeaderMap) -> Result<(), Error> {
        self.stage = Stage::Last;
        match self.framing {
            Framing::Length(1..) => return Err(Error::Length),
            Framing::Chunked => {
                self.joined.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.iter().filter(|(name, _)| self.announced.contains(name)) {
                    write_field(&mut self.joined, name.as_str(), value.as_bytes());
                }
                self.joined.extend_from_slice(b"\r\n");
            }
            Framing::Length(_) | Framing::None | Framing::UntilClose => {}
        }
        Ok(())
    }
}

fn framing_of(body: &RequestBody) -> Framing {
    if body.is_end_stream() {
        return Framing::None;
    }
    body.size_hint().exact().map_or(Framing::Chunked, Framing::Length)
}

fn announced(fields: &HeaderMap) -> Vec<HeaderName> {
    let lines = fields.get_all(TRAILER).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}
