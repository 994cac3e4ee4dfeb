//! A view of a server's database that does not change, and a connection that never goes back to its pool with one open.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};

/// One moment, for as many statements as are asked.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How long a server may take to begin and to end one.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(12);

/// A transaction that only reads. Dropped before its end it takes its connection along: whoever has that next would see the
/// directory as it was.
pub(crate) struct View {
    connection: PoolConnection<Postgres>,
    is_open: bool,
}

impl View {
    /// Begins one. The library's own transactions are not used, because they wait for a server that has vanished, and because
    /// one whose beginning nobody waited for stays open unnoticed.
    pub(crate) async fn begin(connection: PoolConnection<Postgres>) -> Result<Self, sqlx::Error> {
        let mut view = Self { connection, is_open: true };
        view.run(BEGIN).await?;
        Ok(view)
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Ends it, and gives the connection back.
    pub(crate) async fn end(mut self) -> Result<(), sqlx::Error> {
        self.run("ROLLBACK").await?;
        self.is_open = false;
        Ok(())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let done = tokio::time::timeout(LONGEST_EXCHANGE, sqlx::raw_sql(sql).execute(&mut *self.connection)).await;
        let late = |_| sqlx::Error::Io(std::io::Error::new(ErrorKind::TimedOut, "the database server does not answer"));
        done.map_err(late)?.map(drop)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}
