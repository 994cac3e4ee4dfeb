//! Schemas of values: primitive types, enumerations and collections.

use serde_json::{Value, json};

use super::{Form, complex, enum_name, to};
use crate::model::{EnumType, Model, Type};

/// `Edm.Duration`: days and what is smaller, no months; at least one of them, and none with more digits than any
/// duration of use has.
const DURATION: &str = concat!(
    r"^-?P([0-9]{1,9}D(T([0-9]{1,9}H)([0-9]{1,9}M)?([0-9]{1,9}(\.[0-9]{1,9})?S)?)?",
    r"|T[0-9]{1,9}H([0-9]{1,9}M)?([0-9]{1,9}(\.[0-9]{1,9})?S)?",
    r"|(T|[0-9]{1,9}DT)[0-9]{1,9}M([0-9]{1,9}(\.[0-9]{1,9})?S)?",
    r"|(T|[0-9]{1,9}DT)[0-9]{1,9}(\.[0-9]{1,9})?S)$",
);

/// Text without NUL, which databases and other languages would end it at.
const TEXT_SENT: &str = r"^[^\u0000]*$";

/// A time of day as it is answered.
const TIME: &str = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,12})?$";

/// A time of day as it may be sent: seconds and the first zero may be left out.
const TIME_SENT: &str = r"^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,7})?)?$";

/// Base64 in the alphabet for URLs, with or without padding.
const BINARY: &str = "^[A-Za-z0-9_-]*={0,2}$";

/// The same whole: no bits are left over at the end, so that every reader takes it.
const BINARY_SENT: &str = "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$";

/// The schema of a value that is not `null`.
pub(super) fn plain(model: &'static Model, kind: &Type, form: Form) -> Value {
    let write = form == Form::Write;
    match kind {
        Type::String if write => json!({ "type": "string", "pattern": TEXT_SENT }),
        Type::String => json!({ "type": "string" }),
        Type::Guid => json!({ "type": "string", "format": "uuid" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Int32 => json!({ "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX }),
        Type::Int64 => json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX }),
        Type::Double => {
            json!({ "anyOf": [{ "type": "number", "format": "double" }, { "enum": ["INF", "-INF", "NaN"] }] })
        }
        Type::DateTimeOffset => json!({ "type": "string", "format": "date-time" }),
        Type::Date => json!({ "type": "string", "format": "date" }),
        Type::TimeOfDay => json!({ "type": "string", "pattern": if write { TIME_SENT } else { TIME } }),
        Type::Duration => json!({ "type": "string", "pattern": DURATION }),
        Type::Binary => json!({ "type": "string", "pattern": if write { BINARY_SENT } else { BINARY } }),
        Type::Enum(kind) => to(&enum_name(model, kind)),
        Type::Complex(kind) => complex(model, kind, form),
        Type::Collection(item) => json!({ "type": "array", "items": plain(model, item, form) }),
        Type::Untyped => json!({}),
    }
}

/// The same or `null`: a type beside others where there is one, else a choice.
pub(super) fn nullable(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return schema };
    if members.is_empty() {
        return schema;
    }
    if let Some(kind) = members.get_mut("type") {
        *kind = json!([kind, "null"]);
        return schema;
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.push(json!({ "type": "null" }));
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// The schema of an enumeration. One with flags may have several members, with commas between.
pub(super) fn enumeration(kind: &EnumType) -> Value {
    let names: Vec<&str> = kind.members.iter().map(|member| member.name).collect();
    if kind.flags {
        let one = names.join("|");
        return json!({ "type": "string", "pattern": format!("^({one})(,({one}))*$") });
    }
    json!({ "type": "string", "enum": names })
}
