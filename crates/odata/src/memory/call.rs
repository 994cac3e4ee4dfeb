//! Functions. A function of nothing is nothing.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::datum::{Datum, folded};
use super::number::day_of;
use crate::expression::Function;
use crate::expression::literal::{date, moment, time_of_day};

pub(super) fn value<'e>(function: Function, arguments: Vec<Datum<'e>>) -> Datum<'e> {
    let mut arguments = arguments.into_iter();
    let (first, second, third) = (arguments.next(), arguments.next(), arguments.next());
    let result = match (function, first, second) {
        (Function::MinDateTime, ..) => moment("0001-01-01T00:00:00Z").map(Datum::Moment),
        (Function::MaxDateTime, ..) => Some(Datum::Moment(Timestamp::MAX)),
        (_, Some(Datum::Text(text)), Some(Datum::Text(other))) => of_two_texts(function, &text, &other),
        (Function::Substring, Some(Datum::Text(text)), Some(Datum::Integer(start))) => substring(&text, start, third),
        (_, Some(Datum::Text(text)), None) => of_text(function, text),
        (_, Some(number @ (Datum::Integer(_) | Datum::Number(_))), None) => of_number(function, number),
        (_, Some(Datum::Moment(at)), None) => of_moment(function, at),
        (_, Some(Datum::Date(day)), None) => of_date(function, day),
        (_, Some(Datum::Time(time)), None) => of_time(function, time),
        _ => None,
    };
    result.unwrap_or(Datum::Null)
}

fn of_two_texts<'e>(function: Function, text: &str, other: &str) -> Option<Datum<'e>> {
    Some(match function {
        Function::Contains => Datum::Boolean(folded(text).contains(&folded(other))),
        Function::StartsWith => Datum::Boolean(folded(text).starts_with(&folded(other))),
        Function::EndsWith => Datum::Boolean(folded(text).ends_with(&folded(other))),
        Function::IndexOf => Datum::Integer(index(text, other)),
        Function::Concat => Datum::Text(Cow::Owned(format!("{text}{other}"))),
        _ => return None,
    })
}

/// Where `other` starts in `text`, in characters; -1 if it is not there. A letter may be longer in lower case, so the
/// place in the folded text is walked back to a place in the text.
fn index(text: &str, other: &str) -> i64 {
    let Some(found) = folded(text).find(&folded(other)) else { return -1 };
    let mut length = 0;
    let before = text.chars().take_while(|c| {
        length += c.to_lowercase().map(char::len_utf8).sum::<usize>();
        length <= found
    });
    i64::try_from(before.count()).unwrap_or(i64::MAX)
}

/// From a character on, at most so many; what lies outside is left out.
fn substring<'e>(text: &str, start: i64, length: Option<Datum<'e>>) -> Option<Datum<'e>> {
    let skipped = text.chars().skip(usize::try_from(start.max(0)).unwrap_or(usize::MAX));
    let text = match length {
        None => skipped.collect(),
        Some(Datum::Integer(length)) => skipped.take(usize::try_from(length.max(0)).unwrap_or(usize::MAX)).collect(),
        Some(_) => return None,
    };
    Some(Datum::Text(Cow::Owned(text)))
}

fn of_text<'e>(function: Function, text: Cow<'e, str>) -> Option<Datum<'e>> {
    Some(match function {
        Function::Length => Datum::Integer(i64::try_from(text.chars().count()).unwrap_or(i64::MAX)),
        Function::ToLower => Datum::Text(Cow::Owned(text.to_lowercase())),
        Function::ToUpper => Datum::Text(Cow::Owned(text.to_uppercase())),
        Function::Trim => Datum::Text(Cow::Owned(text.trim().to_owned())),
        // A value without a declared type that looks like a date or a time.
        _ => match (moment(&text), time_of_day(&text)) {
            (Some(at), _) if date(&text).is_none() => of_moment(function, at)?,
            (Some(at), _) => of_date(function, day_of(at))?,
            (None, Some(time)) => of_time(function, time)?,
            (None, None) => return None,
        },
    })
}

fn of_number<'e>(function: Function, number: Datum<'e>) -> Option<Datum<'e>> {
    let Datum::Number(fraction) = number else {
        return matches!(function, Function::Round | Function::Floor | Function::Ceiling).then_some(number);
    };
    Some(Datum::Number(match function {
        Function::Round => fraction.round(),
        Function::Floor => fraction.floor(),
        Function::Ceiling => fraction.ceil(),
        _ => return None,
    }))
}

fn of_moment<'e>(function: Function, at: Timestamp) -> Option<Datum<'e>> {
    let at = Offset::UTC.to_datetime(at);
    match function {
        Function::Date => Some(Datum::Date(at.date())),
        Function::Time => Some(Datum::Time(at.time())),
        _ => of_date(function, at.date()).or_else(|| of_time(function, at.time())),
    }
}

fn of_date<'e>(function: Function, day: Date) -> Option<Datum<'e>> {
    Some(Datum::Integer(match function {
        Function::Year => day.year().into(),
        Function::Month => day.month().into(),
        Function::Day => day.day().into(),
        Function::Date => return Some(Datum::Date(day)),
        _ => return None,
    }))
}

fn of_time<'e>(function: Function, time: Time) -> Option<Datum<'e>> {
    Some(match function {
        Function::Hour => Datum::Integer(time.hour().into()),
        Function::Minute => Datum::Integer(time.minute().into()),
        Function::Second => Datum::Integer(time.second().into()),
        Function::FractionalSeconds => Datum::Number(f64::from(time.subsec_nanosecond()) / 1e9),
        Function::Time => Datum::Time(time),
        _ => return None,
    })
}
