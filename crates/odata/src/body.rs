//! The body of a write, checked against the model: known properties in their declared spelling, values of their types.
//!
//! What the system sets is dropped without a look, as the live service does; annotations (`@odata.type`) too. Anything
//! else that is unknown is an error that names it.

use serde_json::{Map, Value};

use crate::model::{EntityType, Property, SetBy, Type, find_property};

/// Why a body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A name that is no property.
    #[error("Invalid property '{0}'.")]
    UnknownProperty(String),
    /// One property in two spellings.
    #[error("Property '{0}' was specified more than once.")]
    Repeated(String),
    /// A value of another type.
    #[error("Invalid value specified for property '{property}': {expected} is expected, but found {found}.")]
    WrongType {
        /// The property, with its path.
        property: String,
        /// What its type is.
        expected: String,
        /// What was given.
        found: String,
    },
}

/// Checks `body` as properties of an entity of the type `on`; what comes out has declared spellings only.
///
/// # Errors
/// [`BodyError`], the first property that is wrong.
pub fn check_entity(on: &'static EntityType, body: Map<String, Value>) -> Result<Map<String, Value>, BodyError> {
    check_properties(on.properties, body, "")
}

/// Checks `body` as the given properties, each named `path/name` in messages (`path` may be empty).
///
/// # Errors
/// [`BodyError`], the first property that is wrong.
pub fn check_properties(
    properties: &'static [Property],
    body: Map<String, Value>,
    path: &str,
) -> Result<Map<String, Value>, BodyError> {
    let mut checked = Map::new();
    for (name, value) in body {
        if name.contains('@') {
            continue;
        }
        let shown = || join(path, &name.chars().take(100).collect::<String>());
        let property = find_property(properties, &name).ok_or_else(|| BodyError::UnknownProperty(shown()))?;
        if property.set_by == SetBy::System {
            continue;
        }
        let value = check_value(property, value, path)?;
        if checked.insert(property.name.to_owned(), value).is_some() {
            return Err(BodyError::Repeated(shown()));
        }
    }
    Ok(checked)
}

fn check_value(property: &'static Property, value: Value, path: &str) -> Result<Value, BodyError> {
    let name = join(path, property.name);
    if value.is_null() {
        return if property.nullable { Ok(Value::Null) } else { Err(wrong(&property.kind, &value, &name)) };
    }
    check_type(&property.kind, value, &name)
}

fn check_type(kind: &'static Type, value: Value, name: &str) -> Result<Value, BodyError> {
    match (kind, value) {
        (Type::String | Type::Guid | Type::DateTimeOffset, value @ Value::String(_))
        | (Type::Boolean, value @ Value::Bool(_))
        | (Type::Object, value @ Value::Object(_)) => Ok(value),
        (Type::Int32, value) if value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => Ok(value),
        (Type::Enum(members), value) => {
            let member = value.as_str().and_then(|word| members.find(word));
            member.map(Value::from).ok_or_else(|| wrong(kind, &value, name))
        }
        (Type::Complex(inner), Value::Object(object)) => {
            check_properties(inner.properties, object, name).map(Value::Object)
        }
        (Type::Collection(item), Value::Array(items)) => {
            let items: Result<Vec<Value>, BodyError> =
                items.into_iter().map(|value| check_type(item, value, name)).collect();
            items.map(Value::Array)
        }
        (_, value) => Err(wrong(kind, &value, name)),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn wrong(kind: &Type, value: &Value, name: &str) -> BodyError {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string().chars().take(60).collect(),
        Value::String(text) => format!("'{}'", text.chars().take(60).collect::<String>()),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    BodyError::WrongType { property: name.to_owned(), expected: kind.describe(), found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::THING;
    use serde_json::json;

    fn checked(body: Value) -> Result<Value, BodyError> {
        let Value::Object(body) = body else { unreachable!() };
        check_entity(&THING, body).map(Value::Object)
    }

    #[test]
    fn names_and_members_come_out_in_their_declared_spelling() {
        let body =
            json!({"@odata.type": "#x", "NAME": "a", "Colour": "DARKgreen", "place": {"URL": "u"}, "tags": ["t"]});
        assert_eq!(
            checked(body).unwrap(),
            json!({"name": "a", "colour": "darkGreen", "place": {"url": "u"}, "tags": ["t"]})
        );
    }

    #[test]
    fn what_the_system_sets_is_dropped_whatever_its_type() {
        assert_eq!(checked(json!({"id": 5, "isDefault": "Boolean", "created": []})).unwrap(), json!({}));
    }

    #[test]
    fn unknown_and_repeated_properties_are_refused_by_name() {
        assert_eq!(checked(json!({"nosuch": 1})), Err(BodyError::UnknownProperty("nosuch".to_owned())));
        assert_eq!(checked(json!({"place": {"x": 1}})), Err(BodyError::UnknownProperty("place/x".to_owned())));
        assert_eq!(checked(json!({"name": "a", "Name": "b"})), Err(BodyError::Repeated("Name".to_owned())));
        assert!(checked(json!({"parts": []})).is_err());
    }

    #[test]
    fn wrong_types_are_refused_and_the_message_says_what_fits() {
        let error = checked(json!({"colour": "blue"})).unwrap_err();
        assert!(error.to_string().contains("one of red, darkGreen is expected, but found 'blue'"), "{error}");
        for body in [
            json!({"name": null}),
            json!({"name": 5}),
            json!({"tags": "t"}),
            json!({"tags": [1]}),
            json!({"size": 1.5}),
            json!({"size": 3_000_000_000_u64}),
            json!({"place": "x"}),
            json!({"place": {"url": 1}}),
            json!({"tags": null}),
            json!({"rest": [1]}),
            json!({"rest": "x"}),
        ] {
            assert!(matches!(checked(body.clone()), Err(BodyError::WrongType { .. })), "{body}");
        }
        assert_eq!(
            checked(json!({"colour": null, "rest": {"any": [1]}})).unwrap(),
            json!({"colour": null, "rest": {"any": [1]}})
        );
    }
}
