//! The two engines beneath the directory, SQLite and PostgreSQL, as one: a connection, a row, a statement.
//!
//! Statements are written once, with `?` for the values that are bound ([`query`]), in the SQL that both engines speak.
//! What one of them has alone is asked of [`Connection::reach`], in the few files that know it.

mod statement;
mod view;

use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{
    ColumnIndex, Connection as _, Decode, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, Transaction, Type,
};

pub(crate) use self::statement::{Statement, built, query, script};
pub(crate) use self::view::View;

/// Which engine keeps the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A connection to the directory, however it is held. One of a pool goes back to it, and a view ends, when it is dropped.
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
    SqliteOfPool(PoolConnection<Sqlite>),
    PostgresOfPool(PoolConnection<Postgres>),
    SqliteView(Transaction<'static, Sqlite>),
    /// One that writes, for a single transaction.
    PostgresChange(Transaction<'static, Postgres>),
    PostgresView(View),
}

/// A connection as its engine has it.
pub(crate) enum Reach<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Engine {
    /// Statements of both engines have a `?` for each value; the same with this one's own marks.
    pub(crate) fn marked(self, sql: &str) -> String {
        match self {
            Self::Sqlite => sql.to_owned(),
            Self::Postgres => statement::numbered(sql),
        }
    }
}

impl Connection {
    pub(crate) const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) | Self::SqliteOfPool(_) | Self::SqliteView(_) => Engine::Sqlite,
            Self::Postgres(_) | Self::PostgresOfPool(_) | Self::PostgresChange(_) | Self::PostgresView(_) => {
                Engine::Postgres
            }
        }
    }

    pub(crate) fn reach(&mut self) -> Reach<'_> {
        match self {
            Self::Sqlite(connection) => Reach::Sqlite(connection),
            Self::SqliteOfPool(connection) => Reach::Sqlite(connection),
            Self::SqliteView(view) => Reach::Sqlite(view),
            Self::Postgres(connection) => Reach::Postgres(connection),
            Self::PostgresOfPool(connection) => Reach::Postgres(connection),
            Self::PostgresChange(change) => Reach::Postgres(change),
            Self::PostgresView(view) => Reach::Postgres(view.connection()),
        }
    }

    /// How long a server has for an answer: more than it gives a statement itself, so that its own reason comes first. A
    /// view may be of the whole directory.
    const fn longest_exchange(&self) -> Duration {
        Duration::from_secs(if matches!(self, Self::PostgresChange(_) | Self::PostgresView(_)) { 130 } else { 12 })
    }

    /// Ends it in order, as far as it is this value's to end.
    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => Box::pin(connection.close()).await,
            Self::Postgres(connection) => Box::pin(connection.close()).await,
            Self::SqliteOfPool(connection) => Box::pin(connection.close()).await,
            Self::PostgresOfPool(connection) => Box::pin(connection.close()).await,
            Self::SqliteView(view) => Box::pin(view.rollback()).await,
            Self::PostgresChange(change) => Box::pin(change.rollback()).await,
            Self::PostgresView(view) => Box::pin(view.end()).await,
        }
    }
}

impl Debug for Connection {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Connection").field(&self.engine()).finish()
    }
}

/// What a statement found.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of a column, by its name or its place.
    pub(crate) fn try_get<'r, T, I>(&'r self, column: I) -> Result<T, sqlx::Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}
