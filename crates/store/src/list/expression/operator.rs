//! Operators between values: arithmetic, comparisons that are true or false and never unknown, membership.

use adit_core::query::Operator;
use sea_query::{BinOper, Expr, ExprTrait as _, Func};

use super::{Place, Term};
use crate::list::source::Kind;
use crate::list::sqlite;

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

pub(super) fn arithmetic(operator: Operator, left: Term, right: Term) -> Term {
    let whole = left.kind == Kind::Integer && right.kind == Kind::Integer;
    let divides = matches!(operator, Operator::Divide | Operator::DivideBy | Operator::Modulo);
    let optional = left.optional || right.optional || divides;
    let kind = if whole && operator != Operator::DivideBy { Kind::Integer } else { Kind::Number };
    // Not every engine answers a division by zero with nothing.
    let divisor = |right: Expr| Expr::from(Func::cust("nullif").arg(right).arg(sqlite::whole(0)));
    let (left, right) = (left.sql, right.sql);
    let sql = match operator {
        Operator::Subtract => left.sub(right),
        Operator::Multiply => left.mul(right),
        Operator::Divide if whole => left.div(divisor(right)),
        Operator::Divide | Operator::DivideBy => sqlite::to_number(left).div(divisor(right)),
        Operator::Modulo if whole => left.modulo(divisor(right)),
        Operator::Modulo => sqlite::remainder(left, right),
        _ => left.add(right),
    };
    Term::new(sql, kind, optional)
}

pub(super) fn comparison(operator: Operator, left: Term, right: Term, place: Place) -> Expr {
    if !comparable(left.kind, right.kind) {
        return Expr::val(operator == Operator::NotEqual);
    }
    let optional = left.optional || right.optional;
    let (left, right) = (left.sql, right.sql);
    let ordered = match operator {
        Operator::Equal if optional => return left.binary(BinOper::Custom("IS NOT DISTINCT FROM"), right),
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

/// Whether `needle` equals one of `values`. Without a value it is among them if one of them is without a value.
pub(super) fn among(needle: Term, values: Vec<Term>) -> Expr {
    let values: Vec<Term> = values.into_iter().filter(|value| comparable(needle.kind, value.kind)).collect();
    if values.is_empty() {
        return Expr::val(false);
    }
    let nothing_is_among = values.iter().any(|value| value.kind == Kind::Nothing);
    if values.iter().any(|value| value.optional && value.kind != Kind::Nothing) {
        return among_optional(needle, values);
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
fn among_optional(needle: Term, values: Vec<Term>) -> Expr {
    let mut operand = sea_query::Query::select();
    operand.expr_as(needle.sql, "needle");
    let equal = |value: Term| Expr::col("needle").binary(BinOper::Custom("IS NOT DISTINCT FROM"), value.sql);
    let any = values.into_iter().map(equal).reduce(|left, right| left.or(right));
    let mut select = sea_query::Query::select();
    select.expr(sqlite::whole(1)).from_subquery(operand, "operand").and_where_option(any);
    sqlite::exists(select)
}

fn comparable(left: Kind, right: Kind) -> bool {
    let number = |kind| matches!(kind, Kind::Integer | Kind::Number);
    left == right || left == Kind::Nothing || right == Kind::Nothing || (number(left) && number(right))
}

pub(super) fn or_false(condition: Expr) -> Expr {
    Func::coalesce([condition, Expr::val(false)]).into()
}
