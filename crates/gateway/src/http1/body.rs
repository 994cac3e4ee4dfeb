//! The body of an answer, read from the connection by whoever takes it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use adit_tunnel::stream::TunnelStream;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::Error;
use super::connection::Connection;
use super::switched::Switched;
use super::wire::Wire;

/// A body on its way.
#[derive(Debug)]
pub(crate) struct AnswerBody<I: Wire = TunnelStream> {
    /// Let go of once the body has come: the connection is another exchange's then.
    connection: Option<Rc<RefCell<Connection<I>>>>,
    length: Length,
    trailers: Option<Box<HeaderMap>>,
    /// It broke off, which is told next.
    failed: Option<Error>,
}

/// How much is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Left(u64),
    Unknown,
    /// What comes is another protocol.
    Switched,
}

impl<I: Wire> AnswerBody<I> {
    /// The body of an answer whose head has come.
    pub(super) fn of(connection: &Rc<RefCell<Connection<I>>>, switched: bool) -> Self {
        let left = connection.borrow().body_left();
        let (connection, length) = match left {
            Some(left) => (Some(Rc::clone(connection)), left.map_or(Length::Unknown, Length::Left)),
            None if switched => (Some(Rc::clone(connection)), Length::Switched),
            None => (None, Length::Left(0)),
        };
        Self { connection, length, trailers: None, failed: None }
    }

    /// The connection as a stream of bytes, if its answer switched to another protocol.
    pub(crate) fn into_switched(self) -> Option<Switched<I>> {
        self.connection.filter(|_| self.length == Length::Switched).map(Switched::new)
    }
}

impl<I: Wire> Body for AnswerBody<I> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let body = self.get_mut();
        if let Some(connection) = &body.connection {
            if body.length == Length::Switched {
                return Poll::Ready(None);
            }
            if let Some(error) = body.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let received = match ready!(connection.borrow_mut().poll_body(cx)) {
                Ok(received) => received,
                Err(error) => {
                    // What came before goes on its way first: whoever takes it would drop that with the error.
                    body.failed = Some(error);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            };
            if let Length::Left(left) = &mut body.length {
                *left = left.saturating_sub(received.data.len() as u64);
            }
            if received.is_last {
                body.connection = None;
                body.trailers = received.trailers;
            }
            if !received.data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(received.data))));
            }
        }
        Poll::Ready(body.trailers.take().map(|trailers| Ok(Frame::trailers(*trailers))))
    }

    fn is_end_stream(&self) -> bool {
        (self.connection.is_none() || self.length == Length::Switched) && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Length::Left(left) => SizeHint::with_exact(left),
            Length::Switched => SizeHint::with_exact(0),
            Length::Unknown => SizeHint::default(),
        }
    }
}
