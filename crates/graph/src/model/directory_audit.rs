//! `microsoft.graph.directoryAudit`, and `auditLogs`, the singleton that holds the records.

use adit_odata::model::{ComplexType, EntityType, EnumType, Navigation, Property, Type, member};

use super::credential::KEY_VALUE;
use super::directory::ENTITY;

/// `microsoft.graph.auditLogRoot`.
pub(crate) static AUDIT_LOG_ROOT: EntityType = EntityType {
    name: "auditLogRoot",
    base: None,
    properties: &[],
    navigations: &[Navigation::many("directoryAudits", &DIRECTORY_AUDIT).contained()],
    alternate_keys: &[],
};

/// `microsoft.graph.directoryAudit`.
pub(crate) static DIRECTORY_AUDIT: EntityType = EntityType {
    name: "directoryAudit",
    base: Some(&ENTITY),
    properties: &[
        Property::new("activityDateTime", Type::DateTimeOffset).required().system(),
        Property::new("activityDisplayName", Type::String).required().system(),
        Property::new("additionalDetails", Type::Collection(&Type::Complex(&KEY_VALUE))).system(),
        Property::new("category", Type::String).required().system(),
        Property::new("correlationId", Type::String).system(),
        Property::new("initiatedBy", Type::Complex(&AUDIT_ACTIVITY_INITIATOR)).required().system(),
        Property::new("loggedByService", Type::String).system(),
        Property::new("operationType", Type::String).system(),
        Property::new("result", Type::Enum(&OPERATION_RESULT)).system(),
        Property::new("resultReason", Type::String).system(),
        Property::new("targetResources", Type::Collection(&Type::Complex(&TARGET_RESOURCE))).system(),
        Property::new("userAgent", Type::String).system(),
    ],
    navigations: &[],
    alternate_keys: &[],
};

/// `microsoft.graph.operationResult`.
pub(super) static OPERATION_RESULT: EnumType =
    EnumType::new("operationResult", &[member("success", 0), member("failure", 1), member("timeout", 2)]);

/// `microsoft.graph.auditActivityInitiator`.
pub(super) static AUDIT_ACTIVITY_INITIATOR: ComplexType = ComplexType::new(
    "auditActivityInitiator",
    &[
        Property::new("app", Type::Complex(&APP_IDENTITY)).system(),
        Property::new("user", Type::Complex(&USER_IDENTITY)).system(),
    ],
);

/// `microsoft.graph.appIdentity`.
pub(super) static APP_IDENTITY: ComplexType = ComplexType::new(
    "appIdentity",
    &[
        Property::new("appId", Type::String).system(),
        Property::new("displayName", Type::String).system(),
        Property::new("servicePrincipalId", Type::String).system(),
        Property::new("servicePrincipalName", Type::String).system(),
    ],
);

/// `microsoft.graph.identity`.
pub(super) static IDENTITY: ComplexType = ComplexType {
    name: "identity",
    base: None,
    open: true,
    properties: &[Property::new("displayName", Type::String).system(), Property::new("id", Type::String).system()],
    navigations: &[],
};

/// `microsoft.graph.userIdentity`.
pub(super) static USER_IDENTITY: ComplexType = ComplexType {
    name: "userIdentity",
    base: Some(&IDENTITY),
    open: true,
    properties: &[
        Property::new("ipAddress", Type::String).system(),
        Property::new("userPrincipalName", Type::String).system(),
    ],
    navigations: &[],
};

/// `microsoft.graph.targetResource`.
pub(super) static TARGET_RESOURCE: ComplexType = ComplexType::new(
    "targetResource",
    &[
        Property::new("displayName", Type::String).system(),
        Property::new("groupType", Type::Enum(&GROUP_TYPE)).system(),
        Property::new("id", Type::String).system(),
        Property::new("modifiedProperties", Type::Collection(&Type::Complex(&MODIFIED_PROPERTY))).system(),
        Property::new("type", Type::String).system(),
        Property::new("userPrincipalName", Type::String).system(),
    ],
);

/// `microsoft.graph.groupType`.
pub(super) static GROUP_TYPE: EnumType =
    EnumType::new("groupType", &[member("unifiedGroups", 0), member("azureAD", 1)]);

/// `microsoft.graph.modifiedProperty`.
pub(super) static MODIFIED_PROPERTY: ComplexType = ComplexType::new(
    "modifiedProperty",
    &[
        Property::new("displayName", Type::String).system(),
        Property::new("newValue", Type::String).system(),
        Property::new("oldValue", Type::String).system(),
    ],
);
