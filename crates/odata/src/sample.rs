//! A small model for the tests of this crate, in the words of the field: it has one of everything that a model can have.

use crate::model::{
    BoundTo, ComplexType, EntitySet, EntityType, EnumType, Model, Navigation, Operation, OperationKind, Property,
    Returns, RootAlias, Singleton, Type, member,
};

pub(crate) static MODEL: Model = Model {
    namespace: "microsoft.graph",
    alias: "graph",
    enum_types: &[&STATUS, &PROTOCOL],
    complex_types: &[&PUBLISHING, &SEGMENTS, &WEB_SEGMENTS, &HEADERS, &CREDENTIAL],
    entity_types: &[
        &DIRECTORY_OBJECT,
        &APPLICATION,
        &PROFILE,
        &CONNECTOR,
        &CONNECTOR_GROUP,
        &SEGMENT,
        &DIRECTORY,
        &TEMPLATE,
    ],
    foreign_complex_types: &[("adit", &REGISTRATION_TOKEN)],
    entity_sets: &[
        EntitySet { name: "applications", entity_type: &APPLICATION },
        EntitySet { name: "directoryObjects", entity_type: &DIRECTORY_OBJECT },
        EntitySet { name: "onPremisesPublishingProfiles", entity_type: &PROFILE },
        EntitySet { name: "applicationTemplates", entity_type: &TEMPLATE },
    ],
    singletons: &[Singleton { name: "directory", entity_type: &DIRECTORY }],
    operations: &[
        Operation {
            namespace: "microsoft.graph",
            name: "delta",
            kind: OperationKind::Function,
            bound_to: BoundTo::Collection(&APPLICATION),
            parameters: &[],
            returns: Returns::Entities(&APPLICATION),
        },
        Operation {
            namespace: "microsoft.graph",
            name: "between",
            kind: OperationKind::Function,
            bound_to: BoundTo::Collection(&APPLICATION),
            parameters: &[Property::new("from", Type::Date).required(), Property::new("to", Type::Date)],
            returns: Returns::Value(Type::Collection(&Type::Int32)),
        },
        Operation {
            namespace: "microsoft.graph",
            name: "restore",
            kind: OperationKind::Action,
            bound_to: BoundTo::Entity(&DIRECTORY_OBJECT),
            parameters: &[],
            returns: Returns::Entity(&DIRECTORY_OBJECT),
        },
        Operation {
            namespace: "microsoft.graph",
            name: "instantiate",
            kind: OperationKind::Action,
            bound_to: BoundTo::Entity(&TEMPLATE),
            parameters: &[Property::new("displayName", Type::String)],
            returns: Returns::Nothing,
        },
        Operation {
            namespace: "adit",
            name: "createRegistrationToken",
            kind: OperationKind::Action,
            bound_to: BoundTo::Entity(&CONNECTOR_GROUP),
            parameters: &[Property::new("lifetimeInSeconds", Type::Int32)],
            returns: Returns::Value(Type::Complex(&REGISTRATION_TOKEN)),
        },
    ],
    root_aliases: &[
        RootAlias { segment: "connectors", path: "onPremisesPublishingProfiles/applicationProxy/connectors" },
        RootAlias { segment: "connector", path: "onPremisesPublishingProfiles/applicationProxy/connectors" },
        RootAlias { segment: "connectorGroups", path: "onPremisesPublishingProfiles/applicationProxy/connectorGroups" },
    ],
};

pub(crate) static STATUS: EnumType = EnumType::new("connectorStatus", &[member("active", 0), member("inactive", 1)]);

pub(crate) static PROTOCOL: EnumType =
    EnumType { name: "protocol", members: &[member("tcp", 1), member("udp", 2)], flags: true };

pub(crate) static DIRECTORY_OBJECT: EntityType = EntityType {
    name: "directoryObject",
    base: None,
    properties: &[
        Property::new("id", Type::String).required().system(),
        Property::new("deletedDateTime", Type::DateTimeOffset).system(),
    ],
    navigations: &[],
    alternate_keys: &[],
};

pub(crate) static APPLICATION: EntityType = EntityType {
    name: "application",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[
        Property::new("appId", Type::Guid).required().system(),
        Property::new("uniqueName", Type::String),
        Property::new("displayName", Type::String).required(),
        Property::new("tags", Type::Collection(&Type::String)).required(),
        Property::new("logo", Type::Binary),
        Property::new("weight", Type::Double),
        Property::new("size", Type::Int64),
        Property::new("api", Type::Untyped),
        Property::new("keyCredentials", Type::Collection(&Type::Complex(&CREDENTIAL))).required(),
        Property::new("onPremisesPublishing", Type::Complex(&PUBLISHING)).when_selected(),
    ],
    navigations: &[Navigation::one("connectorGroup", &CONNECTOR_GROUP), Navigation::many("owners", &DIRECTORY_OBJECT)],
    alternate_keys: &["appId", "uniqueName"],
};

pub(crate) static PUBLISHING: ComplexType = ComplexType {
    name: "onPremisesPublishing",
    base: None,
    open: false,
    properties: &[
        Property::new("externalUrl", Type::String),
        Property::new("isEnabled", Type::Boolean),
        Property::new("protocol", Type::Enum(&PROTOCOL)),
        Property::new("startsAt", Type::TimeOfDay),
        Property::new("lasts", Type::Duration),
        Property::new("segmentsConfiguration", Type::Complex(&SEGMENTS)),
        Property::new("headers", Type::Complex(&HEADERS)),
        Property::new("certificate", Type::Complex(&CREDENTIAL)).secret(),
    ],
    navigations: &[],
};

pub(crate) static SEGMENTS: ComplexType = ComplexType::new("segmentConfiguration", &[]);

pub(crate) static WEB_SEGMENTS: ComplexType = ComplexType {
    name: "webSegmentConfiguration",
    base: Some(&SEGMENTS),
    open: false,
    properties: &[],
    navigations: &[Navigation::many("applicationSegments", &SEGMENT).contained()],
};

pub(crate) static HEADERS: ComplexType =
    ComplexType { name: "headersDictionary", base: None, open: true, properties: &[], navigations: &[] };

pub(crate) static CREDENTIAL: ComplexType = ComplexType::new(
    "keyCredential",
    &[Property::new("keyId", Type::Guid), Property::new("key", Type::Binary).secret().also(&["value"])],
);

pub(crate) static SEGMENT: EntityType = EntityType {
    name: "webApplicationSegment",
    base: None,
    properties: &[
        Property::new("id", Type::String).required().system(),
        Property::new("externalUrl", Type::String),
        Property::new("expires", Type::Date),
    ],
    navigations: &[],
    alternate_keys: &[],
};

pub(crate) static PROFILE: EntityType = EntityType {
    name: "onPremisesPublishingProfile",
    base: None,
    properties: &[
        Property::new("id", Type::String).required().system(),
        Property::new("isEnabled", Type::Boolean).required(),
    ],
    navigations: &[
        Navigation::many("connectors", &CONNECTOR).contained(),
        Navigation::many("connectorGroups", &CONNECTOR_GROUP).contained(),
    ],
    alternate_keys: &[],
};

pub(crate) static CONNECTOR: EntityType = EntityType {
    name: "connector",
    base: None,
    properties: &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("machineName", Type::String).required(),
        Property::new("status", Type::Enum(&STATUS)).required().system(),
    ],
    navigations: &[Navigation::many("memberOf", &CONNECTOR_GROUP)],
    alternate_keys: &[],
};

pub(crate) static CONNECTOR_GROUP: EntityType = EntityType {
    name: "connectorGroup",
    base: None,
    properties: &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("name", Type::String).required(),
        Property::new("region", Type::Enum(&STATUS)),
    ],
    navigations: &[Navigation::many("members", &CONNECTOR), Navigation::many("applications", &APPLICATION)],
    alternate_keys: &[],
};

pub(crate) static DIRECTORY: EntityType = EntityType {
    name: "directory",
    base: None,
    properties: &[Property::new("id", Type::String).required().system()],
    navigations: &[Navigation::many("deletedItems", &DIRECTORY_OBJECT).contained()],
    alternate_keys: &[],
};

pub(crate) static TEMPLATE: EntityType = EntityType {
    name: "applicationTemplate",
    base: None,
    properties: &[Property::new("id", Type::Guid).required().system()],
    navigations: &[],
    alternate_keys: &[],
};

pub(crate) static REGISTRATION_TOKEN: ComplexType =
    ComplexType::new("registrationToken", &[Property::new("token", Type::String).required()]);
