//! Signs of life of a client's HTTP/2 connection: it is asked for one from time to time, and has a while to give it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits;

/// Asks, and waits.
#[derive(Debug)]
pub(super) struct Pulse {
    /// `None` once nobody is to be asked any more.
    pings: Option<PingPong>,
    timer: Pin<Box<Sleep>>,
    asked: bool,
}

impl Pulse {
    pub(super) fn of(pings: Option<PingPong>) -> Self {
        Self { pings, timer: Box::pin(sleep(limits::HTTP2_PING)), asked: false }
    }

    /// Ready, once, when a client that was asked has not answered in time.
    pub(super) fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(pings) = &mut self.pings {
            if self.asked && pings.poll_pong(cx).is_ready() {
                self.asked = false;
                self.timer.as_mut().reset(Instant::now() + limits::HTTP2_PING);
            }
            ready!(self.timer.as_mut().poll(cx));
            if self.asked {
                self.pings = None;
                return Poll::Ready(());
            }
            // An error means that the connection is at its end.
            self.asked = pings.send_ping(Ping::opaque()).is_ok();
            self.timer.as_mut().reset(Instant::now() + limits::HTTP2_PONG);
        }
        Poll::Pending
    }
}
