//! `microsoft.graph.onPremisesPublishingProfile`: the settings of application proxy as a whole, and the root of its
//! connectors and groups.

use adit_odata::model::{ComplexType, EntityType, Navigation, Property, Type};

use super::connector::CONNECTOR;
use super::connector_group::CONNECTOR_GROUP;
use super::directory::ENTITY;

/// `microsoft.graph.onPremisesPublishingProfile`.
pub(crate) static PROFILE: EntityType = EntityType {
    name: "onPremisesPublishingProfile",
    base: Some(&ENTITY),
    properties: &[
        Property::new("hybridAgentUpdaterConfiguration", Type::Complex(&UPDATER_CONFIGURATION)),
        Property::new("isDefaultAccessEnabled", Type::Boolean).required(),
        Property::new("isEnabled", Type::Boolean).required(),
    ],
    navigations: &[
        Navigation::many("connectorGroups", &CONNECTOR_GROUP).contained(),
        Navigation::many("connectors", &CONNECTOR).contained(),
    ],
    alternate_keys: &[],
};

/// `microsoft.graph.hybridAgentUpdaterConfiguration`.
pub(crate) static UPDATER_CONFIGURATION: ComplexType = ComplexType::new(
    "hybridAgentUpdaterConfiguration",
    &[
        Property::new("allowUpdateConfigurationOverride", Type::Boolean).required(),
        Property::new("deferUpdateDateTime", Type::DateTimeOffset),
        Property::new("updateWindow", Type::Complex(&UPDATE_WINDOW)),
    ],
);

/// `microsoft.graph.updateWindow`.
pub(super) static UPDATE_WINDOW: ComplexType = ComplexType::new(
    "updateWindow",
    &[Property::new("updateWindowEndTime", Type::TimeOfDay), Property::new("updateWindowStartTime", Type::TimeOfDay)],
);
