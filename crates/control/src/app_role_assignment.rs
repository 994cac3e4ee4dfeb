//! App role assignments: who may use an application, in which of its app roles.

use adit_core::audit::Activity;
use adit_core::query::{Page, Query};
use adit_core::service_principal::{effective_app_roles, is_assignable};
use adit_core::{
    AppRoleAssignment, AppRoleAssignmentId, OperationContext, PrincipalId, PrincipalKind, Revision, ServicePrincipal,
    ServicePrincipalId, UserGroupId, UserId,
};
use adit_store::WriteTransaction;
use uuid::Uuid;

use crate::audit;
use crate::control_plane::{ControlPlane, Principals};
use crate::error::Error;
use crate::service_principal;
use crate::target::Target;

/// An assignment to make.
#[derive(Debug, Clone)]
pub struct NewAppRoleAssignment {
    /// To what.
    pub resource: ServicePrincipalId,
    /// Who is assigned.
    pub principal: PrincipalId,
    /// What kind of principal that is. What the directory has under that id it knows itself; of another issuer's a user if
    /// it is not said.
    pub principal_kind: Option<PrincipalKind>,
    /// The name of a user or a group of another issuer; those of this directory have their own.
    pub principal_name: Option<String>,
    /// In which role; [`adit_core::app_role_assignment::DEFAULT_ACCESS`] for none in particular.
    pub app_role: Uuid,
}

impl ControlPlane {
    /// One page of the app role assignments.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list_app_role_assignments(&self, query: &Query) -> Result<Page<AppRoleAssignment>, Error> {
        Ok(self.store().list_app_role_assignments(query).await?)
    }

    /// One app role assignment.
    ///
    /// # Errors
    /// [`Error::AppRoleAssignmentNotFound`], [`Error::Store`].
    pub async fn app_role_assignment(&self, id: AppRoleAssignmentId) -> Result<AppRoleAssignment, Error> {
        self.store().find_app_role_assignment(id).await?.ok_or(Error::AppRoleAssignmentNotFound(id))
    }

    /// Assigns a principal to an application in one of its app roles.
    ///
    /// # Errors
    /// [`Error::ServicePrincipalNotFound`] of the resource, or of a principal that is said to be one;
    /// [`Error::PrincipalNotFound`] where only this directory's own can be assigned; [`Error::NoSuchAppRole`],
    /// [`Error::AppRoleAssigned`], [`Error::Store`].
    pub async fn assign_app_role(
        &self,
        context: &OperationContext,
        new: NewAppRoleAssignment,
    ) -> Result<AppRoleAssignment, Error> {
        let mut change = self.store().begin().await?;
        let resource = service_principal::load(&mut change, new.resource).await?;
        if change.find_assignment_between(new.resource, new.principal, new.app_role).await?.is_some() {
            let NewAppRoleAssignment { resource, principal, app_role, .. } = new;
            return Err(Error::AppRoleAssigned { resource, principal, app_role });
        }
        let (kind, own_name) = kind_and_name(&mut change, self.principals(), new.principal, new.principal_kind).await?;
        check_role(&mut change, &resource, new.app_role, kind).await?;
        let mut assignment = AppRoleAssignment {
            id: AppRoleAssignmentId::new(Uuid::now_v7()),
            app_role: new.app_role,
            principal: new.principal,
            principal_kind: kind,
            principal_name: own_name.or(new.principal_name),
            resource: resource.id,
            resource_name: resource.display_name.into(),
            created: self.now(),
            revision: Revision::default(),
        };
        change.insert_app_role_assignment(&mut assignment).await?;
        let detail = audit::change(None, Some(audit::app_role_assignment(&assignment)));
        change.append_audit(self.record(context, Activity::AssignAppRole, assignment.id, detail));
        self.commit(change).await?;
        Ok(assignment)
    }

    /// Takes an assignment back.
    ///
    /// # Errors
    /// [`Error::AppRoleAssignmentNotFound`], [`Error::ChangedMeanwhile`], [`Error::Store`].
    pub async fn unassign_app_role(
        &self,
        context: &OperationContext,
        target: impl Into<Target<AppRoleAssignmentId>>,
    ) -> Result<(), Error> {
        let target = target.into();
        let mut change = self.store().begin().await?;
        let found = change.find_app_role_assignment(target.id).await?;
        let assignment = found.ok_or(Error::AppRoleAssignmentNotFound(target.id))?;
        target.expected.check(assignment.revision)?;
        change.delete_app_role_assignment(assignment.id).await?;
        let detail = audit::change(Some(audit::app_role_assignment(&assignment)), None);
        change.append_audit(self.record(context, Activity::UnassignAppRole, assignment.id, detail));
        self.commit(change).await
    }
}

async fn check_role(
    change: &mut WriteTransaction,
    resource: &ServicePrincipal,
    app_role: Uuid,
    kind: PrincipalKind,
) -> Result<(), Error> {
    let application = change.find_application_by_app_id(resource.app_id).await?;
    if is_assignable(&effective_app_roles(application.as_ref(), resource), app_role, kind) {
        return Ok(());
    }
    Err(Error::NoSuchAppRole { resource: resource.id, app_role })
}

/// What kind of principal one is, and the name of one that the directory knows itself.
async fn kind_and_name(
    change: &mut WriteTransaction,
    principals: Principals,
    principal: PrincipalId,
    said: Option<PrincipalKind>,
) -> Result<(PrincipalKind, Option<String>), Error> {
    match known(change, principal.uuid()).await? {
        Some((kind, name)) if said.is_none_or(|said| said == kind) => Ok((kind, Some(name))),
        None if said == Some(PrincipalKind::ServicePrincipal) => {
            Err(Error::ServicePrincipalNotFound(ServicePrincipalId::new(principal.uuid())))
        }
        Some(_) => Err(Error::PrincipalNotFound(principal)),
        None if principals == Principals::OwnOnly && change.has_users_or_groups().await? => {
            Err(Error::PrincipalNotFound(principal))
        }
        None => Ok((said.unwrap_or(PrincipalKind::User), None)),
    }
}

/// What the directory itself has under an id, and its name.
async fn known(change: &mut WriteTransaction, id: Uuid) -> Result<Option<(PrincipalKind, String)>, Error> {
    if let Some(found) = change.find_service_principal(ServicePrincipalId::new(id)).await? {
        return Ok(Some((PrincipalKind::ServicePrincipal, found.display_name.into())));
    }
    if let Some(found) = change.find_user(UserId::new(id)).await? {
        return Ok(Some((PrincipalKind::User, found.display_name.into())));
    }
    let group = change.find_user_group(UserGroupId::new(id)).await?;
    Ok(group.map(|found| (PrincipalKind::Group, found.display_name.into())))
}
