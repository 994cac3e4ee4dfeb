//! What is SQLite's own in the statements of lists: JSON, positions in texts, parts of moments, rounding.
//!
//! Each function takes SQL and gives SQL, and repeats an argument only where that is the value of a column or a
//! literal: repeated arguments of nested calls would grow without bound.

use adit_core::query::{Field, JsonKind, JsonPart};
use sea_query::{BinOper, Expr, ExprTrait as _, Func, FunctionCall, Keyword, SelectStatement};

use super::source::{Column, Kind, Source, foreign_field};
use crate::error::Error;

/// The table function that gives the items of an array.
pub(super) const ITEMS: &str = "json_each";

/// What is taken away at both ends of a text.
const WHITE_SPACE: &str = " \t\r\n";

/// No text is longer.
const LARGEST_POSITION: i64 = 1_000_000_000;

/// The items of the JSON array `array`; none where it is nothing.
pub(super) fn items_of(array: Expr) -> FunctionCall {
    Func::cust(ITEMS).arg(array)
}

/// A field of an item of an array.
pub(super) fn item_column(source: &Source, field: &Field) -> Result<Column, Error> {
    let Field::Item(part) = field else { return Err(foreign_field(source, field)) };
    let (value, kind) = (source.column("value"), source.column("type"));
    if part.path.is_empty() {
        return Ok(typed(kind, value, part));
    }
    let object: Expr = Expr::case(kind.eq("object"), value).into();
    json_part(object, part)
}

/// A part of the JSON text `document`; nothing where there is none or it is of another kind.
pub(super) fn json_part(document: Expr, part: &JsonPart) -> Result<Column, Error> {
    let path = json_path(&part.path)?;
    let of = |function: &'static str| Expr::from(Func::cust(function).arg(document.clone()).arg(path.as_str()));
    Ok(typed(of("json_type"), of("json_extract"), part))
}

/// The value if its JSON type is the one that was asked for.
fn typed(json_type: Expr, value: Expr, part: &JsonPart) -> Column {
    let types: &[&str] = match part.kind {
        JsonKind::Text | JsonKind::Instant => &["text"],
        JsonKind::Bool => &["true", "false"],
        JsonKind::Integer => &["integer"],
        JsonKind::Number => &["integer", "real"],
        JsonKind::Array => &["array"],
    };
    let value = if part.kind == JsonKind::Instant { normal_instant(&value) } else { value };
    let checked: Expr = Expr::case(json_type.is_in(types.iter().copied()), value).into();
    Column::new(checked, Kind::from(part.kind)).or(&part.default)
}

/// `$."a"."b"`. Names are checked although the path is bound: quotes inside would still change its meaning.
fn json_path(names: &[String]) -> Result<String, Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '.');
    let mut path = String::from("$");
    for name in names {
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(Error::BadQuestion { reason: format!("'{}' is no name in a path", name.escape_debug()) });
        }
        path.push_str(".\"");
        path.push_str(name);
        path.push('"');
    }
    Ok(path)
}

/// RFC 3339 text of any precision and offset in the stored form of moments: UTC, nine fractional digits. What comes
/// after the ninth digit does not count; what is no moment is nothing.
fn normal_instant(text: &Expr) -> Expr {
    let text: Expr = Func::upper(text.clone()).into();
    let rest = tail(text.clone(), 20);
    let offset: Expr = Func::cust("ltrim").arg(rest.clone()).arg(".0123456789").into();
    let digits = length(rest.clone()).sub(length(offset.clone())).sub(whole(1));
    let fraction = substring(rest, whole(2), Some(greatest(digits, whole(0))));
    let seconds = Func::cust("strftime").arg("%Y-%m-%dT%H:%M:%S").arg(concat(part(text, 1, 19), offset));
    let nine = part(concat(fraction, Expr::val("000000000")), 1, 9);
    concat(concat(seconds.into(), Expr::val(".")), concat(nine, Expr::val("Z")))
}

/// Both texts, one after the other; nothing if one is.
pub(super) fn concat(left: Expr, right: Expr) -> Expr {
    left.binary(BinOper::Custom("||"), right)
}

/// How many characters a text has.
pub(super) fn length(text: Expr) -> Expr {
    Func::char_length(text).into()
}

/// The position of `part` in `text`, counted from 1; 0 when it is not there.
pub(super) fn position(text: Expr, part: Expr) -> Expr {
    Func::cust("instr").arg(text).arg(part).into()
}

/// Whether `text` ends with `part`, which is repeated.
pub(super) fn ends_with(text: Expr, part: Expr) -> Expr {
    let start = whole(0).sub(length(part.clone()));
    substring(text, start, Some(length(part.clone()))).eq(part)
}

/// The text without white space at its ends.
pub(super) fn trim(text: Expr) -> Expr {
    Func::cust("trim").arg(text).arg(WHITE_SPACE).into()
}

/// From the character `start` on, counted from 1, at most `length` characters.
pub(super) fn substring(text: Expr, start: Expr, length: Option<Expr>) -> Expr {
    let call = Func::cust("substr").arg(text).arg(start);
    match length {
        Some(length) => call.arg(length).into(),
        None => call.into(),
    }
}

/// A part at a fixed place.
pub(super) fn part(text: Expr, start: i64, length: i64) -> Expr {
    substring(text, whole(start), Some(whole(length)))
}

/// Everything from a fixed place on.
pub(super) fn tail(text: Expr, start: i64) -> Expr {
    substring(text, whole(start), None)
}

/// The number within `0..=LARGEST_POSITION`.
pub(super) fn within_text(position: Expr) -> Expr {
    Func::least([greatest(position, whole(0)), whole(LARGEST_POSITION)]).into()
}

/// The text that a time of the day with nine fractional digits is in its shortest form.
pub(super) fn shortest_time(time: Expr) -> Expr {
    let trimmed = |text: Expr, what: &'static str| Expr::from(Func::cust("rtrim").arg(text).arg(what));
    trimmed(trimmed(time, "0"), ".")
}

/// A text of digits as a whole number.
pub(super) fn to_integer(text: Expr) -> Expr {
    text.cast_as("INTEGER")
}

/// A number as one that is not whole.
pub(super) fn to_number(number: Expr) -> Expr {
    number.cast_as("REAL")
}

/// The nearest whole number; halves away from zero.
pub(super) fn round(number: Expr) -> Expr {
    Func::round(number).into()
}

/// The largest whole number that is not larger.
pub(super) fn floor(number: Expr) -> Expr {
    let beyond = Expr::cust("CAST(CAST(n AS INTEGER) - (n < CAST(n AS INTEGER)) AS REAL)");
    whole_part(number, beyond)
}

/// The smallest whole number that is not smaller.
pub(super) fn ceiling(number: Expr) -> Expr {
    let beyond = Expr::cust("CAST(CAST(n AS INTEGER) + (n > CAST(n AS INTEGER)) AS REAL)");
    whole_part(number, beyond)
}

/// What is left of the division of two numbers; it has the sign of the first.
pub(super) fn remainder(left: Expr, right: Expr) -> Expr {
    let mut operands = sea_query::Query::select();
    operands.expr_as(to_number(left), "a").expr_as(to_number(right), "b");
    let mut outer = sea_query::Query::select();
    outer.expr(Expr::cust("a - b * CAST(a / nullif(b, 0.0) AS INTEGER)")).from_subquery(operands, "operands");
    scalar(outer)
}

/// The one value of a statement.
pub(super) fn scalar(select: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(select.into()))
}

/// Whether a statement finds anything. SQLite 3.51 makes a join of a bare `EXISTS` and then counts every match of a row
/// for the `OFFSET`, not the row; `IS TRUE` keeps it from that.
pub(super) fn exists(select: SelectStatement) -> Expr {
    Expr::exists(select).is(Expr::Keyword(Keyword::Custom("TRUE".into())))
}

/// A number that stands in the statement itself.
pub(super) fn whole(number: i64) -> Expr {
    Expr::Constant(number.into())
}

/// Numbers of this size are whole, and do not fit into an integer.
fn whole_part(number: Expr, of_small: Expr) -> Expr {
    let mut operand = sea_query::Query::select();
    operand.expr_as(number, "n");
    let mut outer = sea_query::Query::select();
    let small = Expr::cust("abs(n) < 9e15");
    outer.expr(Expr::case(small, of_small).finally(Expr::cust("n"))).from_subquery(operand, "operand");
    scalar(outer)
}

fn greatest(left: Expr, right: Expr) -> Expr {
    Func::greatest([left, right]).into()
}
