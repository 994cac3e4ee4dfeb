//! The dialect of SQLite. A value has its type with it: what is no text, no whole number and so on is told at run time.

use adit_core::query::{JsonKind, JsonPart, Operator, Value};
use sea_query::{Expr, ExprTrait as _, Func, FunctionCall, Keyword, SelectStatement};

use super::dialect::{
    Dialect, LARGEST_POSITION, WHITE_SPACE, bound, check_path, concat, divisor, json_column, of_operand, part, whole,
};
use super::source::{Column, Kind, Source};
use crate::error::Error;

/// A moment to the second, as stored moments begin.
const SECONDS: &str = "%Y-%m-%dT%H:%M:%S";

#[derive(Debug)]
pub(super) struct Sqlite;

impl Dialect for Sqlite {
    fn literal(&self, value: &Value) -> Expr {
        bound(value)
    }

    fn nothing(&self, _kind: Kind) -> Expr {
        Expr::null()
    }

    fn by_bytes(&self, text: Expr) -> Expr {
        text
    }

    fn json_part(&self, document: Expr, part: &JsonPart) -> Result<Column, Error> {
        let path = json_path(&part.path)?;
        let of = |function: &'static str| Expr::from(Func::cust(function).arg(document.clone()).arg(path.as_str()));
        typed(of("json_type"), of("json_extract"), part)
    }

    fn json_default(&self, _kind: JsonKind, default: &Value) -> Result<Expr, Error> {
        Ok(bound(default))
    }

    fn items_of(&self, array: Expr) -> FunctionCall {
        Func::cust("json_each").arg(array)
    }

    fn item_part(&self, item: &Source, part: &JsonPart) -> Result<Column, Error> {
        let (value, kind) = (item.column("value"), item.column("type"));
        if part.path.is_empty() {
            return typed(kind, value, part);
        }
        let object: Expr = Expr::case(kind.eq("object"), value).into();
        self.json_part(object, part)
    }

    fn array_text(&self, array: Expr) -> Expr {
        array
    }

    fn length(&self, text: Expr) -> Expr {
        Func::char_length(text).into()
    }

    fn position(&self, text: Expr, part: Expr) -> Expr {
        Func::cust("instr").arg(text).arg(part).into()
    }

    fn ends_with(&self, text: Expr, part: Expr) -> Expr {
        let length = self.length(part.clone());
        let end: Expr = Func::cust("substr").arg(text).arg(whole(0).sub(length.clone())).arg(length).into();
        end.eq(part)
    }

    fn trim(&self, text: Expr) -> Expr {
        Func::cust("trim").arg(text).arg(WHITE_SPACE).into()
    }

    fn substring(&self, text: Expr, start: Expr, length: Option<Expr>) -> Expr {
        let call = Func::cust("substr").arg(text).arg(within_text(start).add(whole(1)));
        match length {
            Some(length) => call.arg(within_text(length)).into(),
            None => call.into(),
        }
    }

    fn digits(&self, text: Expr) -> Expr {
        text.cast_as("INTEGER")
    }

    fn fraction(&self, text: Expr) -> Expr {
        real(concat(Expr::val("0"), text))
    }

    fn round(&self, number: Expr) -> Expr {
        Func::round(number).into()
    }

    fn floor(&self, number: Expr) -> Expr {
        whole_part(number, "CAST(CAST(n AS INTEGER) - (n < CAST(n AS INTEGER)) AS REAL)")
    }

    fn ceiling(&self, number: Expr) -> Expr {
        whole_part(number, "CAST(CAST(n AS INTEGER) + (n > CAST(n AS INTEGER)) AS REAL)")
    }

    fn whole_arithmetic(&self, operator: Operator, left: Expr, right: Expr) -> Expr {
        match operator {
            Operator::Subtract => left.sub(right),
            Operator::Multiply => left.mul(right),
            Operator::Divide => left.div(divisor(right)),
            Operator::Modulo => left.modulo(divisor(right)),
            _ => left.add(right),
        }
    }

    /// A sum that has outgrown the whole numbers is no whole number.
    fn bounded(&self, whole: Expr) -> Expr {
        whole
    }

    fn arithmetic(&self, operator: Operator, left: Expr, right: Expr) -> Expr {
        match operator {
            Operator::Subtract => real(left).sub(right),
            Operator::Multiply => real(left).mul(right),
            Operator::Divide | Operator::DivideBy => real(left).div(divisor(right)),
            Operator::Modulo => remainder(left, right),
            _ => real(left).add(right),
        }
    }

    fn operand(&self, value: Expr, name: &'static str) -> SelectStatement {
        sea_query::Query::select().expr_as(value, name).to_owned()
    }

    /// SQLite 3.51 makes a join of a bare `EXISTS` and then counts every match of a row for the `OFFSET`, not the row;
    /// `IS TRUE` keeps it from that.
    fn exists(&self, select: SelectStatement) -> Expr {
        Expr::exists(select).is(Expr::Keyword(Keyword::Custom("TRUE".into())))
    }

    fn readable(&self, key: Expr, _kind: Kind) -> Expr {
        key
    }
}

/// The value if its JSON type is the one that was asked for.
fn typed(json_type: Expr, value: Expr, part: &JsonPart) -> Result<Column, Error> {
    let types: &[&str] = match part.kind {
        JsonKind::Text | JsonKind::Instant => &["text"],
        JsonKind::Bool => &["true", "false"],
        JsonKind::Integer => &["integer"],
        JsonKind::Number => &["integer", "real"],
        JsonKind::Array => &["array"],
    };
    let value = match part.kind {
        JsonKind::Instant => normal_instant(&value),
        // One that is too large for a whole number has become another number.
        JsonKind::Integer => {
            Expr::case(Expr::from(Func::cust("typeof").arg(value.clone())).eq("integer"), value).into()
        }
        _ => value,
    };
    let checked: Expr = Expr::case(json_type.is_in(types.iter().copied()), value).into();
    json_column(&Sqlite, checked, part)
}

/// `$."a"."b"`. Names are checked although the path is bound: quotes inside would still change its meaning.
fn json_path(names: &[String]) -> Result<String, Error> {
    check_path(names)?;
    let mut path = String::from("$");
    for name in names {
        path.push_str(".\"");
        path.push_str(name);
        path.push('"');
    }
    Ok(path)
}

/// RFC 3339 text of any precision and offset in the stored form of moments: UTC, nine fractional digits. What comes
/// after the ninth digit does not count; what is no moment is nothing, although `strftime` knows many other forms.
fn normal_instant(text: &Expr) -> Expr {
    let text: Expr = Func::upper(text.clone()).into();
    let rest = tail(text.clone(), 20);
    let offset: Expr = Func::cust("ltrim").arg(rest.clone()).arg(".0123456789").into();
    let local = part(text, 1, 19);
    let seconds = |clock: Expr| Func::cust("strftime").arg(SECONDS).arg(clock);
    let glob = |text: &Expr, pattern: &'static str| Expr::from(Func::cust("glob").arg(pattern).arg(text.clone()));
    // No form but one comes back as it was, and no 30th of February.
    let is_moment = Expr::from(seconds(local.clone()).arg("+0 days"))
        .eq(local.clone())
        .and(glob(&rest, "[Z+-]*").or(glob(&rest, ".[0-9]*").and(glob(&rest, "?*.*").not())))
        .and(offset.clone().eq("Z").or(glob(&offset, "[+-][0-9][0-9]:[0-9][0-9]")));
    let length = |text: Expr| Expr::from(Func::char_length(text));
    let digits = length(rest.clone()).sub(length(offset.clone())).sub(whole(1));
    let fraction: Expr = Func::cust("substr").arg(rest).arg(whole(2)).arg(greatest(digits, whole(0))).into();
    let nine = part(concat(fraction, Expr::val("000000000")), 1, 9);
    let utc = concat(concat(seconds(concat(local, offset)).into(), Expr::val(".")), concat(nine, Expr::val("Z")));
    Expr::case(is_moment, utc).into()
}

/// Everything from a fixed place on.
fn tail(text: Expr, start: i64) -> Expr {
    Func::cust("substr").arg(text).arg(whole(start)).into()
}

/// The number within `0..=LARGEST_POSITION`.
fn within_text(position: Expr) -> Expr {
    Func::least([greatest(position, whole(0)), whole(LARGEST_POSITION)]).into()
}

fn greatest(left: Expr, right: Expr) -> Expr {
    Func::greatest([left, right]).into()
}

fn real(number: Expr) -> Expr {
    number.cast_as("REAL")
}

/// What is left of the division of two numbers; it has the sign of the first.
fn remainder(left: Expr, right: Expr) -> Expr {
    let mut operands = sea_query::Query::select();
    operands.expr_as(real(left), "a").expr_as(real(right), "b");
    let small = Expr::case(Expr::cust("abs(a / b) < 9e15"), Expr::cust("a - b * CAST(a / b AS INTEGER)"));
    of_operand(small.finally(Expr::cust("a - b * (a / nullif(b, 0.0))")), operands)
}

/// Larger numbers are whole, and do not fit into an integer.
fn whole_part(number: Expr, of_small: &'static str) -> Expr {
    let small = Expr::case(Expr::cust("n BETWEEN -9e15 AND 9e15"), Expr::cust(of_small)).finally(Expr::cust("n"));
    of_operand(small, Sqlite.operand(number, "n"))
}
