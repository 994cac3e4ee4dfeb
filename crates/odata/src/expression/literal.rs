//! Values as OData writes them in URLs: from text to typed literals. Nothing is guessed: a text that has the shape of a
//! date and is in no calendar is no value.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::Literal;

/// A literal without quotes that starts with a digit or a sign.
pub(super) fn unquoted(text: &str) -> Option<Literal> {
    number(text)
        .or_else(|| date(text).map(Literal::Date))
        .or_else(|| date_time_offset(text).map(Literal::DateTimeOffset))
        .or_else(|| time_of_day(text).map(Literal::TimeOfDay))
}

/// A whole number within 64 bits, or a finite one with a fraction or an exponent.
fn number(text: &str) -> Option<Literal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if ![Some(whole), fraction, exponent].into_iter().flatten().all(is_digits) {
        return None;
    }
    if fraction.is_none() && exponent.is_none() {
        return text.parse().ok().map(Literal::Integer);
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Literal::Number)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2026-01-31`; a year before the first has a sign.
pub(crate) fn date(text: &str) -> Option<Date> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let mut parts = digits.splitn(3, '-');
    let year: i16 = fixed(parts.next()?, 4)?;
    let (month, day) = (fixed(parts.next()?, 2)?, fixed(parts.next()?, 2)?);
    Date::new(sign * year, month, day).ok()
}

/// `12:00`, `12:00:00`, `12:00:00.5`.
pub(crate) fn time_of_day(text: &str) -> Option<Time> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (fixed(parts.next()?, 2)?, fixed(parts.next()?, 2)?);
    let (second, nanosecond) = match parts.next() {
        Some(seconds) => seconds_of(seconds)?,
        None => (0, 0),
    };
    Time::new(hour, minute, second, nanosecond).ok()
}

fn seconds_of(text: &str) -> Option<(i8, i32)> {
    let (second, fraction) = match text.split_once('.') {
        Some((second, fraction)) => (second, nanoseconds(fraction)?),
        None => (text, 0),
    };
    Some((fixed(second, 2)?, fraction))
}

/// A fraction of a second; OData allows twelve digits, of which nine are kept.
fn nanoseconds(fraction: &str) -> Option<i32> {
    if !is_digits(fraction) || fraction.len() > 12 {
        return None;
    }
    format!("{fraction:0<9}").get(..9)?.parse().ok()
}

fn fixed<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    (text.len() == digits && is_digits(text)).then(|| text.parse().ok()).flatten()
}

/// `2026-01-31T12:00:00Z`, with any offset; seconds and their fraction may be left out. What lies at the end of the
/// calendar (the largest date of .NET, which clients send for "never") is the largest moment.
pub(crate) fn date_time_offset(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_once(['T', 't'])?;
    let (clock, offset) = match rest.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, Offset::UTC),
        None => {
            let (clock, offset) = rest.split_at_checked(rest.rfind(['+', '-'])?)?;
            (clock, offset_of(offset)?)
        }
    };
    // A leap second is the last moment of its minute, as in most calendars of computers.
    let clock = match clock.get(5..8) {
        Some(":60") => clock.replacen(":60", ":59", 1),
        _ => clock.to_owned(),
    };
    let at = DateTime::from_parts(date(day)?, time_of_day(&clock)?);
    let saturated = if at.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    Some(offset.to_timestamp(at).unwrap_or(saturated))
}

fn offset_of(text: &str) -> Option<Offset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes): (i32, i32) = (fixed(hours, 2)?, fixed(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// A moment, or a date alone, which is its midnight.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    date_time_offset(text).or_else(|| date(text).and_then(midnight))
}

/// The first moment of a day in UTC.
pub(crate) fn midnight(day: Date) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(DateTime::from_parts(day, Time::midnight())).ok()
}

/// `P1DT2H3M4.5S`, with a sign or without.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, body) = text.strip_prefix('-').map_or((false, text), |body| (true, body));
    let body = body.strip_prefix(['P', 'p'])?;
    let (days, clock) = match body.split_once(['T', 't']) {
        Some((days, clock)) if !clock.is_empty() => (days, clock),
        Some(_) => return None,
        None => (body, ""),
    };
    if days.is_empty() && clock.is_empty() {
        return None;
    }
    let (days, rest) = amount(days, ['D', 'd'])?;
    let (hours, clock) = amount(clock, ['H', 'h'])?;
    let (minutes, clock) = amount(clock, ['M', 'm'])?;
    if !rest.is_empty() {
        return None;
    }
    let (seconds, nanoseconds) = match clock.strip_suffix(['S', 's']) {
        Some(seconds) => whole_and_fraction(seconds)?,
        None if clock.is_empty() => (0, 0),
        None => return None,
    };
    let parts = [(days, 86_400), (hours, 3_600), (minutes, 60), (seconds, 1)];
    let total = parts.into_iter().try_fold(0_i64, |sum, (count, unit)| sum.checked_add(count.checked_mul(unit)?))?;
    let duration = SignedDuration::new(total, nanoseconds);
    Some(if negative { -duration } else { duration })
}

/// The digits before a unit, and what comes after it; none is zero.
fn amount(text: &str, unit: [char; 2]) -> Option<(i64, &str)> {
    let Some((digits, rest)) = text.split_once(unit) else { return Some((0, text)) };
    is_digits(digits).then(|| digits.parse().ok()).flatten().map(|count| (count, rest))
}

fn whole_and_fraction(seconds: &str) -> Option<(i64, i32)> {
    let (whole, fraction) = match seconds.split_once('.') {
        Some((whole, fraction)) => (whole, nanoseconds(fraction)?),
        None => (seconds, 0),
    };
    is_digits(whole).then(|| whole.parse().ok()).flatten().map(|whole| (whole, fraction))
}

/// Whether `text` has the shape of a UUID with hyphens.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
