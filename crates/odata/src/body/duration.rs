//! Durations in bodies (`Edm.Duration`: days and smaller), in their canonical form.

use jiff::SignedDuration;

/// A duration such as `P1DT2H3M4.5S`; comes out with hours, minutes and seconds only, as `PT26H3M4.5S`.
pub(super) fn canonical(text: &str) -> Option<String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, clock) = match rest.split_once('T') {
        None => (rest, None),
        Some((_, "")) => return None,
        Some((days, clock)) => (days, Some(clock)),
    };
    if days.is_empty() && clock.is_none() {
        return None;
    }
    let total = parse_days(days)?.checked_add(parse_clock(clock.unwrap_or_default())?)?;
    Some(if negative { -total } else { total }.to_string())
}

fn parse_days(text: &str) -> Option<SignedDuration> {
    if text.is_empty() {
        return Some(SignedDuration::ZERO);
    }
    seconds_of(text.strip_suffix('D')?, 24 * 60 * 60)
}

fn parse_clock(text: &str) -> Option<SignedDuration> {
    let (hours, rest) = text.split_once('H').unwrap_or(("0", text));
    let (minutes, rest) = rest.split_once('M').unwrap_or(("0", rest));
    let seconds = match rest {
        "" => SignedDuration::ZERO,
        rest => parse_seconds(rest.strip_suffix('S')?)?,
    };
    seconds_of(hours, 60 * 60)?.checked_add(seconds_of(minutes, 60)?)?.checked_add(seconds)
}

fn parse_seconds(text: &str) -> Option<SignedDuration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i64 = format!("{fraction:0<9}").parse().ok()?;
    seconds_of(whole, 1)?.checked_add(SignedDuration::from_nanos(nanoseconds))
}

fn seconds_of(digits: &str, each: i64) -> Option<SignedDuration> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(each).map(SignedDuration::from_secs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_durations_are_written_the_same() {
        for (text, written) in [
            ("PT1H", "PT1H"),
            ("PT60M", "PT1H"),
            ("P1DT2H3M4.5S", "PT26H3M4.5S"),
            ("-P1D", "-PT24H"),
            ("+PT0.000001S", "PT0.000001S"),
            ("P0D", "PT0S"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "P", "PT", "1H", "P1Y", "P1M", "P1W", "PT1.5H", "PT1", "P1H", "PT1S1M", "PT-1S", "P1DT", "PT1.S"]
        {
            assert_eq!(canonical(text), None, "{text}");
        }
        assert_eq!(canonical("P99999999999999999999D"), None);
        assert_eq!(canonical("P106751991167301D"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[-+]?P[0-9DTHMS.é]{0,30}") {
            if let Some(once) = canonical(&text) {
                let again = canonical(&once);
                prop_assert_eq!(again, Some(once));
            }
        }
    }
}
