//! Sends requests over one connection, one after the other.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use adit_tunnel::stream::TunnelStream;
use http::{Response, StatusCode};
use tokio::task::spawn_local;

use super::body::AnswerBody;
use super::connection::{Came, Connection, Upload};
use super::head::Question;
use super::wire::Wire;
use super::{Error, NotSent};
use crate::interim::InterimHead;
use crate::replay::ReplayBody;
use crate::tunnel::Carried;

/// A connection, as those have it who may send a request over it; it ends with this value and the answer.
#[derive(Debug)]
pub(crate) struct Client<I: Wire = TunnelStream>(Rc<RefCell<Connection<I>>>);

impl<I: Wire + 'static> Client<I> {
    /// HTTP/1.1 on a new stream, which counts as under way by `carried`.
    pub(crate) fn new(io: I, carried: Option<Carried>) -> Self {
        Self(Rc::new(RefCell::new(Connection::new(io, carried))))
    }

    /// Whether the last exchange, if there was one, allows another. What came meanwhile is seen by [`Self::is_open`].
    pub(crate) fn may_stay(&self) -> bool {
        self.0.borrow_mut().may_stay()
    }

    /// Whether the connection may serve another request, now or once the last one was sent whole: nothing came on it, nor
    /// its end.
    pub(crate) fn is_open(&self) -> bool {
        self.0.borrow_mut().is_open(&mut Context::from_waker(Waker::noop()))
    }

    /// Whether the last request was sent whole, or ended otherwise.
    pub(crate) fn is_sent(&self) -> bool {
        !self.0.borrow().is_sending()
    }

    /// Waits until the last request was sent whole; `false` if the connection cannot serve another.
    pub(crate) async fn ready(&self) -> bool {
        poll_fn(|cx| {
            let mut connection = self.0.borrow_mut();
            if !connection.is_open(cx) {
                return Poll::Ready(false);
            }
            if connection.is_sending() {
                connection.wait(cx);
                return Poll::Pending;
            }
            Poll::Ready(true)
        })
        .await
    }

    /// Waits until what is left of the last request was sent, or cannot be, whatever its answer said of the connection.
    pub(crate) async fn rest_sent(&self) {
        poll_fn(|cx| {
            let mut connection = self.0.borrow_mut();
            // So that an end is noticed, as long as it may be.
            let _ = connection.is_open(cx);
            if connection.may_send_on() {
                connection.wait(cx);
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await
    }

    /// Sends a request whose body is an attempt of `kept`, and waits for its answer; `hear` is told what is said before it.
    /// Given up, it leaves a connection that serves no other.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn send(
        &self,
        question: Question<'_>,
        kept: &ReplayBody,
        mut hear: impl FnMut(InterimHead),
    ) -> Result<Response<AnswerBody<I>>, NotSent> {
        self.0.borrow_mut().begin(question);
        let answered = poll_fn(|cx| self.poll_answer(cx, kept, &mut hear)).await;
        let answer = answered.map_err(|error| NotSent { not_begun: !self.0.borrow().has_begun(), error })?;
        let is_sending = self.0.borrow().is_sending();
        // A body that was not asked for stays where it is.
        if is_sending && !kept.refuse_if_held() {
            self.send_on();
        }
        let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        Ok(answer.map(|()| AnswerBody::of(&self.0, switched)))
    }

    fn poll_answer(
        &self,
        cx: &mut Context<'_>,
        kept: &ReplayBody,
        hear: &mut impl FnMut(InterimHead),
    ) -> Poll<Result<Response<()>, Error>> {
        let mut connection = self.0.borrow_mut();
        loop {
            if let Poll::Ready(sent) = connection.poll_send(cx) {
                sent?;
            }
            match ready!(connection.poll_head(cx))? {
                Came::Answer(answer) => return Poll::Ready(Ok(answer)),
                Came::Interim(said) if said.status() == StatusCode::CONTINUE => kept.go_on(),
                Came::Interim(said) => hear(InterimHead::of(said)),
            }
        }
    }

    /// An upstream answered before it had the whole request: the rest goes on its way, whether or not the answer is read.
    fn send_on(&self) {
        let connection = Rc::downgrade(&self.0);
        let sending = poll_fn(move |cx| {
            let Some(connection) = connection.upgrade() else { return Poll::Ready(()) };
            connection.borrow_mut().poll_upload(cx)
        });
        let upload = Upload(spawn_local(sending).abort_handle());
        self.0.borrow_mut().goes_on_by(upload);
    }
}
