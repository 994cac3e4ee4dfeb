//! Interim answers of upstreams (1xx), passed on ahead of the answer itself: early hints (103, RFC 8297) above all.
//!
//! A client is told only while its answer has not begun, and what it is told is cleaned as an answer's head is. It is never
//! told 101, which is no interim answer, nor 100, which is said when the body is taken ([`crate::hold`]). Who asks for
//! another protocol, or speaks HTTP/1.0, is told nothing (RFC 9110, section 15.2). A request whose upstream says nothing
//! of the kind pays for none of this.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use h2::server::SendResponse;
use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};

use crate::framing::agreement::Agreement;
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
    /// One that came over either version of HTTP.
    pub(crate) fn of(said: Response<()>) -> Self {
        let (head, ()) = said.into_parts();
        Self { status: head.status, headers: head.headers }
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
        if !self.is_open() || !is_passed_on(status) || size_of(&headers) > limits::INTERIM_BYTES {
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

    #[test]
    fn a_head_is_written_as_it_was_said() {
        let mut said = Response::new(());
        *said.status_mut() = StatusCode::EARLY_HINTS;
        for (name, value) in [("link", "</a.css>; rel=preload"), ("link", "</b.js>"), ("x-empty", "")] {
            said.headers_mut().append(name, value.parse().unwrap());
        }
        let InterimHead { status, headers } = InterimHead::of(said);
        let text = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b.js>\r\nx-empty: \r\n\r\n";
        assert_eq!(as_text(status, &headers), text);
        assert_eq!(as_text(StatusCode::from_u16(199).unwrap(), &HeaderMap::new()), b"HTTP/1.1 199 \r\n\r\n");
    }

    #[test]
    fn what_is_no_interim_answer_is_not_passed_on() {
        let passed = (100..600).filter(|code| is_passed_on(StatusCode::from_u16(*code).unwrap()));
        assert!(passed.eq(102..200));
    }
}
