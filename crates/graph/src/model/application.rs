//! `microsoft.graph.application`: what an application is in the directory. How it is published is in `publishing`, and
//! what its sign-in is told in `web`, `api` and `credential`.
//!
//! Some properties are in the schema of v1.0 only. There is one model for all versions, so that an SDK of either finds
//! what it reads.

use adit_odata::model::{ComplexType, EntityType, EnumType, Navigation, Property, Type, member};

use super::api::{API_APPLICATION, REQUIRED_RESOURCE_ACCESS};
use super::app_role::APP_ROLE;
use super::connector_group::CONNECTOR_GROUP;
use super::credential::{ADD_IN, KEY_CREDENTIAL, PASSWORD_CREDENTIAL};
use super::directory::DIRECTORY_OBJECT;
use super::publishing::PUBLISHING;
use super::web::{PUBLIC_CLIENT_APPLICATION, SPA_APPLICATION, WEB_APPLICATION};
use super::{GUIDS, STRINGS};

/// `microsoft.graph.application`.
pub(crate) static APPLICATION: EntityType = EntityType {
    name: "application",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[
        Property::new("addIns", Type::Collection(&Type::Complex(&ADD_IN))).required(),
        Property::new("api", Type::Complex(&API_APPLICATION)),
        Property::new("appId", Type::String).required().system(),
        Property::new("applicationTemplateId", Type::String).system(),
        Property::new("appRoles", Type::Collection(&Type::Complex(&APP_ROLE))).required(),
        Property::new("authenticationBehaviors", Type::Complex(&AUTHENTICATION_BEHAVIORS)).when_selected(),
        Property::new("createdByAppId", Type::String).system(),
        Property::new("createdDateTime", Type::DateTimeOffset).required().system(),
        Property::new("defaultRedirectUri", Type::String),
        Property::new("description", Type::String),
        Property::new("disabledByMicrosoftStatus", Type::String).system(),
        Property::new("displayName", Type::String).required(),
        Property::new("groupMembershipClaims", Type::String),
        Property::new("identifierUris", STRINGS).required(),
        Property::new("info", Type::Complex(&INFORMATIONAL_URL)),
        Property::new("isDeviceOnlyAuthSupported", Type::Boolean),
        Property::new("isDisabled", Type::Boolean),
        Property::new("isFallbackPublicClient", Type::Boolean),
        Property::new("keyCredentials", Type::Collection(&Type::Complex(&KEY_CREDENTIAL))).required(),
        Property::new("managerApplications", GUIDS).required(),
        Property::new("nativeAuthenticationApisEnabled", Type::Enum(&NATIVE_AUTHENTICATION_APIS_ENABLED)),
        Property::new("notes", Type::String),
        Property::new("oauth2RequirePostResponse", Type::Boolean).required(),
        Property::new("onPremisesPublishing", Type::Complex(&PUBLISHING)).when_selected(),
        Property::new("optionalClaims", Type::Complex(&OPTIONAL_CLAIMS)),
        Property::new("parentalControlSettings", Type::Complex(&PARENTAL_CONTROL_SETTINGS)),
        Property::new("passwordCredentials", Type::Collection(&Type::Complex(&PASSWORD_CREDENTIAL)))
            .required()
            .system(),
        Property::new("publicClient", Type::Complex(&PUBLIC_CLIENT_APPLICATION)),
        Property::new("publisherDomain", Type::String).system(),
        Property::new("requestSignatureVerification", Type::Complex(&REQUEST_SIGNATURE_VERIFICATION)),
        Property::new("requiredResourceAccess", Type::Collection(&Type::Complex(&REQUIRED_RESOURCE_ACCESS))).required(),
        Property::new("samlMetadataUrl", Type::String),
        Property::new("serviceManagementReference", Type::String),
        Property::new("servicePrincipalLockConfiguration", Type::Complex(&SERVICE_PRINCIPAL_LOCK_CONFIGURATION)),
        Property::new("signInAudience", Type::Enum(&SIGN_IN_AUDIENCE)),
        Property::new("spa", Type::Complex(&SPA_APPLICATION)),
        Property::new("tags", STRINGS).required(),
        Property::new("tokenEncryptionKeyId", Type::Guid),
        Property::new("uniqueName", Type::String),
        Property::new("verifiedPublisher", Type::Complex(&VERIFIED_PUBLISHER)).system(),
        Property::new("web", Type::Complex(&WEB_APPLICATION)),
    ],
    navigations: &[Navigation::one("connectorGroup", &CONNECTOR_GROUP), Navigation::many("owners", &DIRECTORY_OBJECT)],
    alternate_keys: &["appId", "uniqueName"],
};

/// `microsoft.graph.authenticationBehaviors`.
pub(super) static AUTHENTICATION_BEHAVIORS: ComplexType = ComplexType::new(
    "authenticationBehaviors",
    &[
        Property::new("blockAzureADGraphAccess", Type::Boolean),
        Property::new("removeUnverifiedEmailClaim", Type::Boolean),
        Property::new("requireClientServicePrincipal", Type::Boolean),
    ],
);

/// `microsoft.graph.informationalUrl`.
pub(super) static INFORMATIONAL_URL: ComplexType = ComplexType::new(
    "informationalUrl",
    &[
        Property::new("logoUrl", Type::String).system(),
        Property::new("marketingUrl", Type::String),
        Property::new("privacyStatementUrl", Type::String),
        Property::new("supportUrl", Type::String),
        Property::new("termsOfServiceUrl", Type::String),
    ],
);

/// `microsoft.graph.optionalClaim`.
pub(super) static OPTIONAL_CLAIM: ComplexType = ComplexType::new(
    "optionalClaim",
    &[
        Property::new("additionalProperties", STRINGS),
        Property::new("essential", Type::Boolean).required(),
        Property::new("name", Type::String).required(),
        Property::new("source", Type::String),
    ],
);

/// `microsoft.graph.optionalClaims`.
pub(super) static OPTIONAL_CLAIMS: ComplexType = ComplexType::new(
    "optionalClaims",
    &[
        Property::new("accessToken", Type::Collection(&Type::Complex(&OPTIONAL_CLAIM))),
        Property::new("idToken", Type::Collection(&Type::Complex(&OPTIONAL_CLAIM))),
        Property::new("saml2Token", Type::Collection(&Type::Complex(&OPTIONAL_CLAIM))),
    ],
);

/// `microsoft.graph.parentalControlSettings`.
pub(super) static PARENTAL_CONTROL_SETTINGS: ComplexType = ComplexType::new(
    "parentalControlSettings",
    &[Property::new("countriesBlockedForMinors", STRINGS), Property::new("legalAgeGroupRule", Type::String)],
);

/// `microsoft.graph.requestSignatureVerification`.
pub(super) static REQUEST_SIGNATURE_VERIFICATION: ComplexType = ComplexType::new(
    "requestSignatureVerification",
    &[
        Property::new("allowedWeakAlgorithms", Type::Enum(&WEAK_ALGORITHMS)),
        Property::new("isSignedRequestRequired", Type::Boolean).required(),
    ],
);

/// `microsoft.graph.weakAlgorithms`.
pub(super) static WEAK_ALGORITHMS: EnumType =
    EnumType { name: "weakAlgorithms", flags: true, members: &[member("rsaSha1", 1)] };

/// `microsoft.graph.servicePrincipalLockConfiguration`.
pub(super) static SERVICE_PRINCIPAL_LOCK_CONFIGURATION: ComplexType = ComplexType::new(
    "servicePrincipalLockConfiguration",
    &[
        Property::new("allProperties", Type::Boolean),
        Property::new("credentialsWithUsageSign", Type::Boolean),
        Property::new("credentialsWithUsageVerify", Type::Boolean),
        Property::new("isEnabled", Type::Boolean).required(),
        Property::new("tokenEncryptionKeyId", Type::Boolean),
    ],
);

/// `microsoft.graph.verifiedPublisher`.
pub(super) static VERIFIED_PUBLISHER: ComplexType = ComplexType::new(
    "verifiedPublisher",
    &[
        Property::new("addedDateTime", Type::DateTimeOffset).system(),
        Property::new("displayName", Type::String).system(),
        Property::new("verifiedPublisherId", Type::String).system(),
    ],
);

/// `microsoft.graph.nativeAuthenticationApisEnabled`.
pub(super) static NATIVE_AUTHENTICATION_APIS_ENABLED: EnumType =
    EnumType { name: "nativeAuthenticationApisEnabled", flags: true, members: &[member("none", 0), member("all", 1)] };

/// A string in the schema, but only these values mean anything.
pub(super) static SIGN_IN_AUDIENCE: EnumType = EnumType::new(
    "signInAudience",
    &[
        member("AzureADMyOrg", 0),
        member("AzureADMultipleOrgs", 1),
        member("AzureADandPersonalMicrosoftAccount", 2),
        member("PersonalMicrosoftAccount", 3),
    ],
);
