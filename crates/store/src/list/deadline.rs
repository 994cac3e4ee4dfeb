//! A limit on how long a statement runs on a connection that only reads.
//!
//! SQLite asks between its steps whether it shall go on. A server ends what takes a reader too long by itself: whoever
//! opens the connection has told it when. Invariant: no connection goes back to the others with a limit that is still in
//! force, or with a view that is still open. Whoever stops waiting before [`Limited::finish`] has the connection closed,
//! and SQLite stops the statement too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::engine::{Connection, Reach};
use crate::error::Error;

/// After how many steps of SQLite's machine it is asked again: well below a millisecond.
const STEPS: i32 = 1000;

/// A connection whose statements end when their time is over.
#[derive(Debug)]
pub(crate) struct Limited {
    connection: Connection,
    state: Arc<State>,
    latest: Instant,
}

#[derive(Debug, Default)]
struct State {
    /// The limit is no more.
    finished: AtomicBool,
    /// Nobody waits for the answer.
    abandoned: AtomicBool,
}

impl Limited {
    /// From now on, statements on `connection` have `longest` in all, if the limit is ours to set.
    pub(crate) async fn new(mut connection: Connection, longest: Duration) -> Result<Self, Error> {
        let state = Arc::new(State::default());
        if let Reach::Sqlite(sqlite) = connection.reach() {
            let watched = Arc::clone(&state);
            let start = Instant::now();
            sqlite.lock_handle().await?.set_progress_handler(STEPS, move || {
                watched.finished.load(Ordering::Relaxed)
                    || (!watched.abandoned.load(Ordering::Relaxed) && start.elapsed() < longest)
            });
        }
        Ok(Self { connection, state, latest: Instant::now() + longest })
    }

    pub(crate) const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Whether the time is over: then what was refused took too long.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.latest
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
            match &mut self.connection {
                Connection::SqliteOfPool(connection) => connection.close_on_drop(),
                Connection::PostgresOfPool(connection) => connection.close_on_drop(),
                // No other has it after us.
                Connection::Sqlite(_)
                | Connection::Postgres(_)
                | Connection::SqliteView(_)
                | Connection::PostgresChange(_)
                | Connection::PostgresView(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;
    use crate::testing;
    use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
    const LONG: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9999) SELECT MAX(i) FROM n";
    const HOUR: Duration = Duration::from_secs(3600);

    async fn pool_of_one() -> SqlitePool {
        SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap()
    }

    async fn limited(pool: &SqlitePool, longest: Duration) -> Limited {
        Limited::new(Connection::SqliteOfPool(pool.acquire().await.unwrap()), longest).await.unwrap()
    }

    async fn answers(pool: &SqlitePool) {
        let answer = tokio::time::timeout(Duration::from_secs(10), sqlx::query(LONG).fetch_one(pool)).await;
        answer.expect("the connection is free").unwrap();
    }

    #[tokio::test]
    async fn a_statement_that_takes_too_long_is_stopped_and_the_next_has_no_limit() {
        let pool = pool_of_one().await;
        let mut limited = limited(&pool, Duration::from_millis(20)).await;
        let stopped = engine::query(ENDLESS).fetch_optional(limited.connection()).await.err().unwrap();
        assert!(matches!(Error::from(stopped), Error::Busy));
        assert!(limited.is_over());
        limited.finish();
        answers(&pool).await;
    }

    #[tokio::test]
    async fn a_statement_for_whose_answer_nobody_waits_any_more_is_stopped() {
        let pool = pool_of_one().await;
        let mut limited = limited(&pool, HOUR).await;
        let endless = engine::query(ENDLESS).fetch_optional(limited.connection());
        assert!(tokio::time::timeout(Duration::from_millis(20), endless).await.is_err(), "it does not end by itself");
        drop(limited);
        answers(&pool).await;
    }

    #[tokio::test]
    async fn a_server_whose_answers_nobody_waits_for_has_others_for_the_next() {
        let directory = testing::on_postgres().await;
        for _ in 0..20 {
            let mut limited = Limited::new(directory.store.read().await.unwrap(), HOUR).await.unwrap();
            let slow = engine::query("SELECT COUNT(*) FROM pg_sleep(3)").fetch_optional(limited.connection());
            assert!(tokio::time::timeout(Duration::from_millis(20), slow).await.is_err());
        }
        let mut read = directory.store.read().await.unwrap();
        let row = engine::query("SELECT COUNT(*) FROM audit").fetch_one(&mut read).await.unwrap();
        assert_eq!(row.try_get::<i64, _>(0).unwrap(), 0);
    }
}
