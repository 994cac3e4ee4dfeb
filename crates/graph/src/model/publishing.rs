//! `microsoft.graph.onPremisesPublishing`: how an application is published.
//!
//! It is left out of answers unless `$select` names it, as in Graph (contract section 8, point 9).

use adit_odata::model::{ComplexType, EnumType, Property, Type, member};

use super::adit::PUBLISHING_SETTINGS;
use super::credential::{KEY_CREDENTIAL, PASSWORD_CREDENTIAL};
use super::segment::{ON_PREMISES_APPLICATION_SEGMENT, SEGMENT_CONFIGURATION};
use super::single_sign_on::SINGLE_SIGN_ON;

/// `microsoft.graph.onPremisesPublishing`.
pub(crate) static PUBLISHING: ComplexType = ComplexType::new(
    "onPremisesPublishing",
    &[
        Property::new("alternateUrl", Type::String),
        Property::new("applicationServerTimeout", Type::Enum(&SERVER_TIMEOUT)),
        Property::new("applicationType", Type::String),
        Property::new("externalAuthenticationType", Type::Enum(&EXTERNAL_AUTHENTICATION_TYPE)),
        Property::new("externalUrl", Type::String),
        Property::new("internalUrl", Type::String),
        Property::new("isAccessibleViaZTNAClient", Type::Boolean),
        Property::new("isBackendCertificateValidationEnabled", Type::Boolean),
        Property::new("isContinuousAccessEvaluationEnabled", Type::Boolean),
        // In the commercial SDKs only.
        Property::new("isDeviceAccessEnabled", Type::Boolean),
        Property::new("isDnsResolutionEnabled", Type::Boolean),
        Property::new("isHttpOnlyCookieEnabled", Type::Boolean),
        Property::new("isOnPremPublishingEnabled", Type::Boolean).system(),
        Property::new("isPersistentCookieEnabled", Type::Boolean),
        Property::new("isSecureCookieEnabled", Type::Boolean),
        Property::new("isStateSessionEnabled", Type::Boolean),
        Property::new("isTranslateHostHeaderEnabled", Type::Boolean),
        Property::new("isTranslateLinksInBodyEnabled", Type::Boolean),
        Property::new(
            "onPremisesApplicationSegments",
            Type::Collection(&Type::Complex(&ON_PREMISES_APPLICATION_SEGMENT)),
        ),
        Property::new("segmentsConfiguration", Type::Complex(&SEGMENT_CONFIGURATION)),
        Property::new("singleSignOnSettings", Type::Complex(&SINGLE_SIGN_ON)),
        Property::new("trafficRoutingMethod", Type::Enum(&TRAFFIC_ROUTING_METHOD)).required(),
        Property::new("useAlternateUrlForTranslationAndRedirect", Type::Boolean),
        Property::new("verifiedCustomDomainCertificatesMetadata", Type::Complex(&CERTIFICATE_METADATA)).system(),
        Property::new("verifiedCustomDomainKeyCredential", Type::Complex(&KEY_CREDENTIAL)).secret(),
        Property::new("verifiedCustomDomainPasswordCredential", Type::Complex(&PASSWORD_CREDENTIAL)).secret(),
        Property::new("wafAllowedHeaders", Type::Complex(&WAF_ALLOWED_HEADERS)),
        Property::new("wafIpRanges", Type::Collection(&Type::Complex(&IP_RANGE))),
        Property::new("wafProvider", Type::String),
        // Not in Graph: what it has no word for.
        Property::new("adit", Type::Complex(&PUBLISHING_SETTINGS)),
    ],
);

/// `microsoft.graph.externalAuthenticationType`.
pub(super) static EXTERNAL_AUTHENTICATION_TYPE: EnumType =
    EnumType::new("externalAuthenticationType", &[member("passthru", 0), member("aadPreAuthentication", 1)]);

/// `microsoft.graph.trafficRoutingMethod`.
pub(super) static TRAFFIC_ROUTING_METHOD: EnumType = EnumType::new(
    "trafficRoutingMethod",
    &[member("none", 0), member("random", 1), member("sessionPersistence", 2), member("performance", 3)],
);

/// `microsoft.graph.verifiedCustomDomainCertificatesMetadata`.
pub(super) static CERTIFICATE_METADATA: ComplexType = ComplexType::new(
    "verifiedCustomDomainCertificatesMetadata",
    &[
        Property::new("expiryDate", Type::DateTimeOffset).system(),
        Property::new("issueDate", Type::DateTimeOffset).system(),
        Property::new("issuerName", Type::String).system(),
        Property::new("subjectName", Type::String).system(),
        Property::new("thumbprint", Type::String).system(),
    ],
);

/// `microsoft.graph.Dictionary`.
pub(super) static DICTIONARY: ComplexType =
    ComplexType { name: "Dictionary", base: None, open: true, properties: &[], navigations: &[] };

/// `microsoft.graph.wafAllowedHeadersDictionary`.
pub(super) static WAF_ALLOWED_HEADERS: ComplexType = ComplexType {
    name: "wafAllowedHeadersDictionary",
    base: Some(&DICTIONARY),
    open: true,
    properties: &[],
    navigations: &[],
};

/// `microsoft.graph.ipRange`.
pub(super) static IP_RANGE: ComplexType = ComplexType::new("ipRange", &[]);

/// `microsoft.graph.iPv4CidrRange`.
pub(super) static IPV4_CIDR_RANGE: ComplexType = ComplexType {
    name: "iPv4CidrRange",
    base: Some(&IP_RANGE),
    open: false,
    properties: &[Property::new("cidrAddress", Type::String).required()],
    navigations: &[],
};

/// `microsoft.graph.iPv4Range`.
pub(super) static IPV4_RANGE: ComplexType = ComplexType {
    name: "iPv4Range",
    base: Some(&IP_RANGE),
    open: false,
    properties: &[
        Property::new("lowerAddress", Type::String).required(),
        Property::new("upperAddress", Type::String).required(),
    ],
    navigations: &[],
};

/// `microsoft.graph.iPv6CidrRange`.
pub(super) static IPV6_CIDR_RANGE: ComplexType = ComplexType {
    name: "iPv6CidrRange",
    base: Some(&IP_RANGE),
    open: false,
    properties: &[Property::new("cidrAddress", Type::String).required()],
    navigations: &[],
};

/// `microsoft.graph.iPv6Range`.
pub(super) static IPV6_RANGE: ComplexType = ComplexType {
    name: "iPv6Range",
    base: Some(&IP_RANGE),
    open: false,
    properties: &[
        Property::new("lowerAddress", Type::String).required(),
        Property::new("upperAddress", Type::String).required(),
    ],
    navigations: &[],
};

/// A string in the schema, but only two values mean anything.
pub(super) static SERVER_TIMEOUT: EnumType =
    EnumType::new("applicationServerTimeout", &[member("default", 0), member("long", 1)]);
