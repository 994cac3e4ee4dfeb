//! What is served: one row for every collection, single-valued navigation, writable property and operation, with what
//! it offers and what it takes to be allowed. Routes, the permission matrix and OpenAPI are made of these rows alone.
//!
//! `P` at the start of a path stands for `onPremisesPublishingProfiles/{profile}`.

mod endpoint;

pub(crate) use endpoint::{Action, Endpoint, Matched, SURFACE, property_start};

use http::Method;

use crate::entities::Entities;
use crate::operation::Operation;
use crate::permission::Permission::{
    self, AssignConnectorGroup as Assign, InstantiateTemplate, ReadApplications, ReadAssignments, ReadAudits,
    ReadConnectors, ReadGroups, ReadProfile, ReadServicePrincipals, ReadUsers, RevokeSessions, WriteApplications,
    WriteAssignments, WriteConnectors, WriteGroups, WriteMembers, WriteProfile, WriteServicePrincipals, WriteUsers,
};
use crate::resource::{
    ALL_GROUPS_OF_GROUP, ALL_GROUPS_OF_GROUP_AS_GROUPS, ALL_GROUPS_OF_USER, ALL_GROUPS_OF_USER_AS_GROUPS,
    APPLICATION_TEMPLATES, APPLICATIONS, APPLICATIONS_OF_GROUP, ASSIGNED_TO, ASSIGNMENTS_OF_GROUP,
    ASSIGNMENTS_OF_PRINCIPAL, ASSIGNMENTS_OF_USER, CONNECTOR_GROUPS, CONNECTORS, CORS_CONFIGURATIONS,
    DELETED_APPLICATIONS, DELETED_ITEMS, DIRECTORY_AUDITS, GROUP_MEMBERS, GROUP_OF_APPLICATION, GROUPS_IN_GROUP,
    GROUPS_OF_CONNECTOR, GROUPS_OF_GROUP, GROUPS_OF_GROUP_AS_GROUPS, GROUPS_OF_MEMBER, GROUPS_OF_USER,
    GROUPS_OF_USER_AS_GROUPS, MEMBERS, MEMBERS_OF_APPLICATION, OWNERS, OWNERS_OF_SERVICE_PRINCIPAL, PROFILES,
    SERVICE_PRINCIPALS, USER_GROUPS, USERS, USERS_IN_GROUP, WEB_SEGMENTS,
};

/// What a collection or a single-valued navigation offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// GET of the collection and of its `$count`.
    List,
    /// GET of one, and of its properties.
    Read,
    /// POST to the collection.
    Create,
    /// PATCH of one.
    Update,
    /// DELETE of one.
    Delete,
    /// GET of `$ref`.
    References,
    /// POST to `$ref`.
    Link,
    /// The same without `$ref`, as scripts of 2016 to 2018 do.
    LinkByEntity,
    /// PUT to `$ref`.
    Set,
    /// PATCH of `$ref`, which some scripts use for PUT.
    SetByPatch,
    /// DELETE of `$ref`, and of `{key}/$ref` in a collection.
    Unlink,
}

/// One row.
pub(crate) enum Row {
    /// A collection, or with `key` empty a single-valued navigation.
    Entities {
        path: &'static str,
        key: &'static str,
        entities: &'static dyn Entities,
        offers: &'static [Offer],
        read: Permission,
        write: Permission,
    },
    /// Anything else that is called by a method on a path.
    Operation { method: Method, path: &'static str, operation: Operation, permission: Permission },
}

const fn row(
    path: &'static str,
    key: &'static str,
    entities: &'static dyn Entities,
    offers: &'static [Offer],
    read: Permission,
    write: Permission,
) -> Row {
    Row::Entities { path, key, entities, offers, read, write }
}

const fn call(method: Method, path: &'static str, operation: Operation, permission: Permission) -> Row {
    Row::Operation { method, path, operation, permission }
}

use Offer::{Create, Delete, Link, LinkByEntity, List, Read, References, Set, SetByPatch, Unlink, Update};

/// Where the segments of an application that is published under a wildcard are.
macro_rules! web_segments {
    ($rest:literal) => {
        concat!(
            "applications/{application}/onPremisesPublishing/segmentsConfiguration",
            "/microsoft.graph.webSegmentConfiguration/applicationSegments",
            $rest
        )
    };
}

/// Every row.
#[rustfmt::skip]
pub(crate) static ROWS: &[Row] = &[
    row("onPremisesPublishingProfiles", "profile", &PROFILES, &[List, Read, Update], ReadProfile, WriteProfile),
    call(Method::PATCH, "P/hybridAgentUpdaterConfiguration", Operation::UpdateUpdater, WriteProfile),

    row("P/connectors", "connector", &CONNECTORS, &[List, Read, Delete], ReadConnectors, WriteConnectors),
    call(Method::POST, "P/connectors/{connector}/adit.drain", Operation::DrainConnector, WriteConnectors),
    call(Method::POST, "P/connectors/{connector}/adit.resume", Operation::ResumeConnector, WriteConnectors),
    call(Method::GET, "P/connectors/{connector}/adit.work()", Operation::ConnectorWork, ReadConnectors),
    row("P/connectors/{connector}/memberOf", "group", &GROUPS_OF_CONNECTOR,
        &[List, Read, References, Link, LinkByEntity, Set, Unlink], ReadConnectors, WriteConnectors),

    row("P/connectorGroups", "group", &CONNECTOR_GROUPS, &[List, Read, Create, Update, Delete], ReadConnectors, WriteConnectors),
    row("P/connectorGroups/{group}/members", "connector", &MEMBERS, &[List, Read, References, Link, Unlink], ReadConnectors, WriteConnectors),
    row("P/connectorGroups/{group}/applications", "application", &APPLICATIONS_OF_GROUP,
        &[List, Read, References, Link, LinkByEntity, Unlink], ReadConnectors, Assign),
    call(Method::GET, "P/connectorGroups/adit.health()", Operation::GroupsHealth, ReadConnectors),
    call(Method::POST, "P/connectorGroups/{group}/adit.createRegistrationToken", Operation::CreateRegistrationToken, WriteConnectors),
    call(Method::GET, "P/connectorGroups/adit.registrationTokens()", Operation::ListRegistrationTokens, ReadConnectors),
    call(Method::POST, "P/connectorGroups/adit.revokeRegistrationToken", Operation::RevokeRegistrationToken, WriteConnectors),

    row("applications", "application", &APPLICATIONS, &[List, Read, Create, Update, Delete], ReadApplications, WriteApplications),
    call(Method::GET, "applications/delta()", Operation::ApplicationsDelta, ReadApplications),
    call(Method::GET, "applications/adit.explain(url='{url}')", Operation::Explain, ReadApplications),
    call(Method::GET, "applications/adit.explain(url='{url}',user='{user}')", Operation::Explain, ReadApplications),
    call(Method::GET, "applications/adit.explain(url='{url}',user='{user}',groups='{groups}')",
        Operation::Explain, ReadApplications),
    call(Method::GET, "applications/adit.health()", Operation::ApplicationsHealth, ReadApplications),
    call(Method::GET, "applications/{application}/adit.health()", Operation::ApplicationHealth, ReadApplications),
    call(Method::PATCH, "applications/{application}/onPremisesPublishing", Operation::UpdatePublishing, WriteApplications),
    call(Method::DELETE, "applications/{application}/onPremisesPublishing", Operation::DeletePublishing, WriteApplications),
    call(Method::POST, "applications/{application}/addPassword", Operation::AddApplicationPassword, WriteApplications),
    call(Method::POST, "applications/{application}/removePassword", Operation::RemoveApplicationPassword, WriteApplications),
    call(Method::POST, "applications/{application}/adit.revokeSessions", Operation::RevokeApplicationSessions, WriteApplications),
    row(web_segments!(""), "segment", &WEB_SEGMENTS, &[List, Read, Create, Update, Delete], ReadApplications, WriteApplications),
    row(web_segments!("/{segment}/corsConfigurations"), "cors", &CORS_CONFIGURATIONS,
        &[List, Read, Create, Update, Delete], ReadApplications, WriteApplications),
    row("applications/{application}/owners", "owner", &OWNERS, &[List, Read, References, Link, Unlink], ReadApplications, WriteApplications),
    row("applications/{application}/connectorGroup", "", &GROUP_OF_APPLICATION,
        &[Read, References, Link, Set, SetByPatch, Unlink], ReadConnectors, Assign),
    row("applications/{application}/connectorGroup/members", "connector", &MEMBERS_OF_APPLICATION,
        &[List, Read, References, Link], ReadConnectors, WriteConnectors),
    row("applications/{application}/connectorGroup/members/{connector}/memberOf", "group", &GROUPS_OF_MEMBER,
        &[List, Link], ReadConnectors, WriteConnectors),

    row("applicationTemplates", "template", &APPLICATION_TEMPLATES, &[List, Read], ReadApplications, WriteApplications),
    call(Method::POST, "applicationTemplates/{template}/instantiate", Operation::InstantiateTemplate, InstantiateTemplate),

    row("servicePrincipals", "servicePrincipal", &SERVICE_PRINCIPALS, &[List, Read, Create, Update, Delete],
        ReadServicePrincipals, WriteServicePrincipals),
    call(Method::POST, "servicePrincipals/{servicePrincipal}/addPassword",
        Operation::AddServicePrincipalPassword, WriteServicePrincipals),
    call(Method::POST, "servicePrincipals/{servicePrincipal}/removePassword",
        Operation::RemoveServicePrincipalPassword, WriteServicePrincipals),
    row("servicePrincipals/{servicePrincipal}/appRoleAssignedTo", "assignment", &ASSIGNED_TO,
        &[List, Read, Create, Delete], ReadAssignments, WriteAssignments),
    row("servicePrincipals/{servicePrincipal}/appRoleAssignments", "assignment", &ASSIGNMENTS_OF_PRINCIPAL,
        &[List, Read, Create, Delete], ReadAssignments, WriteAssignments),
    row("servicePrincipals/{servicePrincipal}/owners", "owner", &OWNERS_OF_SERVICE_PRINCIPAL,
        &[List, Read, References], ReadServicePrincipals, WriteServicePrincipals),

    row("users", "user", &USERS, &[List, Read, Create, Update, Delete], ReadUsers, WriteUsers),
    call(Method::POST, "users/{user}/revokeSignInSessions", Operation::RevokeSessions, RevokeSessions),
    row("users/{user}/memberOf", "userGroup", &GROUPS_OF_USER, &[List], ReadGroups, WriteMembers),
    row("users/{user}/transitiveMemberOf", "userGroup", &ALL_GROUPS_OF_USER, &[List], ReadGroups, WriteMembers),
    row("groups", "userGroup", &USER_GROUPS, &[List, Read, Create, Update, Delete], ReadGroups, WriteGroups),
    row("groups/{userGroup}/members", "member", &GROUP_MEMBERS, &[List, Read, References, Link, Unlink], ReadGroups, WriteMembers),
    row("groups/{userGroup}/memberOf", "outerGroup", &GROUPS_OF_GROUP, &[List], ReadGroups, WriteMembers),
    row("groups/{userGroup}/transitiveMemberOf", "outerGroup", &ALL_GROUPS_OF_GROUP, &[List], ReadGroups, WriteMembers),
    row("groups/{userGroup}/members/microsoft.graph.user", "member", &USERS_IN_GROUP, &[List], ReadGroups, WriteMembers),
    row("groups/{userGroup}/members/microsoft.graph.group", "member", &GROUPS_IN_GROUP, &[List], ReadGroups, WriteMembers),
    row("users/{user}/memberOf/microsoft.graph.group", "outerGroup", &GROUPS_OF_USER_AS_GROUPS, &[List], ReadGroups, WriteMembers),
    row("users/{user}/transitiveMemberOf/microsoft.graph.group", "outerGroup", &ALL_GROUPS_OF_USER_AS_GROUPS, &[List],
        ReadGroups, WriteMembers),
    row("groups/{userGroup}/memberOf/microsoft.graph.group", "outerGroup", &GROUPS_OF_GROUP_AS_GROUPS, &[List],
        ReadGroups, WriteMembers),
    row("groups/{userGroup}/transitiveMemberOf/microsoft.graph.group", "outerGroup", &ALL_GROUPS_OF_GROUP_AS_GROUPS, &[List],
        ReadGroups, WriteMembers),
    row("users/{user}/appRoleAssignments", "assignment", &ASSIGNMENTS_OF_USER,
        &[List, Read, Create, Delete], ReadAssignments, WriteAssignments),
    row("groups/{userGroup}/appRoleAssignments", "assignment", &ASSIGNMENTS_OF_GROUP,
        &[List, Read, Create, Delete], ReadAssignments, WriteAssignments),

    row("auditLogs/directoryAudits", "audit", &DIRECTORY_AUDITS, &[List, Read], ReadAudits, ReadAudits),

    row("directory/deletedItems", "item", &DELETED_ITEMS, &[Read, Delete], ReadApplications, WriteApplications),
    row("directory/deletedItems/microsoft.graph.application", "item", &DELETED_APPLICATIONS,
        &[List, Read, Delete], ReadApplications, WriteApplications),
    call(Method::POST, "directory/deletedItems/{item}/restore", Operation::RestoreDeletedItem, WriteApplications),
];
