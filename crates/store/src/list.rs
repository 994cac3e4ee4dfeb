//! Makes SQL of a [`Query`]: one page of a collection, filtered, in the order of ids.
//!
//! Values are always bound, never written into the statement. Every field is compared as text in its folded form, and
//! every comparison is true or false, never unknown: a missing value equals nothing, as in OData.

use adit_core::name::fold;
use adit_core::query::{Comparison, Counting, Cursor, Filter, LARGEST_PAGE, Page, Query, TextMatch, Value};
use sea_query::{Condition, Expr, ExprTrait as _, Func, LikeExpr, Order, SelectStatement, SqliteQueryBuilder};
use sea_query_sqlx::SqlxBinder as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};
use uuid::Uuid;

use crate::error::Error;
use crate::row;
use crate::store::Store;

/// The character before a wildcard that is meant literally.
const ESCAPE: char = '\\';

/// A collection: where its rows come from, and how its fields are written in SQL.
pub(crate) trait Collection {
    /// What can be asked of it.
    type Field: Copy;
    /// What a row becomes.
    type Item;

    /// Every column of an item, from its table.
    fn select() -> SelectStatement;

    /// The number of rows of its table.
    fn count() -> SelectStatement;

    /// The field as folded text, or no value.
    fn field(field: Self::Field) -> Expr;

    /// The text as the field holds it; folded already.
    fn value(_field: Self::Field, folded: String) -> String {
        folded
    }

    /// Reads a row.
    fn item(row: &SqliteRow) -> Result<Self::Item, Error>;
}

impl Store {
    pub(crate) async fn list<C: Collection>(&self, query: &Query<C::Field>) -> Result<Page<C::Item>, Error> {
        let mut read = self.read().await?;
        page::<C>(&mut read, query).await
    }
}

/// All items that satisfy `condition`, in the order of ids.
pub(crate) async fn all<C: Collection>(
    connection: &mut SqliteConnection,
    condition: Expr,
) -> Result<Vec<C::Item>, Error> {
    let mut select = C::select();
    select.and_where(condition).order_by("id", Order::Asc);
    items::<C>(connection, &select).await
}

/// All items that satisfy `condition` and can be read, in the order of ids. One damaged row is logged and left out: what
/// is made of the whole list must not fail for it.
pub(crate) async fn all_readable<C: Collection>(
    connection: &mut SqliteConnection,
    condition: Expr,
) -> Result<Vec<C::Item>, Error> {
    let mut select = C::select();
    select.and_where(condition).order_by("id", Order::Asc);
    let (sql, values) = select.build_sqlx(SqliteQueryBuilder);
    let rows = sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(connection).await?;
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
    let mut select = C::select();
    select.and_where(condition).order_by("id", Order::Asc).limit(1);
    Ok(items::<C>(connection, &select).await?.pop())
}

async fn page<C: Collection>(
    connection: &mut SqliteConnection,
    query: &Query<C::Field>,
) -> Result<Page<C::Item>, Error> {
    let limit = query.limit.clamp(1, LARGEST_PAGE);
    let condition = query.filter.as_ref().map(expression::<C>);
    let total = match query.counting {
        Counting::Wanted => Some(total::<C>(connection, condition.clone()).await?),
        Counting::Skipped => None,
    };
    let mut select = C::select();
    select.cond_where(Condition::all().add_option(condition)).order_by("id", Order::Asc).limit(u64::from(limit) + 1);
    if let Some(Cursor(last)) = query.after {
        select.and_where(Expr::col("id").gt(last.to_string()));
    }
    let (sql, values) = select.build_sqlx(SqliteQueryBuilder);
    let mut rows = sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(connection).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(cursor).transpose()?;
    Ok(Page { items: rows.iter().map(C::item).collect::<Result<_, _>>()?, next, total })
}

async fn items<C: Collection>(
    connection: &mut SqliteConnection,
    select: &SelectStatement,
) -> Result<Vec<C::Item>, Error> {
    let (sql, values) = select.build_sqlx(SqliteQueryBuilder);
    let rows = sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(connection).await?;
    rows.iter().map(C::item).collect()
}

async fn total<C: Collection>(connection: &mut SqliteConnection, condition: Option<Expr>) -> Result<u64, Error> {
    let mut count = C::count();
    count.cond_where(Condition::all().add_option(condition));
    let (sql, values) = count.build_sqlx(SqliteQueryBuilder);
    let row = sqlx::query_with(AssertSqlSafe(sql), values).fetch_one(connection).await?;
    row::unsigned("total", row.try_get(0)?)
}

fn cursor(row: &SqliteRow) -> Result<Cursor, Error> {
    row::parsed(row, "id", Uuid::try_parse).map(Cursor)
}

fn expression<C: Collection>(filter: &Filter<C::Field>) -> Expr {
    match filter {
        Filter::And(left, right) => expression::<C>(left).and(expression::<C>(right)),
        Filter::Or(left, right) => expression::<C>(left).or(expression::<C>(right)),
        Filter::Not(inner) => expression::<C>(inner).not(),
        Filter::Compare { field, comparison, value } => compared::<C>(*field, *comparison, value),
        Filter::Text { field, matching, text } => {
            let pattern = pattern(*matching, &C::value(*field, fold(text)));
            let column = C::field(*field);
            column.clone().is_not_null().and(column.like(LikeExpr::new(pattern).escape(ESCAPE)))
        }
    }
}

fn compared<C: Collection>(field: C::Field, comparison: Comparison, value: &Value) -> Expr {
    let column = C::field(field);
    let text = match value {
        Value::Text(text) => C::value(field, fold(text)),
        Value::Bool(value) => value.to_string(),
        Value::Null => return compared_with_nothing(column, comparison),
    };
    let present = column.clone().is_not_null();
    match comparison {
        Comparison::Equal => present.and(column.eq(text)),
        Comparison::NotEqual => column.clone().is_null().or(column.ne(text)),
        Comparison::Greater => present.and(column.gt(text)),
        Comparison::GreaterOrEqual => present.and(column.gte(text)),
        Comparison::Less => present.and(column.lt(text)),
        Comparison::LessOrEqual => present.and(column.lte(text)),
    }
}

/// Nothing equals nothing; nothing is neither more nor less than anything.
fn compared_with_nothing(column: Expr, comparison: Comparison) -> Expr {
    match comparison {
        Comparison::Equal => column.is_null(),
        Comparison::NotEqual => column.is_not_null(),
        _ => Expr::val(1).eq(0),
    }
}

fn pattern(matching: TextMatch, text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | ESCAPE) {
            literal.push(ESCAPE);
        }
        literal.push(character);
    }
    match matching {
        TextMatch::StartsWith => format!("{literal}%"),
        TextMatch::EndsWith => format!("%{literal}"),
        TextMatch::Contains => format!("%{literal}%"),
    }
}

/// A column without regard to case, where no folded column stands beside it: for texts that are ASCII.
pub(crate) fn lower(column: &'static str) -> Expr {
    Func::lower(Expr::col(column)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_text_are_meant_literally() {
        assert_eq!(pattern(TextMatch::StartsWith, r"50%_a\b"), r"50\%\_a\\b%");
        assert_eq!(pattern(TextMatch::Contains, "x"), "%x%");
        assert_eq!(pattern(TextMatch::EndsWith, "_"), r"%\_");
    }
}
