//! Answers a [`Query`]: one page of a collection, filtered and ordered.
//!
//! A page continues where the last one ended by the values of its last row ([`order`]), so that its cost does not grow
//! with its position. Values are always bound, never written into the statement; [`expression`] makes SQL of
//! conditions, and only the dialects ([`dialect`]) know what is one engine's own.

mod deadline;
mod dialect;
pub(crate) mod expression;
pub(crate) mod order;
mod postgres;
mod relation;
pub(crate) mod source;
mod sqlite;

use std::time::Duration;

use adit_core::query::{Counting, Expression, Field, LARGEST_PAGE, OBJECT, Page, Query};
use sea_query::{Expr, Order, SelectStatement};

use self::deadline::Limited;
use self::expression::Scope;
use self::order::Ordering;
pub(crate) use self::source::{Column, Source, foreign_field, present};
use crate::engine::{self, Connection, Engine, Row, Statement};
use crate::error::Error;
use crate::row;
use crate::store::Store;

/// How long the answer to a list may take: what is asked for comes from outside, and only so many connections read.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

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
    fn item(row: &Row) -> Result<Self::Item, Error>;
}

impl Store {
    pub(crate) async fn list<C: Collection>(&self, query: &Query) -> Result<Page<C::Item>, Error> {
        let mut limited = Limited::new(self.read().await?, LONGEST_ANSWER).await?;
        let connection = limited.connection();
        // Both in one unchanging view.
        let counts = query.counting == Counting::Wanted;
        if counts {
            engine::script(connection, begin_view(connection.engine())).await?;
        }
        let page = page::<C>(connection, query).await;
        if counts && let Err(error) = engine::script(connection, "COMMIT").await {
            return page.and(Err(error.into()));
        }
        let is_over = limited.is_over();
        limited.finish();
        page.map_err(|error| if is_over && matches!(error, Error::Busy) { Error::TooExpensive } else { error })
    }
}

const fn begin_view(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "BEGIN",
        Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    }
}

/// All items that satisfy `condition`, in the order of ids.
pub(crate) async fn all<C: Collection>(connection: &mut Connection, condition: Expr) -> Result<Vec<C::Item>, Error> {
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT, connection.engine()));
    select.and_where(condition).order_by("id", Order::Asc);
    let rows = engine::built(&select, connection.engine())?.fetch_all(connection).await?;
    rows.iter().map(C::item).collect()
}

/// All items that satisfy `condition` and can be read, in no order: asked for one, SQLite would follow it through the whole
/// table where an index leads to the few. One damaged row is logged and left out: what is made of the whole list must not
/// fail for it.
pub(crate) async fn all_readable<C: Collection>(
    connection: &mut Connection,
    condition: Expr,
) -> Result<Vec<C::Item>, Error> {
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT, connection.engine()));
    select.and_where(condition);
    let rows = engine::built(&select, connection.engine())?.fetch_all(connection).await?;
    let readable = |row: &Row| {
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
    connection: &mut Connection,
    condition: Expr,
) -> Result<Option<C::Item>, Error> {
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT, connection.engine()));
    select.and_where(condition).order_by("id", Order::Asc);
    let rows = limited(&select, connection.engine(), 1, 0)?.fetch_all(connection).await?;
    rows.first().map(C::item).transpose()
}

/// One page of a collection.
pub(crate) async fn page<C: Collection>(connection: &mut Connection, query: &Query) -> Result<Page<C::Item>, Error> {
    let total = match query.counting {
        Counting::Wanted => Some(total::<C>(connection, query.filter.as_ref()).await?),
        Counting::Skipped => None,
    };
    let (select, ordering) = statement::<C>(query, connection.engine())?;
    let statement = limited(&select, connection.engine(), limit(query) + 1, query.skip)?;
    let mut rows = statement.fetch_all(connection).await?;
    let more = rows.len() > limit(query) as usize;
    rows.truncate(limit(query) as usize);
    let next = rows.last().filter(|_| more).map(|row| ordering.cursor(row)).transpose()?;
    Ok(Page { items: rows.iter().map(C::item).collect::<Result<_, _>>()?, next, total })
}

/// The statement that answers `query` with all rows from its start on.
fn statement<C: Collection>(query: &Query, engine: Engine) -> Result<(SelectStatement, Ordering), Error> {
    let mut scope = Scope::of::<C>(engine);
    let ordering = Ordering::of(query, &mut scope)?;
    let mut select = rows_of::<C>(&Source::of::<C>(OBJECT, engine));
    if let Some(filter) = &query.filter {
        select.and_where(scope.condition(filter)?);
    }
    if let Some(after) = &query.after {
        select.and_where(ordering.after(after)?);
    }
    ordering.apply(&mut select);
    Ok((select, ordering))
}

/// The first `limit` rows after `skip` others, one row more than the page has if there is one. Few lists skip rows, and by
/// any number: no engine keeps their statements.
fn limited(select: &SelectStatement, engine: Engine, limit: u32, skip: u32) -> Result<Statement<'static>, Error> {
    Ok(engine::built(select, engine)?.limited(limit, skip).persistent(skip == 0))
}

async fn total<C: Collection>(connection: &mut Connection, filter: Option<&Expression>) -> Result<u64, Error> {
    let source = Source::of::<C>(OBJECT, connection.engine());
    let mut count = sea_query::Query::select();
    count.expr(Expr::cust("COUNT(*)")).from_as(C::TABLE, source.alias().to_owned());
    if let Some(belongs) = C::belongs(&source) {
        count.and_where(belongs);
    }
    if let Some(filter) = filter {
        count.and_where(Scope::of::<C>(connection.engine()).condition(filter)?);
    }
    let row = engine::built(&count, connection.engine())?.fetch_one(connection).await?;
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

fn limit(query: &Query) -> u32 {
    query.limit.clamp(1, LARGEST_PAGE)
}

#[cfg(test)]
mod tests;
