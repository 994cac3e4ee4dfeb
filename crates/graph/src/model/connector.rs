//! `microsoft.graph.connector`.

use adit_odata::model::{EntityType, EnumType, Navigation, Property, Type, member};

use super::adit::CONNECTOR_CARE;
use super::connector_group::CONNECTOR_GROUP;
use super::directory::ENTITY;

/// `microsoft.graph.connectorStatus`.
pub(super) static CONNECTOR_STATUS: EnumType =
    EnumType::new("connectorStatus", &[member("active", 0), member("inactive", 1)]);

/// `microsoft.graph.connector`.
pub(crate) static CONNECTOR: EntityType = EntityType {
    name: "connector",
    base: Some(&ENTITY),
    properties: &[
        Property::new("adit", Type::Complex(&CONNECTOR_CARE)).required().system().when_selected(),
        Property::new("externalIp", Type::String).required().system(),
        Property::new("machineName", Type::String).required(),
        Property::new("status", Type::Enum(&CONNECTOR_STATUS)).required().system(),
        Property::new("version", Type::String).required().system(),
    ],
    navigations: &[Navigation::many("memberOf", &CONNECTOR_GROUP)],
    alternate_keys: &[],
};
