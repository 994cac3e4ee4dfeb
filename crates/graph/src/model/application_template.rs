//! `microsoft.graph.applicationTemplate`, from which an application and its service principal are made together.

use adit_odata::model::{ComplexType, EntityType, EnumType, Navigation, Property, Type, member};

use super::STRINGS;
use super::application::APPLICATION;
use super::directory::ENTITY;
use super::service_principal::SERVICE_PRINCIPAL;

/// `microsoft.graph.applicationTemplate`.
pub(crate) static APPLICATION_TEMPLATE: EntityType = EntityType {
    name: "applicationTemplate",
    base: Some(&ENTITY),
    properties: &[
        Property::new("categories", STRINGS).system(),
        Property::new("configurationUris", Type::Collection(&Type::Complex(&CONFIGURATION_URI))).system(),
        Property::new("description", Type::String).system(),
        Property::new("displayName", Type::String).system(),
        Property::new("homePageUrl", Type::String).system(),
        Property::new("informationalUrls", Type::Complex(&INFORMATIONAL_URLS)).system(),
        Property::new("logoUrl", Type::String).system(),
        Property::new("publisher", Type::String).system(),
        Property::new("supportedClaimConfiguration", Type::Complex(&SUPPORTED_CLAIM_CONFIGURATION)).system(),
        Property::new("supportedProvisioningTypes", STRINGS).system(),
        Property::new("supportedSingleSignOnModes", STRINGS).system(),
    ],
    navigations: &[],
    alternate_keys: &[],
};

/// `microsoft.graph.configurationUri`.
pub(super) static CONFIGURATION_URI: ComplexType = ComplexType::new(
    "configurationUri",
    &[
        Property::new("appliesToSingleSignOnMode", Type::String).required().system(),
        Property::new("examples", STRINGS).system(),
        Property::new("isRequired", Type::Boolean).required().system(),
        Property::new("usage", Type::Enum(&URI_USAGE_TYPE)).required().system(),
        Property::new("values", STRINGS).system(),
    ],
);

/// `microsoft.graph.uriUsageType`.
pub(super) static URI_USAGE_TYPE: EnumType = EnumType::new(
    "uriUsageType",
    &[member("redirectUri", 0), member("identifierUri", 1), member("loginUrl", 2), member("logoutUrl", 3)],
);

/// `microsoft.graph.informationalUrls`.
pub(super) static INFORMATIONAL_URLS: ComplexType = ComplexType::new(
    "informationalUrls",
    &[
        Property::new("appSignUpUrl", Type::String).system(),
        Property::new("singleSignOnDocumentationUrl", Type::String).system(),
    ],
);

/// `microsoft.graph.supportedClaimConfiguration`.
pub(super) static SUPPORTED_CLAIM_CONFIGURATION: ComplexType =
    ComplexType::new("supportedClaimConfiguration", &[Property::new("nameIdPolicyFormat", Type::String).system()]);

/// `microsoft.graph.applicationServicePrincipal`.
pub(crate) static APPLICATION_SERVICE_PRINCIPAL: ComplexType = ComplexType {
    name: "applicationServicePrincipal",
    base: None,
    open: false,
    properties: &[],
    navigations: &[
        Navigation::one("application", &APPLICATION),
        Navigation::one("servicePrincipal", &SERVICE_PRINCIPAL),
    ],
};
