//! The body of a write, checked against the model: known properties in their declared spelling, values of their types
//! in their one canonical form.
//!
//! What the system sets is dropped without a look, as the live service does; annotations too. Anything else that is
//! unknown is an error that names it. Of the type annotations, one stays: a value whose type is derived from the
//! declared one keeps its `@odata.type`, in the declared spelling.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::model::{ComplexType, EntityType, Model, Navigation, Operation, Property, SetBy, Type, find_property};

mod bind;
mod duration;
mod moment;
#[cfg(test)]
mod tests;
mod value;

pub use bind::{Bind, binds};

/// The annotation that says of which type a value is, where the declared type is not all that can be said.
pub(crate) const TYPE_ANNOTATION: &str = "@odata.type";

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
    /// A value that says it is of a type that does not belong there.
    #[error("{} is of type '{declared}', but '{expected}' is expected.", whose(.property))]
    UnrelatedType {
        /// The property, with its path; empty for the body itself.
        property: String,
        /// The type that it says it is of.
        declared: String,
        /// The type that belongs there, with its namespace.
        expected: String,
    },
    /// A link to other entities among the properties.
    #[error("Property '{0}' is a navigation and cannot be set here; add or remove its links with '{0}/$ref'.")]
    Navigation(String),
    /// What is needed and was not given.
    #[error("Parameter '{0}' is missing.")]
    Missing(&'static str),
}

fn whose(property: &str) -> String {
    if property.is_empty() { "The request body".to_owned() } else { format!("The value of property '{property}'") }
}

/// Checks `body` as properties of an entity of the type `on`, or of the type derived from it that the body names.
///
/// # Errors
/// [`BodyError`], the first thing that is wrong.
pub fn entity(
    model: &'static Model,
    on: &'static EntityType,
    body: Map<String, Value>,
) -> Result<Map<String, Value>, BodyError> {
    let unrelated = |declared: &str| unrelated("", declared, model.namespace, on.name);
    let actual = match type_annotation(&body, "")? {
        None => on,
        Some(Value::String(declared)) => {
            let named = model.entity_type(declared).ok_or_else(|| unrelated(declared))?;
            most_derived(named, on, EntityType::is_a).ok_or_else(|| unrelated(declared))?
        }
        Some(other) => return Err(unrelated(&other.to_string())),
    };
    let mut checked = check(model, &Structure::Entity(actual), body, "")?;
    if !std::ptr::eq(actual, on) {
        annotate(&mut checked, model.namespace, actual.name);
    }
    Ok(checked)
}

/// Checks `body` as a value of the structured type `on`, or of the type derived from it that the body names. Properties
/// are named `path/name` in messages.
///
/// # Errors
/// [`BodyError`], the first thing that is wrong.
pub fn complex(
    model: &'static Model,
    on: &'static ComplexType,
    body: Map<String, Value>,
    path: &str,
) -> Result<Map<String, Value>, BodyError> {
    let unrelated = |declared: &str| unrelated(path, declared, model.namespace_of(on), on.name);
    let actual = match type_annotation(&body, path)? {
        None => on,
        Some(Value::String(declared)) => {
            let named = model.any_complex_type(declared).ok_or_else(|| unrelated(declared))?;
            most_derived(named, on, ComplexType::is_a).ok_or_else(|| unrelated(declared))?
        }
        Some(other) => return Err(unrelated(&other.to_string())),
    };
    let mut checked = check(model, &Structure::Complex(actual), body, path)?;
    if !std::ptr::eq(actual, on) {
        annotate(&mut checked, model.namespace_of(actual), actual.name);
    }
    Ok(checked)
}

/// Checks `body` as the parameters of an action.
///
/// # Errors
/// [`BodyError`], the first thing that is wrong.
pub fn parameters(
    model: &'static Model,
    of: &'static Operation,
    body: Map<String, Value>,
) -> Result<Map<String, Value>, BodyError> {
    let checked = check(model, &Structure::Parameters(of.parameters), body, "")?;
    let missing = |parameter: &&Property| !parameter.nullable && !checked.contains_key(parameter.name);
    match of.parameters.iter().find(missing) {
        Some(parameter) => Err(BodyError::Missing(parameter.name)),
        None => Ok(checked),
    }
}

/// What the members of an object are checked against.
enum Structure {
    Entity(&'static EntityType),
    Complex(&'static ComplexType),
    Parameters(&'static [Property]),
}

impl Structure {
    fn property(&self, name: &str) -> Option<&'static Property> {
        match self {
            Self::Entity(kind) => kind.property(name),
            Self::Complex(kind) => kind.property(name),
            Self::Parameters(parameters) => find_property(parameters, name),
        }
    }

    fn navigation(&self, name: &str) -> Option<&'static Navigation> {
        match self {
            Self::Entity(kind) => kind.navigation(name),
            Self::Complex(kind) => kind.navigation(name),
            Self::Parameters(_) => None,
        }
    }

    /// Whether properties that are not declared are kept.
    fn is_open(&self) -> bool {
        matches!(self, Self::Complex(kind) if kind.is_open())
    }
}

fn check(
    model: &'static Model,
    on: &Structure,
    body: Map<String, Value>,
    path: &str,
) -> Result<Map<String, Value>, BodyError> {
    let mut checked = Map::new();
    let mut undeclared = HashSet::new();
    for (name, value) in body {
        if let Some((before, annotation)) = name.split_once('@') {
            refuse_bind(on, before, annotation, path)?;
            continue;
        }
        let Some(property) = on.property(&name) else {
            let (name, value) = check_undeclared(on, name, value, path)?;
            if !undeclared.insert(name.to_ascii_lowercase()) {
                return Err(BodyError::Repeated(shown(path, &name)));
            }
            checked.insert(name, value);
            continue;
        };
        if property.set_by == SetBy::System {
            continue;
        }
        let value = check_property(model, property, value, path)?;
        if checked.insert(property.name.to_owned(), value).is_some() {
            return Err(BodyError::Repeated(shown(path, &name)));
        }
    }
    Ok(checked)
}

fn check_undeclared(on: &Structure, name: String, value: Value, path: &str) -> Result<(String, Value), BodyError> {
    if on.navigation(&name).is_some() {
        return Err(BodyError::Navigation(shown(path, &name)));
    }
    // A NUL would cut the name short in more than one database and language.
    if !on.is_open() || name.is_empty() || name.contains('\0') {
        return Err(BodyError::UnknownProperty(shown(path, &name)));
    }
    let value = value::untyped(value, &join(path, &name))?;
    Ok((name, value))
}

/// An annotation is dropped, but a link that was asked for and not made is an error.
fn refuse_bind(on: &Structure, name: &str, annotation: &str, path: &str) -> Result<(), BodyError> {
    if bind::is_bind(annotation) && on.navigation(name).is_some() {
        return Err(BodyError::Navigation(shown(path, name)));
    }
    Ok(())
}

fn check_property(
    model: &'static Model,
    property: &'static Property,
    value: Value,
    path: &str,
) -> Result<Value, BodyError> {
    let name = join(path, property.name);
    if value.is_null() {
        return if property.nullable { Ok(Value::Null) } else { Err(wrong(&property.kind, &value, &name)) };
    }
    check_type(model, &property.kind, value, &name)
}

fn check_type(model: &'static Model, kind: &'static Type, value: Value, name: &str) -> Result<Value, BodyError> {
    match (kind, value) {
        (Type::Complex(inner), Value::Object(object)) => complex(model, inner, object, name).map(Value::Object),
        (Type::Collection(item), Value::Array(items)) => {
            let items: Result<Vec<Value>, BodyError> =
                items.into_iter().map(|value| check_type(model, item, value, name)).collect();
            items.map(Value::Array)
        }
        (Type::Untyped, value) => value::untyped(value, name),
        (Type::String, value @ Value::String(_)) => value::untyped(value, name),
        (kind, value) => value::canonical(kind, &value).ok_or_else(|| wrong(kind, &value, name)),
    }
}

/// What the object says of its type, if anything.
fn type_annotation<'b>(body: &'b Map<String, Value>, path: &str) -> Result<Option<&'b Value>, BodyError> {
    let is_type = |name: &str| ["@odata.type", "@type"].iter().any(|own| own.eq_ignore_ascii_case(name));
    let mut found = body.iter().filter(|(name, value)| is_type(name) && !value.is_null());
    let Some((_, first)) = found.next() else { return Ok(None) };
    match found.next() {
        Some((again, _)) => Err(BodyError::Repeated(shown(path, again))),
        None => Ok(Some(first)),
    }
}

/// The more derived of two types, if they are related at all: clients may name a base of the type that is expected.
fn most_derived<T>(
    named: &'static T,
    expected: &'static T,
    is_a: fn(&'static T, &'static T) -> bool,
) -> Option<&'static T> {
    if is_a(named, expected) {
        return Some(named);
    }
    is_a(expected, named).then_some(expected)
}

fn annotate(checked: &mut Map<String, Value>, namespace: &str, name: &str) {
    checked.shift_insert(0, TYPE_ANNOTATION.to_owned(), format!("#{namespace}.{name}").into());
}

fn unrelated(property: &str, declared: &str, namespace: &str, name: &str) -> BodyError {
    let declared = declared.chars().take(100).collect();
    BodyError::UnrelatedType { property: property.to_owned(), declared, expected: format!("{namespace}.{name}") }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// The same for a name that the client chose, cut to what a message can hold.
fn shown(path: &str, name: &str) -> String {
    join(path, &name.chars().take(100).collect::<String>())
}

fn wrong(kind: &Type, value: &Value, name: &str) -> BodyError {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string().chars().take(60).collect(),
        // Certificates and keys come as bytes: nothing of them belongs into a message.
        Value::String(_) if matches!(kind, Type::Binary) => "another text".to_owned(),
        Value::String(text) => format!("'{}'", text.chars().take(60).collect::<String>()),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    BodyError::WrongType { property: name.to_owned(), expected: kind.describe(), found }
}
