//! Properties and structured values as they are written: first completed with what is missing and stripped of what is
//! never returned, then, after the selection, annotated as far as the wanted metadata demands.

use serde_json::{Map, Value};

use super::{Document, Metadata};
use crate::body::TYPE_ANNOTATION;
use crate::model::{ComplexType, EntityType, Model, Navigation, Property, Returned, Type};

/// The properties of an entity with `null`, or an empty array, where nothing was set.
pub(super) fn completed_entity(
    model: &'static Model,
    kind: &'static EntityType,
    properties: Map<String, Value>,
) -> Map<String, Value> {
    complete(model, &kind.all_properties(), properties)
}

/// The same for a structured value.
pub(super) fn completed(
    model: &'static Model,
    declared: &'static ComplexType,
    value: Map<String, Value>,
) -> Map<String, Value> {
    let annotation = value.get(TYPE_ANNOTATION).cloned();
    let mut completed = complete(model, &actual(model, declared, &value).all_properties(), value);
    if let Some(annotation) = annotation {
        completed.shift_insert(0, TYPE_ANNOTATION.to_owned(), annotation);
    }
    completed
}

/// The same for a value of any type.
pub(super) fn completed_value(model: &'static Model, kind: &'static Type, value: Value) -> Value {
    match (kind, value) {
        (Type::Complex(kind), Value::Object(value)) => Value::Object(completed(model, kind, value)),
        (Type::Collection(item), Value::Array(items)) => {
            items.into_iter().map(|value| completed_value(model, item, value)).collect()
        }
        (_, value) => value,
    }
}

fn complete(
    model: &'static Model,
    properties: &[&'static Property],
    mut given: Map<String, Value>,
) -> Map<String, Value> {
    let mut completed = Map::with_capacity(properties.len());
    for property in properties {
        let value = given.remove(property.name).or_else(|| missing(property));
        if let (Some(value), true) = (value, property.returned != Returned::Never) {
            completed.insert(property.name.to_owned(), completed_value(model, &property.kind, value));
        }
    }
    // What is not declared: properties of an open type.
    completed.extend(given);
    completed
}

/// What stands for a property that was never set. One that cannot be null stays away.
fn missing(property: &Property) -> Option<Value> {
    match property.kind {
        Type::Collection(_) => Some(Value::Array(Vec::new())),
        _ => property.nullable.then_some(Value::Null),
    }
}

/// The type that a value says it is of, if that is derived from the declared one.
fn actual(model: &'static Model, declared: &'static ComplexType, value: &Map<String, Value>) -> &'static ComplexType {
    let named = value.get(TYPE_ANNOTATION).and_then(Value::as_str).and_then(|name| model.any_complex_type(name));
    named.filter(|named| named.is_a(declared)).unwrap_or(declared)
}

impl Document<'_> {
    /// Writes properties of an entity at `path`.
    pub(super) fn put_properties(
        &self,
        members: &mut Map<String, Value>,
        kind: &'static EntityType,
        properties: Map<String, Value>,
        path: &str,
    ) {
        for (name, value) in properties {
            self.put_property(members, kind.property(&name), name, value, path);
        }
    }

    /// A structured value at `path`.
    pub(super) fn structured(
        &self,
        declared: &'static ComplexType,
        mut value: Map<String, Value>,
        path: &str,
    ) -> Map<String, Value> {
        let kind = actual(self.model, declared, &value);
        let derived = !std::ptr::eq(kind, declared);
        value.shift_remove(TYPE_ANNOTATION);
        let mut members = Map::with_capacity(value.len() + 1);
        if self.metadata == Metadata::Full || (derived && self.metadata == Metadata::Minimal) {
            members.insert(TYPE_ANNOTATION.to_owned(), format!("#{}", self.complex_name(kind)).into());
        }
        for (name, value) in value {
            self.put_property(&mut members, kind.property(&name), name, value, path);
        }
        if self.metadata == Metadata::Full {
            let cast = if derived { format!("{path}/{}", self.complex_name(kind)) } else { path.to_owned() };
            let navigations: Vec<&'static Navigation> = kind.all_navigations();
            navigations.into_iter().for_each(|navigation| self.put_navigation_link(&mut members, navigation, &cast));
        }
        members
    }

    /// A value of any type at `path`.
    pub(super) fn valued(&self, kind: &'static Type, value: Value, path: &str) -> Value {
        match (kind, value) {
            (Type::Complex(kind), Value::Object(value)) => Value::Object(self.structured(kind, value, path)),
            (Type::Collection(item), Value::Array(items)) => {
                items.into_iter().map(|value| self.valued(item, value, path)).collect()
            }
            (_, value) => value,
        }
    }

    fn put_property(
        &self,
        members: &mut Map<String, Value>,
        property: Option<&'static Property>,
        name: String,
        value: Value,
        path: &str,
    ) {
        let Some(property) = property else {
            members.insert(name, value);
            return;
        };
        if let Some(annotation) = self.annotated_type(&property.kind, &value) {
            members.insert(format!("{name}{TYPE_ANNOTATION}"), annotation.into());
        }
        let value = match property.kind.complex() {
            // Only what has links inside needs to know where it is.
            Some(_) => self.valued(&property.kind, value, &format!("{path}/{name}")),
            None => value,
        };
        members.insert(name, value);
    }

    /// The type of a value where full metadata was asked for and JSON alone does not tell it; a structured value says
    /// it inside.
    pub(super) fn annotated_type(&self, kind: &Type, value: &Value) -> Option<String> {
        let evident = matches!(
            kind,
            Type::String | Type::Boolean | Type::Int32 | Type::Double | Type::Complex(_) | Type::Untyped
        );
        if self.metadata != Metadata::Full || evident || value.is_null() {
            return None;
        }
        Some(format!("#{}", self.type_name(kind)))
    }

    /// As annotations write it: the types of OData itself without their namespace.
    fn type_name(&self, kind: &Type) -> String {
        match kind {
            Type::Enum(kind) => format!("{}.{}", self.model.namespace, kind.name),
            Type::Complex(kind) => self.complex_name(kind),
            Type::Collection(item) => format!("Collection({})", self.type_name(item)),
            primitive => primitive_name(primitive).to_owned(),
        }
    }

    fn complex_name(&self, kind: &ComplexType) -> String {
        format!("{}.{}", self.model.namespace_of(kind), kind.name)
    }
}

const fn primitive_name(kind: &Type) -> &'static str {
    match kind {
        Type::String => "String",
        Type::Guid => "Guid",
        Type::Boolean => "Boolean",
        Type::Int32 => "Int32",
        Type::Int64 => "Int64",
        Type::Double => "Double",
        Type::DateTimeOffset => "DateTimeOffset",
        Type::Date => "Date",
        Type::TimeOfDay => "TimeOfDay",
        Type::Duration => "Duration",
        Type::Binary => "Binary",
        Type::Enum(_) | Type::Complex(_) | Type::Collection(_) | Type::Untyped => "Untyped",
    }
}
