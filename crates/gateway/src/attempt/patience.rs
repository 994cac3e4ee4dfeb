//! How long an answer is waited for, and what ends that earlier: a tunnel that fell silent where another is there.

use std::pin::pin;
use std::time::Duration;

use adit_core::snapshot::PublishedApplication;
use tokio::time::{Instant, timeout_at};

use crate::limits;
use crate::replay::ReplayBody;

/// What a request that waits for its answer goes by.
pub(super) struct Waiting<'w> {
    /// Since when its connection was waited for, if it had to be.
    pub(super) begun: Option<Instant>,
    pub(super) since: Instant,
    /// When the connection opened, if it has.
    pub(super) opened_at: &'w dyn Fn() -> Option<Instant>,
    pub(super) body: &'w ReplayBody,
    /// Whether the tunnel fell silent, and the request can be sent elsewhere.
    pub(super) elsewhere: &'w dyn Fn() -> bool,
}

/// Why an answer is not waited for any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    TooLong,
    Silent,
}

/// How long an application's upstream may take until its answer begins.
pub(crate) struct Patience {
    /// For the connection, where the connector's own limit is not enough.
    connect: Option<Duration>,
    /// For the answer, from the moment the body last moved.
    pub(super) answer: Duration,
}

impl Patience {
    pub(crate) fn of(application: &PublishedApplication) -> Self {
        let times = &application.upstream_times;
        let usual = || Duration::from_secs(application.timeout.seconds());
        Self { connect: times.connect.map(Duration::from), answer: times.first_byte.map_or_else(usual, Duration::from) }
    }

    /// For a connection that others may wait for too.
    pub(crate) fn for_connection(&self) -> Duration {
        self.connect.unwrap_or(self.answer)
    }

    /// Waits for the answer on a connection that may not be open yet. The answer's time starts when the connection is open:
    /// no moment counts twice.
    pub(super) async fn answer<T>(&self, waiting: Waiting<'_>, answer: impl Future<Output = T>) -> Result<T, GivenUp> {
        let Waiting { begun, mut since, opened_at, body, elsewhere } = waiting;
        let mut answer = pin!(answer);
        let mut look = since + limits::SILENCE_LOOKED_AT;
        let connected_by = begun.unwrap_or(since) + self.for_connection();
        loop {
            // Nobody tells when it opens: until then it is looked often enough for the answer's time to end when it should.
            let earliest = since + self.answer;
            let until = if opened_at().is_some() { earliest } else { earliest.min(connected_by) };
            if let Ok(answer) = timeout_at(until.min(look), answer.as_mut()).await {
                return Ok(answer);
            }
            if look < until {
                if elsewhere() {
                    return Err(GivenUp::Silent);
                }
                look += limits::SILENCE_LOOKED_AT;
                continue;
            }
            since = match opened_at() {
                None if until >= connected_by => return Err(GivenUp::TooLong),
                None => until,
                Some(opened) => {
                    let started = body.moved().map_or(opened, |moved| moved.max(opened));
                    Some(started).filter(|started| *started + self.answer > until).ok_or(GivenUp::TooLong)?
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// After how many seconds an answer that never comes is given up, on a connection that opens after so many.
    async fn given_up_after(patience: &Patience, waited: u32, opens: u32) -> u64 {
        let begun = Instant::now();
        tokio::time::advance(SECOND * waited).await;
        let opening = begun + SECOND * opens;
        let opened_at = || (Instant::now() >= opening).then_some(opening);
        let silence = std::future::pending::<()>();
        let (opened_at, since) = (&opened_at, Instant::now());
        let waiting = Waiting { begun: Some(begun), since, opened_at, body: &ReplayBody::Empty, elsewhere: &|| false };
        assert_eq!(patience.answer(waiting, silence).await, Err(GivenUp::TooLong));
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_stream_is_part_of_the_time_to_connect() {
        let patience = Patience { connect: Some(SECOND * 5), answer: SECOND * 60 };
        assert_eq!(given_up_after(&patience, 3, 1000).await, 5);
        let patience = Patience { connect: None, answer: SECOND * 60 };
        assert_eq!(given_up_after(&patience, 10, 1000).await, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_to_answer_starts_when_the_connection_is_open_whichever_is_longer() {
        let slow_to_connect = Patience { connect: Some(SECOND * 30), answer: SECOND * 4 };
        for (opens, ends) in [(0, 4), (1, 5), (3, 7), (4, 8), (9, 13), (29, 33), (31, 30)] {
            assert_eq!(given_up_after(&slow_to_connect, 0, opens).await, ends, "open after {opens} s");
        }
        let slow_to_answer = Patience { connect: Some(SECOND * 4), answer: SECOND * 30 };
        for (opens, ends) in [(0, 30), (3, 33), (5, 4)] {
            assert_eq!(given_up_after(&slow_to_answer, 0, opens).await, ends, "open after {opens} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_open_long_before_has_the_whole_time_to_answer() {
        let patience = Patience { connect: Some(SECOND), answer: SECOND * 4 };
        let opened = Instant::now();
        tokio::time::advance(SECOND * 100).await;
        let start = Instant::now();
        let silence = std::future::pending::<()>();
        let opened_at = &|| Some(opened);
        let waiting = Waiting { begun: None, since: start, opened_at, body: &ReplayBody::Empty, elsewhere: &|| false };
        assert_eq!(patience.answer(waiting, silence).await, Err(GivenUp::TooLong));
        assert_eq!(start.elapsed(), SECOND * 4);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_not_waited_for_where_the_tunnel_fell_silent_and_another_connector_is_there() {
        let patience = Patience { connect: None, answer: SECOND * 60 };
        let start = Instant::now();
        let (opened_at, elsewhere) = (&|| Some(start), &|| start.elapsed() > SECOND * 3);
        let waiting = Waiting { begun: None, since: start, opened_at, body: &ReplayBody::Empty, elsewhere };
        assert_eq!(patience.answer(waiting, std::future::pending::<()>()).await, Err(GivenUp::Silent));
        assert!(start.elapsed() <= SECOND * 4);
    }
}
