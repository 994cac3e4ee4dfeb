//! The guard of a client's HTTP/1.1 connection: between TLS and the HTTP library.
//!
//! It hands on whole heads that have one meaning, and their bodies. The first violation in a head ends what is handed
//! on; in its place comes a request of the guard's own, which the service answers with the reason ([`super::agreement`])
//! after the answers that are still owed. A violation in a body is a failed read: the head is on its way already.
//!
//! The library has no way to send an interim answer, so the guard writes it: when the library flushes, and so has nothing
//! more to write, while the service holds the answer back that comes after it ([`Agreement::poll_told`]).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::agreement::{Agreement, Switch};
use super::body::{BodyScan, Taken};
use super::head::{HeadScan, OfRequest};
use super::lingering::Lingering;
use super::patience::{Awaited, ReadPatience, WritePatience};
use super::refusal::Refusal;
use crate::admission::Place;
use crate::limits::{self, ClientLimits};

/// What the library reads in place of what was refused. Whoever sends this gets the same answer: no harm is done.
const IN_PLACE: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// A guarded connection.
#[derive(Debug)]
pub(crate) struct ClientGuard<I> {
    io: I,
    agreement: Arc<Agreement>,
    at: At,
    head: HeadScan<OfRequest>,
    /// Bytes that were read and not handed on: an incomplete head, or what follows a wish for another protocol.
    held: Vec<u8>,
    /// How many bytes of `held` may be handed on.
    ready: usize,
    reading: ReadPatience,
    writing: WritePatience,
    lingering: Option<Lingering>,
    /// What is left of an interim answer of which a part was written.
    interim: Vec<u8>,
    /// What its address has of connections: a WebSocket takes it along.
    _place: Option<Place>,
}

#[derive(Debug)]
enum At {
    /// At or in a head.
    Head,
    Body(BodyScan),
    /// After a head that asks for another protocol, until it is known who reads on.
    Switching,
    /// Another protocol: not looked at.
    Switched,
    /// So many bytes of [`IN_PLACE`] were handed on.
    Refused(usize),
    /// In a body that is not one.
    Broken(Refusal),
}

impl<I> ClientGuard<I> {
    pub(crate) fn new(io: I, agreement: Arc<Agreement>, limits: ClientLimits) -> Self {
        Self {
            io,
            agreement,
            at: At::Head,
            head: HeadScan::default(),
            held: Vec::new(),
            ready: 0,
            reading: ReadPatience::new(limits),
            writing: WritePatience::new(limits.write_stall),
            lingering: None,
            interim: Vec::new(),
            _place: None,
        }
    }

    /// The same connection, which takes a place of its address for as long as it lives.
    pub(crate) fn taking(self, place: Place) -> Self {
        Self { _place: Some(place), ..self }
    }

    /// Looks at bytes that follow what was looked at; gives how many of them may be handed on.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            match &mut self.at {
                At::Head => match self.head.request(rest) {
                    Ok(None) => break,
                    Ok(Some((length, head))) => {
                        passed += length;
                        self.agreement.pass(head);
                        self.reading.begin_anew();
                        self.at = match BodyScan::new(head.framing) {
                            Some(body) => At::Body(body),
                            None if head.upgrade => At::Switching,
                            None => At::Head,
                        };
                    }
                    Err(refusal) => self.refuse(refusal),
                },
                At::Body(body) => match body.take(rest) {
                    Ok(Taken::All) => return bytes.len(),
                    Ok(Taken::End(length)) => {
                        passed += length;
                        self.agreement.body_ended();
                        self.at = At::Head;
                    }
                    Err(refusal) => self.at = At::Broken(refusal),
                },
                At::Switched => return bytes.len(),
                At::Switching | At::Refused(_) | At::Broken(_) => break,
            }
        }
        passed
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.agreement.refuse(refusal);
        self.at = At::Refused(0);
    }

    /// Takes bytes that were just read: those after `start` in `buffer`. Leaves there what may be handed on.
    fn receive(&mut self, buffer: &mut ReadBuf<'_>, start: usize) {
        let fresh = buffer.filled().get(start..).unwrap_or_default();
        self.reading.received(fresh.len());
        if self.held.is_empty() {
            let passed = self.scan(fresh);
            if let Some(rest) = fresh.get(passed..).filter(|rest| !rest.is_empty()) {
                self.hold(rest);
            }
            buffer.set_filled(start + passed);
        } else {
            self.held.extend_from_slice(fresh);
            buffer.set_filled(start);
            self.scan_held();
        }
    }

    fn hold(&mut self, rest: &[u8]) {
        if matches!(self.at, At::Head | At::Switching) {
            self.held.extend_from_slice(rest);
        }
    }

    /// Looks at what is held and was not looked at.
    fn scan_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.ready += self.scan(held.get(self.ready..).unwrap_or_default());
        self.held = held;
        if matches!(self.at, At::Refused(_) | At::Broken(_)) {
            self.held.truncate(self.ready);
        }
    }

    /// Hands on what is held and may be handed on; `false` if there is nothing.
    fn deliver_held(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.ready.min(buffer.remaining());
        let Some(part) = self.held.get(..count).filter(|part| !part.is_empty()) else { return false };
        buffer.put_slice(part);
        self.held.drain(..count);
        self.ready -= count;
        if self.held.is_empty() {
            // A head that came in parts is rare: an idle connection keeps nothing of it.
            self.held = Vec::new();
        }
        true
    }

    /// What a read waits for.
    fn awaited(&self) -> Awaited {
        match self.at {
            At::Body(_) => Awaited::Body,
            At::Head if !self.held.is_empty() => Awaited::Head,
            At::Head if !self.agreement.is_busy() => Awaited::Request,
            _ => Awaited::Nothing,
        }
    }
}

impl<I: AsyncRead + Unpin> ClientGuard<I> {
    /// Reads from the client; `true` if something came, `false` at the end.
    fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let start = buffer.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, buffer)? {
            Poll::Ready(()) if buffer.filled().len() == start => Poll::Ready(Ok(false)),
            Poll::Ready(()) => {
                self.receive(buffer, start);
                Poll::Ready(Ok(true))
            }
            // Another protocol has its own patience.
            Poll::Pending if matches!(self.at, At::Switched) => Poll::Pending,
            Poll::Pending => {
                let awaited = self.awaited();
                ready!(self.reading.poll_waiting(cx, awaited));
                self.lose_patience(awaited)
            }
        }
    }

    fn lose_patience(&mut self, awaited: Awaited) -> Poll<io::Result<bool>> {
        match awaited {
            Awaited::Head => {
                self.held = Vec::new();
                self.refuse(Refusal::TooSlow);
                Poll::Ready(Ok(true))
            }
            Awaited::Body => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            // An idle connection ends as if the client had ended it.
            Awaited::Nothing | Awaited::Request => Poll::Ready(Ok(false)),
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for ClientGuard<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let start = buffer.filled().len();
        loop {
            if guard.deliver_held(buffer) {
                return Poll::Ready(Ok(()));
            }
            match &mut guard.at {
                At::Refused(handed_on) => {
                    let rest = IN_PLACE.get(*handed_on..).unwrap_or_default();
                    let count = rest.len().min(buffer.remaining());
                    let Some(part) = rest.get(..count).filter(|part| !part.is_empty()) else { return Poll::Pending };
                    *handed_on += count;
                    buffer.put_slice(part);
                    return Poll::Ready(Ok(()));
                }
                At::Broken(refusal) => return Poll::Ready(Err((*refusal).into())),
                At::Switching => match guard.agreement.switch(cx) {
                    Switch::Agreed => {
                        guard.at = At::Switched;
                        guard.scan_held();
                        continue;
                    }
                    Switch::Declined => {
                        guard.at = At::Head;
                        guard.scan_held();
                        continue;
                    }
                    Switch::Asked if guard.held.len() >= limits::HEAD_BYTES => return Poll::Pending,
                    Switch::Asked => {}
                },
                At::Head | At::Body(_) | At::Switched => {}
            }
            // The end is told as it is: nothing was added to the buffer.
            if !ready!(guard.poll_receive(cx, buffer))? || buffer.filled().len() > start {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncWrite + Unpin> ClientGuard<I> {
    /// Writes what the client is to be told before its answer. The library has written all it had: it is between messages.
    fn poll_tell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_interim(cx))?;
            self.interim = self.agreement.take_interim();
            if self.interim.is_empty() {
                self.agreement.told();
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Writes the rest of what was begun.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            let written = Pin::new(&mut self.io).poll_write(cx, &self.interim);
            let count = ready!(self.writing.watch(cx, written))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.interim.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientGuard<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        ready!(guard.poll_interim(cx))?;
        let written = Pin::new(&mut guard.io).poll_write(cx, buffer);
        guard.writing.watch(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        ready!(guard.poll_interim(cx))?;
        let written = Pin::new(&mut guard.io).poll_write_vectored(cx, buffers);
        guard.writing.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if guard.agreement.tells() {
            ready!(guard.poll_tell(cx))?;
        }
        let flushed = Pin::new(&mut guard.io).poll_flush(cx);
        guard.writing.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if guard.lingering.is_none() {
            let shut = Pin::new(&mut guard.io).poll_shutdown(cx);
            ready!(guard.writing.watch(cx, shut))?;
            // What comes belongs to another protocol, of which only this direction ends.
            if matches!(guard.at, At::Switched) {
                return Poll::Ready(Ok(()));
            }
        }
        guard.lingering.get_or_insert_default().poll(&mut guard.io, cx).map(Ok)
    }
}

#[cfg(test)]
mod tests;
