//! Answers a [`Query`]: one page of a collection, filtered and ordered.
//!
//! A page continues where the last one ended by the values of its last row ([`order`]), so that its cost does not grow
//! with its position. Values are always bound, never written into the statement; [`expression`] makes SQL of
//! conditions, and only [`sqlite`] knows what is SQLite's own.

mod deadline;
pub(crate) mod expression;
pub(crate) mod order;
mod relation;
pub(crate) mod source;
mod sqlite;

use std::time::Duration;

use adit_core::query::{Counting, Expression, Field, LARGEST_PAGE, OBJECT, Page, Query};
use sea_query::{Expr, Order, SelectStatement, SqliteQueryBuilder};
use sea_query_sqlx::{SqlxBinder as _, SqlxValues};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use self::deadline::Limited;
use self::expression::Scope;
use self::order::Ordering;
pub(crate) use self::source::{Column, Source, foreign_field, present};
use crate::error::Error;
use crate::row;
use crate::store::Store;

/// How long the answer to a list may take: what is asked for comes from outside, and only so many connections read.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// SQL and what is bound to its marks.
type Statement = (String, SqlxValues);

/// A collection: where its rows come from, how its fields are written in SQL, what a row becomes.
pub(crate) trait Collection {
    /// Its table, which has a column `id`.
    const TABLE: &'static str;
    /// What a row becomes.
    type Item;

    /// The columns of an item, without a table.
    fn select(source: &Source) -> SelectStatement;

    /// A field of a row; [`foreign_field`] for one of another kind of object.
    fn column(source: &Source, field: &Field) -> Result<Column, Error>;

    /// Which of the table's rows belong to the collection; all of them if nothing is said.
    fn belongs(_source: &Source) -> Option<Expr> {
        None
    }

    /// Reads a row.
    fn item(row: &SqliteRow) -> Result<Self::Item, Error>;
}

impl Store {
    pub(crate) async fn list<C: Collection>(&self, query: &Query) -> Result<Page<C::Item>, Error> {
        let mut limited = Limited::new(self.read().await?, LONGEST_ANSWER).await?;
        let page = match query.counting {
            // Both in one unchanging view.
            Counting::Wanted => page::<C>(&mut *limited.connection().begin().await?, query).await,
            Counting::Skipped => page::<C>(limited.connection(), query).await,
        };
        limited.finish();
        page
    }
}

/// All items that satisfy `condition`, in the order of ids.
pub(crate) async fn all<C: Collection>(
    connection: &mut SqliteConnection,
    condition: Expr,
) -> Result<Vec<C::Item>, Error> {
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT));
    select.and_where(condition).order_by("id", Order::Asc);
    fetch(connection, select.build_sqlx(SqliteQueryBuilder)).await?.iter().map(C::item).collect()
}

/// All items that satisfy `condition` and can be read, in no order: asked for one, SQLite would follow it through the whole
/// table where an index leads to the few. One damaged row is logged and left out: what is made of the whole list must not
/// fail for it.
pub(crate) async fn all_readable<C: Collection>(
    connection: &mut SqliteConnection,
    condition: Expr,
) -> Result<Vec<C::Item>, Error> {
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT));
    select.and_where(condition);
    let rows = fetch(connection, select.build_sqlx(SqliteQueryBuilder)).await?;
    let readable = |row: &SqliteRow| {
        let left_out = |error: &Error| {
            let id: String = row.try_get("id").unwrap_or_default();
            tracing::error!(id, %error, "a row cannot be read and is left out");
        };
        C::item(row).inspect_err(left_out).ok()
    };
    Ok(rows.iter().filter_map(readable).collect())
}

/// The first item that satisfies `condition`.
pub(crate) async fn first<C: Collection>(
    connection: &mut SqliteConnection,
    condition: Expr,
) -> Result<Option<C::Item>, Error> {
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT));
    select.and_where(condition).order_by("id", Order::Asc);
    fetch(connection, limited(&select, 1, 0)).await?.first().map(C::item).transpose()
}

/// One page of a collection.
pub(crate) async fn page<C: Collection>(
    connection: &mut SqliteConnection,
    query: &Query,
) -> Result<Page<C::Item>, Error> {
    let total = match query.counting {
        Counting::Wanted => Some(total::<C>(connection, query.filter.as_ref()).await?),
        Counting::Skipped => None,
    };
    let (statement, ordering) = statement::<C>(query)?;
    let mut rows = fetch(connection, statement).await?;
    let more = rows.len() > limit(query) as usize;
    rows.truncate(limit(query) as usize);
    let next = rows.last().filter(|_| more).map(|row| ordering.cursor(row)).transpose()?;
    Ok(Page { items: rows.iter().map(C::item).collect::<Result<_, _>>()?, next, total })
}

/// The statement that answers `query` with one row more than the page has, if there is one.
fn statement<C: Collection>(query: &Query) -> Result<(Statement, Ordering), Error> {
    let mut scope = Scope::of::<C>();
    let ordering = Ordering::of(query, &mut scope)?;
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT));
    if let Some(filter) = &query.filter {
        select.and_where(scope.condition(filter)?);
    }
    if let Some(after) = &query.after {
        select.and_where(ordering.after(after)?);
    }
    ordering.apply(&mut select);
    Ok((limited(&select, limit(query) + 1, query.skip), ordering))
}

/// The first `limit` rows after `skip` others. The limit is written out: where it is bound SQLite plans by its value, and
/// for that compiles the statement anew each time it is used.
fn limited(select: &SelectStatement, limit: u32, skip: u32) -> Statement {
    let (mut sql, mut values) = select.build_sqlx(SqliteQueryBuilder);
    sql.push_str(&format!(" LIMIT {limit}"));
    if skip > 0 {
        sql.push_str(" OFFSET ?");
        values.0.0.push(skip.into());
    }
    (sql, values)
}

async fn total<C: Collection>(connection: &mut SqliteConnection, filter: Option<&Expression>) -> Result<u64, Error> {
    let source = Source::of::<C>(OBJECT);
    let mut count = sea_query::Query::select();
    count.expr(Expr::cust("COUNT(*)")).from_as(C::TABLE, source.alias().to_owned());
    if let Some(belongs) = C::belongs(&source) {
        count.and_where(belongs);
    }
    if let Some(filter) = filter {
        count.and_where(Scope::of::<C>().condition(filter)?);
    }
    let (sql, values) = count.build_sqlx(SqliteQueryBuilder);
    let row = sqlx::query_with(AssertSqlSafe(sql), values).fetch_one(connection).await?;
    row::unsigned("total", row.try_get(0)?)
}

fn rows_of<C: Collection>(source: &Source) -> SelectStatement {
    let mut select = C::select(source);
    select.from_as(C::TABLE, source.alias().to_owned());
    if let Some(belongs) = C::belongs(source) {
        select.and_where(belongs);
    }
    select
}

async fn fetch(connection: &mut SqliteConnection, (sql, values): Statement) -> Result<Vec<SqliteRow>, Error> {
    Ok(sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(connection).await?)
}

fn limit(query: &Query) -> u32 {
    query.limit.clamp(1, LARGEST_PAGE)
}

#[cfg(test)]
mod tests;
