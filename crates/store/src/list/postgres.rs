//! The dialect of PostgreSQL. An expression has one type whatever its value, and a value that does not fit its type
//! ends the statement: all casts and all arithmetic are guarded here.
//!
//! Numbers are `DOUBLE PRECISION`. Whole numbers are `BIGINT` where they are stored or counted and `NUMERIC` where they
//! are calculated, so that no sum is too large. JSON is `JSON`, not `JSONB`: that does not tell `1e2` from `100`.

use adit_core::query::{JsonKind, JsonPart, Operator, Value};
use sea_query::{BinOper, Expr, ExprTrait as _, Func, FunctionCall, Keyword, SelectStatement};

use super::dialect::{
    Dialect, LARGEST_POSITION, WHITE_SPACE, bound, check_path, concat, divisor, json_column, of_operand, whole,
};
use super::source::{Column, Kind, Source};
use crate::error::Error;

/// A JSON value `j` as what it is.
const JSON_TEXT: &str = "CASE WHEN json_typeof(j) = 'string' THEN j #>> '{}' END";
const JSON_BOOL: &str = "CASE WHEN json_typeof(j) = 'boolean' THEN CAST(CAST(j AS TEXT) AS BOOLEAN) END";
const JSON_WHOLE: &str = "CASE WHEN json_typeof(j) = 'number' AND CAST(j AS TEXT) ~ '^-?[0-9]{1,19}$' THEN \
                          CASE WHEN CAST(CAST(j AS TEXT) AS NUMERIC) BETWEEN -9223372036854775808 AND 9223372036854775807 \
                          THEN CAST(CAST(j AS TEXT) AS BIGINT) END END";
const JSON_NUMBER: &str = "CASE WHEN json_typeof(j) = 'number' THEN CAST(CAST(j AS TEXT) AS DOUBLE PRECISION) END";
const JSON_ARRAY: &str = "CASE WHEN json_typeof(j) = 'array' THEN j END";

/// RFC 3339 in capital letters, with days that the calendar has. An offset is as large as SQLite takes it.
const MOMENT: &str = "^([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)\
                      |02-(0[1-9]|1[0-9]|2[0-8]))\
                      |([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)\
                      T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$";

/// Years that the calendar repeats itself after. PostgreSQL has no year zero, and so none is read.
const CYCLE: &str = "2000";

/// The double nearest to the `NUMERIC` `n`.
const NEAREST: &str = "CASE WHEN ABS(n) < 5e-324 THEN 0 \
                       WHEN ABS(n) <= 1.7976931348623157e308 THEN CAST(n AS DOUBLE PRECISION) \
                       WHEN n > 0 THEN CAST('Infinity' AS DOUBLE PRECISION) \
                       WHEN n < 0 THEN CAST('-Infinity' AS DOUBLE PRECISION) END";

#[derive(Debug)]
pub(super) struct Postgres;

impl Dialect for Postgres {
    /// The type stands in the statement, because a statement that is kept compiled is found by its text alone. No text of
    /// this engine has the character U+0000; see [`without_nul`].
    fn literal(&self, value: &Value) -> Expr {
        match value {
            Value::Null => Expr::null(),
            Value::Bool(_) => bound(value).cast_as("BOOLEAN"),
            Value::Integer(_) => bound(value).cast_as("BIGINT"),
            Value::Number(number) if number.is_nan() => self.nothing(Kind::Number),
            Value::Number(_) => double(bound(value)),
            Value::Text(text) => self.by_bytes(Expr::val(text.replace('\0', "\u{1}"))),
            Value::Instant(_) => self.by_bytes(bound(value)),
        }
    }

    fn nothing(&self, kind: Kind) -> Expr {
        Expr::null().cast_as(match kind {
            Kind::Bool => "BOOLEAN",
            Kind::Integer => "BIGINT",
            Kind::Number => "DOUBLE PRECISION",
            Kind::Nothing | Kind::Text | Kind::Instant | Kind::Array => "TEXT",
        })
    }

    fn by_bytes(&self, text: Expr) -> Expr {
        match text {
            column @ Expr::Column(_) => column,
            other => other.binary(BinOper::Custom("COLLATE"), Expr::Keyword(Keyword::Custom("\"C\"".into()))),
        }
    }

    fn json_part(&self, document: Expr, part: &JsonPart) -> Result<Column, Error> {
        self.typed(without_nul(document).cast_as("JSON"), part)
    }

    fn json_default(&self, kind: JsonKind, default: &Value) -> Result<Expr, Error> {
        match (kind, default) {
            (JsonKind::Array, Value::Text(text)) if serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok() => {
                Ok(bound(default).cast_as("JSON"))
            }
            (JsonKind::Array, _) => Err(Error::BadQuestion { reason: format!("{default:?} is no array") }),
            _ => Ok(self.literal(default)),
        }
    }

    fn items_of(&self, array: Expr) -> FunctionCall {
        Func::cust("json_array_elements").arg(array)
    }

    fn item_part(&self, item: &Source, part: &JsonPart) -> Result<Column, Error> {
        self.typed(item.column("value"), part)
    }

    fn array_text(&self, array: Expr) -> Expr {
        self.by_bytes(array.cast_as("TEXT"))
    }

    fn length(&self, text: Expr) -> Expr {
        Expr::from(Func::char_length(text)).cast_as("BIGINT")
    }

    fn position(&self, text: Expr, part: Expr) -> Expr {
        Expr::from(Func::cust("strpos").arg(text).arg(part)).cast_as("BIGINT")
    }

    fn ends_with(&self, text: Expr, part: Expr) -> Expr {
        Expr::from(Func::cust("right").arg(text).arg(Func::char_length(part.clone()))).eq(part)
    }

    fn trim(&self, text: Expr) -> Expr {
        Func::cust("btrim").arg(text).arg(WHITE_SPACE).into()
    }

    fn substring(&self, text: Expr, start: Expr, length: Option<Expr>) -> Expr {
        let call = Func::cust("substr").arg(text).arg(self.within_text(start).add(whole(1)));
        match length {
            Some(length) => call.arg(self.within_text(length)).into(),
            None => call.into(),
        }
    }

    fn digits(&self, text: Expr) -> Expr {
        let signed = Func::cust("regexp_replace").arg(text).arg("^[[:space:]]*([+-]?)([0-9]*).*$").arg(r"\10\2");
        Expr::from(signed).cast_as("BIGINT")
    }

    fn fraction(&self, text: Expr) -> Expr {
        let number = Func::cust("substring").arg(concat(Expr::val("0"), text)).arg("^[0-9]+[.]?[0-9]*");
        double(number.into())
    }

    /// `ROUND` would give the nearest even number for a half. Where halves are not told apart any more all are whole.
    fn round(&self, number: Expr) -> Expr {
        let rounded = "CASE WHEN ABS(n) < 4503599627370496 THEN TRUNC(n + SIGN(n) * 0.5) ELSE n END";
        of_operand(Expr::cust(rounded), self.operand(number, "n"))
    }

    fn floor(&self, number: Expr) -> Expr {
        Func::cust("floor").arg(number).into()
    }

    fn ceiling(&self, number: Expr) -> Expr {
        Func::cust("ceil").arg(number).into()
    }

    fn whole_arithmetic(&self, operator: Operator, left: Expr, right: Expr) -> Expr {
        let (left, right) = (left.cast_as("NUMERIC"), right.cast_as("NUMERIC"));
        match operator {
            Operator::Subtract => left.sub(right),
            Operator::Multiply => left.mul(right),
            Operator::Divide => Func::cust("div").arg(left).arg(divisor(right)).into(),
            Operator::Modulo => left.modulo(divisor(right)),
            _ => left.add(right),
        }
    }

    /// What is no `BIGINT` is what SQLite makes of it, a double; by its text, because a cast would round it. The smallest
    /// `BIGINT` is a double, too.
    fn bounded(&self, whole: Expr) -> Expr {
        let bounded = format!(
            "CASE WHEN n BETWEEN -9223372036854776832 AND 9223372036854775807 \
             THEN GREATEST(n, -9223372036854775808) ELSE CAST(CAST({NEAREST} AS TEXT) AS NUMERIC) END"
        );
        of_operand(Expr::cust(bounded), self.operand(whole, "n"))
    }

    /// With operands of moderate size no result is too large or too small. Others go by `NUMERIC`, which takes time and
    /// can come to another last digit.
    fn arithmetic(&self, operator: Operator, left: Expr, right: Expr) -> Expr {
        let result = match operator {
            Operator::Subtract => "a - b",
            Operator::Multiply => "a * b",
            Operator::Divide | Operator::DivideBy => "a / NULLIF(b, 0)",
            Operator::Modulo => return self.remainder(left, right),
            _ => "a + b",
        };
        let guarded = format!(
            "CASE WHEN (a = 0 OR ABS(a) BETWEEN 1e-150 AND 1e150) AND (b = 0 OR ABS(b) BETWEEN 1e-150 AND 1e150) \
             THEN {result} ELSE (SELECT {NEAREST} FROM (SELECT NULLIF({result}, 'NaN') AS n FROM (\
             SELECT CAST(CAST(a AS TEXT) AS NUMERIC) AS a, CAST(CAST(b AS TEXT) AS NUMERIC) AS b OFFSET 0\
             ) AS operands OFFSET 0) AS operand) END"
        );
        of_operand(Expr::cust(guarded), self.operands(left, right))
    }

    /// `OFFSET 0` keeps the planner from putting the value into all places where it is used: of nested operands that
    /// would make a statement without bound, and constants among them would be calculated before their guards.
    fn operand(&self, value: Expr, name: &'static str) -> SelectStatement {
        sea_query::Query::select().expr_as(value, name).and_where(Expr::cust("TRUE OFFSET 0")).to_owned()
    }

    fn exists(&self, select: SelectStatement) -> Expr {
        Expr::exists(select)
    }

    /// `NUMERIC` is read as text.
    fn readable(&self, key: Expr, kind: Kind) -> Expr {
        match kind {
            Kind::Integer => key.cast_as("TEXT"),
            _ => key,
        }
    }
}

impl Postgres {
    /// A part of a JSON value if it is of the kind that was asked for. It is looked for once: every step reads the text
    /// from its start.
    fn typed(&self, value: Expr, part: &JsonPart) -> Result<Column, Error> {
        check_path(&part.path)?;
        let step = |value: Expr, name: &String| value.binary(BinOper::Custom("->"), Expr::val(name.as_str()));
        let found = self.operand(part.path.iter().fold(value, step), "j");
        let checked = match part.kind {
            JsonKind::Text => of_operand(Expr::cust(JSON_TEXT), found),
            JsonKind::Instant => self.by_bytes(self.normal_instant(of_operand(Expr::cust(JSON_TEXT), found))),
            JsonKind::Bool => of_operand(Expr::cust(JSON_BOOL), found),
            JsonKind::Integer => of_operand(Expr::cust(JSON_WHOLE), found),
            JsonKind::Number => of_operand(Expr::cust(JSON_NUMBER), found),
            JsonKind::Array => of_operand(Expr::cust(JSON_ARRAY), found),
        };
        json_column(self, checked, part)
    }

    /// RFC 3339 text of any precision and offset in the stored form of moments: UTC, nine fractional digits. What comes
    /// after the ninth digit does not count; what is no moment is nothing.
    fn normal_instant(&self, text: Expr) -> Expr {
        let written = self.operand(Func::upper(self.by_bytes(text)).into(), "t");
        let read = format!(
            "CASE WHEN t ~ '{MOMENT}' THEN timezone('UTC', CAST(CAST(CAST(SUBSTR(t, 1, 4) AS INTEGER) + {CYCLE} AS TEXT) \
             || SUBSTR(t, 5, 15) || SUBSTRING(t, '(?:Z|[+-][0-9:]+)$') AS TIMESTAMPTZ)) END"
        );
        let mut moment = sea_query::Query::select();
        moment.expr_as(Expr::cust(read), "u").expr_as(Expr::cust("t"), "t").from_subquery(written, "written");
        moment.and_where(Expr::cust("TRUE OFFSET 0"));
        let year = format!("CAST(EXTRACT(YEAR FROM u) AS INTEGER) - {CYCLE}");
        let stored = format!(
            "CASE WHEN {year} BETWEEN -1 AND 9999 \
             THEN CASE WHEN {year} < 0 THEN '-001' ELSE LPAD(CAST({year} AS TEXT), 4, '0') END \
             || TO_CHAR(u, '-MM-DD\"T\"HH24:MI:SS.') || RPAD(COALESCE(SUBSTRING(t, '[.]([0-9]+)'), ''), 9, '0') || 'Z' END"
        );
        of_operand(Expr::cust(stored), moment)
    }

    /// Two numbers as `a` and `b`.
    fn operands(&self, left: Expr, right: Expr) -> SelectStatement {
        self.operand(double(left), "a").expr_as(double(right), "b").to_owned()
    }

    /// What is left of the division of two numbers; it has the sign of the first.
    fn remainder(&self, left: Expr, right: Expr) -> Expr {
        let of = |operator, left: Expr, right: Expr| self.arithmetic(operator, left, right);
        let (a, b) = (|| Expr::col("a"), || Expr::col("b"));
        let times: Expr = Func::cust("trunc").arg(of(Operator::Divide, a(), b())).into();
        let left_over = of(Operator::Subtract, a(), of(Operator::Multiply, b(), times));
        of_operand(left_over, self.operands(left, right))
    }

    /// The number within `0..=LARGEST_POSITION`.
    fn within_text(&self, position: Expr) -> Expr {
        let within =
            format!("CASE WHEN n < 0 THEN 0 WHEN n > {LARGEST_POSITION} THEN {LARGEST_POSITION} ELSE TRUNC(n) END");
        of_operand(Expr::cust(within), self.operand(position, "n")).cast_as("INTEGER")
    }
}

/// The JSON text with U+0001 for the character U+0000, which no text of this engine can have: it has the same place in
/// the order of texts, nearly.
fn without_nul(document: Expr) -> Expr {
    let replaced =
        Func::cust("regexp_replace").arg(document.clone()).arg(r"(?<!\\)((?:\\\\)*)\\u0000").arg(r"\1\\u0001").arg("g");
    let escaped = Func::cust("strpos").arg(document.clone()).arg(r"\u0000");
    Expr::case(Expr::from(escaped).gt(whole(0)), replaced).finally(document).into()
}

fn double(number: Expr) -> Expr {
    number.cast_as("DOUBLE PRECISION")
}
