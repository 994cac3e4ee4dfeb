//! How long clients may keep us waiting: for a request, for the rest of a head, for a body, and to take an answer.
//!
//! Deadlines move with every request, timers do not: a timer is moved only when it rings too early. So an idle connection
//! ends after its time, or up to as long again.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::ClientLimits;

/// A point in time, and the timer that waits for it once somebody asks.
#[derive(Debug, Default)]
struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Ready once the deadline is reached; pending for ever while there is none.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
    }

    /// Sees to it that whoever waits is woken after `time`, and again, for as long as it asks.
    fn keep_ringing(&mut self, cx: &mut Context<'_>, time: Duration) {
        if self.timer.is_none() {
            self.timer = Instant::now().checked_add(time).map(|at| Box::pin(sleep_until(at)));
        }
        while let Some(timer) = &mut self.timer {
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            match Instant::now().checked_add(time) {
                Some(at) => timer.as_mut().reset(at),
                None => self.timer = None,
            }
        }
    }
}

/// What a read waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Nothing: a request is being answered, and the read only watches for the end.
    Nothing,
    /// The first byte of a request.
    Request,
    /// The rest of a head.
    Head,
    /// More of a body.
    Body,
}

/// Patience with what a client sends.
#[derive(Debug)]
pub(crate) struct ReadPatience {
    limits: ClientLimits,
    awaited: Awaited,
    /// Since when the client keeps us waiting, as far as it matters.
    since: Option<Instant>,
    /// How much longer a body may keep us waiting: it grows with every byte.
    credit: Duration,
    deadline: Deadline,
}

impl ReadPatience {
    pub(crate) fn new(limits: ClientLimits) -> Self {
        let credit = limits.body_grace;
        Self { limits, awaited: Awaited::Nothing, since: None, credit, deadline: Deadline::default() }
    }

    /// A read has nothing to give. Ready if the client has kept us waiting for too long.
    pub(crate) fn poll_waiting(&mut self, cx: &mut Context<'_>, awaited: Awaited) -> Poll<()> {
        if awaited != self.awaited {
            self.turn_to(awaited);
        }
        if awaited == Awaited::Nothing {
            // The library does not read again after an answer: without a timer that still rings, nobody would notice
            // that the connection is idle from then on.
            self.deadline.keep_ringing(cx, self.limits.idle);
            return Poll::Pending;
        }
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            self.deadline.at = now.checked_add(self.allowed());
        }
        self.deadline.poll(cx)
    }

    /// Bytes have come.
    pub(crate) fn received(&mut self, count: usize) {
        match self.awaited {
            // A head has its time as a whole, from the first wait for its rest.
            Awaited::Head => {}
            Awaited::Body => {
                if let Some(since) = self.since.take() {
                    self.credit = self.credit.saturating_sub(since.elapsed());
                }
                let earned = Duration::from_secs(count as u64) / self.limits.body_rate.max(1);
                self.credit = (self.credit + earned).min(self.limits.body_pause);
                self.deadline.at = None;
            }
            Awaited::Nothing | Awaited::Request => self.turn_to(Awaited::Nothing),
        }
    }

    /// What was awaited is complete.
    pub(crate) fn begin_anew(&mut self) {
        self.turn_to(Awaited::Nothing);
    }

    fn turn_to(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.since = None;
        self.deadline.at = None;
        self.credit = self.limits.body_grace;
    }

    const fn allowed(&self) -> Duration {
        match self.awaited {
            Awaited::Nothing => Duration::MAX,
            Awaited::Request => self.limits.idle,
            Awaited::Head => self.limits.head,
            Awaited::Body => self.credit,
        }
    }
}

/// Patience with a client that does not take what is sent.
#[derive(Debug)]
pub(crate) struct WritePatience {
    allowed: Duration,
    deadline: Deadline,
}

impl WritePatience {
    pub(crate) fn new(allowed: Duration) -> Self {
        Self { allowed, deadline: Deadline::default() }
    }

    /// Notes whether a write moved, and gives it up where none has for too long.
    pub(crate) fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.moved();
            return written;
        }
        ready!(self.poll_stalled(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// A write cannot go on. Ready if that has lasted for too long.
    pub(crate) fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.deadline.at.is_none() {
            self.deadline.at = Instant::now().checked_add(self.allowed);
        }
        self.deadline.poll(cx)
    }

    /// Something was written.
    pub(crate) const fn moved(&mut self) {
        self.deadline.at = None;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{advance, pause};

    use super::*;

    fn limits() -> ClientLimits {
        ClientLimits::default()
    }

    async fn is_over(patience: &mut ReadPatience, awaited: Awaited) -> bool {
        poll_fn(|cx| Poll::Ready(patience.poll_waiting(cx, awaited).is_ready())).await
    }

    #[tokio::test]
    async fn a_head_has_its_time_as_a_whole_and_an_idle_connection_more() {
        pause();
        let mut patience = ReadPatience::new(limits());
        assert!(!is_over(&mut patience, Awaited::Head).await);
        for _ in 0..4 {
            advance(limits().head / 5).await;
            patience.received(1);
            assert!(!is_over(&mut patience, Awaited::Head).await);
        }
        advance(limits().head / 4).await;
        assert!(is_over(&mut patience, Awaited::Head).await);
        assert!(!is_over(&mut patience, Awaited::Request).await);
        advance(limits().idle - Duration::from_secs(1)).await;
        assert!(!is_over(&mut patience, Awaited::Request).await);
        advance(Duration::from_secs(2)).await;
        assert!(is_over(&mut patience, Awaited::Request).await);
    }

    #[tokio::test]
    async fn a_body_must_keep_its_pace_but_not_while_nobody_reads_it() {
        pause();
        let mut patience = ReadPatience::new(limits());
        for _ in 0..200 {
            assert!(!is_over(&mut patience, Awaited::Body).await);
            advance(Duration::from_secs(1)).await;
            patience.received(300);
        }
        // Nobody asks for an hour: that is not the client's fault.
        advance(Duration::from_secs(3600)).await;
        assert!(!is_over(&mut patience, Awaited::Body).await);
        let mut lasted = 0;
        while lasted < 1000 {
            // Asked before and after: a timer that is set for now rings with the next turn of the clock.
            let _ = is_over(&mut patience, Awaited::Body).await;
            advance(Duration::from_secs(1)).await;
            if is_over(&mut patience, Awaited::Body).await {
                break;
            }
            patience.received(1);
            lasted += 1;
        }
        assert!((10..=limits().body_pause.as_secs() + 1).contains(&lasted), "{lasted} s at a byte a second");
    }

    #[tokio::test]
    async fn a_write_that_stalls_is_given_up_and_one_that_moves_is_not() {
        pause();
        let mut patience = WritePatience::new(Duration::from_secs(30));
        let mut is_over = async |moved: bool| {
            poll_fn(|cx| {
                if moved {
                    assert!(patience.watch(cx, Poll::Ready(Ok(()))).is_ready());
                }
                Poll::Ready(patience.watch::<()>(cx, Poll::Pending).is_ready())
            })
            .await
        };
        for _ in 0..10 {
            assert!(!is_over(true).await);
            advance(Duration::from_secs(29)).await;
        }
        assert!(!is_over(false).await);
        advance(Duration::from_secs(2)).await;
        assert!(is_over(false).await);
    }
}
