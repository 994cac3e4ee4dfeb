//! The component schemas of an OpenAPI 3.1 document: what a server of this model reads and writes, in JSON Schema
//! (draft 2020-12).
//!
//! Each structured type has two schemas: one of what is answered, and one with `.write` behind its name of what may be
//! sent. They differ in what the system sets, in secrets and in navigations. Both allow annotations, which are the
//! members with an `@` in their name, and no other members that the type does not declare.
//!
//! Invariant: each `$ref` leads to a schema of the same map.

mod structure;
#[cfg(test)]
mod tests;
mod value;

use serde_json::{Map, Value, json};

use crate::metadata::complex_name;
use crate::model::{ComplexType, EntityType, EnumType, Model, Operation, Property, Returns, Type};
use structure::{annotated, object};

/// Whether a schema is of what is answered or of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// What is answered. Nothing is required, because `$select` may leave out anything.
    Read,
    /// What is sent. What the system sets may be anything, because it is ignored; navigations cannot be sent.
    Write,
}

impl Form {
    /// What stands behind the name of a type.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Read => "",
            Self::Write => ".write",
        }
    }
}

/// All schemas, by name: types, pages of entities, the error, and references.
#[must_use]
pub fn schemas(model: &'static Model) -> Map<String, Value> {
    let mut schemas = Map::new();
    for kind in model.enum_types {
        schemas.insert(format!("{}.{}", model.namespace, kind.name), value::enumeration(kind));
    }
    let foreign = model.foreign_complex_types.iter().map(|(_, kind)| *kind);
    for kind in model.complex_types.iter().copied().chain(foreign) {
        for form in [Form::Read, Form::Write] {
            let name = format!("{}{}", complex_name(model, kind), form.suffix());
            schemas.insert(name, structure::complex(model, kind, form));
        }
    }
    for kind in model.entity_types {
        schemas.insert(entity_name(model, kind, Form::Read), structure::entity(model, kind));
        schemas.insert(entity_name(model, kind, Form::Write), write(model, kind, &[]));
        schemas.insert(page_name(model, kind), page(&entity(model, kind)));
    }
    schemas.insert(error_name(model), error());
    schemas.insert(own_name(model, "reference"), reference());
    schemas.insert(own_name(model, "referenceCollectionResponse"), page(&to(&own_name(model, "reference"))));
    schemas.insert(own_name(model, "referenceCreate"), reference_body());
    schemas
}

/// A reference to the schema of an entity in an answer: of its type or of one derived from it.
#[must_use]
pub fn entity(model: &'static Model, kind: &'static EntityType) -> Value {
    let variants = model.entity_types.iter().filter(|variant| variant.is_a(kind));
    any_of(variants.map(|variant| to(&entity_name(model, variant, Form::Read))).collect())
}

/// A reference to the schema of a page of entities.
#[must_use]
pub fn entity_page(model: &'static Model, kind: &'static EntityType) -> Value {
    to(&page_name(model, kind))
}

/// The schema of an entity in a request, which must have the members `required`. With no such members it is the one
/// under the type's name with `.write`.
#[must_use]
pub fn write(model: &'static Model, kind: &'static EntityType, required: &[&str]) -> Value {
    let mut members = structure::type_annotation(model, kind.name);
    members.extend(structure::properties(model, &kind.all_properties(), Form::Write));
    let mut schema = object(members, false);
    structure::each_once(&mut schema, &kind.all_properties());
    require(&mut schema, required);
    schema
}

/// A reference to the schema of a structured value, or of one of a type derived from it.
#[must_use]
pub fn complex(model: &'static Model, kind: &'static ComplexType, form: Form) -> Value {
    let derived =
        model.complex_types.iter().copied().filter(|variant| variant.is_a(kind) && !std::ptr::eq(*variant, kind));
    let variants = std::iter::once(kind).chain(derived);
    any_of(variants.map(|variant| to(&format!("{}{}", complex_name(model, variant), form.suffix()))).collect())
}

/// The schema of a value of a type; not `null`.
#[must_use]
pub fn value(model: &'static Model, kind: &Type, form: Form) -> Value {
    value::plain(model, kind, form)
}

/// The schema of the answer to a path that ends with a property. A property that is `null` is answered without a body.
#[must_use]
pub fn property(model: &'static Model, property: &Property) -> Value {
    match &property.kind {
        Type::Complex(kind) => complex(model, kind, Form::Read),
        kind => wrapped(value::plain(model, kind, Form::Read)),
    }
}

/// The schema of the body of an action.
#[must_use]
pub fn parameters(model: &'static Model, of: &'static Operation) -> Value {
    let parameters: Vec<&Property> = of.parameters.iter().collect();
    let required: Vec<&str> = of.parameters.iter().filter(|given| !given.nullable).map(|given| given.name).collect();
    let mut schema = object(structure::properties(model, &parameters, Form::Write), false);
    require(&mut schema, &required);
    schema
}

/// The schema of what an operation answers with; `None` if that is nothing.
#[must_use]
pub fn result(model: &'static Model, of: &'static Operation) -> Option<Value> {
    match of.returns {
        Returns::Nothing => None,
        Returns::Value(Type::Complex(kind)) => Some(complex(model, kind, Form::Read)),
        Returns::Value(kind) => Some(wrapped(value::plain(model, &kind, Form::Read))),
        Returns::Entity(kind) => Some(entity(model, kind)),
        Returns::Entities(kind) => Some(entity_page(model, kind)),
    }
}

/// A reference to the schema of the error answer.
#[must_use]
pub fn error_answer(model: &'static Model) -> Value {
    to(&error_name(model))
}

/// A reference to the schema of the answer to `$ref` of one entity.
#[must_use]
pub fn reference_answer(model: &'static Model) -> Value {
    to(&own_name(model, "reference"))
}

/// A reference to the schema of the answer to `$ref` of several entities.
#[must_use]
pub fn reference_page(model: &'static Model) -> Value {
    to(&own_name(model, "referenceCollectionResponse"))
}

/// A reference to the schema of a body that holds a reference.
#[must_use]
pub fn reference_request(model: &'static Model) -> Value {
    to(&own_name(model, "referenceCreate"))
}

fn own_name(model: &'static Model, name: &str) -> String {
    format!("{}.{name}", model.namespace)
}

fn entity_name(model: &'static Model, kind: &EntityType, form: Form) -> String {
    own_name(model, &format!("{}{}", kind.name, form.suffix()))
}

fn enum_name(model: &'static Model, kind: &EnumType) -> String {
    own_name(model, kind.name)
}

fn page_name(model: &'static Model, kind: &EntityType) -> String {
    own_name(model, &format!("{}CollectionResponse", kind.name))
}

fn error_name(model: &'static Model) -> String {
    own_name(model, "ODataErrors.ODataError")
}

/// A reference to a schema of the document.
fn to(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn any_of(mut schemas: Vec<Value>) -> Value {
    match schemas.pop() {
        Some(only) if schemas.is_empty() => only,
        Some(last) => {
            schemas.push(last);
            json!({ "anyOf": schemas })
        }
        None => Value::Bool(false),
    }
}

fn require(schema: &mut Value, required: &[&str]) {
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
}

/// A page of a collection: the items, and how to go on.
fn page(items: &Value) -> Value {
    let mut schema = annotated(json!({
        "@odata.context": { "type": "string" },
        "@odata.count": { "type": "integer", "minimum": 0 },
        "@odata.nextLink": { "type": "string", "format": "uri" },
        "@odata.deltaLink": { "type": "string", "format": "uri" },
        "value": { "type": "array", "items": items },
    }));
    require(&mut schema, &["value"]);
    schema
}

/// A value that is no object stands in a member of its own.
fn wrapped(value: Value) -> Value {
    let mut schema = annotated(json!({ "@odata.context": { "type": "string" }, "value": value }));
    require(&mut schema, &["value"]);
    schema
}

fn reference() -> Value {
    let mut schema = annotated(json!({ "@odata.id": { "type": "string", "format": "uri-reference" } }));
    require(&mut schema, &["@odata.id"]);
    schema
}

/// A reference may also be an `id`, or stand in a whole entity.
fn reference_body() -> Value {
    json!({
        "type": "object",
        "properties": {
            "@odata.id": { "type": "string", "format": "uri-reference" },
            "@id": { "type": "string", "format": "uri-reference" },
            "id": { "type": "string" },
        },
        "anyOf": [{ "required": ["@odata.id"] }, { "required": ["@id"] }, { "required": ["id"] }],
    })
}

fn error() -> Value {
    let text = json!({ "type": "string" });
    let detail = json!({
        "type": "object",
        "properties": { "code": text, "message": text, "target": { "type": ["string", "null"] } },
        "required": ["code", "message"],
    });
    let inner = json!({
        "type": "object",
        "properties": { "date": text, "request-id": text, "client-request-id": text },
    });
    let main = json!({
        "type": "object",
        "properties": {
            "code": { "type": "string", "minLength": 1 },
            "message": { "type": "string", "minLength": 1 },
            "target": { "type": ["string", "null"] },
            "details": { "type": "array", "items": detail },
            "innerError": inner,
        },
        "required": ["code", "message"],
    });
    json!({ "type": "object", "properties": { "error": main }, "required": ["error"], "additionalProperties": false })
}
