//! Segments of applications, and their CORS settings: the form of today, entities behind a cast of
//! `segmentsConfiguration`, and the older one, a plain collection.

use adit_odata::model::{ComplexType, EntityType, Navigation, Property, Type};

use super::STRINGS;
use super::directory::ENTITY;

/// `microsoft.graph.onPremisesApplicationSegment`.
pub(super) static ON_PREMISES_APPLICATION_SEGMENT: ComplexType = ComplexType::new(
    "onPremisesApplicationSegment",
    &[
        Property::new("alternateUrl", Type::String),
        Property::new("corsConfigurations", Type::Collection(&Type::Complex(&SEGMENT_CORS_CONFIGURATION))),
        Property::new("externalUrl", Type::String),
        Property::new("internalUrl", Type::String),
    ],
);

/// `microsoft.graph.corsConfiguration`.
pub(super) static SEGMENT_CORS_CONFIGURATION: ComplexType = ComplexType::new(
    "corsConfiguration",
    &[
        Property::new("allowedHeaders", STRINGS),
        Property::new("allowedMethods", STRINGS),
        Property::new("allowedOrigins", STRINGS),
        Property::new("maxAgeInSeconds", Type::Int32),
        Property::new("resource", Type::String),
    ],
);

/// `microsoft.graph.segmentConfiguration`.
pub(super) static SEGMENT_CONFIGURATION: ComplexType = ComplexType::new("segmentConfiguration", &[]);

/// `microsoft.graph.webSegmentConfiguration`.
pub(super) static WEB_SEGMENT_CONFIGURATION: ComplexType = ComplexType {
    name: "webSegmentConfiguration",
    base: Some(&SEGMENT_CONFIGURATION),
    open: false,
    properties: &[],
    navigations: &[Navigation::many("applicationSegments", &WEB_APPLICATION_SEGMENT).contained()],
};

/// `microsoft.graph.applicationSegment`.
pub(super) static APPLICATION_SEGMENT: EntityType = EntityType {
    name: "applicationSegment",
    base: Some(&ENTITY),
    properties: &[],
    navigations: &[],
    alternate_keys: &[],
};

/// `microsoft.graph.webApplicationSegment`.
pub(crate) static WEB_APPLICATION_SEGMENT: EntityType = EntityType {
    name: "webApplicationSegment",
    base: Some(&APPLICATION_SEGMENT),
    properties: &[
        Property::new("alternateUrl", Type::String),
        Property::new("externalUrl", Type::String),
        Property::new("internalUrl", Type::String),
    ],
    navigations: &[Navigation::many("corsConfigurations", &CORS_CONFIGURATION).contained()],
    alternate_keys: &[],
};

/// `microsoft.graph.corsConfiguration_v2`.
pub(crate) static CORS_CONFIGURATION: EntityType = EntityType {
    name: "corsConfiguration_v2",
    base: Some(&ENTITY),
    properties: &[
        Property::new("allowedHeaders", STRINGS),
        Property::new("allowedMethods", STRINGS),
        Property::new("allowedOrigins", STRINGS),
        Property::new("maxAgeInSeconds", Type::Int32),
        Property::new("resource", Type::String).required(),
    ],
    navigations: &[],
    alternate_keys: &[],
};
