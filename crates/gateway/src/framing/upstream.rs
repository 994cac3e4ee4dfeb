//! The guard of an upstream connection: between the HTTP library and the stream through the tunnel.
//!
//! An answer with two meanings, an endless head, interim answers without end and bytes that answer no request are failed
//! reads: the exchange fails where it can, and the connection is dropped, so that what one user's answer left behind is
//! never the start of the next one's.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use http::Method;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::{BodyScan, Taken};
use super::head::{HeadScan, OfResponse, ResponseHead};
use super::merge::merge;
use super::refusal::Refusal;
use crate::interim::InterimHead;
use crate::limits;

/// What was asked over a connection: told by whoever sends a request. (Atomics for the same reason as in
/// [`super::agreement`].)
#[derive(Debug, Default)]
pub(crate) struct Asked {
    requests: AtomicU64,
    bodiless: AtomicBool,
    switch: AtomicBool,
    /// Whether `heard` has something.
    has_heard: AtomicBool,
    heard: Mutex<Vec<InterimHead>>,
    /// Who waits for the answer, if interim ones are of use to it.
    hearer: AtomicWaker,
}

impl Asked {
    /// A request is about to be sent.
    pub(crate) fn ask(&self, method: &Method, switch: bool) {
        self.requests.store(self.requests.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.bodiless.store(*method == Method::HEAD, Ordering::Relaxed);
        self.switch.store(switch, Ordering::Relaxed);
        if self.has_heard.load(Ordering::Relaxed) {
            drop(self.take_heard());
        }
    }

    /// The interim answers that came since this was asked; whoever asks is woken when the next one comes.
    pub(crate) fn hear(&self, cx: &Context<'_>) -> Vec<InterimHead> {
        self.hearer.register(cx.waker());
        // Nothing is allocated for an empty one.
        if self.has_heard.load(Ordering::Relaxed) { self.take_heard() } else { Vec::new() }
    }

    /// Nobody waits any more.
    pub(crate) fn stop_hearing(&self) {
        drop(self.hearer.take());
    }

    fn take_heard(&self) -> Vec<InterimHead> {
        self.has_heard.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An interim answer came.
    fn came(&self, said: InterimHead) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < limits::INTERIM_PASSED_ON {
            heard.push(said);
        }
        drop(heard);
        self.has_heard.store(true, Ordering::Relaxed);
        self.hearer.wake();
    }
}

/// A guarded upstream connection.
#[derive(Debug)]
pub(crate) struct UpstreamGuard<I> {
    io: I,
    asked: Arc<Asked>,
    answered: u64,
    at: At,
    head: HeadScan<OfResponse>,
    /// An incomplete head.
    held: Vec<u8>,
    /// How many bytes of `held` may be handed on.
    ready: usize,
    interim: usize,
}

#[derive(Debug)]
enum At {
    /// At or in a head.
    Head,
    Body(BodyScan),
    /// Another protocol: not looked at.
    Switched,
    Broken(Refusal),
}

impl<I> UpstreamGuard<I> {
    pub(crate) fn new(io: I, asked: Arc<Asked>) -> Self {
        Self { io, asked, answered: 0, at: At::Head, head: HeadScan::default(), held: Vec::new(), ready: 0, interim: 0 }
    }

    /// Looks at bytes that follow what was looked at; gives how many of them may be handed on.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            match self.scan_part(rest) {
                Ok(Some(length)) => passed += length,
                Ok(None) => break,
                Err(refusal) => {
                    self.at = At::Broken(refusal);
                    break;
                }
            }
        }
        passed
    }

    /// Looks at a head, or at what there is of a body; gives its length, and nothing for a head that is incomplete.
    fn scan_part(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        match &mut self.at {
            At::Head if self.answered == self.asked.requests.load(Ordering::Relaxed) => Err(Refusal::UnaskedBytes),
            At::Head => {
                let Some((length, head)) = self.head.response(bytes, self.asked.bodiless.load(Ordering::Relaxed))?
                else {
                    return Ok(None);
                };
                self.take_head(head)?;
                if head.status < 200
                    && let Some(said) = bytes.get(..length).and_then(|bytes| InterimHead::read(head.status, bytes))
                {
                    self.asked.came(said);
                }
                Ok(Some(length))
            }
            At::Body(body) => match body.take(bytes)? {
                Taken::All => Ok(Some(bytes.len())),
                Taken::End(length) => {
                    self.complete();
                    Ok(Some(length))
                }
            },
            At::Switched => Ok(Some(bytes.len())),
            At::Broken(_) => Ok(None),
        }
    }

    fn take_head(&mut self, head: ResponseHead) -> Result<(), Refusal> {
        match head.status {
            101 if self.asked.switch.load(Ordering::Relaxed) => self.at = At::Switched,
            101 => return Err(Refusal::UnaskedSwitch),
            100..=199 => {
                self.interim += 1;
                if self.interim > limits::INTERIM_ANSWERS {
                    return Err(Refusal::TooManyInterim);
                }
            }
            _ => match BodyScan::new(head.framing) {
                Some(body) => self.at = At::Body(body),
                None => self.complete(),
            },
        }
        Ok(())
    }

    /// An answer is complete.
    fn complete(&mut self) {
        self.answered += 1;
        self.interim = 0;
        self.at = At::Head;
    }

    /// Takes bytes that were just read: those after `start` in `buffer`. Leaves there what may be handed on.
    fn receive(&mut self, buffer: &mut ReadBuf<'_>, start: usize) {
        let fresh = buffer.filled().get(start..).unwrap_or_default();
        if !self.held.is_empty() {
            self.held.extend_from_slice(fresh);
            buffer.set_filled(start);
            let held = std::mem::take(&mut self.held);
            self.ready += self.scan(held.get(self.ready..).unwrap_or_default());
            self.held = held;
            return;
        }
        let until_chunk = match &self.at {
            At::Body(body) => body.until_chunk(),
            _ => None,
        };
        let mut passed = self.scan(fresh);
        if let (At::Head, Some(rest)) = (&self.at, fresh.get(passed..)) {
            self.held.extend_from_slice(rest);
        }
        if let (Some(lead), Some(fresh)) = (until_chunk, buffer.filled_mut().get_mut(start..start + passed)) {
            passed = merge(fresh, lead);
        }
        buffer.set_filled(start + passed);
    }

    /// Hands on what is held and may be handed on; `false` if there is nothing.
    fn deliver_held(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.ready.min(buffer.remaining());
        let Some(part) = self.held.get(..count).filter(|part| !part.is_empty()) else { return false };
        buffer.put_slice(part);
        self.held.drain(..count);
        self.ready -= count;
        true
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for UpstreamGuard<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let start = buffer.filled().len();
        loop {
            if guard.deliver_held(buffer) {
                return Poll::Ready(Ok(()));
            }
            if let At::Broken(refusal) = guard.at {
                return Poll::Ready(Err(refusal.into()));
            }
            ready!(Pin::new(&mut guard.io).poll_read(cx, buffer))?;
            if buffer.filled().len() == start {
                return Poll::Ready(Ok(()));
            }
            guard.receive(buffer, start);
            if buffer.filled().len() > start {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for UpstreamGuard<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(method: &Method) -> UpstreamGuard<()> {
        let asked = Arc::new(Asked::default());
        asked.ask(method, false);
        UpstreamGuard::new((), asked)
    }

    fn refused(bytes: &[u8]) -> Option<Refusal> {
        let mut guard = guard(&Method::GET);
        let _ = guard.scan(bytes);
        match guard.at {
            At::Broken(refusal) => Some(refusal),
            _ => None,
        }
    }

    #[test]
    fn an_answer_ends_where_it_says_and_nothing_follows() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let mut guard = guard(&Method::GET);
        assert_eq!(guard.scan(&[answer.as_slice(), b"HTTP/1.1 200 OK\r\n\r\n"].concat()), answer.len());
        assert!(matches!(guard.at, At::Broken(Refusal::UnaskedBytes)));
        assert_eq!(refused(answer), None);
        assert_eq!(refused(b"HTTP/1.1 204 \r\n\r\nx"), Some(Refusal::UnaskedBytes));
        assert_eq!(refused(b"HTTP/1.1 200 OK\r\n\r\nall that comes"), None);
    }

    #[test]
    fn an_answer_to_a_head_request_has_no_body() {
        let mut guard = guard(&Method::HEAD);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(guard.scan(&[head.as_slice(), b"hi"].concat()), head.len());
        assert!(matches!(guard.at, At::Broken(Refusal::UnaskedBytes)));
    }

    #[test]
    fn answers_with_two_meanings_are_refused() {
        for (bytes, refusal) in [
            (
                &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
                Refusal::LengthBesideCoding,
            ),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", Refusal::TwoLengths),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Refusal::BadCoding),
            (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::CodingInOldVersion),
            (b"HTTP/1.1 200 OK\n\n", Refusal::BareLineFeed),
            (b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", Refusal::FoldedField),
            (b"\r\nHTTP/1.1 200 OK\r\n\r\n", Refusal::EmptyLineFirst),
            (b"HTTP/2 200 OK\r\n\r\n", Refusal::BadStatusLine),
            (b"HTTP/1.1 20 OK\r\n\r\n", Refusal::BadStatusLine),
            (b"HTTP/1.1 2000 OK\r\n\r\n", Refusal::BadStatusLine),
            (b"HTTP/1.1 099 OK\r\n\r\n", Refusal::BadStatusLine),
            (b"ICY 200 OK\r\n\r\n", Refusal::BadStatusLine),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Refusal::UnaskedSwitch),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n", Refusal::BadChunk),
        ] {
            assert_eq!(refused(bytes), Some(refusal), "{}", String::from_utf8_lossy(bytes));
        }
        let of_length = |count, line: &[u8]| [b"HTTP/1.1 200 OK\r\n".as_slice(), &line.repeat(count)].concat();
        assert_eq!(refused(&of_length(limits::FIELDS + 1, b"X: y\r\n")), Some(Refusal::TooManyFields));
        let long = [b"X: ".as_slice(), &[b'y'; 1024], b"\r\n"].concat();
        assert_eq!(refused(&of_length(limits::HEAD_BYTES / 1024, &long)), Some(Refusal::HeadTooLarge));
        assert_eq!(refused(&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)), Some(Refusal::TooManyInterim));
    }

    /// What a chunked body says, and in how many chunks.
    fn decoded(mut body: &[u8]) -> (String, usize) {
        let (mut said, mut chunks) = (String::new(), 0);
        loop {
            let line = body.iter().position(|byte| *byte == b'\n').unwrap();
            let size = std::str::from_utf8(&body[..line]).unwrap().trim_end().split(';').next().unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                assert_eq!(&body[line + 1..], b"X-Last: 1\r\n\r\n");
                return (said, chunks);
            }
            said.push_str(std::str::from_utf8(&body[line + 1..line + 1 + size]).unwrap());
            assert_eq!(&body[line + 1 + size..line + 3 + size], b"\r\n");
            body = &body[line + 3 + size..];
            chunks += 1;
        }
    }

    #[test]
    fn chunks_that_come_together_are_merged_wherever_reads_end() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let sizes = [1, 20, 3, 300, 15, 16, 1, 1, 255, 4096, 2];
        let mut body = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            let extension = if number % 3 == 0 { ";x=\"y\"" } else { "" };
            body.extend(format!("{size:x}{extension}\r\n{}\r\n", "abcdefghijk"[number..=number].repeat(*size)).bytes());
        }
        body.extend(b"0\r\nX-Last: 1\r\n\r\n");
        let said = decoded(&body).0;
        for each in (1..400).chain([1000, 5000, 10_000]) {
            let mut guard = guard(&Method::GET);
            assert_eq!(guard.scan(head), head.len());
            let mut passed = Vec::new();
            for part in body.chunks(each) {
                let mut room = vec![0; part.len() + 5];
                let mut buffer = ReadBuf::new(&mut room);
                buffer.put_slice(b"first");
                buffer.put_slice(part);
                guard.receive(&mut buffer, 5);
                passed.extend_from_slice(&buffer.filled()[5..]);
            }
            let (shown, chunks) = decoded(&passed);
            assert_eq!(shown, said, "in reads of {each}");
            assert!(each < 5000 || chunks == 1, "{chunks} chunks in reads of {each}");
        }
    }
}
