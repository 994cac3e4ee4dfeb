//! Schemas of objects: entities and structured values with their properties, and the annotations beside them.

use serde_json::{Map, Value, json};

use super::{Form, entity as entity_reference, value};
use crate::metadata::complex_name;
use crate::model::{ComplexType, EntityType, Model, Multiplicity, Navigation, Property, Returned, SetBy};

/// What is said of a property that a client may send in vain.
const IGNORED: &str = "Set by the system: what is sent is ignored.";

/// An entity in an answer. A navigation is there when it was expanded.
pub(super) fn entity(model: &'static Model, kind: &'static EntityType) -> Value {
    let mut members = properties(model, &kind.all_properties(), Form::Read);
    members.extend(navigations(model, &kind.all_navigations()));
    object(members, false)
}

/// A structured value.
pub(super) fn complex(model: &'static Model, kind: &'static ComplexType, form: Form) -> Value {
    let mut members = match form {
        Form::Read => navigations(model, &kind.all_navigations()),
        Form::Write => typed(&complex_name(model, kind)),
    };
    members.extend(properties(model, &kind.all_properties(), form));
    let mut schema = object(members, kind.is_open());
    if form == Form::Write {
        each_once(&mut schema, &kind.all_properties());
    }
    schema
}

/// The one value that `@odata.type` can have in a body, with or without `#`.
pub(super) fn type_annotation(model: &'static Model, name: &str) -> Map<String, Value> {
    typed(&format!("{}.{name}", model.namespace))
}

fn typed(name: &str) -> Map<String, Value> {
    Map::from_iter([("@odata.type".to_owned(), json!({ "enum": [format!("#{name}"), name] }))])
}

/// An object with these members and annotations, and others if it is open.
pub(super) fn object(members: Map<String, Value>, open: bool) -> Value {
    json!({
        "type": "object",
        "properties": members,
        "patternProperties": { "@": true },
        "additionalProperties": open,
    })
}

/// The same from a literal.
pub(super) fn annotated(members: Value) -> Value {
    match members {
        Value::Object(members) => object(members, false),
        _ => object(Map::new(), false),
    }
}

/// Forbids that a property is sent under two of its names.
pub(super) fn each_once(schema: &mut Value, declared: &[&Property]) {
    let pairs: Vec<Value> = declared.iter().flat_map(|property| pairs_of_names(property)).collect();
    if let (Some(schema), false) = (schema.as_object_mut(), pairs.is_empty()) {
        schema.insert("not".to_owned(), json!({ "anyOf": pairs }));
    }
}

fn pairs_of_names(property: &Property) -> Vec<Value> {
    let names: Vec<&str> = std::iter::once(property.name).chain(property.aliases.iter().copied()).collect();
    let with_later = |(place, one): (usize, &&str)| {
        let later = names.iter().skip(place.saturating_add(1));
        later.map(|other| json!({ "required": [one, other] })).collect::<Vec<_>>()
    };
    names.iter().enumerate().flat_map(with_later).collect()
}

/// The schemas of properties, by the names under which they are answered or sent.
pub(super) fn properties(model: &'static Model, declared: &[&Property], form: Form) -> Map<String, Value> {
    let mut members = Map::new();
    for property in declared {
        match form {
            Form::Read if property.returned == Returned::Never => {}
            Form::Read => {
                members.insert(property.name.to_owned(), answered(model, property));
            }
            Form::Write => {
                let schema = sent(model, property);
                for name in std::iter::once(&property.name).chain(property.aliases) {
                    members.insert((*name).to_owned(), schema.clone());
                }
            }
        }
    }
    members
}

fn answered(model: &'static Model, property: &Property) -> Value {
    let mut schema = nullable_if(property, value::plain(model, &property.kind, Form::Read));
    if let (SetBy::System, Some(schema)) = (property.set_by, schema.as_object_mut()) {
        schema.insert("readOnly".to_owned(), Value::Bool(true));
    }
    schema
}

/// `readOnly` is not said here: it forbids what is accepted and ignored.
fn sent(model: &'static Model, property: &Property) -> Value {
    if property.set_by == SetBy::System {
        return json!({ "description": IGNORED });
    }
    let mut schema = nullable_if(property, value::plain(model, &property.kind, Form::Write));
    if let (Returned::Never, Some(schema)) = (property.returned, schema.as_object_mut()) {
        schema.insert("writeOnly".to_owned(), Value::Bool(true));
    }
    schema
}

/// A collection is empty rather than `null` when it is answered, but `null` may be sent for one that is nullable.
fn nullable_if(property: &Property, schema: Value) -> Value {
    if property.nullable { value::nullable(schema) } else { schema }
}

fn navigations(model: &'static Model, declared: &[&Navigation]) -> Map<String, Value> {
    let expanded = |navigation: &&Navigation| {
        let target = entity_reference(model, navigation.target);
        match navigation.multiplicity {
            Multiplicity::One => value::nullable(target),
            Multiplicity::Many => json!({ "type": "array", "items": target }),
        }
    };
    declared.iter().map(|navigation| (navigation.name.to_owned(), expanded(navigation))).collect()
}
