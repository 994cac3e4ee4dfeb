//! One statement and its values, for whichever engine runs it.
//!
//! What an engine does is boxed: the future of whoever asks would have room for that of both.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::time::Duration;

use sea_query::{PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, SqlStr, Sqlite};

use super::{Connection, Engine, Reach, Row};

/// A statement with the values that are bound to its marks.
pub(crate) struct Statement<'q> {
    sql: SqlStr,
    values: Vec<Value<'q>>,
    is_kept_compiled: bool,
    /// Whether its marks are PostgreSQL's already.
    is_numbered: bool,
}

/// A value that is bound. What is nothing has a type as well, because PostgreSQL asks for it.
#[derive(Debug, Clone)]
pub(crate) enum Value<'q> {
    Text(Option<Cow<'q, str>>),
    Integer(Option<i64>),
    Number(Option<f64>),
    Bool(Option<bool>),
}

/// What became of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done(u64);

impl Done {
    /// How many rows it wrote.
    pub(crate) const fn rows_affected(self) -> u64 {
        self.0
    }
}

/// A statement with a `?` for each value, in the order in which they are bound.
pub(crate) fn query<'q>(sql: impl SqlSafeStr) -> Statement<'q> {
    Statement { sql: sql.into_sql_str(), values: Vec::new(), is_kept_compiled: true, is_numbered: false }
}

/// The statement as `engine` spells it.
pub(crate) fn built(select: &SelectStatement, engine: Engine) -> Result<Statement<'static>, sqlx::Error> {
    let (sql, values) = match engine {
        Engine::Sqlite => select.build(SqliteQueryBuilder),
        Engine::Postgres => select.build(PostgresQueryBuilder),
    };
    let values = values.0.into_iter().map(Value::try_from).collect::<Result<_, _>>()?;
    let sql = AssertSqlSafe(sql).into_sql_str();
    Ok(Statement { sql, values, is_kept_compiled: true, is_numbered: engine == Engine::Postgres })
}

impl<'q> Statement<'q> {
    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Whether the engine keeps the statement compiled for the next time; it does if nothing is said.
    pub(crate) const fn persistent(mut self, is_kept_compiled: bool) -> Self {
        self.is_kept_compiled = is_kept_compiled;
        self
    }

    /// Of what it finds, the first `limit` rows after `skip` others; both are written out. Bound, SQLite would plan by their
    /// values, and for that compile the statement anew each time it is used.
    pub(crate) fn limited(mut self, limit: u32, skip: u32) -> Self {
        let offset = if skip > 0 { format!(" OFFSET {skip}") } else { String::new() };
        self.sql = AssertSqlSafe(format!("{} LIMIT {limit}{offset}", self.sql.as_str())).into_sql_str();
        self
    }

    /// Runs it.
    pub(crate) async fn execute(self, connection: &mut Connection) -> Result<Done, sqlx::Error> {
        let longest = connection.longest_exchange();
        match connection.reach() {
            Reach::Sqlite(connection) => {
                Box::pin(self.for_sqlite().execute(connection)).await.map(|done| Done(done.rows_affected()))
            }
            Reach::Postgres(connection) => Box::pin(in_time(longest, self.for_postgres().execute(connection)))
                .await
                .map(|done| Done(done.rows_affected())),
        }
    }

    /// The row that there is; none is an error.
    pub(crate) async fn fetch_one(self, connection: &mut Connection) -> Result<Row, sqlx::Error> {
        self.fetch_optional(connection).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// The first row, if there is one.
    pub(crate) async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<Row>, sqlx::Error> {
        let longest = connection.longest_exchange();
        match connection.reach() {
            Reach::Sqlite(connection) => {
                Ok(Box::pin(self.for_sqlite().fetch_optional(connection)).await?.map(Row::Sqlite))
            }
            Reach::Postgres(connection) => {
                Ok(Box::pin(in_time(longest, self.for_postgres().fetch_optional(connection))).await?.map(Row::Postgres))
            }
        }
    }

    /// All rows.
    pub(crate) async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<Row>, sqlx::Error> {
        let longest = connection.longest_exchange();
        match connection.reach() {
            Reach::Sqlite(connection) => {
                Ok(Box::pin(self.for_sqlite().fetch_all(connection)).await?.into_iter().map(Row::Sqlite).collect())
            }
            Reach::Postgres(connection) => Ok(in_time(longest, self.for_postgres().fetch_all(connection))
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect()),
        }
    }

    fn for_sqlite(self) -> Query<'q, Sqlite, SqliteArguments> {
        let query = sqlx::query::<Sqlite>(self.sql).persistent(self.is_kept_compiled);
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Integer(number) => query.bind(number),
            Value::Number(number) => query.bind(number),
            Value::Bool(answer) => query.bind(answer),
        })
    }

    fn for_postgres(self) -> Query<'q, Postgres, PgArguments> {
        let sql = if self.is_numbered { self.sql } else { AssertSqlSafe(numbered(self.sql.as_str())).into_sql_str() };
        let query = sqlx::query::<Postgres>(sql).persistent(self.is_kept_compiled);
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text.map(without_nul)),
            Value::Integer(number) => query.bind(number),
            Value::Number(number) => query.bind(number),
            Value::Bool(answer) => query.bind(answer),
        })
    }
}

/// The API takes no NUL, and PostgreSQL no text with one. What comes another way, such as a name that is tried at sign-in or
/// one in a token that is noted, is not to fail the transaction of others.
fn without_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { text }
}

/// Several statements without values, in one exchange.
pub(crate) async fn script(connection: &mut Connection, sql: &'static str) -> Result<(), sqlx::Error> {
    let longest = connection.longest_exchange();
    match connection.reach() {
        // Kept compiled, unlike a script of the library.
        Reach::Sqlite(connection) => Box::pin(sqlx::query(sql).execute(connection)).await.map(drop),
        Reach::Postgres(connection) => {
            Box::pin(in_time(longest, sqlx::raw_sql(sql).execute(connection))).await.map(drop)
        }
    }
}

/// What a server answers, if it does in time: one that has vanished never says so.
async fn in_time<T>(longest: Duration, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(std::io::Error::new(ErrorKind::TimedOut, "the database server does not answer"));
    tokio::time::timeout(longest, answer).await.map_err(late)?
}

/// The statement with PostgreSQL's marks: `$1` for the first `?`, and so on. Literals stay as they are.
pub(super) fn numbered(sql: &str) -> String {
    let mut numbered = String::with_capacity(sql.len() + 16);
    let (mut marks, mut is_literal) = (0, false);
    for character in sql.chars() {
        match character {
            '?' if !is_literal => {
                marks += 1;
                numbered.push_str(&format!("${marks}"));
            }
            _ => {
                is_literal ^= character == '\'';
                numbered.push(character);
            }
        }
    }
    numbered
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<&'q String> for Value<'q> {
    fn from(text: &'q String) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl TryFrom<sea_query::Value> for Value<'_> {
    type Error = sqlx::Error;

    fn try_from(value: sea_query::Value) -> Result<Self, sqlx::Error> {
        Ok(match value {
            sea_query::Value::String(text) => Self::Text(text.map(Cow::Owned)),
            sea_query::Value::Bool(answer) => Self::Bool(answer),
            sea_query::Value::Int(number) => Self::Integer(number.map(i64::from)),
            sea_query::Value::Unsigned(number) => Self::Integer(number.map(i64::from)),
            sea_query::Value::BigInt(number) => Self::Integer(number),
            sea_query::Value::Double(number) => Self::Number(number),
            other => return Err(sqlx::Error::Encode(format!("{other:?} is no value of the directory").into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_of_postgresql_are_numbered_and_literals_stay() {
        assert_eq!(
            numbered("SELECT ? WHERE a = ? AND b <> 'why?' OR c = ?"),
            "SELECT $1 WHERE a = $2 AND b <> 'why?' OR c = $3"
        );
        assert_eq!(numbered("SELECT 'it''s ?', ?"), "SELECT 'it''s ?', $1");
    }

    #[test]
    fn what_the_directory_never_binds_is_refused() {
        assert!(Value::try_from(sea_query::Value::Bytes(None)).is_err());
    }
}
