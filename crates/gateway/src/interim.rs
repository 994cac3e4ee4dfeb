//! Interim answers of upstreams (1xx), passed on ahead of the answer itself: early hints (103, RFC 8297) above all.
//!
//! A client is told only while its answer has not begun, and what it is told is cleaned as an answer's head is. It is never
//! told 101, which is no interim answer, nor 100, which is said when the body is taken ([`crate::hold`]). Who asks for
//! another protocol, or speaks HTTP/1.0, is told nothing (RFC 9110, section 15.2). A request whose upstream says nothing
//! of the kind pays for none of this.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use h2::server::SendResponse;
use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::framing::agreement::Agreement;
use crate::framing::upstream::Asked;
use crate::http2::server;
use crate::limits;
use crate::respond;
use crate::serving::ForwardingRules;
use crate::translate::Entered;

/// An interim answer as its upstream said it.
#[derive(Debug)]
pub(crate) struct InterimHead {
    status: StatusCode,
    headers: HeaderMap,
}

impl InterimHead {
    /// One that came over HTTP/2.
    pub(crate) fn of(said: Response<()>) -> Self {
        let (head, ()) = said.into_parts();
        Self { status: head.status, headers: head.headers }
    }

    /// Reads a head of HTTP/1.1, which is complete and ends each line with CR and LF. `None` for one that the HTTP library
    /// will refuse, and for one that is not passed on.
    pub(crate) fn read(status: u16, head: &[u8]) -> Option<Self> {
        let status = StatusCode::from_u16(status).ok().filter(|status| is_passed_on(*status))?;
        let mut headers = HeaderMap::new();
        let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        for line in lines.skip(1).take_while(|line| !line.is_empty()) {
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
            headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
        }
        Some(Self { status, headers })
    }
}

/// 100 answers a question that was asked for the body's sake, and 101 is the last that is said in HTTP.
fn is_passed_on(status: StatusCode) -> bool {
    status.is_informational() && !matches!(status, StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS)
}

/// How a client can be told something before its answer.
#[derive(Clone, Copy)]
pub(crate) enum Way<'c> {
    /// Not at all.
    Closed,
    /// Beneath the HTTP library, by the guard of its connection.
    Http1(&'c Agreement),
    /// On its stream.
    Http2(&'c RefCell<SendResponse<Bytes>>),
}

/// What one request's client may be told before its answer.
pub(crate) struct Interim<'r> {
    way: Way<'r>,
    rules: &'r ForwardingRules,
    entered: Entered,
    /// How many more.
    left: Cell<usize>,
}

impl<'r> Interim<'r> {
    pub(crate) const fn new(way: Way<'r>, rules: &'r ForwardingRules, entered: Entered) -> Self {
        Self { way, rules, entered, left: Cell::new(limits::INTERIM_PASSED_ON) }
    }

    /// Whether the client can be told anything more.
    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self.way, Way::Closed) && self.left.get() > 0
    }

    /// Tells the client, unless it was told enough or it is too much.
    pub(crate) fn tell(&self, said: InterimHead) {
        let InterimHead { status, mut headers } = said;
        if !self.is_open() || size_of(&headers) > limits::INTERIM_BYTES {
            return;
        }
        self.left.set(self.left.get() - 1);
        respond::clean(&mut headers, self.rules, self.entered);
        // There is no body whose length it could be.
        headers.remove(CONTENT_LENGTH);
        // The answer that counts may be another attempt's, and it alone sets state.
        headers.remove(SET_COOKIE);
        match self.way {
            Way::Closed => {}
            Way::Http1(agreement) => agreement.tell(&as_text(status, &headers)),
            Way::Http2(respond) => server::say(&mut respond.borrow_mut(), status, headers),
        }
    }

    /// Waits for an answer over HTTP/1.1, and passes on what comes before it.
    pub(crate) async fn hear<T>(&self, asked: &Asked, answer: impl Future<Output = T>) -> T {
        if !self.is_open() {
            return answer.await;
        }
        let mut answer = pin!(answer);
        let answered = poll_fn(|cx| {
            asked.hear(cx).into_iter().for_each(|said| self.tell(said));
            answer.as_mut().poll(cx)
        });
        let answered = answered.await;
        asked.stop_hearing();
        answered
    }
}

/// Bytes of fields, as HTTP/1.1 writes them.
fn size_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + b": \r\n".len()).sum()
}

fn as_text(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut text =
        format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default()).into_bytes();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(b"\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, head: &str) -> Option<String> {
        let InterimHead { status, headers } = InterimHead::read(status, head.as_bytes())?;
        Some(String::from_utf8(as_text(status, &headers)).unwrap())
    }

    #[test]
    fn a_head_is_read_and_written_as_it_was_said() {
        let head = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b.js>\r\nx-empty: \r\n\r\n";
        assert_eq!(read(103, head).as_deref(), Some(head));
        assert_eq!(read(102, "HTTP/1.1 102 Whatever\r\n\r\n").unwrap(), "HTTP/1.1 102 Processing\r\n\r\n");
        assert_eq!(read(199, "HTTP/1.1 199 New\r\nX-Y:z\r\n\r\n").unwrap(), "HTTP/1.1 199 \r\nx-y: z\r\n\r\n");
    }

    #[test]
    fn what_is_no_interim_answer_or_no_field_is_not_passed_on() {
        for (status, head) in [
            (100, "HTTP/1.1 100 Continue\r\n\r\n"),
            (101, "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            (200, "HTTP/1.1 200 OK\r\n\r\n"),
            (103, "HTTP/1.1 103 Early Hints\r\nno colon\r\n\r\n"),
            (103, "HTTP/1.1 103 Early Hints\r\na b: c\r\n\r\n"),
            (103, "HTTP/1.1 103 Early Hints\r\na: b\rc\r\n\r\n"),
        ] {
            assert_eq!(read(status, head), None, "{head:?}");
        }
    }
}
