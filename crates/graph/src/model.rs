//! The entity model of the application-proxy API (contract sections 1 and 8), declared once.
//!
//! Paths, queries, bodies, answers, `$metadata` and OpenAPI are made from it. Here are spellings, types and who sets
//! what; what a value means is in the file of its resource. The order is that of the schema. A value that can never be
//! `null` here is declared so, also where the schema leaves it open.

use adit_odata::model::{
    BoundTo, EntitySet, Model, Operation, OperationKind, Property, Returns, RootAlias, Singleton, Type,
};

mod adit;
mod api;
mod app_role;
mod application;
mod application_template;
mod connector;
mod connector_group;
mod context;
mod credential;
mod directory;
mod directory_audit;
mod health;
mod profile;
mod publishing;
mod segment;
mod service_principal;
mod single_sign_on;
mod user;
mod web;

#[cfg(test)]
pub(crate) mod not_served;

pub(crate) use adit::{
    CONNECTOR_WORK, EXPLANATION, OPEN_REGISTRATION_TOKENS, PUBLISHING_SETTINGS, REGISTRATION_TOKEN,
    REGISTRATION_TOKEN_PARAMETERS,
};
use adit::{
    EXPLAIN_PARAMETERS, EXPLAINED_ACCESS, EXPLAINED_ASSIGNMENT, EXPLAINED_CANDIDATE, EXPLAINED_CONNECTOR,
    EXPLAINED_USER, HEADER_FIELD, OPEN_REGISTRATION_TOKEN, PAST_FAILURE, REVOKE_PARAMETERS,
};
pub(crate) use app_role::APP_ROLE_ASSIGNMENT;
pub(crate) use application::APPLICATION;
pub(crate) use application_template::{APPLICATION_SERVICE_PRINCIPAL, APPLICATION_TEMPLATE};
pub(crate) use connector::CONNECTOR;
pub(crate) use connector_group::CONNECTOR_GROUP;
pub(crate) use context::context_of;
pub(crate) use credential::PASSWORD_CREDENTIAL;
use credential::{ADD_PASSWORD_PARAMETERS, REMOVE_PASSWORD_PARAMETERS};
pub(crate) use directory::{DIRECTORY, DIRECTORY_OBJECT};
pub(crate) use directory_audit::{AUDIT_LOG_ROOT, DIRECTORY_AUDIT};
pub(crate) use health::{APPLICATION_HEALTH, APPLICATIONS_HEALTH, GROUPS_HEALTH};
use health::{APPLICATION_IN_TROUBLE, CONNECTOR_HEALTH, GROUP_HEALTH, UNREACHED, UPSTREAM_SIGHTING};
pub(crate) use profile::{PROFILE, UPDATER_CONFIGURATION};
pub(crate) use publishing::PUBLISHING;
pub(crate) use segment::{CORS_CONFIGURATION, WEB_APPLICATION_SEGMENT};
pub(crate) use service_principal::SERVICE_PRINCIPAL;
pub(crate) use user::{GROUP, USER};

/// The id of the one publishing profile.
pub(crate) const PROFILE_ID: &str = "applicationProxy";

/// Its path, as it is written in URLs.
pub(crate) const PROFILE_PATH: &str = "onPremisesPublishingProfiles/applicationProxy";

/// The same in context URLs, where keys stand in parentheses.
const PROFILE_CONTEXT: &str = "onPremisesPublishingProfiles('applicationProxy')";

const STRINGS: Type = Type::Collection(&Type::String);
const GUIDS: Type = Type::Collection(&Type::Guid);

/// Everything there is.
pub static MODEL: Model = Model {
    namespace: NAMESPACE,
    alias: "graph",
    enum_types: &[
        &connector::CONNECTOR_STATUS,
        &connector_group::CONNECTOR_GROUP_TYPE,
        &connector_group::CONNECTOR_GROUP_REGION,
        &application::WEAK_ALGORITHMS,
        &application::NATIVE_AUTHENTICATION_APIS_ENABLED,
        &application::SIGN_IN_AUDIENCE,
        &publishing::EXTERNAL_AUTHENTICATION_TYPE,
        &publishing::TRAFFIC_ROUTING_METHOD,
        &publishing::SERVER_TIMEOUT,
        &single_sign_on::SINGLE_SIGN_ON_MODE,
        &single_sign_on::KERBEROS_SIGN_ON_MAPPING_ATTRIBUTE_TYPE,
        &app_role::PRINCIPAL_TYPE,
        &application_template::URI_USAGE_TYPE,
        &directory_audit::OPERATION_RESULT,
        &directory_audit::GROUP_TYPE,
    ],
    complex_types: &[
        &UPDATER_CONFIGURATION,
        &profile::UPDATE_WINDOW,
        &application::AUTHENTICATION_BEHAVIORS,
        &application::INFORMATIONAL_URL,
        &application::OPTIONAL_CLAIM,
        &application::OPTIONAL_CLAIMS,
        &application::PARENTAL_CONTROL_SETTINGS,
        &application::REQUEST_SIGNATURE_VERIFICATION,
        &application::SERVICE_PRINCIPAL_LOCK_CONFIGURATION,
        &application::VERIFIED_PUBLISHER,
        &web::WEB_APPLICATION,
        &web::IMPLICIT_GRANT_SETTINGS,
        &web::SPA_APPLICATION,
        &web::PUBLIC_CLIENT_APPLICATION,
        &web::REDIRECT_URI_SETTINGS,
        &api::API_APPLICATION,
        &api::PERMISSION_SCOPE,
        &api::PRE_AUTHORIZED_APPLICATION,
        &api::REQUIRED_RESOURCE_ACCESS,
        &api::RESOURCE_ACCESS,
        &credential::KEY_CREDENTIAL,
        &PASSWORD_CREDENTIAL,
        &credential::ADD_IN,
        &credential::KEY_VALUE,
        &PUBLISHING,
        &publishing::CERTIFICATE_METADATA,
        &publishing::DICTIONARY,
        &publishing::WAF_ALLOWED_HEADERS,
        &publishing::IP_RANGE,
        &publishing::IPV4_CIDR_RANGE,
        &publishing::IPV4_RANGE,
        &publishing::IPV6_CIDR_RANGE,
        &publishing::IPV6_RANGE,
        &segment::ON_PREMISES_APPLICATION_SEGMENT,
        &segment::SEGMENT_CORS_CONFIGURATION,
        &segment::SEGMENT_CONFIGURATION,
        &segment::WEB_SEGMENT_CONFIGURATION,
        &single_sign_on::SINGLE_SIGN_ON,
        &single_sign_on::KERBEROS_SIGN_ON_SETTINGS,
        &service_principal::PASSWORD_SINGLE_SIGN_ON_SETTINGS,
        &service_principal::PASSWORD_SINGLE_SIGN_ON_FIELD,
        &service_principal::SAML_SINGLE_SIGN_ON_SETTINGS,
        &app_role::APP_ROLE,
        &application_template::CONFIGURATION_URI,
        &application_template::INFORMATIONAL_URLS,
        &application_template::SUPPORTED_CLAIM_CONFIGURATION,
        &APPLICATION_SERVICE_PRINCIPAL,
        &directory_audit::AUDIT_ACTIVITY_INITIATOR,
        &directory_audit::APP_IDENTITY,
        &directory_audit::IDENTITY,
        &directory_audit::USER_IDENTITY,
        &directory_audit::TARGET_RESOURCE,
        &directory_audit::MODIFIED_PROPERTY,
        &user::PASSWORD_PROFILE,
    ],
    entity_types: &[
        &PROFILE,
        &CONNECTOR,
        &CONNECTOR_GROUP,
        &APPLICATION,
        &WEB_APPLICATION_SEGMENT,
        &CORS_CONFIGURATION,
        &SERVICE_PRINCIPAL,
        &APP_ROLE_ASSIGNMENT,
        &APPLICATION_TEMPLATE,
        &AUDIT_LOG_ROOT,
        &DIRECTORY_AUDIT,
        &DIRECTORY,
        &DIRECTORY_OBJECT,
        &USER,
        &GROUP,
        &segment::APPLICATION_SEGMENT,
        &directory::ENTITY,
    ],
    foreign_complex_types: &[
        ("adit", &REGISTRATION_TOKEN),
        ("adit", &OPEN_REGISTRATION_TOKEN),
        ("adit", &OPEN_REGISTRATION_TOKENS),
        ("adit", &PUBLISHING_SETTINGS),
        ("adit", &adit::SIGN_ON_HEADER),
        ("adit", &adit::CONNECTOR_CARE),
        ("adit", &CONNECTOR_WORK),
        ("adit", &EXPLANATION),
        ("adit", &EXPLAINED_CANDIDATE),
        ("adit", &EXPLAINED_CONNECTOR),
        ("adit", &EXPLAINED_USER),
        ("adit", &EXPLAINED_ACCESS),
        ("adit", &EXPLAINED_ASSIGNMENT),
        ("adit", &HEADER_FIELD),
        ("adit", &PAST_FAILURE),
        ("adit", &GROUPS_HEALTH),
        ("adit", &GROUP_HEALTH),
        ("adit", &CONNECTOR_HEALTH),
        ("adit", &APPLICATIONS_HEALTH),
        ("adit", &APPLICATION_IN_TROUBLE),
        ("adit", &APPLICATION_HEALTH),
        ("adit", &UPSTREAM_SIGHTING),
        ("adit", &UNREACHED),
    ],
    entity_sets: &[
        EntitySet { name: "onPremisesPublishingProfiles", entity_type: &PROFILE },
        EntitySet { name: "applications", entity_type: &APPLICATION },
        EntitySet { name: "servicePrincipals", entity_type: &SERVICE_PRINCIPAL },
        EntitySet { name: "applicationTemplates", entity_type: &APPLICATION_TEMPLATE },
        EntitySet { name: "users", entity_type: &USER },
        EntitySet { name: "groups", entity_type: &GROUP },
        // Known so that references to them can be read; nothing is served there.
        EntitySet { name: "directoryObjects", entity_type: &DIRECTORY_OBJECT },
    ],
    singletons: &[
        Singleton { name: "directory", entity_type: &DIRECTORY },
        Singleton { name: "auditLogs", entity_type: &AUDIT_LOG_ROOT },
    ],
    operations: OPERATIONS,
    root_aliases: &[
        RootAlias { segment: "connectors", path: "onPremisesPublishingProfiles/applicationProxy/connectors" },
        RootAlias { segment: "connector", path: "onPremisesPublishingProfiles/applicationProxy/connectors" },
        RootAlias { segment: "connectorGroups", path: "onPremisesPublishingProfiles/applicationProxy/connectorGroups" },
    ],
};

const NAMESPACE: &str = "microsoft.graph";

const OPERATIONS: &[Operation] = &[
    Operation {
        namespace: NAMESPACE,
        name: "instantiate",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&APPLICATION_TEMPLATE),
        parameters: &[
            Property::new("displayName", Type::String),
            Property::new("serviceManagementReference", Type::String),
        ],
        returns: Returns::Value(Type::Complex(&APPLICATION_SERVICE_PRINCIPAL)),
    },
    Operation {
        namespace: NAMESPACE,
        name: "delta",
        kind: OperationKind::Function,
        bound_to: BoundTo::Collection(&APPLICATION),
        parameters: &[],
        returns: Returns::Entities(&APPLICATION),
    },
    Operation {
        namespace: NAMESPACE,
        name: "restore",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&DIRECTORY_OBJECT),
        parameters: &[],
        returns: Returns::Entity(&DIRECTORY_OBJECT),
    },
    Operation {
        namespace: NAMESPACE,
        name: "addPassword",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&APPLICATION),
        parameters: ADD_PASSWORD_PARAMETERS,
        returns: Returns::Value(Type::Complex(&PASSWORD_CREDENTIAL)),
    },
    Operation {
        namespace: NAMESPACE,
        name: "removePassword",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&APPLICATION),
        parameters: REMOVE_PASSWORD_PARAMETERS,
        returns: Returns::Nothing,
    },
    Operation {
        namespace: NAMESPACE,
        name: "addPassword",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&SERVICE_PRINCIPAL),
        parameters: ADD_PASSWORD_PARAMETERS,
        returns: Returns::Value(Type::Complex(&PASSWORD_CREDENTIAL)),
    },
    Operation {
        namespace: NAMESPACE,
        name: "removePassword",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&SERVICE_PRINCIPAL),
        parameters: REMOVE_PASSWORD_PARAMETERS,
        returns: Returns::Nothing,
    },
    Operation {
        namespace: NAMESPACE,
        name: "revokeSignInSessions",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&USER),
        parameters: &[],
        returns: Returns::Value(Type::Boolean),
    },
    Operation {
        namespace: "adit",
        name: "revokeSessions",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&APPLICATION),
        parameters: &[],
        returns: Returns::Nothing,
    },
    Operation {
        namespace: "adit",
        name: "createRegistrationToken",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&CONNECTOR_GROUP),
        parameters: REGISTRATION_TOKEN_PARAMETERS,
        returns: Returns::Value(Type::Complex(&REGISTRATION_TOKEN)),
    },
    Operation {
        namespace: "adit",
        name: "registrationTokens",
        kind: OperationKind::Function,
        bound_to: BoundTo::Collection(&CONNECTOR_GROUP),
        parameters: &[],
        returns: Returns::Value(Type::Complex(&OPEN_REGISTRATION_TOKENS)),
    },
    Operation {
        namespace: "adit",
        name: "revokeRegistrationToken",
        kind: OperationKind::Action,
        bound_to: BoundTo::Collection(&CONNECTOR_GROUP),
        parameters: REVOKE_PARAMETERS,
        returns: Returns::Nothing,
    },
    Operation {
        namespace: "adit",
        name: "drain",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&CONNECTOR),
        parameters: &[],
        returns: Returns::Nothing,
    },
    Operation {
        namespace: "adit",
        name: "resume",
        kind: OperationKind::Action,
        bound_to: BoundTo::Entity(&CONNECTOR),
        parameters: &[],
        returns: Returns::Nothing,
    },
    Operation {
        namespace: "adit",
        name: "work",
        kind: OperationKind::Function,
        bound_to: BoundTo::Entity(&CONNECTOR),
        parameters: &[],
        returns: Returns::Value(Type::Complex(&CONNECTOR_WORK)),
    },
    Operation {
        namespace: "adit",
        name: "explain",
        kind: OperationKind::Function,
        bound_to: BoundTo::Collection(&APPLICATION),
        parameters: EXPLAIN_PARAMETERS,
        returns: Returns::Value(Type::Complex(&EXPLANATION)),
    },
    Operation {
        namespace: "adit",
        name: "health",
        kind: OperationKind::Function,
        bound_to: BoundTo::Collection(&CONNECTOR_GROUP),
        parameters: &[],
        returns: Returns::Value(Type::Complex(&GROUPS_HEALTH)),
    },
    Operation {
        namespace: "adit",
        name: "health",
        kind: OperationKind::Function,
        bound_to: BoundTo::Collection(&APPLICATION),
        parameters: &[],
        returns: Returns::Value(Type::Complex(&APPLICATIONS_HEALTH)),
    },
    Operation {
        namespace: "adit",
        name: "health",
        kind: OperationKind::Function,
        bound_to: BoundTo::Entity(&APPLICATION),
        parameters: &[],
        returns: Returns::Value(Type::Complex(&APPLICATION_HEALTH)),
    },
];
