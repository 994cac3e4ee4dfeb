//! The time that an answer's body may take: how long its upstream may be silent, and when all of it must be there.
//!
//! Only applications that have such times pay for it; the bodies of all others have no clock. The head is out by then, so
//! a body that takes too long is cut off where the client can see it: a broken connection, or a stream that is reset.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_core::UpstreamTimes;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::arriving::Broken;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It broke.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// Its next part did not come in time.
    #[error("the upstream was silent for longer than the application's idle time")]
    Silent,
    /// Its end did not come in time.
    #[error("the answer took longer than the application's total time")]
    TooLong,
    /// Its request may not go on.
    #[error("the session of the user was ended, or the application is not open any more")]
    SessionEnded,
}

/// What is left of one body's time.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Option<Duration>,
    deadline: Option<Instant>,
    /// Runs while the upstream is waited for, and not while the client is.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// `None` for a body that may take as long as it likes.
    pub(crate) fn of(times: &UpstreamTimes, deadline: Option<Instant>) -> Option<Box<Self>> {
        let idle = times.idle.map(Duration::from);
        let limited = idle.is_some() || deadline.is_some();
        limited.then(|| Box::new(Self { idle, deadline, silence: None }))
    }

    /// A part came, or the end.
    pub(crate) fn moved(&mut self) -> Result<(), BodyError> {
        self.silence = None;
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) { Err(BodyError::TooLong) } else { Ok(()) }
    }

    /// Nothing came yet. Ready when nothing more is waited for.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let (idle, deadline) = (self.idle, self.deadline);
        let silence = self.silence.get_or_insert_with(|| {
            let until = [idle.map(|idle| Instant::now() + idle), deadline].into_iter().flatten().min();
            // One of the two is there, or there would be no pace.
            Box::pin(sleep_until(until.unwrap_or_else(Instant::now)))
        });
        silence.as_mut().poll(cx).map(|()| match deadline {
            Some(deadline) if deadline <= Instant::now() => BodyError::TooLong,
            _ => BodyError::Silent,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use adit_core::Seconds;

    use super::*;

    fn times(idle: Option<i64>) -> UpstreamTimes {
        UpstreamTimes { idle: idle.map(|seconds| Seconds::new(seconds).unwrap()), ..UpstreamTimes::default() }
    }

    async fn over(pace: &mut Pace) -> (BodyError, Duration) {
        let start = Instant::now();
        (poll_fn(|cx| pace.poll_over(cx)).await, start.elapsed())
    }

    #[test]
    fn without_times_there_is_no_clock() {
        assert!(Pace::of(&times(None), None).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_starts_the_silence_anew_and_nothing_the_total() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut pace = Pace::of(&times(Some(4)), Some(deadline)).unwrap();
        let (ended, after) = over(&mut pace).await;
        assert!(matches!(ended, BodyError::Silent) && after.as_secs() == 4, "{ended} after {after:?}");
        pace.moved().unwrap();
        tokio::time::advance(Duration::from_secs(3)).await;
        pace.moved().unwrap();
        let (ended, after) = over(&mut pace).await;
        assert!(matches!(ended, BodyError::TooLong) && after.as_secs() == 3, "{ended} after {after:?}");
        assert!(matches!(pace.moved(), Err(BodyError::TooLong)), "what comes later is too late");
    }
}
