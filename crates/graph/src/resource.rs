//! What each type of the API does in the directory: its spelling, and the use cases behind it.

mod app_role_assignment;
pub(crate) mod application;
pub(crate) mod application_template;
pub(crate) mod attribute;
mod certificate;
pub(crate) mod client_secret;
mod connector;
mod connector_group;
pub(crate) mod deleted_item;
pub(crate) mod delta;
pub(crate) mod directory_audit;
pub(crate) mod drain;
pub(crate) mod explanation;
pub(crate) mod health;
mod linked;
mod owner;
pub(crate) mod profile;
pub(crate) mod publishing;
mod publishing_settings;
pub(crate) mod registration_token;
mod segment;
pub(crate) mod service_principal;
pub(crate) mod user;
pub(crate) mod user_group;

pub(crate) use app_role_assignment::{
    ASSIGNED_TO, ASSIGNMENTS_OF_GROUP, ASSIGNMENTS_OF_PRINCIPAL, ASSIGNMENTS_OF_USER,
};
pub(crate) use application::{APPLICATIONS, APPLICATIONS_OF_GROUP};
pub(crate) use application_template::APPLICATION_TEMPLATES;
pub(crate) use connector::{CONNECTORS, MEMBERS, MEMBERS_OF_APPLICATION};
pub(crate) use connector_group::{CONNECTOR_GROUPS, GROUP_OF_APPLICATION, GROUPS_OF_CONNECTOR, GROUPS_OF_MEMBER};
pub(crate) use deleted_item::{DELETED_APPLICATIONS, DELETED_ITEMS};
pub(crate) use directory_audit::DIRECTORY_AUDITS;
pub(crate) use owner::{OWNERS, OWNERS_OF_SERVICE_PRINCIPAL};
pub(crate) use profile::PROFILES;
pub(crate) use segment::{CORS_CONFIGURATIONS, WEB_SEGMENTS};
pub(crate) use service_principal::SERVICE_PRINCIPALS;
pub(crate) use user::USERS;
pub(crate) use user_group::{
    ALL_GROUPS_OF_GROUP, ALL_GROUPS_OF_GROUP_AS_GROUPS, ALL_GROUPS_OF_USER, ALL_GROUPS_OF_USER_AS_GROUPS,
    GROUP_MEMBERS, GROUPS_IN_GROUP, GROUPS_OF_GROUP, GROUPS_OF_GROUP_AS_GROUPS, GROUPS_OF_USER,
    GROUPS_OF_USER_AS_GROUPS, USER_GROUPS, USERS_IN_GROUP,
};
