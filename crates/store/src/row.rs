//! Reads typed values out of rows, and writes instants in the one form whose text order is time order.

use std::fmt::Display;

use adit_core::Revision;
use jiff::Timestamp;

use crate::engine::Row;
use crate::error::Error;

/// Reads a text column with `parse`.
pub(crate) fn parsed<T, E: Display>(
    row: &Row,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Error> {
    let text: String = row.try_get(column)?;
    understood(column, &text, parse)
}

/// Reads a text column that may be empty with `parse`.
pub(crate) fn parsed_if_any<T, E: Display>(
    row: &Row,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Error> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| understood(column, &text, parse)).transpose()
}

/// Reads a revision.
pub(crate) fn revision(row: &Row, column: &'static str) -> Result<Revision, Error> {
    unsigned(column, row.try_get(column)?).map(Revision)
}

/// A number that is stored signed because SQL knows no other.
pub(crate) fn unsigned<T: TryFrom<i64>>(column: &'static str, number: i64) -> Result<T, Error> {
    T::try_from(number).map_err(|_| unreadable(column, &number.to_string(), "the number is out of range"))
}

/// A number as it is stored.
pub(crate) fn signed(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// An instant as it is stored: always nine fractional digits.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// A value as it is stored in a JSON column.
pub(crate) fn json(column: &'static str, value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|reason| unreadable(column, "", &reason))
}

pub(crate) fn unreadable(column: &'static str, value: &str, reason: &(impl Display + ?Sized)) -> Error {
    Error::Unreadable { column, value: value.chars().take(200).collect(), reason: reason.to_string() }
}

fn understood<T, E: Display>(
    column: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Error> {
    parse(text).map_err(|reason| unreadable(column, text, &reason))
}

/// Bytes as they are stored: two hexadecimal digits each.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that were stored so.
pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    pairs.collect()
}

/// A hash as it is kept.
pub(crate) fn hexadecimal(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash as it was kept.
pub(crate) fn hash(text: &str) -> Result<[u8; 32], &'static str> {
    bytes(text).and_then(|bytes| bytes.try_into().ok()).ok_or("it is not a hash")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_order_of_instants_is_their_order() {
        let whole: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-11-20T10:00:00.5Z".parse().unwrap();
        assert_eq!(instant(whole), "2026-11-20T10:00:00.000000000Z");
        assert!(instant(whole) < instant(later));
    }

    #[test]
    fn a_hash_survives_being_written_and_read() {
        let hashed: [u8; 32] = std::array::from_fn(|index| (index * 37 % 256) as u8);
        assert_eq!(hash(&hexadecimal(hashed)), Ok(hashed));
        assert!(hash("zz").is_err());
        assert!(hash("00").is_err());
    }

    #[test]
    fn bytes_are_the_same_after_they_were_digits() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&digits(&all)), Some(all));
        assert_eq!(bytes(""), Some(vec![]));
        assert_eq!(bytes("0"), None);
        assert_eq!(bytes("0g"), None);
    }
}
