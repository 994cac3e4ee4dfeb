//! `microsoft.graph.servicePrincipal`: an application as something that users are assigned to.

use adit_odata::model::{ComplexType, EntityType, Navigation, Property, Type};

use super::STRINGS;
use super::api::PERMISSION_SCOPE;
use super::app_role::{APP_ROLE, APP_ROLE_ASSIGNMENT};
use super::application::{INFORMATIONAL_URL, SIGN_IN_AUDIENCE, VERIFIED_PUBLISHER};
use super::credential::{ADD_IN, KEY_CREDENTIAL, PASSWORD_CREDENTIAL};
use super::directory::DIRECTORY_OBJECT;

/// `microsoft.graph.servicePrincipal`.
pub(crate) static SERVICE_PRINCIPAL: EntityType = EntityType {
    name: "servicePrincipal",
    base: Some(&DIRECTORY_OBJECT),
    properties: &[
        Property::new("accountEnabled", Type::Boolean),
        Property::new("addIns", Type::Collection(&Type::Complex(&ADD_IN))).required(),
        Property::new("alternativeNames", STRINGS).required(),
        Property::new("appDescription", Type::String).system(),
        Property::new("appDisplayName", Type::String).system(),
        Property::new("appId", Type::String).required(),
        Property::new("applicationTemplateId", Type::String).system(),
        Property::new("appOwnerOrganizationId", Type::Guid).system(),
        Property::new("appRoleAssignmentRequired", Type::Boolean).required(),
        Property::new("appRoles", Type::Collection(&Type::Complex(&APP_ROLE))).required(),
        Property::new("createdByAppId", Type::String).system(),
        Property::new("description", Type::String),
        Property::new("disabledByMicrosoftStatus", Type::String).system(),
        Property::new("displayName", Type::String).required(),
        Property::new("errorUrl", Type::String).system(),
        Property::new("homepage", Type::String),
        Property::new("info", Type::Complex(&INFORMATIONAL_URL)).system(),
        Property::new("isDisabled", Type::Boolean),
        Property::new("keyCredentials", Type::Collection(&Type::Complex(&KEY_CREDENTIAL))).required(),
        Property::new("loginUrl", Type::String),
        Property::new("logoutUrl", Type::String),
        Property::new("notes", Type::String),
        Property::new("notificationEmailAddresses", STRINGS).required(),
        Property::new("passwordCredentials", Type::Collection(&Type::Complex(&PASSWORD_CREDENTIAL)))
            .required()
            .system(),
        Property::new("passwordSingleSignOnSettings", Type::Complex(&PASSWORD_SINGLE_SIGN_ON_SETTINGS)),
        Property::new("preferredSingleSignOnMode", Type::String),
        Property::new("preferredTokenSigningKeyEndDateTime", Type::DateTimeOffset),
        Property::new("preferredTokenSigningKeyThumbprint", Type::String),
        // The second name is that of v1.0.
        Property::new("publishedPermissionScopes", Type::Collection(&Type::Complex(&PERMISSION_SCOPE)))
            .required()
            .system()
            .also(&["oauth2PermissionScopes"]),
        Property::new("publisherName", Type::String).system(),
        Property::new("replyUrls", STRINGS).required(),
        Property::new("samlMetadataUrl", Type::String).system(),
        Property::new("samlSingleSignOnSettings", Type::Complex(&SAML_SINGLE_SIGN_ON_SETTINGS)),
        Property::new("servicePrincipalNames", STRINGS).required(),
        Property::new("servicePrincipalType", Type::String).system(),
        Property::new("signInAudience", Type::Enum(&SIGN_IN_AUDIENCE)).system(),
        Property::new("tags", STRINGS).required(),
        Property::new("tokenEncryptionKeyId", Type::Guid),
        Property::new("verifiedPublisher", Type::Complex(&VERIFIED_PUBLISHER)).system(),
    ],
    navigations: &[
        Navigation::many("appRoleAssignedTo", &APP_ROLE_ASSIGNMENT).contained(),
        Navigation::many("appRoleAssignments", &APP_ROLE_ASSIGNMENT).contained(),
        Navigation::many("owners", &DIRECTORY_OBJECT),
    ],
    alternate_keys: &["appId"],
};

/// `microsoft.graph.passwordSingleSignOnSettings`.
pub(super) static PASSWORD_SINGLE_SIGN_ON_SETTINGS: ComplexType = ComplexType::new(
    "passwordSingleSignOnSettings",
    &[Property::new("fields", Type::Collection(&Type::Complex(&PASSWORD_SINGLE_SIGN_ON_FIELD)))],
);

/// `microsoft.graph.passwordSingleSignOnField`.
pub(super) static PASSWORD_SINGLE_SIGN_ON_FIELD: ComplexType = ComplexType::new(
    "passwordSingleSignOnField",
    &[
        Property::new("customizedLabel", Type::String),
        Property::new("defaultLabel", Type::String),
        Property::new("fieldId", Type::String),
        Property::new("type", Type::String),
    ],
);

/// `microsoft.graph.samlSingleSignOnSettings`.
pub(super) static SAML_SINGLE_SIGN_ON_SETTINGS: ComplexType =
    ComplexType::new("samlSingleSignOnSettings", &[Property::new("relayState", Type::String)]);
