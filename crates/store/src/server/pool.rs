//! Connections in a pool.
//!
//! One that broke is noticed before it is lent, and one whose server has vanished does not keep its place: each is asked
//! for a sign of life, which has a limit, when it is lent and when it comes back.

use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use super::connection::{in_time, late, open_connection, prepare_writer, unreachable};
use crate::database::DatabaseUrl;
use crate::error::OpenError;

/// How long a question waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection that is alive may take to say so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Connections that answer questions.
const READERS: u32 = 8;

/// Nothing is written, and nothing waits for ever.
const READER_SETTINGS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '5s'; \
                               SET lock_timeout = '4s'; SET idle_in_transaction_session_timeout = '60s'";

/// The same where the whole directory is read: a million applications take longer than any list. A view stands still
/// while what it showed is worked on.
const HISTORY_SETTINGS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '120s'; \
                                SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'";

/// A statement for whose answer nobody waits any more ends, though its connection is gone; and none is compiled for longer
/// than it runs.
const HELPFUL_SETTINGS: &str = "SELECT set_config(name, CASE name WHEN 'jit' THEN 'off' ELSE '1s' END, false) \
                                FROM pg_settings WHERE name IN ('client_connection_check_interval', 'jit')";

/// Opens the connections that answer questions, the first of them at once.
pub(crate) async fn open_readers(url: &DatabaseUrl) -> Result<PgPool, OpenError> {
    open(url, READERS, READER_SETTINGS).await
}

/// Opens the one on which it is read what has changed.
pub(crate) async fn open_history(url: &DatabaseUrl) -> Result<PgPool, OpenError> {
    open(url, 1, HISTORY_SETTINGS).await
}

async fn open(url: &DatabaseUrl, connections: u32, settings: &'static str) -> Result<PgPool, OpenError> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(prepare_reader(connection, settings)))
        .before_acquire(|connection, _| Box::pin(is_alive(connection)))
        // Before the library asks by itself, without a limit.
        .after_release(|connection, _| Box::pin(is_alive(connection)));
    pool.connect_with(url.options().clone()).await.map_err(|source| unreachable(&url.place(), &source))
}

/// Opens a single connection that writes, for a transaction that is not bound to it.
pub(super) async fn open_one(url: &DatabaseUrl) -> Result<PgPool, OpenError> {
    // For what is wrong with the database to be found.
    let _closed = open_connection(url).await?.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(prepare_writer(connection)));
    pool.connect_with(url.options().clone()).await.map_err(|source| unreachable(&url.place(), &source))
}

async fn prepare_reader(connection: &mut PgConnection, settings: &'static str) -> Result<(), sqlx::Error> {
    in_time(sqlx::raw_sql(settings).execute(&mut *connection)).await?;
    // Not every server knows them, or can do what they ask for.
    match in_time(sqlx::raw_sql(HELPFUL_SETTINGS).execute(connection)).await {
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// An error stands for a connection that is not even closed in order.
async fn is_alive(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    timeout(SIGN_OF_LIFE, connection.ping()).await.unwrap_or_else(|_| Err(late())).map(|()| true)
}
