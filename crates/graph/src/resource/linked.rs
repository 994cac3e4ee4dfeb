//! What the body of a `$ref` write names: an object by reference, or an entity by its `id` (contract section 3, R1).
//!
//! When both are there, the reference counts.

use adit_core::{ApplicationId, ConnectorGroupId, ConnectorId};
use adit_odata::reference::{self, Reference};
use serde_json::{Map, Value};

use crate::error::GraphError;
use crate::model::MODEL;

/// The reference in a body: `@odata.id`, or `@id` as OData 4.01 writes it.
pub(super) fn reference_in(body: &Map<String, Value>) -> Result<Option<Reference>, GraphError> {
    let named = ["@odata.id", "@id"]
        .into_iter()
        .find_map(|name| body.iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value)));
    match named {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(reference::parse(&MODEL, text)?)),
        Some(_) => Err(GraphError::bad_reference()),
    }
}

/// The `id` of an entity that stands in a body instead of a reference.
pub(super) fn id_in(body: &Map<String, Value>) -> Result<Option<&str>, GraphError> {
    match body.iter().find_map(|(key, value)| key.eq_ignore_ascii_case("id").then_some(value)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id)),
        Some(_) => Err(GraphError::invalid("Invalid value specified for property 'id': a string is expected.")),
    }
}

/// The connector that a body names by reference or id.
pub(super) fn connector_in(body: &Map<String, Value>) -> Result<ConnectorId, GraphError> {
    if let Some(reference) = reference_in(body)? {
        return connector(&reference);
    }
    match id_in(body)? {
        Some(id) => id.parse().map_err(|_| GraphError::no_such_connector(id)),
        None => Err(unnamed("a connector")),
    }
}

/// The connector group that a body names by reference or id.
pub(super) fn connector_group_in(body: &Map<String, Value>) -> Result<ConnectorGroupId, GraphError> {
    if let Some(reference) = reference_in(body)? {
        return connector_group(&reference);
    }
    match id_in(body)? {
        Some(id) => id.parse().map_err(|_| GraphError::no_such_connector_group(id)),
        None => Err(unnamed("a connector group")),
    }
}

/// The application that a body names by reference or id.
pub(super) fn application_in(body: &Map<String, Value>) -> Result<ApplicationId, GraphError> {
    if let Some(reference) = reference_in(body)? {
        return application(&reference);
    }
    match id_in(body)? {
        Some(id) => id.parse().map_err(|_| GraphError::no_such_resource(id)),
        None => Err(unnamed("an application")),
    }
}

/// The connector that a reference means.
pub(super) fn connector(reference: &Reference) -> Result<ConnectorId, GraphError> {
    of_type(reference, "connector", "a connector")?;
    reference.key.parse().map_err(|_| GraphError::bad_reference())
}

/// The connector group that a reference means.
pub(super) fn connector_group(reference: &Reference) -> Result<ConnectorGroupId, GraphError> {
    of_type(reference, "connectorGroup", "a connector group")?;
    reference.key.parse().map_err(|_| GraphError::bad_reference())
}

/// The application that a reference means.
pub(super) fn application(reference: &Reference) -> Result<ApplicationId, GraphError> {
    of_type(reference, "application", "an application")?;
    reference.key.parse().map_err(|_| GraphError::bad_reference())
}

fn of_type(reference: &Reference, name: &str, expected: &str) -> Result<(), GraphError> {
    if reference.entity_type.name == name {
        return Ok(());
    }
    let (key, found) = (reference.key.chars().take(100).collect::<String>(), reference.entity_type.name);
    Err(GraphError::invalid(format!(
        "A reference to {expected} is expected, but '{key}' is a reference to an object of type '{found}'."
    )))
}

fn unnamed(expected: &str) -> GraphError {
    GraphError::invalid(format!("The request body must refer to {expected} by '@odata.id' or 'id'."))
}
