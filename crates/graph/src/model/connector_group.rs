//! `microsoft.graph.connectorGroup`.

use adit_odata::model::{EntityType, EnumType, Navigation, Property, Type, member};

use super::application::APPLICATION;
use super::connector::CONNECTOR;
use super::directory::ENTITY;

/// `microsoft.graph.connectorGroupType`.
pub(super) static CONNECTOR_GROUP_TYPE: EnumType =
    EnumType::new("connectorGroupType", &[member("applicationProxy", 0)]);

/// `microsoft.graph.connectorGroupRegion`, and `japan`, which the live service returns and no schema has.
pub(super) static CONNECTOR_GROUP_REGION: EnumType = EnumType::new(
    "connectorGroupRegion",
    &[member("nam", 0), member("eur", 1), member("aus", 2), member("asia", 3), member("ind", 4), member("japan", 6)],
);

/// `microsoft.graph.connectorGroup`.
pub(crate) static CONNECTOR_GROUP: EntityType = EntityType {
    name: "connectorGroup",
    base: Some(&ENTITY),
    properties: &[
        Property::new("connectorGroupType", Type::Enum(&CONNECTOR_GROUP_TYPE)).required().system(),
        Property::new("isDefault", Type::Boolean).required().system(),
        Property::new("name", Type::String).required(),
        Property::new("region", Type::Enum(&CONNECTOR_GROUP_REGION)),
    ],
    navigations: &[Navigation::many("applications", &APPLICATION), Navigation::many("members", &CONNECTOR)],
    alternate_keys: &[],
};
