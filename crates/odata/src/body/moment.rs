//! Dates and times in bodies, in their canonical form: what stands for the same moment is written the same.
//!
//! The forms are OData's, and the shorter ones that clients of Graph send (`2018-08-12T12:00`, `0:00:00`). Nothing is
//! rounded: a second 60 or more digits than can be kept are refused.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

/// The most digits of a fraction of a second.
const FRACTION: usize = 9;

/// A date and time with an offset from UTC, or without one when it is in UTC; comes out in UTC with a `Z`.
///
/// Not a timestamp: its range ends a day before 9999-12-31T23:59:59Z, which clients send for "never".
pub(super) fn date_time_offset(text: &str) -> Option<String> {
    let (day, rest) = text.split_once(['T', 't'])?;
    let (clock, east) = split_offset(rest)?;
    let local = DateTime::from_parts(parse_date(day)?, parse_time(clock, Hours::TwoDigits)?);
    let utc = local.checked_sub(SignedDuration::from_mins(east)).ok()?;
    in_four_digits(utc.date()).then(|| format!("{utc}Z"))
}

/// A date.
pub(super) fn date(text: &str) -> Option<String> {
    parse_date(text).map(|date| date.to_string())
}

/// A time of a day; comes out with two digits for the hour, and with seconds.
pub(super) fn time_of_day(text: &str) -> Option<String> {
    parse_time(text, Hours::AnyDigits).map(|time| time.to_string())
}

/// Splits the clock from the offset, in minutes east of UTC.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.find(['+', '-']) else { return Some((text, 0)) };
    let (clock, offset) = text.split_at_checked(at)?;
    let (sign, minutes) = if offset.starts_with('-') { (-1, offset.get(1..)?) } else { (1, offset.get(1..)?) };
    let (hours, minutes) = minutes.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours <= 23 && minutes <= 59).then(|| (clock, sign * (i64::from(hours) * 60 + i64::from(minutes))))
}

fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (digits(parts.next()?, 4, 4)?, two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(i16::try_from(year).ok()?, month, day).ok()
}

#[derive(Clone, Copy, PartialEq)]
enum Hours {
    TwoDigits,
    AnyDigits,
}

fn parse_time(text: &str, hours: Hours) -> Option<Time> {
    let mut parts = text.split(':');
    let hour = parts.next()?;
    let fewest = if hours == Hours::TwoDigits { 2 } else { 1 };
    let hour = i8::try_from(digits(hour, fewest, 2)?).ok()?;
    let minute = two_digits(parts.next()?)?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(second) => parse_second(second)?,
    };
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, fraction).ok()
}

/// The second and its fraction in nanoseconds.
fn parse_second(text: &str) -> Option<(i8, i32)> {
    let Some((second, fraction)) = text.split_once('.') else { return Some((two_digits(text)?, 0)) };
    let nanoseconds = digits(&format!("{fraction:0<FRACTION$}"), FRACTION, FRACTION)?;
    (!fraction.is_empty()).then_some((two_digits(second)?, i32::try_from(nanoseconds).ok()?))
}

fn two_digits(text: &str) -> Option<i8> {
    digits(text, 2, 2).and_then(|number| i8::try_from(number).ok())
}

/// A number of that many digits and nothing else, not even a sign.
fn digits(text: &str, fewest: usize, most: usize) -> Option<u32> {
    let fits = (fewest..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn in_four_digits(date: Date) -> bool {
    (0..=9999).contains(&date.year())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_moment_is_always_written_the_same() {
        for (text, canonical) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
            ("2018-08-12T12:00", "2018-08-12T12:00:00Z"),
            ("2018-08-12T12:00Z", "2018-08-12T12:00:00Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
            ("2026-01-01T00:30:00-01:30", "2026-01-01T02:00:00Z"),
            ("2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:00.1234567Z"),
            ("2026-01-01T00:00:00.500Z", "2026-01-01T00:00:00.5Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(date_time_offset(text).as_deref(), Some(canonical), "{text}");
        }
        for (text, canonical) in
            [("0:00:00", "00:00:00"), ("12:00", "12:00:00"), ("23:59:59.9999999", "23:59:59.9999999")]
        {
            assert_eq!(time_of_day(text).as_deref(), Some(canonical), "{text}");
        }
        assert_eq!(date("2024-02-29").as_deref(), Some("2024-02-29"));
    }

    #[test]
    fn what_is_no_moment_is_refused_and_never_rounded_to_one() {
        for text in [
            "",
            "now",
            "2026-01-31",
            "2026-01-31 12:00:00Z",
            "2026-1-31T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:00:60Z",
            "2026-01-31T12Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00.1234567890Z",
            "2026-01-31T12:00:00+0100",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00Z[Europe/Zurich]",
            "2026-01-31T+2:00:00Z",
            "20260131T120000Z",
            "-2026-01-31T12:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+01:00",
        ] {
            assert_eq!(date_time_offset(text), None, "{text}");
        }
        assert_eq!(time_of_day("24:00:00"), None);
        assert_eq!(time_of_day("1:2:3"), None);
        assert_eq!(date("2023-02-29"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "[0-9TtZz:.+\\-é]{0,40}") {
            let _ = (date_time_offset(&text), date(&text), time_of_day(&text));
        }

        #[test]
        fn the_canonical_form_stays_as_it_is(seconds in -62_135_596_800_i64..253_402_207_200, east in -840_i64..840) {
            let instant = jiff::Timestamp::from_second(seconds).unwrap();
            let offset = jiff::tz::Offset::from_seconds(i32::try_from(east * 60).unwrap()).unwrap();
            let text = instant.display_with_offset(offset).to_string();
            if let Some(canonical) = date_time_offset(&text) {
                prop_assert_eq!(canonical.parse::<jiff::Timestamp>().unwrap(), instant);
                let again = date_time_offset(&canonical);
                prop_assert_eq!(again, Some(canonical));
            }
        }
    }
}
