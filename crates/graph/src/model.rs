//! The entity model of the application-proxy API (contract section 1), declared once.
//!
//! Paths, filters, projections and bodies are checked against it. Only spellings and types are here; what a value means
//! is in the file of its resource.

use adit_odata::model::{
    Action, ComplexType, EntitySet, EntityType, EnumType, Model, Multiplicity, Navigation, Property, Type,
};

/// The path of the one publishing profile, as it is written in URLs.
pub(crate) const PROFILE_PATH: &str = "onPremisesPublishingProfiles/applicationProxy";

/// The same in context URLs, where keys stand in parentheses.
pub(crate) const PROFILE_CONTEXT: &str = "onPremisesPublishingProfiles('applicationProxy')";

/// Everything there is.
pub(crate) static MODEL: Model = Model {
    namespace: "microsoft.graph",
    entity_types: &[&PROFILE, &CONNECTOR, &CONNECTOR_GROUP, &APPLICATION],
    entity_sets: &[
        EntitySet {
            name: "connectors",
            aliases: &["connector", "members"],
            entity_type: &CONNECTOR,
            path: "onPremisesPublishingProfiles/applicationProxy/connectors",
        },
        EntitySet {
            name: "connectorGroups",
            aliases: &["connectorGroup", "memberOf"],
            entity_type: &CONNECTOR_GROUP,
            path: "onPremisesPublishingProfiles/applicationProxy/connectorGroups",
        },
        EntitySet { name: "applications", aliases: &["application"], entity_type: &APPLICATION, path: "applications" },
        EntitySet {
            name: "onPremisesPublishingProfiles",
            aliases: &[],
            entity_type: &PROFILE,
            path: "onPremisesPublishingProfiles",
        },
    ],
    actions: &[Action {
        name: "adit.createRegistrationToken",
        bound_to: &CONNECTOR_GROUP,
        parameters: REGISTRATION_TOKEN_PARAMETERS,
    }],
};

/// What can be passed to `adit.createRegistrationToken`.
pub(crate) const REGISTRATION_TOKEN_PARAMETERS: &[Property] = &[Property::new("lifetimeInSeconds", Type::Int32)];

/// `microsoft.graph.onPremisesPublishingProfile`.
pub(crate) static PROFILE: EntityType = EntityType {
    name: "onPremisesPublishingProfile",
    properties: &[
        Property::new("id", Type::String).required().system(),
        Property::new("isEnabled", Type::Boolean).required().system(),
        Property::new("isDefaultAccessEnabled", Type::Boolean).required().system(),
    ],
    navigations: &[
        Navigation { name: "connectors", target: &CONNECTOR, multiplicity: Multiplicity::Many },
        Navigation { name: "connectorGroups", target: &CONNECTOR_GROUP, multiplicity: Multiplicity::Many },
    ],
    alternate_keys: &[],
};

static CONNECTOR_STATUS: EnumType = EnumType { name: "connectorStatus", members: &["active", "inactive"] };

/// `microsoft.graph.connector`.
pub(crate) static CONNECTOR: EntityType = EntityType {
    name: "connector",
    properties: &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("machineName", Type::String).required(),
        Property::new("externalIp", Type::String).required().system(),
        Property::new("status", Type::Enum(&CONNECTOR_STATUS)).required().system(),
        Property::new("version", Type::String).required().system(),
    ],
    navigations: &[Navigation { name: "memberOf", target: &CONNECTOR_GROUP, multiplicity: Multiplicity::Many }],
    alternate_keys: &[],
};

static CONNECTOR_GROUP_TYPE: EnumType = EnumType { name: "connectorGroupType", members: &["applicationProxy"] };

/// `microsoft.graph.connectorGroupRegion`, and `japan`, which the live service returns.
static REGION: EnumType =
    EnumType { name: "connectorGroupRegion", members: &["nam", "eur", "aus", "asia", "ind", "japan"] };

/// `microsoft.graph.connectorGroup`.
pub(crate) static CONNECTOR_GROUP: EntityType = EntityType {
    name: "connectorGroup",
    properties: &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("name", Type::String).required(),
        Property::new("connectorGroupType", Type::Enum(&CONNECTOR_GROUP_TYPE)).required().system(),
        Property::new("isDefault", Type::Boolean).required().system(),
        Property::new("region", Type::Enum(&REGION)),
    ],
    navigations: &[
        Navigation { name: "members", target: &CONNECTOR, multiplicity: Multiplicity::Many },
        Navigation { name: "applications", target: &APPLICATION, multiplicity: Multiplicity::Many },
    ],
    alternate_keys: &[],
};

static SIGN_IN_AUDIENCE: EnumType = EnumType {
    name: "signInAudience",
    members: &["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"],
};

static IMPLICIT_GRANT_SETTINGS: ComplexType = ComplexType {
    name: "implicitGrantSettings",
    properties: &[
        Property::new("enableIdTokenIssuance", Type::Boolean),
        Property::new("enableAccessTokenIssuance", Type::Boolean),
    ],
};

/// `microsoft.graph.webApplication`.
static WEB: ComplexType = ComplexType {
    name: "webApplication",
    properties: &[
        Property::new("homePageUrl", Type::String),
        Property::new("logoutUrl", Type::String),
        Property::new("redirectUris", Type::Collection(&Type::String)).required(),
        Property::new("implicitGrantSettings", Type::Complex(&IMPLICIT_GRANT_SETTINGS)),
        Property::new("oauth2AllowImplicitFlow", Type::Boolean),
        Property::new("redirectUriSettings", Type::Collection(&Type::Object)),
    ],
};

/// `microsoft.graph.application`. What Adit gives no meaning to is kept and given back (contract section 1.4).
pub(crate) static APPLICATION: EntityType = EntityType {
    name: "application",
    properties: &[
        Property::new("id", Type::Guid).required().system(),
        Property::new("deletedDateTime", Type::DateTimeOffset).system(),
        Property::new("appId", Type::Guid).required().system(),
        Property::new("applicationTemplateId", Type::String).system(),
        Property::new("createdDateTime", Type::DateTimeOffset).required().system(),
        Property::new("displayName", Type::String).required(),
        Property::new("description", Type::String),
        Property::new("notes", Type::String),
        Property::new("uniqueName", Type::String),
        Property::new("publisherDomain", Type::String).system(),
        Property::new("verifiedPublisher", Type::Object).system(),
        Property::new("disabledByMicrosoftStatus", Type::String).system(),
        Property::new("identifierUris", Type::Collection(&Type::String)).required(),
        Property::new("signInAudience", Type::Enum(&SIGN_IN_AUDIENCE)),
        Property::new("tags", Type::Collection(&Type::String)).required(),
        Property::new("groupMembershipClaims", Type::String),
        Property::new("isDeviceOnlyAuthSupported", Type::Boolean),
        Property::new("isFallbackPublicClient", Type::Boolean),
        Property::new("serviceManagementReference", Type::String),
        Property::new("tokenEncryptionKeyId", Type::String),
        Property::new("samlMetadataUrl", Type::String),
        Property::new("defaultRedirectUri", Type::String),
        Property::new("optionalClaims", Type::Object),
        Property::new("addIns", Type::Collection(&Type::Object)).required(),
        Property::new("api", Type::Object),
        Property::new("appRoles", Type::Collection(&Type::Object)).required(),
        Property::new("info", Type::Object),
        Property::new("keyCredentials", Type::Collection(&Type::Object)).required(),
        Property::new("passwordCredentials", Type::Collection(&Type::Object)).required().system(),
        Property::new("parentalControlSettings", Type::Object),
        Property::new("publicClient", Type::Object),
        Property::new("requestSignatureVerification", Type::Object),
        Property::new("requiredResourceAccess", Type::Collection(&Type::Object)).required(),
        Property::new("servicePrincipalLockConfiguration", Type::Object),
        Property::new("spa", Type::Object),
        Property::new("web", Type::Complex(&WEB)),
        Property::new("onPremisesPublishing", Type::Complex(&PUBLISHING)).when_selected(),
    ],
    navigations: &[Navigation { name: "connectorGroup", target: &CONNECTOR_GROUP, multiplicity: Multiplicity::One }],
    alternate_keys: &["appId"],
};

static AUTHENTICATION_TYPE: EnumType =
    EnumType { name: "externalAuthenticationType", members: &["passthru", "aadPreAuthentication"] };

/// A string in the schema, but only two values mean anything.
static SERVER_TIMEOUT: EnumType = EnumType { name: "applicationServerTimeout", members: &["default", "long"] };

static TRAFFIC_ROUTING: EnumType =
    EnumType { name: "trafficRoutingMethod", members: &["none", "random", "sessionPersistence", "performance"] };

static SINGLE_SIGN_ON_MODE: EnumType = EnumType {
    name: "singleSignOnMode",
    members: &["none", "onPremisesKerberos", "saml", "pingHeaderBased", "aadHeaderBased", "oAuthToken"],
};

static MAPPING_ATTRIBUTE: EnumType = EnumType {
    name: "kerberosSignOnMappingAttributeType",
    members: &[
        "userPrincipalName",
        "onPremisesUserPrincipalName",
        "userPrincipalUsername",
        "onPremisesUserPrincipalUsername",
        "onPremisesSAMAccountName",
    ],
};

static KERBEROS: ComplexType = ComplexType {
    name: "kerberosSignOnSettings",
    properties: &[
        Property::new("kerberosServicePrincipalName", Type::String),
        Property::new("kerberosSignOnMappingAttributeType", Type::Enum(&MAPPING_ATTRIBUTE)),
    ],
};

static SINGLE_SIGN_ON: ComplexType = ComplexType {
    name: "onPremisesPublishingSingleSignOn",
    properties: &[
        Property::new("singleSignOnMode", Type::Enum(&SINGLE_SIGN_ON_MODE)),
        Property::new("kerberosSignOnSettings", Type::Complex(&KERBEROS)),
    ],
};

/// `microsoft.graph.onPremisesPublishing`.
pub(crate) static PUBLISHING: ComplexType = ComplexType {
    name: "onPremisesPublishing",
    properties: &[
        Property::new("alternateUrl", Type::String),
        Property::new("applicationServerTimeout", Type::Enum(&SERVER_TIMEOUT)),
        Property::new("applicationType", Type::String),
        Property::new("externalAuthenticationType", Type::Enum(&AUTHENTICATION_TYPE)),
        Property::new("externalUrl", Type::String),
        Property::new("internalUrl", Type::String),
        Property::new("isAccessibleViaZTNAClient", Type::Boolean),
        Property::new("isBackendCertificateValidationEnabled", Type::Boolean),
        Property::new("isContinuousAccessEvaluationEnabled", Type::Boolean),
        Property::new("isDeviceAccessEnabled", Type::Boolean),
        Property::new("isDnsResolutionEnabled", Type::Boolean),
        Property::new("isHttpOnlyCookieEnabled", Type::Boolean),
        Property::new("isOnPremPublishingEnabled", Type::Boolean).system(),
        Property::new("isPersistentCookieEnabled", Type::Boolean),
        Property::new("isSecureCookieEnabled", Type::Boolean),
        Property::new("isStateSessionEnabled", Type::Boolean),
        Property::new("isTranslateHostHeaderEnabled", Type::Boolean),
        Property::new("isTranslateLinksInBodyEnabled", Type::Boolean),
        Property::new("onPremisesApplicationSegments", Type::Collection(&Type::Object)),
        Property::new("segmentsConfiguration", Type::Object),
        Property::new("singleSignOnSettings", Type::Complex(&SINGLE_SIGN_ON)),
        Property::new("trafficRoutingMethod", Type::Enum(&TRAFFIC_ROUTING)).required(),
        Property::new("useAlternateUrlForTranslationAndRedirect", Type::Boolean),
        Property::new("verifiedCustomDomainCertificatesMetadata", Type::Object).system(),
        Property::new("verifiedCustomDomainKeyCredential", Type::Object).secret(),
        Property::new("verifiedCustomDomainPasswordCredential", Type::Object).secret(),
        Property::new("wafAllowedHeaders", Type::Object),
        Property::new("wafIpRanges", Type::Collection(&Type::Object)),
        Property::new("wafProvider", Type::String),
    ],
};
