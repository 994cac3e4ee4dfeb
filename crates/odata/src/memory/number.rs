//! Calculations. What has no result (a division by zero, an overflow, nothing as an operand) is nothing.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::datum::Datum;
use crate::expression::Operator;
use crate::expression::literal::midnight;

pub(super) fn negated<'e>(value: Datum<'e>) -> Datum<'e> {
    match value {
        Datum::Integer(number) => number.checked_neg().map_or(Datum::Null, Datum::Integer),
        Datum::Number(number) => Datum::Number(-number),
        Datum::Duration(span) => span.checked_neg().map_or(Datum::Null, Datum::Duration),
        _ => Datum::Null,
    }
}

pub(super) fn calculated<'e>(operator: Operator, left: Datum<'e>, right: Datum<'e>) -> Datum<'e> {
    let result = match (&left, &right) {
        (Datum::Integer(one), Datum::Integer(two)) if operator != Operator::DivideBy => {
            whole(operator, *one, *two).map(Datum::Integer)
        }
        (Datum::Integer(_) | Datum::Number(_), Datum::Integer(_) | Datum::Number(_)) => {
            left.number().zip(right.number()).and_then(|(one, two)| fraction(operator, one, two)).map(Datum::Number)
        }
        (Datum::Moment(at), Datum::Duration(span)) => moved(operator, *at, *span).map(Datum::Moment),
        (Datum::Duration(span), Datum::Moment(at)) => moved(operator, *at, *span).map(Datum::Moment),
        (Datum::Date(day), Datum::Duration(span)) | (Datum::Duration(span), Datum::Date(day)) => {
            midnight(*day).and_then(|at| moved(operator, at, *span)).map(|at| Datum::Date(day_of(at)))
        }
        (Datum::Moment(one), Datum::Moment(two)) => Some(Datum::Duration(one.duration_since(*two))),
        (Datum::Date(one), Datum::Date(two)) => Some(Datum::Duration(one.duration_since(*two))),
        (Datum::Duration(one), Datum::Duration(two)) => match operator {
            Operator::Add => one.checked_add(*two).map(Datum::Duration),
            _ => one.checked_sub(*two).map(Datum::Duration),
        },
        (Datum::Duration(span), _) => right.number().and_then(|by| scaled(operator, *span, by)).map(Datum::Duration),
        (_, Datum::Duration(span)) => left.number().and_then(|by| scaled(operator, *span, by)).map(Datum::Duration),
        _ => None,
    };
    result.unwrap_or(Datum::Null)
}

fn whole(operator: Operator, one: i64, two: i64) -> Option<i64> {
    match operator {
        Operator::Add => one.checked_add(two),
        Operator::Subtract => one.checked_sub(two),
        Operator::Multiply => one.checked_mul(two),
        Operator::Divide => one.checked_div(two),
        Operator::Modulo => one.checked_rem(two),
        _ => None,
    }
}

fn fraction(operator: Operator, one: f64, two: f64) -> Option<f64> {
    let result = match operator {
        Operator::Add => one + two,
        Operator::Subtract => one - two,
        Operator::Multiply => one * two,
        Operator::Divide | Operator::DivideBy => one / two,
        Operator::Modulo => one % two,
        _ => return None,
    };
    result.is_finite().then_some(result)
}

fn moved(operator: Operator, at: Timestamp, span: SignedDuration) -> Option<Timestamp> {
    match operator {
        Operator::Add => at.checked_add(span).ok(),
        Operator::Subtract => at.checked_sub(span).ok(),
        _ => None,
    }
}

fn scaled(operator: Operator, span: SignedDuration, by: f64) -> Option<SignedDuration> {
    let seconds = match operator {
        Operator::Multiply => span.as_secs_f64() * by,
        _ => span.as_secs_f64() / by,
    };
    SignedDuration::try_from_secs_f64(seconds).ok()
}

pub(super) fn day_of(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}
