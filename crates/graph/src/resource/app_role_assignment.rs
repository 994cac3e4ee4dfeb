//! App role assignments: who may use an application, seen from the application and from the assigned.

use adit_control::NewAppRoleAssignment;
use adit_core::query::{AppRoleAssignmentField, Expression, Field, Value as Asked};
use adit_core::{API_APP_ID, AppRoleAssignment, AppRoleAssignmentId, PrincipalId, PrincipalKind, ServicePrincipalId};
use adit_odata::document::Entity;
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::if_match::etag;
use crate::model::APP_ROLE_ASSIGNMENT;
use crate::permission::Permission;
use crate::scope::Scope;

/// `servicePrincipals/{servicePrincipal}/appRoleAssignedTo`.
pub(crate) static ASSIGNED_TO: AssignedTo = AssignedTo;

/// `servicePrincipals/{servicePrincipal}/appRoleAssignments`.
pub(crate) static ASSIGNMENTS_OF_PRINCIPAL: AssignmentsOf = AssignmentsOf(PrincipalKind::ServicePrincipal);

/// `users/{user}/appRoleAssignments`.
pub(crate) static ASSIGNMENTS_OF_USER: AssignmentsOf = AssignmentsOf(PrincipalKind::User);

/// `groups/{userGroup}/appRoleAssignments`.
pub(crate) static ASSIGNMENTS_OF_GROUP: AssignmentsOf = AssignmentsOf(PrincipalKind::Group);

/// Who is assigned to a service principal.
pub(crate) struct AssignedTo;

/// What a principal of that kind is assigned to.
pub(crate) struct AssignmentsOf(PrincipalKind);

#[async_trait]
impl Entities for AssignedTo {
    fn kind(&self) -> &'static EntityType {
        &APP_ROLE_ASSIGNMENT
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let resource = scope.service_principal(&call.control).await?.id;
        list_where(call, listing, AppRoleAssignmentField::Resource, resource.to_string()).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&self.find(call, scope).await?))
    }

    async fn create(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let resource = scope.service_principal_id(&call.control).await?;
        let wanted = Wanted::of(&body)?;
        // The how-to names another service principal in the body than in the path; the body is what is meant.
        let resource = wanted.resource.unwrap_or(resource);
        let principal = wanted.principal.ok_or_else(|| required("principalId"))?;
        assign(call, wanted.app_role, resource, principal, wanted.kind).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        unassign(call, self.find(call, scope).await?).await
    }
}

impl AssignedTo {
    async fn find(&self, call: &Call, scope: &Scope) -> Result<AppRoleAssignment, GraphError> {
        let resource = scope.service_principal_id(&call.control).await?;
        let found = assignment(call, scope).await?;
        if found.resource == resource { Ok(found) } else { Err(GraphError::no_such_resource(&found.id.to_string())) }
    }
}

#[async_trait]
impl Entities for AssignmentsOf {
    fn kind(&self) -> &'static EntityType {
        &APP_ROLE_ASSIGNMENT
    }

    async fn list(&self, call: &Call, scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let principal = self.principal(call, scope).await?;
        list_where(call, listing, AppRoleAssignmentField::Principal, principal.to_string()).await
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        Ok(entity(&self.find(call, scope).await?))
    }

    async fn create(&self, call: &Call, scope: &Scope, body: Map<String, Value>) -> Result<Entity, GraphError> {
        let own = self.principal(call, scope).await?;
        let wanted = Wanted::of(&body)?;
        let resource = wanted.resource.ok_or_else(|| required("resourceId"))?;
        // The how-to posts here with the user's id in the body and a service principal in the path.
        let (principal, kind) = match wanted.principal {
            Some(other) if other != own => (other, wanted.kind),
            _ => (own, Some(self.0)),
        };
        assign(call, wanted.app_role, resource, principal, kind).await
    }

    async fn delete(&self, call: &Call, scope: &Scope) -> Result<(), GraphError> {
        unassign(call, self.find(call, scope).await?).await
    }
}

impl AssignmentsOf {
    /// Users and groups may be an issuer's own: any id is one.
    async fn principal(&self, call: &Call, scope: &Scope) -> Result<PrincipalId, GraphError> {
        Ok(match self.0 {
            PrincipalKind::ServicePrincipal => scope.service_principal(&call.control).await?.id.into(),
            PrincipalKind::User => PrincipalId::new(scope.user_id(&call.control).await?.uuid()),
            PrincipalKind::Group => PrincipalId::new(scope.user_group()?.uuid()),
        })
    }

    async fn find(&self, call: &Call, scope: &Scope) -> Result<AppRoleAssignment, GraphError> {
        let principal = self.principal(call, scope).await?;
        let found = assignment(call, scope).await?;
        if found.principal == principal { Ok(found) } else { Err(GraphError::no_such_resource(&found.id.to_string())) }
    }
}

/// What a body asks for.
struct Wanted {
    app_role: Uuid,
    principal: Option<PrincipalId>,
    resource: Option<ServicePrincipalId>,
    /// Graph sets it; of principals of another issuer nobody but the caller knows it.
    kind: Option<PrincipalKind>,
}

impl Wanted {
    fn of(body: &Map<String, Value>) -> Result<Self, GraphError> {
        let uuid = |name: &str| body.get(name).and_then(Value::as_str).and_then(|text| Uuid::try_parse(text).ok());
        Ok(Self {
            app_role: uuid("appRoleId").ok_or_else(|| required("appRoleId"))?,
            principal: uuid("principalId").map(PrincipalId::new),
            resource: uuid("resourceId").map(ServicePrincipalId::new),
            kind: body.get("principalType").and_then(Value::as_str).and_then(kind_of),
        })
    }
}

async fn assign(
    call: &Call,
    app_role: Uuid,
    resource: ServicePrincipalId,
    principal: PrincipalId,
    principal_kind: Option<PrincipalKind>,
) -> Result<Entity, GraphError> {
    check_may_assign(call, resource).await?;
    let new = NewAppRoleAssignment { resource, principal, principal_kind, principal_name: None, app_role };
    Ok(entity(&call.control.assign_app_role(&call.context, new).await?))
}

async fn unassign(call: &Call, assignment: AppRoleAssignment) -> Result<(), GraphError> {
    check_may_assign(call, assignment.resource).await?;
    Ok(call.control.unassign_app_role(&call.context, call.at(assignment.id)).await?)
}

/// Roles of the API itself say who may what in this directory: who administers applications does not give or take them.
async fn check_may_assign(call: &Call, resource: ServicePrincipalId) -> Result<(), GraphError> {
    let resource = call.control.service_principal(resource).await?;
    if resource.app_id == API_APP_ID { call.require(Permission::AssignApiRoles) } else { Ok(()) }
}

async fn list_where(
    call: &Call,
    listing: &Listing<'_>,
    field: AppRoleAssignmentField,
    id: String,
) -> Result<Listed, GraphError> {
    let only = Expression::equal(Field::AppRoleAssignment(field), Asked::Text(id));
    let question = listing.question(&APP_ROLE_ASSIGNMENT)?.narrowed(only);
    let page = call.control.list_app_role_assignments(&question).await?;
    Ok(listing.page(page, entity))
}

async fn assignment(call: &Call, scope: &Scope) -> Result<AppRoleAssignment, GraphError> {
    let text = scope.id("assignment")?;
    let id: AppRoleAssignmentId = text.parse().map_err(|_| GraphError::no_such_resource(text))?;
    Ok(call.control.app_role_assignment(id).await?)
}

fn entity(assignment: &AppRoleAssignment) -> Entity {
    let created = format!("{:.7}", assignment.created);
    let kind = type_of(assignment.principal_kind);
    let properties = Map::from_iter([
        ("id".to_owned(), assignment.id.to_string().into()),
        ("deletedDateTime".to_owned(), Value::Null),
        ("appRoleId".to_owned(), assignment.app_role.to_string().into()),
        // One is the name in beta, the other in v1.0.
        ("createdDateTime".to_owned(), created.clone().into()),
        ("creationTimestamp".to_owned(), created.into()),
        ("principalDisplayName".to_owned(), assignment.principal_name.clone().into()),
        ("principalId".to_owned(), assignment.principal.to_string().into()),
        ("principalType".to_owned(), kind.into()),
        ("resourceDisplayName".to_owned(), assignment.resource_name.clone().into()),
        ("resourceId".to_owned(), assignment.resource.to_string().into()),
    ]);
    Entity {
        kind: &APP_ROLE_ASSIGNMENT,
        properties,
        etag: Some(etag(assignment.revision)),
        path: format!("servicePrincipals/{}/appRoleAssignedTo/{}", assignment.resource, assignment.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

/// The kinds of principals in Graph's spelling.
pub(super) const fn type_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "User",
        PrincipalKind::Group => "Group",
        PrincipalKind::ServicePrincipal => "ServicePrincipal",
    }
}

fn kind_of(text: &str) -> Option<PrincipalKind> {
    use PrincipalKind::{Group, ServicePrincipal, User};
    [User, Group, ServicePrincipal].into_iter().find(|kind| type_of(*kind).eq_ignore_ascii_case(text))
}

fn required(property: &str) -> GraphError {
    GraphError::invalid(format!("A value is required for property '{property}' of resource 'AppRoleAssignment'."))
}
