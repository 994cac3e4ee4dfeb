//! What each engine writes in its own way in the statements of lists: JSON, positions in texts, parts of moments,
//! arithmetic.
//!
//! Each function takes SQL and gives SQL, and repeats an argument only where that is the value of a column or a literal:
//! repeated arguments of nested calls would grow without bound.
//!
//! Invariant: the answer is the same on every engine, and no value that was stored or is asked for makes a statement
//! fail. What is too large for a number is infinite, what has no answer is nothing.

use std::fmt::Debug;

use adit_core::query::{JsonKind, JsonPart, Operator, Value};
use sea_query::{BinOper, Expr, ExprTrait as _, Func, FunctionCall, SelectStatement};

use super::postgres::Postgres;
use super::source::{Column, Kind, Source};
use super::sqlite::Sqlite;
use crate::engine::Engine;
use crate::error::Error;
use crate::row;

/// What is taken away at both ends of a text.
pub(super) const WHITE_SPACE: &str = " \t\r\n";

/// No text is longer.
pub(super) const LARGEST_POSITION: i64 = 1_000_000_000;

/// How an engine writes what the other writes differently.
pub(crate) trait Dialect: Debug + Sync {
    /// A value that is bound.
    fn literal(&self, value: &Value) -> Expr;

    /// No value, for a function of values of this kind.
    fn nothing(&self, kind: Kind) -> Expr;

    /// A text that is no column, with the order that columns have: that of its bytes.
    fn by_bytes(&self, text: Expr) -> Expr;

    /// A part of the JSON text `document`; nothing where there is none or it is of another kind.
    fn json_part(&self, document: Expr, part: &JsonPart) -> Result<Column, Error>;

    /// What stands for a part that is not there.
    fn json_default(&self, kind: JsonKind, default: &Value) -> Result<Expr, Error>;

    /// The items of the JSON array `array`; none where it is nothing.
    fn items_of(&self, array: Expr) -> FunctionCall;

    /// A part of an item of an array.
    fn item_part(&self, item: &Source, part: &JsonPart) -> Result<Column, Error>;

    /// An array as text.
    fn array_text(&self, array: Expr) -> Expr;

    /// How many characters a text has.
    fn length(&self, text: Expr) -> Expr;

    /// The position of `part` in `text`, counted from 1; 0 when it is not there.
    fn position(&self, text: Expr, part: Expr) -> Expr;

    /// Whether `text` ends with `part`, which is repeated.
    fn ends_with(&self, text: Expr, part: Expr) -> Expr;

    /// The text without white space at its ends.
    fn trim(&self, text: Expr) -> Expr;

    /// From the character `start` on, counted from 0, at most `length` characters; below zero counts as zero.
    fn substring(&self, text: Expr, start: Expr, length: Option<Expr>) -> Expr;

    /// A text of digits as a whole number.
    fn digits(&self, text: Expr) -> Expr;

    /// A text such as `.5` as a number.
    fn fraction(&self, text: Expr) -> Expr;

    /// The nearest whole number; halves away from zero.
    fn round(&self, number: Expr) -> Expr;

    /// The largest whole number that is not larger.
    fn floor(&self, number: Expr) -> Expr;

    /// The smallest whole number that is not smaller.
    fn ceiling(&self, number: Expr) -> Expr;

    /// Two whole numbers to one, which can be larger than any that is stored until it is [`Self::bounded`].
    fn whole_arithmetic(&self, operator: Operator, left: Expr, right: Expr) -> Expr;

    /// A whole number of any size as one that can be compared: itself, or what is nearest to it.
    fn bounded(&self, whole: Expr) -> Expr;

    /// Two numbers to one that need not be whole.
    fn arithmetic(&self, operator: Operator, left: Expr, right: Expr) -> Expr;

    /// A statement whose one row has `value` under a name, for expressions that need it more than once.
    fn operand(&self, value: Expr, name: &'static str) -> SelectStatement;

    /// Whether a statement finds anything.
    fn exists(&self, select: SelectStatement) -> Expr;

    /// A key of an order in the form in which it is read from a row.
    fn readable(&self, key: Expr, kind: Kind) -> Expr;
}

/// The dialect of an engine.
pub(crate) const fn of(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Sqlite => &Sqlite,
        Engine::Postgres => &Postgres,
    }
}

/// A value that is bound, as it is.
pub(super) fn bound(value: &Value) -> Expr {
    match value {
        Value::Null => Expr::null(),
        Value::Bool(value) => Expr::val(*value),
        Value::Integer(value) => Expr::val(*value),
        Value::Number(value) => Expr::val(*value),
        Value::Text(value) => Expr::val(value.as_str()),
        Value::Instant(value) => Expr::val(row::instant(*value)),
    }
}

/// The column of a part whose value has been found, and has been checked to be of the kind that was asked for.
pub(super) fn json_column(dialect: &dyn Dialect, found: Expr, part: &JsonPart) -> Result<Column, Error> {
    let column = Column::new(found, Kind::from(part.kind));
    Ok(match &part.default {
        Value::Null => column.optional(),
        default => column.or(dialect.json_default(part.kind, default)?),
    })
}

/// Refuses names that could be more than names where they stand: most engines have a language of their own for paths.
pub(super) fn check_path(names: &[String]) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '.');
    match names.iter().find(|name| name.is_empty() || !name.chars().all(allowed)) {
        Some(name) => Err(Error::BadQuestion { reason: format!("'{}' is no name in a path", name.escape_debug()) }),
        None => Ok(()),
    }
}

/// Both texts, one after the other; nothing if one is.
pub(super) fn concat(left: Expr, right: Expr) -> Expr {
    left.binary(BinOper::Custom("||"), right)
}

/// A part of a text at a fixed place, counted from 1.
pub(super) fn part(text: Expr, start: i64, length: i64) -> Expr {
    Func::cust("substr").arg(text).arg(whole(start)).arg(whole(length)).into()
}

/// The text that a time of the day with nine fractional digits is in its shortest form.
pub(super) fn shortest_time(time: Expr) -> Expr {
    let trimmed = |text: Expr, what: &'static str| Expr::from(Func::cust("rtrim").arg(text).arg(what));
    trimmed(trimmed(time, "0"), ".")
}

/// The number, or nothing where it is zero: not every engine answers a division by zero with nothing.
pub(super) fn divisor(number: Expr) -> Expr {
    Func::cust("nullif").arg(number).arg(whole(0)).into()
}

/// The one value of a statement.
pub(super) fn scalar(select: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(select.into()))
}

/// The one value that `expression` makes of an operand.
pub(super) fn of_operand(expression: impl Into<Expr>, operand: SelectStatement) -> Expr {
    let mut outer = sea_query::Query::select();
    outer.expr(expression.into()).from_subquery(operand, "operand");
    scalar(outer)
}

/// A number that stands in the statement itself.
pub(super) fn whole(number: i64) -> Expr {
    Expr::Constant(number.into())
}
