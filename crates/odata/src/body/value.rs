//! Single values: whether they are of their type, and their canonical form.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE;
use serde_json::Value;

use super::{BodyError, duration, moment};
use crate::model::{EnumType, Type};

/// Reads base64 with or without the padding at its end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The canonical form of a value that is neither structured nor several; `None` when it is not of that type.
pub(super) fn canonical(kind: &Type, value: &Value) -> Option<Value> {
    let text = value.as_str();
    match kind {
        Type::String => text.map(Value::from),
        Type::Guid => text.filter(|text| is_guid(text)).map(|text| text.to_ascii_lowercase().into()),
        Type::Boolean => value.as_bool().map(Value::from),
        Type::Int32 => value.as_i64().and_then(|number| i32::try_from(number).ok()).map(Value::from),
        Type::Int64 => int64(value).map(Value::from),
        Type::Double => double(value),
        Type::DateTimeOffset => text.and_then(moment::date_time_offset).map(Value::from),
        Type::Date => text.and_then(moment::date).map(Value::from),
        Type::TimeOfDay => text.and_then(moment::time_of_day).map(Value::from),
        Type::Duration => text.and_then(duration::canonical).map(Value::from),
        Type::Binary => text.and_then(binary).map(Value::from),
        Type::Enum(kind) => text.and_then(|text| members(kind, text)).map(Value::from),
        Type::Complex(_) | Type::Collection(_) | Type::Untyped => None,
    }
}

/// Any value, as long as no text in it has a NUL: databases and other languages would cut it short.
pub(super) fn untyped(value: Value, name: &str) -> Result<Value, BodyError> {
    if has_nul(&value) {
        return Err(BodyError::WrongType {
            property: name.to_owned(),
            expected: "text without the character U+0000".to_owned(),
            found: "one with it".to_owned(),
        });
    }
    Ok(value)
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A number, or a string of digits: clients in languages whose numbers are doubles send the latter.
fn int64(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten()
        }
        other => other.as_i64(),
    }
}

/// A number, or one of the three words for what JSON has no numbers for.
fn double(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) if matches!(text.as_str(), "NaN" | "INF" | "-INF") => Some(value.clone()),
        _ => None,
    }
}

/// Either alphabet, with or without padding, comes out as base64url with padding, which most readers ask for.
fn binary(text: &str) -> Option<String> {
    let text = text.replace('+', "-").replace('/', "_");
    LENIENT.decode(text).ok().map(|bytes| BASE64_URL_SAFE.encode(bytes))
}

/// The declared spelling; of an enumeration with flags, the members in declared order, each once.
fn members(kind: &EnumType, text: &str) -> Option<String> {
    if !kind.flags {
        return kind.find(text.trim()).map(str::to_owned);
    }
    let given: Option<Vec<&str>> = text.split(',').map(|word| kind.find(word.trim())).collect();
    let given = given?;
    let declared = kind.members.iter().map(|member| member.name).filter(|name| given.contains(name));
    Some(declared.collect::<Vec<_>>().join(","))
}
