//! Operators between values: arithmetic, comparisons that are true or false and never unknown, membership.

use adit_core::query::Operator;
use sea_query::{BinOper, Expr, ExprTrait as _, Func};

use super::{Place, Term};
use crate::list::dialect::{Dialect, whole};
use crate::list::source::Kind;

pub(super) const fn is_logical(operator: Operator) -> bool {
    matches!(operator, Operator::And | Operator::Or)
}

pub(super) const fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Equal
            | Operator::NotEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::Less
            | Operator::LessOrEqual
    )
}

pub(super) fn arithmetic(dialect: &dyn Dialect, operator: Operator, left: Term, right: Term) -> Term {
    let divides = matches!(operator, Operator::Divide | Operator::DivideBy | Operator::Modulo);
    let optional = left.optional || right.optional || divides;
    if left.kind == Kind::Integer && right.kind == Kind::Integer && operator != Operator::DivideBy {
        let sql = dialect.whole_arithmetic(operator, left.sql, right.sql);
        return Term { unbounded: true, ..Term::new(sql, Kind::Integer, optional) };
    }
    let (left, right) = (left.bounded(dialect), right.bounded(dialect));
    Term::new(dialect.arithmetic(operator, left.sql, right.sql), Kind::Number, optional)
}

/// A comparison. Where it is a value it is never unknown.
pub(super) fn comparison(operator: Operator, left: Term, right: Term, place: Place) -> Expr {
    if !comparable(left.kind, right.kind) {
        return Expr::val(operator == Operator::NotEqual);
    }
    if left.kind == Kind::Nothing || right.kind == Kind::Nothing {
        return with_nothing(operator, if left.kind == Kind::Nothing { right } else { left });
    }
    let optional = left.optional || right.optional;
    // Where unknown is as good as false, an index serves what it serves for columns that have a value.
    let distinguishes = place == Place::Value || (left.optional && right.optional);
    let (left, right) = (left.sql, right.sql);
    let ordered = match operator {
        Operator::Equal if optional && distinguishes => {
            return left.binary(BinOper::Custom("IS NOT DISTINCT FROM"), right);
        }
        Operator::NotEqual if optional => return left.binary(BinOper::Custom("IS DISTINCT FROM"), right),
        Operator::NotEqual => left.ne(right),
        Operator::Greater => left.gt(right),
        Operator::GreaterOrEqual => left.gte(right),
        Operator::Less => left.lt(right),
        Operator::LessOrEqual => left.lte(right),
        _ => left.eq(right),
    };
    if optional && place == Place::Value { or_false(ordered) } else { ordered }
}

/// A comparison with nothing, of which only equality can hold.
fn with_nothing(operator: Operator, other: Term) -> Expr {
    match operator {
        Operator::Equal => is_nothing(other),
        Operator::NotEqual => is_nothing(other).not(),
        _ => Expr::val(false),
    }
}

fn is_nothing(term: Term) -> Expr {
    match term.kind {
        Kind::Nothing => Expr::val(true),
        _ => term.sql.is_null(),
    }
}

/// Whether `needle` equals one of `values`. Without a value it is among them if one of them is without a value.
pub(super) fn among(dialect: &dyn Dialect, needle: Term, values: Vec<Term>) -> Expr {
    let values: Vec<Term> = values.into_iter().filter(|value| comparable(needle.kind, value.kind)).collect();
    if needle.kind == Kind::Nothing {
        return values.into_iter().map(is_nothing).reduce(|any, next| any.or(next)).unwrap_or_else(|| Expr::val(false));
    }
    if values.is_empty() {
        return Expr::val(false);
    }
    let nothing_is_among = values.iter().any(|value| value.kind == Kind::Nothing);
    if values.iter().any(|value| value.optional && value.kind != Kind::Nothing) {
        return among_optional(dialect, needle, values);
    }
    let values: Vec<Expr> =
        values.into_iter().filter(|value| value.kind != Kind::Nothing).map(|value| value.sql).collect();
    if values.is_empty() {
        return needle.sql.is_null();
    }
    let found = needle.sql.is_in(values);
    match (needle.optional, nothing_is_among) {
        (false, _) => found,
        (true, false) => or_false(found),
        (true, true) => Func::coalesce([found, Expr::val(true)]).into(),
    }
}

/// As [`among`], where it is not known before whether one of `values` is without a value.
fn among_optional(dialect: &dyn Dialect, needle: Term, values: Vec<Term>) -> Expr {
    let operand = dialect.operand(needle.sql, "needle");
    let equal = |value: Term| match value.kind {
        Kind::Nothing => Expr::col("needle").is_null(),
        _ => Expr::col("needle").binary(BinOper::Custom("IS NOT DISTINCT FROM"), value.sql),
    };
    let any = values.into_iter().map(equal).reduce(|left, right| left.or(right));
    let mut select = sea_query::Query::select();
    select.expr(whole(1)).from_subquery(operand, "operand").and_where_option(any);
    dialect.exists(select)
}

fn comparable(left: Kind, right: Kind) -> bool {
    let number = |kind| matches!(kind, Kind::Integer | Kind::Number);
    left == right || left == Kind::Nothing || right == Kind::Nothing || (number(left) && number(right))
}

pub(super) fn or_false(condition: Expr) -> Expr {
    Func::coalesce([condition, Expr::val(false)]).into()
}
