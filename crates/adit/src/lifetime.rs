//! Lifetimes on the command line: a whole number and a unit, `90s`, `15m`, `1h` or `7d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// A text that is not a lifetime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a lifetime; give a number and a unit, as in 90s, 15m, 1h or 7d")]
pub(crate) struct NotALifetime(String);

/// Reads `text`.
///
/// # Errors
/// [`NotALifetime`] for anything but a positive whole number and one of `s`, `m`, `h` and `d`.
pub(crate) fn parse(text: &str) -> Result<Duration, NotALifetime> {
    let refused = || NotALifetime(text.chars().take(40).collect());
    let unit = text.chars().next_back().ok_or_else(refused)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(refused()),
    };
    let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse::<u64>().ok()).filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(seconds)).map(Duration::from_secs).ok_or_else(refused)
}

/// Reads one that may stand in a configuration file.
///
/// # Errors
/// What is no lifetime, as the file's error.
pub(crate) fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_and_a_unit() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse("7d"), Ok(Duration::from_secs(604_800)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "1", "h", "0h", "-1h", "+1h", "1.5h", "1 h", "1w", "99999999999999999999d", "1é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
