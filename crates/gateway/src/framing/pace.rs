//! Answers over HTTP/2 that their client does not take.
//!
//! One stream's window may be empty while the connection moves, so the socket says nothing. But whoever runs a stream's
//! task sees it: the body gave something, and is not asked for more. That lasts as long as the client wants, unless the
//! task is given up here, which resets the stream and lets go of what it holds.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::task::spawn_local;

use super::patience::WritePatience;

/// What the bodies of a connection tell the tasks that send them: one of each runs at a time.
#[derive(Debug, Default)]
pub(crate) struct Pace(Cell<Sign>);

/// What was seen of a body while its task ran.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Sign {
    #[default]
    NotAsked,
    /// It gave something, or its end.
    Gave,
    /// It has nothing to give at the moment.
    Waits,
}

/// A body that tells whether it was asked.
#[derive(Debug)]
pub(crate) struct Paced<B> {
    body: B,
    pace: Rc<Pace>,
}

impl<B> Paced<B> {
    pub(crate) const fn new(body: B, pace: Rc<Pace>) -> Self {
        Self { body, pace }
    }
}

impl<B: Body + Unpin> Body for Paced<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let paced = self.get_mut();
        let polled = Pin::new(&mut paced.body).poll_frame(cx);
        paced.pace.0.set(if polled.is_ready() { Sign::Gave } else { Sign::Waits });
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs the tasks of an HTTP/2 connection on the core that accepted it, for as long as the client takes what they send.
#[derive(Debug)]
pub(crate) struct PacedTasks {
    pace: Rc<Pace>,
    allowed: Duration,
}

impl PacedTasks {
    pub(crate) fn new(allowed: Duration) -> Self {
        Self { pace: Rc::default(), allowed }
    }

    /// Where their bodies tell what was seen of them.
    pub(crate) fn pace(&self) -> Rc<Pace> {
        Rc::clone(&self.pace)
    }

    /// Runs one.
    pub(crate) fn run(&self, task: impl Future<Output = ()> + 'static) {
        spawn_local(run(task, Rc::clone(&self.pace), WritePatience::new(self.allowed)));
    }
}

/// The task is in a box, because an `async` block would keep room for it twice.
fn run(task: impl Future<Output = ()>, pace: Rc<Pace>, mut patience: WritePatience) -> impl Future<Output = ()> {
    let mut task = Box::pin(task);
    let mut last = Sign::NotAsked;
    std::future::poll_fn(move |cx| {
        pace.0.set(Sign::NotAsked);
        if task.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let seen = pace.0.take();
        if seen != Sign::NotAsked {
            last = seen;
            patience.moved();
        }
        if last != Sign::Gave {
            return Poll::Pending;
        }
        ready!(patience.poll_stalled(cx));
        tracing::debug!("an answer was given up: its client does not take it");
        Poll::Ready(())
    })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};

    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::time::{Instant, timeout};

    use super::*;

    const ALLOWED: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_task_whose_body_is_not_asked_for_more_is_given_up() {
        let pace = Rc::new(Pace::default());
        let mut body = Paced::new(Full::new(Bytes::from_static(b"some")), Rc::clone(&pace));
        let task = async {
            let _ = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            pending::<()>().await;
        };
        let start = Instant::now();
        run(task, Rc::clone(&pace), WritePatience::new(ALLOWED)).await;
        assert!(start.elapsed() >= ALLOWED);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waits_for_its_upstream_is_not() {
        let pace = Rc::new(Pace::default());
        let run = run(pending::<()>(), pace, WritePatience::new(ALLOWED));
        assert!(timeout(ALLOWED * 100, run).await.is_err());
    }
}
