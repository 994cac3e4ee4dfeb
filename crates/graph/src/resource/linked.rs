//! What the body of a `$ref` write names: an object by reference, or an entity by its `id` (contract section 3, R1).
//!
//! When both are there, the reference counts.

use adit_core::{ApplicationId, ConnectorGroupId, ConnectorId};
use adit_odata::EntityType;
use adit_odata::reference::{self, Reference};
use serde_json::{Map, Value};

use crate::error::GraphError;
use crate::model::{APPLICATION, CONNECTOR, CONNECTOR_GROUP, MODEL};

/// Whether a body names anything by reference or id.
pub(super) fn is_named(body: &Map<String, Value>) -> Result<bool, GraphError> {
    Ok(reference::in_body(&MODEL, body)?.is_some() || reference::id_in_body(body)?.is_some())
}

/// The connector that a body names by reference or id.
pub(super) fn connector_in(body: &Map<String, Value>) -> Result<ConnectorId, GraphError> {
    let id = named(body, &CONNECTOR)?;
    id.parse().map_err(|_| GraphError::no_such_connector(&id))
}

/// The connector group that a body names by reference or id.
pub(super) fn connector_group_in(body: &Map<String, Value>) -> Result<ConnectorGroupId, GraphError> {
    let id = named(body, &CONNECTOR_GROUP)?;
    id.parse().map_err(|_| GraphError::no_such_connector_group(&id))
}

/// The application that a body names by reference or id.
pub(super) fn application_in(body: &Map<String, Value>) -> Result<ApplicationId, GraphError> {
    let id = named(body, &APPLICATION)?;
    id.parse().map_err(|_| GraphError::no_such_resource(&id))
}

/// The connector that a reference means.
pub(super) fn connector(reference: Reference) -> Result<ConnectorId, GraphError> {
    reference.expect(&CONNECTOR)?.parse().map_err(|_| GraphError::bad_reference())
}

/// The connector group that a reference means.
pub(super) fn connector_group(reference: Reference) -> Result<ConnectorGroupId, GraphError> {
    reference.expect(&CONNECTOR_GROUP)?.parse().map_err(|_| GraphError::bad_reference())
}

/// The application that a reference means.
pub(super) fn application(reference: Reference) -> Result<ApplicationId, GraphError> {
    reference.expect(&APPLICATION)?.parse().map_err(|_| GraphError::bad_reference())
}

/// The id in a body. One in a reference has to be well formed; an `id` that is none means nothing that exists.
fn named(body: &Map<String, Value>, kind: &'static EntityType) -> Result<String, GraphError> {
    if let Some(reference) = reference::in_body(&MODEL, body)? {
        let id = reference.expect(kind)?;
        return if uuid::Uuid::try_parse(&id).is_ok() { Ok(id) } else { Err(GraphError::bad_reference()) };
    }
    reference::id_in_body(body)?.map(str::to_owned).ok_or_else(|| {
        GraphError::invalid(format!("The request body must refer to a '{}' by '@odata.id' or 'id'.", kind.name))
    })
}
