//! The namespace `adit`: what Graph has no word for.

use adit_odata::model::{ComplexType, Property, Type};

/// What can be passed to `adit.createRegistrationToken`.
pub(crate) const REGISTRATION_TOKEN_PARAMETERS: &[Property] =
    &[Property::new("lifetimeInSeconds", Type::Int32), Property::new("machineName", Type::String)];

/// What has to be passed to `adit.revokeRegistrationToken`.
pub(crate) const REVOKE_PARAMETERS: &[Property] = &[Property::new("id", Type::Guid).required()];

/// `adit.registrationToken`: what a connector joins a group with. It is shown once, in the answer that made it.
pub(crate) static REGISTRATION_TOKEN: ComplexType = ComplexType::new(
    "registrationToken",
    &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("token", Type::String).required().system(),
        Property::new("expirationDateTime", Type::DateTimeOffset).required().system(),
    ],
);

/// `adit.openRegistrationToken`: one that can still be used, without its secret.
pub(crate) static OPEN_REGISTRATION_TOKEN: ComplexType = ComplexType::new(
    "openRegistrationToken",
    &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("connectorGroupId", Type::Guid).required().system(),
        Property::new("machineName", Type::String).system(),
        Property::new("createdDateTime", Type::DateTimeOffset).system(),
        Property::new("expirationDateTime", Type::DateTimeOffset).required().system(),
    ],
);

/// `adit.openRegistrationTokens`: all of them.
pub(crate) static OPEN_REGISTRATION_TOKENS: ComplexType = ComplexType::new(
    "openRegistrationTokens",
    &[Property::new("tokens", Type::Collection(&Type::Complex(&OPEN_REGISTRATION_TOKEN))).required().system()],
);

/// `adit.connectorCare`: what somebody should see to.
pub(crate) static CONNECTOR_CARE: ComplexType = ComplexType::new(
    "connectorCare",
    &[
        Property::new("isUpgradeNeeded", Type::Boolean).required().system(),
        Property::new("keyCopiedDateTime", Type::DateTimeOffset).system(),
    ],
);

/// `adit.publishingSettings`: what Adit can do with a published application and Graph cannot say.
pub(crate) static PUBLISHING_SETTINGS: ComplexType = ComplexType::new(
    "publishingSettings",
    &[
        Property::new("connectTimeoutInSeconds", Type::Int32),
        Property::new("firstByteTimeoutInSeconds", Type::Int32),
        Property::new("idleTimeoutInSeconds", Type::Int32),
        Property::new("totalTimeoutInSeconds", Type::Int32),
        Property::new("upstreamProtocol", Type::String),
        Property::new("isInMaintenance", Type::Boolean),
        Property::new("maintenanceText", Type::String),
        Property::new("healthProbePath", Type::String),
        Property::new("healthProbeIntervalInSeconds", Type::Int32),
        Property::new("healthProbeTimeoutInSeconds", Type::Int32),
        Property::new("healthProbeStatuses", Type::String),
        Property::new("signOnHeaders", Type::Collection(&Type::Complex(&SIGN_ON_HEADER))),
        Property::new("isAssertionEnabled", Type::Boolean),
    ],
);

/// `adit.signOnHeader`: a header by which an upstream is told something of who asks.
pub(crate) static SIGN_ON_HEADER: ComplexType = ComplexType::new(
    "signOnHeader",
    &[Property::new("header", Type::String).required(), Property::new("claim", Type::String).required()],
);

/// What is passed to `adit.explain`: the URL, and who is to be taken to ask for it.
pub(crate) const EXPLAIN_PARAMETERS: &[Property] = &[
    Property::new("url", Type::String).required(),
    Property::new("user", Type::String),
    Property::new("groups", Type::String),
];

/// `adit.explanation`: what a request for a URL would meet at the gateway.
pub(crate) static EXPLANATION: ComplexType = ComplexType::new(
    "explanation",
    &[
        Property::new("host", Type::String).required().system(),
        Property::new("path", Type::String).required().system(),
        Property::new("revision", Type::Int64).required().system(),
        Property::new("isForwarded", Type::Boolean).required().system(),
        Property::new("reason", Type::String).system(),
        Property::new("status", Type::Int32).system(),
        Property::new("meaning", Type::String).system(),
        Property::new("remedy", Type::String).system(),
        Property::new("applicationId", Type::Guid).system(),
        Property::new("applicationName", Type::String).system(),
        Property::new("connectorGroupId", Type::Guid).system(),
        Property::new("connectorGroupName", Type::String).system(),
        Property::new("upstreamUrl", Type::String).system(),
        Property::new("candidates", Type::Collection(&Type::Complex(&EXPLAINED_CANDIDATE))).required().system(),
        Property::new("connectors", Type::Collection(&Type::Complex(&EXPLAINED_CONNECTOR))).required().system(),
        Property::new("connectorsElsewhere", Type::Int32).required().system(),
        Property::new("headers", Type::Collection(&Type::Complex(&HEADER_FIELD))).required().system(),
        Property::new("lastFailure", Type::Complex(&PAST_FAILURE)).system(),
        Property::new("user", Type::Complex(&EXPLAINED_USER)).system(),
        Property::new("access", Type::Complex(&EXPLAINED_ACCESS)).system(),
    ],
);

/// `adit.explainedUser`: who was to be taken to ask.
pub(crate) static EXPLAINED_USER: ComplexType = ComplexType::new(
    "explainedUser",
    &[
        Property::new("asked", Type::String).required().system(),
        Property::new("isFound", Type::Boolean).required().system(),
        Property::new("id", Type::Guid).system(),
        Property::new("userPrincipalName", Type::String).system(),
        Property::new("displayName", Type::String).system(),
        Property::new("accountEnabled", Type::Boolean).system(),
        Property::new("groupsFrom", Type::String).system(),
        Property::new("groupCount", Type::Int32).required().system(),
    ],
);

/// `adit.explainedAccess`: what the access decision says, and what it follows from.
pub(crate) static EXPLAINED_ACCESS: ComplexType = ComplexType::new(
    "explainedAccess",
    &[
        Property::new("externalAuthenticationType", Type::String).system(),
        Property::new("isServicePrincipalEnabled", Type::Boolean).system(),
        Property::new("appRoleAssignmentRequired", Type::Boolean).system(),
        Property::new("isGranted", Type::Boolean).required().system(),
        Property::new("assignments", Type::Collection(&Type::Complex(&EXPLAINED_ASSIGNMENT))).required().system(),
        Property::new("groupsLeftOut", Type::Int32).required().system(),
        Property::new("reasoning", Type::Collection(&Type::String)).required().system(),
    ],
);

/// `adit.explainedAssignment`: an assignment that holds for the user, and the groups that lead to it.
pub(crate) static EXPLAINED_ASSIGNMENT: ComplexType = ComplexType::new(
    "explainedAssignment",
    &[
        Property::new("principalId", Type::Guid).required().system(),
        Property::new("principalType", Type::String).required().system(),
        Property::new("roles", Type::Collection(&Type::String)).required().system(),
        Property::new("groupPath", Type::Collection(&Type::String)).required().system(),
    ],
);

/// `adit.connectorWork`: what is under way through a connector, and whether anything new goes there.
pub(crate) static CONNECTOR_WORK: ComplexType = ComplexType::new(
    "connectorWork",
    &[
        Property::new("isDrained", Type::Boolean).required().system(),
        Property::new("requestsUnderWay", Type::Int64).required().system(),
        Property::new("drainingStreams", Type::Int64).required().system(),
    ],
);

/// `adit.explainedCandidate`: a public URL whose host covers the one that was asked for.
pub(crate) static EXPLAINED_CANDIDATE: ComplexType = ComplexType::new(
    "explainedCandidate",
    &[
        Property::new("applicationId", Type::Guid).required().system(),
        Property::new("applicationName", Type::String).required().system(),
        Property::new("url", Type::String).required().system(),
        Property::new("standing", Type::String).required().system(),
    ],
);

/// `adit.explainedConnector`: a connector of the group, and whether it could be taken.
pub(crate) static EXPLAINED_CONNECTOR: ComplexType = ComplexType::new(
    "explainedConnector",
    &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("machineName", Type::String).system(),
        Property::new("availability", Type::String).required().system(),
        Property::new("requestsUnderWay", Type::Int64).required().system(),
        Property::new("shareInPercent", Type::Int32).required().system(),
        Property::new("latencyInMilliseconds", Type::Double).system(),
        Property::new("score", Type::Double).system(),
        Property::new("isPassedOver", Type::Boolean).required().system(),
        Property::new("isProbeFailed", Type::Boolean).required().system(),
    ],
);

/// `adit.headerField`: a field that the gateway sets.
pub(crate) static HEADER_FIELD: ComplexType = ComplexType::new(
    "headerField",
    &[
        Property::new("name", Type::String).required().system(),
        Property::new("value", Type::String).required().system(),
    ],
);

/// `adit.pastFailure`: what the gateway remembers of a request that failed.
pub(crate) static PAST_FAILURE: ComplexType = ComplexType::new(
    "pastFailure",
    &[
        Property::new("dateTime", Type::DateTimeOffset).system(),
        Property::new("reason", Type::String).required().system(),
        Property::new("detail", Type::String).required().system(),
        Property::new("requestId", Type::String).required().system(),
    ],
);
