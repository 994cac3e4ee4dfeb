//! A value while an expression is evaluated, and what equals what.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::expression::Literal;
use crate::expression::literal::{date, duration, midnight, moment, time_of_day};
use crate::model::Type;

/// A value; `Null` also stands for what is unknown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum<'e> {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'e, str>),
    Moment(Timestamp),
    Date(Date),
    Time(Time),
    Duration(SignedDuration),
    /// Members of an enumeration with flags, in lower case and in order.
    Members(Vec<String>),
    /// A structured value or an entity; there is one, and no more is known.
    Structure,
}

/// A text as it is compared.
pub(super) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The order of a whole number and one with a fraction. It is exact: a whole number made a fraction is rounded, so that
/// two that differ could both equal a third, and an order like that cannot be sorted by.
#[expect(clippy::cast_possible_truncation, reason = "the fraction lies between the ends of the whole numbers")]
fn whole_and_fraction(one: i64, two: f64) -> Option<Ordering> {
    /// The first number above all whole ones; they begin at the same below zero.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if two.is_nan() {
        return None;
    }
    if two >= END {
        return Some(Ordering::Less);
    }
    if two < -END {
        return Some(Ordering::Greater);
    }
    let whole = two.trunc();
    Some(one.cmp(&(whole as i64)).then(whole.partial_cmp(&two)?))
}

impl<'e> Datum<'e> {
    /// A literal; its texts are copied, because expressions and entities live apart.
    pub(super) fn of_literal(literal: &Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Boolean(truth) => Self::Boolean(*truth),
            Literal::Integer(number) => Self::Integer(*number),
            Literal::Number(number) => Self::Number(*number),
            Literal::Text(text) | Literal::Guid(text) => Self::Text(Cow::Owned(text.clone())),
            Literal::DateTimeOffset(at) => Self::Moment(*at),
            Literal::Date(date) => Self::Date(*date),
            Literal::TimeOfDay(time) => Self::Time(*time),
            Literal::Duration(duration) => Self::Duration(*duration),
            Literal::Members(members) => Self::members(members.iter().copied()),
        }
    }

    /// The value as a literal, for what was calculated without an entity.
    pub(crate) fn into_literal(self) -> Option<Literal> {
        Some(match self {
            Self::Null => Literal::Null,
            Self::Boolean(truth) => Literal::Boolean(truth),
            Self::Integer(number) => Literal::Integer(number),
            Self::Number(number) => Literal::Number(number),
            Self::Text(text) => Literal::Text(text.into_owned()),
            Self::Moment(at) => Literal::DateTimeOffset(at),
            Self::Date(date) => Literal::Date(date),
            Self::Time(time) => Literal::TimeOfDay(time),
            Self::Duration(duration) => Literal::Duration(duration),
            Self::Members(_) | Self::Structure => return None,
        })
    }

    fn members<'m>(names: impl Iterator<Item = &'m str>) -> Self {
        let mut members: Vec<String> = names.map(|name| folded(name.trim())).collect();
        members.sort();
        members.dedup();
        Self::Members(members)
    }

    /// A JSON value of a declared type; one that is not of its type is nothing.
    pub(super) fn typed(value: &'e Value, kind: Type) -> Self {
        let parsed = match (kind, value) {
            (Type::DateTimeOffset, Value::String(text)) => moment(text).map(Self::Moment),
            (Type::Date, Value::String(text)) => date(text).map(Self::Date),
            (Type::TimeOfDay, Value::String(text)) => time_of_day(text).map(Self::Time),
            (Type::Duration, Value::String(text)) => duration(text).map(Self::Duration),
            (Type::Enum(_), Value::String(text)) => Some(Self::members(text.split(','))),
            _ => return Self::untyped(value),
        };
        parsed.unwrap_or(Self::Null)
    }

    /// A JSON value as what it looks like.
    pub(super) fn untyped(value: &'e Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Boolean(*truth),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => number.as_f64().map_or(Self::Null, Self::Number),
            },
            Value::Array(_) | Value::Object(_) => Self::Structure,
        }
    }

    /// Nothing equals nothing; values of different kinds are not equal.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Members(one), Self::Members(two)) => one == two,
            _ => self.ordered(other) == Some(Ordering::Equal),
        }
    }

    /// All members of the right side are on the left.
    pub(super) fn has(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Members(all), Self::Members(wanted)) => Self::Boolean(wanted.iter().all(|one| all.contains(one))),
            _ => Self::Null,
        }
    }

    /// The order of two values; `None` with nothing and between kinds.
    pub(super) fn ordered(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(one), Self::Boolean(two)) => Some(one.cmp(two)),
            (Self::Integer(one), Self::Integer(two)) => Some(one.cmp(two)),
            (Self::Number(one), Self::Number(two)) => one.partial_cmp(two),
            (Self::Integer(one), Self::Number(two)) => whole_and_fraction(*one, *two),
            (Self::Number(one), Self::Integer(two)) => whole_and_fraction(*two, *one).map(Ordering::reverse),
            (Self::Text(one), Self::Text(two)) => {
                Some(one.chars().flat_map(char::to_lowercase).cmp(two.chars().flat_map(char::to_lowercase)))
            }
            (Self::Moment(one), Self::Moment(two)) => Some(one.cmp(two)),
            (Self::Date(one), Self::Date(two)) => Some(one.cmp(two)),
            (Self::Time(one), Self::Time(two)) => Some(one.cmp(two)),
            (Self::Duration(one), Self::Duration(two)) => Some(one.cmp(two)),
            (Self::Members(one), Self::Members(two)) => Some(one.cmp(two)),
            // A value without a declared type that looks like the other's.
            (Self::Text(text), Self::Moment(_)) => Self::Moment(moment(text)?).ordered(other),
            (Self::Moment(_), Self::Text(text)) => self.ordered(&Self::Moment(moment(text)?)),
            (Self::Date(day), Self::Moment(_)) => Self::Moment(midnight(*day)?).ordered(other),
            (Self::Moment(_), Self::Date(day)) => self.ordered(&Self::Moment(midnight(*day)?)),
            (Self::Text(text), Self::Date(_)) => Self::Date(date(text)?).ordered(other),
            (Self::Date(_), Self::Text(text)) => self.ordered(&Self::Date(date(text)?)),
            (Self::Text(text), Self::Time(_)) => Self::Time(time_of_day(text)?).ordered(other),
            (Self::Time(_), Self::Text(text)) => self.ordered(&Self::Time(time_of_day(text)?)),
            _ => None,
        }
    }

    /// The order in a list: nothing first, kinds apart.
    pub(super) fn listed(&self, other: &Self) -> Ordering {
        self.kind().cmp(&other.kind()).then_with(|| self.ordered(other).unwrap_or(Ordering::Equal))
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Boolean(_) => 1,
            Self::Integer(_) | Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::Moment(_) => 4,
            Self::Date(_) => 5,
            Self::Time(_) => 6,
            Self::Duration(_) => 7,
            Self::Members(_) => 8,
            Self::Structure => 9,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a whole number beside a fraction is calculated with as a fraction")]
    pub(super) const fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}
