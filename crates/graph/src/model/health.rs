//! The types of `adit.health`: how connector groups and applications are.

use adit_odata::model::{ComplexType, Property, Type};

/// `adit.groupsHealth`: every connector group that has connectors or serves an application.
pub(crate) static GROUPS_HEALTH: ComplexType = ComplexType::new(
    "groupsHealth",
    &[Property::new("groups", Type::Collection(&Type::Complex(&GROUP_HEALTH))).required().system()],
);

/// `adit.groupHealth`: serving, degraded or down, and why.
pub(crate) static GROUP_HEALTH: ComplexType = ComplexType::new(
    "groupHealth",
    &[
        Property::new("connectorGroupId", Type::Guid).required().system(),
        Property::new("connectorGroupName", Type::String).system(),
        Property::new("health", Type::String).required().system(),
        Property::new("connectors", Type::Collection(&Type::Complex(&CONNECTOR_HEALTH))).required().system(),
    ],
);

/// `adit.connectorHealth`: whether a connector takes requests.
pub(crate) static CONNECTOR_HEALTH: ComplexType = ComplexType::new(
    "connectorHealth",
    &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("machineName", Type::String).system(),
        Property::new("availability", Type::String).required().system(),
        Property::new("requestsUnderWay", Type::Int64).required().system(),
        Property::new("shareInPercent", Type::Int32).required().system(),
    ],
);

/// `adit.applicationsHealth`: how many published applications are how, and those in trouble.
pub(crate) static APPLICATIONS_HEALTH: ComplexType = ComplexType::new(
    "applicationsHealth",
    &[
        Property::new("unknown", Type::Int32).required().system(),
        Property::new("serving", Type::Int32).required().system(),
        Property::new("degraded", Type::Int32).required().system(),
        Property::new("down", Type::Int32).required().system(),
        Property::new("inTrouble", Type::Collection(&Type::Complex(&APPLICATION_IN_TROUBLE))).required().system(),
    ],
);

/// `adit.applicationInTrouble`: one that is degraded or down.
pub(crate) static APPLICATION_IN_TROUBLE: ComplexType = ComplexType::new(
    "applicationInTrouble",
    &[
        Property::new("applicationId", Type::Guid).required().system(),
        Property::new("applicationName", Type::String).required().system(),
        Property::new("health", Type::String).required().system(),
        Property::new("connectorGroupId", Type::Guid).required().system(),
        Property::new("connectorGroupHealth", Type::String).required().system(),
    ],
);

/// `adit.applicationHealth`: one application, and its upstream as each connector sees it.
pub(crate) static APPLICATION_HEALTH: ComplexType = ComplexType::new(
    "applicationHealth",
    &[
        Property::new("applicationId", Type::Guid).required().system(),
        Property::new("applicationName", Type::String).required().system(),
        Property::new("health", Type::String).required().system(),
        Property::new("connectorGroupId", Type::Guid).required().system(),
        Property::new("connectorGroupHealth", Type::String).required().system(),
        Property::new("connectors", Type::Collection(&Type::Complex(&UPSTREAM_SIGHTING))).required().system(),
    ],
);

/// `adit.upstreamSighting`: an upstream, as requests and probes through one connector last saw it.
pub(crate) static UPSTREAM_SIGHTING: ComplexType = ComplexType::new(
    "upstreamSighting",
    &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("machineName", Type::String).system(),
        Property::new("isConnected", Type::Boolean).required().system(),
        Property::new("reach", Type::String).required().system(),
        Property::new("lastStatus", Type::Int32).system(),
        Property::new("lastAnswerDateTime", Type::DateTimeOffset).system(),
        Property::new("lastAnswerTo", Type::String).system(),
        Property::new("lastServerErrorDateTime", Type::DateTimeOffset).system(),
        Property::new("latencyInMilliseconds", Type::Double).system(),
        Property::new("connectInMilliseconds", Type::Double).system(),
        Property::new("certificateExpirationDateTime", Type::DateTimeOffset).system(),
        Property::new("isPassedOver", Type::Boolean).required().system(),
        Property::new("lastFailure", Type::Complex(&UNREACHED)).system(),
        Property::new("isLastProbePassed", Type::Boolean).system(),
        Property::new("lastProbeDateTime", Type::DateTimeOffset).system(),
    ],
);

/// `adit.unreached`: why a connector could not connect to an upstream, or why a probe of it failed.
pub(crate) static UNREACHED: ComplexType = ComplexType::new(
    "unreached",
    &[
        Property::new("dateTime", Type::DateTimeOffset).system(),
        Property::new("reason", Type::String).required().system(),
        Property::new("detail", Type::String).required().system(),
        Property::new("by", Type::String).required().system(),
    ],
);
