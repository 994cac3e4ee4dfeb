//! Sends a body over a stream of HTTP/2, no faster than its windows allow.
//!
//! Room is asked for once there is something to send, and not before: room that one stream holds and does not use is
//! missing on the others of the connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::{Body, Frame};

use super::code_of;

/// A body that is being sent: complete when the stream has ended, in whichever way.
#[derive(Debug)]
pub(crate) struct Sending<B> {
    stream: SendStream<Bytes>,
    body: B,
    /// A part that waits for room, and whether it is the last.
    waiting: Option<(Bytes, bool)>,
}

/// Whether more is to be sent.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Part,
    All,
}

impl<B> Sending<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    pub(crate) const fn new(stream: SendStream<Bytes>, body: B) -> Self {
        Self { stream, body, waiting: None }
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            // Whoever resets the stream wakes this task, whatever it waits for.
            if let Poll::Ready(reason) = self.stream.poll_reset(cx)? {
                return Poll::Ready(Err(reason.into()));
            }
            if self.waiting.is_some() {
                ready!(self.poll_room(cx))?;
            }
            let sent = match self.waiting.take() {
                Some((part, is_last)) => self.send(part, is_last)?,
                None => match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                    Some(Ok(frame)) => self.take(frame)?,
                    Some(Err(error)) => {
                        self.stream.send_reset(code_of(&error));
                        tracing::debug!(%error, "a body broke on its way");
                        Sent::All
                    }
                    None => self.send(Bytes::new(), true)?,
                },
            };
            if sent == Sent::All {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Err(Reason::STREAM_CLOSED.into())),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Sent, h2::Error> {
        let frame = match frame.into_data() {
            Ok(part) if part.is_empty() => {
                let is_last = self.body.is_end_stream();
                return self.send(part, is_last);
            }
            Ok(part) => {
                // The least that is worth a claim: the library asks for the whole once it has the part.
                self.stream.reserve_capacity(1);
                self.waiting = Some((part, self.body.is_end_stream()));
                return Ok(Sent::Part);
            }
            Err(frame) => frame,
        };
        let Ok(trailers) = frame.into_trailers() else { return Ok(Sent::Part) };
        self.stream.reserve_capacity(0);
        self.stream.send_trailers(trailers).map(|()| Sent::All)
    }

    fn send(&mut self, part: Bytes, is_last: bool) -> Result<Sent, h2::Error> {
        self.stream.send_data(part, is_last)?;
        Ok(if is_last { Sent::All } else { Sent::Part })
    }
}

impl<B> Future for Sending<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_all(cx).map(|sent| {
            if let Err(error) = sent {
                tracing::debug!(%error, "a stream ended before its body");
            }
        })
    }
}
