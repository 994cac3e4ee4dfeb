//! Reads JSON strictly: no name twice in one object (two readers could see two values), no deep nesting, nothing after
//! the end, no integer that would come out as another number.
//!
//! What is read is exactly what stands in the text. An integer that fits neither `i64` nor `u64` is refused, because
//! the reader below would round it; a fraction too large for a double is refused by that reader itself.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::limit::JSON_DEPTH;

/// Reads all of `bytes` as one JSON value.
///
/// # Errors
/// What is wrong with it, for logs. It may quote the text.
pub fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    if has_rounded_integer(bytes) {
        return Err(de::Error::custom("an integer is too large"));
    }
    Ok(value)
}

/// Whether an integer of valid JSON text would have been rounded. Numbers stand outside strings only.
fn has_rounded_integer(text: &[u8]) -> bool {
    let mut bytes = text.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'-' | b'0'..=b'9' => {
                let number = text.get(at..).unwrap_or_default();
                let length = number.iter().take_while(|byte| is_of_number(**byte)).count();
                if is_rounded(number.get(..length).unwrap_or_default()) {
                    return true;
                }
                bytes.by_ref().take(length.saturating_sub(1)).for_each(drop);
            }
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut impl Iterator<Item = (usize, u8)>) {
    while let Some((_, byte)) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

fn is_rounded(number: &[u8]) -> bool {
    // Shorter than the shortest integer that does not fit.
    if number.len() < 19 || number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return false;
    }
    let text = str::from_utf8(number).unwrap_or_default();
    text.parse::<i64>().is_err() && text.parse::<u64>().is_err()
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > JSON_DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("a name stands twice in one object"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        let text = r#"{"a": [1, -2, 1.5, "x \" 99999999999999999999", true, null], "b": {"c": {}}, "d": -0}"#;
        assert_eq!(read(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn doubled_names_depth_and_rubbish_are_refused() {
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        let deeper = "[".repeat(100_000);
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":1,"\u0061":2}"#,
            &deep,
            &deeper,
            "",
            "{bad",
            "{} x",
            "{'a':1}",
            "[1,]",
            "{\"a\":1}//c",
            "\u{feff}{}",
            "1e400",
            "-1e400",
            "\"\\ud800\"",
            "\"\0\"",
            "NaN",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{}", text.chars().take(30).collect::<String>());
        }
        let deep = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert!(read(deep.as_bytes()).is_ok());
        assert!(read(b"\"\xff\"").is_err());
    }

    #[test]
    fn an_integer_is_read_exactly_or_refused() {
        for text in ["18446744073709551615", "-9223372036854775808", "[9223372036854775808]"] {
            assert_eq!(read(text.as_bytes()).unwrap().to_string(), text);
        }
        for text in ["18446744073709551616", "-9223372036854775809", r#"{"a\"":[1,100000000000000000000]}"#] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(b"[1.00000000000000000000001, 100000000000000000000.0, 1e30]").is_ok());
    }

    #[test]
    fn a_fraction_is_read_as_the_nearest_number_and_written_back_the_same() {
        let value = read(b"1.00000000100000000000001").unwrap();
        assert_eq!(value, serde_json::json!(1.000_000_001));
        assert_eq!(read(value.to_string().as_bytes()).unwrap(), value);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn what_is_written_is_read_back(
            texts in prop::collection::vec(".{0,20}", 0..5),
            number in any::<i64>(),
            fraction in any::<f64>(),
        ) {
            let value = serde_json::json!({ "texts": texts, "number": number, "fraction": fraction });
            prop_assert_eq!(read(value.to_string().as_bytes()).unwrap(), value);
        }
    }
}
