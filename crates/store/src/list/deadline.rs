//! A limit on how long a statement runs on a connection that only reads.
//!
//! SQLite asks between its steps whether it shall go on. Invariant: no connection goes back to the others with a limit
//! that is still in force. Whoever stops waiting before [`Limited::finish`] stops the statement too, and its connection
//! is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};

use crate::error::Error;

/// After how many steps of SQLite's machine it is asked again: well below a millisecond.
const STEPS: i32 = 1000;

/// A connection whose statements end when their time is over.
#[derive(Debug)]
pub(crate) struct Limited {
    connection: PoolConnection<Sqlite>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The limit is no more.
    finished: AtomicBool,
    /// Nobody waits for the answer.
    abandoned: AtomicBool,
}

impl Limited {
    /// From now on, statements on `connection` have `longest` in all.
    pub(crate) async fn new(mut connection: PoolConnection<Sqlite>, longest: Duration) -> Result<Self, Error> {
        let state = Arc::new(State::default());
        let watched = Arc::clone(&state);
        let start = Instant::now();
        connection.lock_handle().await?.set_progress_handler(STEPS, move || {
            watched.finished.load(Ordering::Relaxed)
                || (!watched.abandoned.load(Ordering::Relaxed) && start.elapsed() < longest)
        });
        Ok(Self { connection, state })
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Ends the limit. To take the handler off would be one more exchange with the database; that it always says to go
    /// on is as good, and the next list has one of its own in its place.
    pub(crate) fn finish(self) {
        self.state.finished.store(true, Ordering::Relaxed);
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        if !self.state.finished.load(Ordering::Relaxed) {
            self.state.abandoned.store(true, Ordering::Relaxed);
            self.connection.close_on_drop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
    const LONG: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9999) SELECT MAX(i) FROM n";
    const HOUR: Duration = Duration::from_secs(3600);

    async fn pool_of_one() -> SqlitePool {
        SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap()
    }

    async fn answers(pool: &SqlitePool) {
        let answer = tokio::time::timeout(Duration::from_secs(10), sqlx::query(LONG).fetch_one(pool)).await;
        answer.expect("the connection is free").unwrap();
    }

    #[tokio::test]
    async fn a_statement_that_takes_too_long_is_stopped_and_the_next_has_no_limit() {
        let pool = pool_of_one().await;
        let mut limited = Limited::new(pool.acquire().await.unwrap(), Duration::from_millis(20)).await.unwrap();
        let stopped = sqlx::query(ENDLESS).fetch_one(limited.connection()).await.unwrap_err();
        assert!(matches!(Error::from(stopped), Error::TooExpensive));
        limited.finish();
        answers(&pool).await;
    }

    #[tokio::test]
    async fn a_statement_for_whose_answer_nobody_waits_any_more_is_stopped() {
        let pool = pool_of_one().await;
        let mut limited = Limited::new(pool.acquire().await.unwrap(), HOUR).await.unwrap();
        let waited =
            tokio::time::timeout(Duration::from_millis(20), sqlx::query(ENDLESS).fetch_one(limited.connection()));
        assert!(waited.await.is_err(), "it does not end by itself");
        drop(limited);
        answers(&pool).await;
    }
}
