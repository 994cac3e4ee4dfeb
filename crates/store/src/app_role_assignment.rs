//! App role assignments in the database. Names of principals are kept in their rows, so that lists can be filtered and
//! ordered by them, and are rewritten when a principal of this directory gets another name.

use std::collections::BTreeSet;

use adit_core::name::{DisplayName, fold};
use adit_core::query::{AppRoleAssignmentField, Field, Page, Query};
use adit_core::{
    AppRoleAssignment, AppRoleAssignmentId, PrincipalId, PrincipalKind, ServicePrincipalId, UserGroupId, UserId,
};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};
use uuid::Uuid;

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

const RENAME_RESOURCE: &str = "UPDATE app_role_assignment SET resource_name = ?, resource_name_folded = ?, \
                               revision = ? WHERE resource_id = ?";
const RENAME_PRINCIPAL: &str = "UPDATE app_role_assignment SET principal_name = ?, principal_name_folded = ?, \
                                revision = ? WHERE principal_id = ? AND principal_kind = ?";
const DELETE_OF_RESOURCE: &str = "DELETE FROM app_role_assignment WHERE resource_id = ?";
const DELETE_OF_PRINCIPAL: &str = "DELETE FROM app_role_assignment WHERE principal_id = ? AND principal_kind = ?";

/// The table of app role assignments.
pub(crate) struct AppRoleAssignments;

impl Collection for AppRoleAssignments {
    const TABLE: &'static str = "app_role_assignment";
    type Item = AppRoleAssignment;

    fn select(_source: &Source) -> SelectStatement {
        sea_query::Query::select()
            .columns([
                "id",
                "app_role",
                "principal_id",
                "principal_kind",
                "principal_name",
                "resource_id",
                "resource_name",
                "created",
                "revision",
            ])
            .to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::AppRoleAssignment(own) = field else { return Err(foreign_field(source, field)) };
        let folded = |plain, folded| Column::folded(source.column(plain), source.column(folded));
        Ok(match own {
            AppRoleAssignmentField::Id => Column::word(source.column("id")),
            AppRoleAssignmentField::AppRole => Column::word(source.column("app_role")),
            AppRoleAssignmentField::Principal => Column::word(source.column("principal_id")),
            AppRoleAssignmentField::PrincipalKind => Column::word(source.column("principal_kind")),
            AppRoleAssignmentField::PrincipalName => folded("principal_name", "principal_name_folded").optional(),
            AppRoleAssignmentField::Resource => Column::word(source.column("resource_id")),
            AppRoleAssignmentField::ResourceName => folded("resource_name", "resource_name_folded"),
            AppRoleAssignmentField::Created => Column::instant(source.column("created")),
            AppRoleAssignmentField::Revision => Column::integer(source.column("revision")),
        })
    }

    fn item(row: &Row) -> Result<AppRoleAssignment, Error> {
        let kind = |word: &str| PrincipalKind::find(word).ok_or("the kind of principal is not known");
        Ok(AppRoleAssignment {
            id: row::parsed(row, "id", str::parse)?,
            app_role: row::parsed(row, "app_role", Uuid::try_parse)?,
            principal: row::parsed(row, "principal_id", str::parse)?,
            principal_kind: row::parsed(row, "principal_kind", kind)?,
            principal_name: row.try_get("principal_name")?,
            resource: row::parsed(row, "resource_id", str::parse)?,
            resource_name: row.try_get("resource_name")?,
            created: row::parsed(row, "created", str::parse::<Timestamp>)?,
            revision: row::revision(row, "revision")?,
        })
    }
}

impl Store {
    /// Finds an app role assignment.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_app_role_assignment(&self, id: AppRoleAssignmentId) -> Result<Option<AppRoleAssignment>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// In which roles a program is assigned to `resource`, in no order.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn roles_of_program(
        &self,
        program: ServicePrincipalId,
        resource: ServicePrincipalId,
    ) -> Result<Vec<Uuid>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query(
            "SELECT app_role FROM app_role_assignment WHERE resource_id = ? AND principal_id = ? AND principal_kind = ?",
        )
        .bind(resource.to_string())
        .bind(program.to_string())
        .bind(PrincipalKind::ServicePrincipal.as_str())
        .fetch_all(&mut read)
        .await?;
        rows.iter().map(|found| row::parsed(found, "app_role", Uuid::try_parse)).collect()
    }

    /// In which roles a user or a group is assigned to `resource` itself, in no order.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn roles_of_member(&self, member: PrincipalId, resource: ServicePrincipalId) -> Result<Vec<Uuid>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query(
            "SELECT app_role FROM app_role_assignment WHERE resource_id = ? AND principal_id = ? AND principal_kind <> ?",
        )
        .bind(resource.to_string())
        .bind(member.to_string())
        .bind(PrincipalKind::ServicePrincipal.as_str())
        .fetch_all(&mut read)
        .await?;
        rows.iter().map(|found| row::parsed(found, "app_role", Uuid::try_parse)).collect()
    }

    /// One page of the app role assignments.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_app_role_assignments(&self, query: &Query) -> Result<Page<AppRoleAssignment>, Error> {
        self.list::<AppRoleAssignments>(query).await
    }
}

impl WriteTransaction {
    /// Finds an app role assignment.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_app_role_assignment(
        &mut self,
        id: AppRoleAssignmentId,
    ) -> Result<Option<AppRoleAssignment>, Error> {
        find(self.connection(), id).await
    }

    /// Finds the assignment of `principal` to `resource` in that role.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_assignment_between(
        &mut self,
        resource: ServicePrincipalId,
        principal: PrincipalId,
        app_role: Uuid,
    ) -> Result<Option<AppRoleAssignment>, Error> {
        let condition = Expr::col("resource_id")
            .eq(resource.to_string())
            .and(Expr::col("principal_id").eq(principal.to_string()))
            .and(Expr::col("app_role").eq(app_role.to_string()));
        list::first::<AppRoleAssignments>(self.connection(), condition).await
    }

    /// Adds an assignment, which gets this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_app_role_assignment(&mut self, assignment: &mut AppRoleAssignment) -> Result<(), Error> {
        assignment.revision = self.revision();
        engine::query(
            "INSERT INTO app_role_assignment (id, app_role, principal_id, principal_kind, principal_name, \
             principal_name_folded, resource_id, resource_name, resource_name_folded, created, revision) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(assignment.id.to_string())
        .bind(assignment.app_role.to_string())
        .bind(assignment.principal.to_string())
        .bind(assignment.principal_kind.as_str())
        .bind(assignment.principal_name.as_deref())
        .bind(assignment.principal_name.as_deref().map(fold))
        .bind(assignment.resource.to_string())
        .bind(assignment.resource_name.as_str())
        .bind(fold(&assignment.resource_name))
        .bind(row::instant(assignment.created))
        .bind(row::signed(assignment.revision))
        .execute(self.connection())
        .await?;
        self.log(Entity::AppRoleAssignment, assignment.id.to_string(), Operation::Insert);
        self.log_admission_to(assignment.resource).await
    }

    /// Deletes an assignment.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_app_role_assignment(&mut self, id: AppRoleAssignmentId) -> Result<(), Error> {
        if let Some(assignment) = self.find_app_role_assignment(id).await? {
            self.log_admission_to(assignment.resource).await?;
        }
        engine::query("DELETE FROM app_role_assignment WHERE id = ?")
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        self.log(Entity::AppRoleAssignment, id.to_string(), Operation::Delete);
        Ok(())
    }

    /// Writes a principal's name into the assignments to it and of it, which get this transaction's revision.
    pub(crate) async fn rename_in_assignments(
        &mut self,
        principal: PrincipalId,
        kind: PrincipalKind,
        name: &DisplayName,
    ) -> Result<(), Error> {
        let revision = row::signed(self.revision());
        let (name, folded, id) = (name.as_str(), name.folded(), principal.to_string());
        let of_resource = engine::query(RENAME_RESOURCE).bind(name).bind(&folded).bind(revision).bind(&id);
        of_resource.execute(self.connection()).await?;
        let of_principal = engine::query(RENAME_PRINCIPAL).bind(name).bind(&folded).bind(revision).bind(&id);
        of_principal.bind(kind.as_str()).execute(self.connection()).await?;
        self.log_assignments_of((principal, kind), Operation::Update).await
    }

    /// Deletes the assignments to a principal and of it, and says what they were.
    pub(crate) async fn take_assignments_of(
        &mut self,
        principal: PrincipalId,
        kind: PrincipalKind,
    ) -> Result<Vec<AppRoleAssignment>, Error> {
        let taken = list::all::<AppRoleAssignments>(self.connection(), of(principal, kind)).await?;
        self.log_assignments_of((principal, kind), Operation::Delete).await?;
        let resources: BTreeSet<_> = taken.iter().map(|assignment| assignment.resource).collect();
        for resource in resources {
            self.log_admission_to(resource).await?;
        }
        let id = principal.to_string();
        engine::query(DELETE_OF_RESOURCE).bind(&id).execute(self.connection()).await?;
        engine::query(DELETE_OF_PRINCIPAL).bind(&id).bind(kind.as_str()).execute(self.connection()).await?;
        Ok(taken)
    }

    /// Adds an assignment again, under the present names; not if its resource or its principal is gone meanwhile, nor
    /// if there is another like it.
    pub(crate) async fn put_assignment_back(&mut self, mut assignment: AppRoleAssignment) -> Result<(), Error> {
        let Some(resource) = self.find_service_principal(assignment.resource).await? else { return Ok(()) };
        assignment.resource_name = resource.display_name.into();
        match self.present_name(&assignment).await? {
            PresentName::Known(name) => assignment.principal_name = Some(name),
            PresentName::Foreign => {}
            PresentName::Gone => return Ok(()),
        }
        let other = self.find_assignment_between(assignment.resource, assignment.principal, assignment.app_role);
        if other.await?.is_some() {
            return Ok(());
        }
        self.insert_app_role_assignment(&mut assignment).await
    }

    /// What the principal of an assignment is called now.
    async fn present_name(&mut self, assignment: &AppRoleAssignment) -> Result<PresentName, Error> {
        let id = assignment.principal.uuid();
        let (entity, name) = match assignment.principal_kind {
            PrincipalKind::ServicePrincipal => {
                let found = self.find_service_principal(ServicePrincipalId::new(id)).await?;
                return Ok(found.map_or(PresentName::Gone, |own| PresentName::Known(own.display_name.into())));
            }
            PrincipalKind::User => {
                let found = self.find_user(UserId::new(id)).await?;
                (Entity::User, found.map(|own| own.display_name))
            }
            PrincipalKind::Group => {
                let found = self.find_user_group(UserGroupId::new(id)).await?;
                (Entity::UserGroup, found.map(|own| own.display_name))
            }
        };
        match name {
            Some(name) => Ok(PresentName::Known(name.into())),
            None if self.was_deleted(entity, id).await? => Ok(PresentName::Gone),
            None => Ok(PresentName::Foreign),
        }
    }

    /// Whether there was an object of that id and is none any more. The change log is never cut.
    async fn was_deleted(&mut self, entity: Entity, id: Uuid) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM change_log WHERE entity = ? AND operation = 'delete' AND id = ? LIMIT 1";
        let found = engine::query(sql)
            .bind(entity.as_str())
            .bind(id.hyphenated().to_string())
            .fetch_optional(self.connection())
            .await?;
        Ok(found.is_some())
    }
}

/// What a principal is called.
enum PresentName {
    /// So, in this directory.
    Known(String),
    /// An issuer knows; the name that was said stays.
    Foreign,
    /// It was deleted here.
    Gone,
}

async fn find(connection: &mut Connection, id: AppRoleAssignmentId) -> Result<Option<AppRoleAssignment>, Error> {
    list::first::<AppRoleAssignments>(connection, Expr::col("id").eq(id.to_string())).await
}

/// The assignments to a principal and of it.
fn of(principal: PrincipalId, kind: PrincipalKind) -> Expr {
    let id = principal.to_string();
    let is_principal = Expr::col("principal_id").eq(id.clone()).and(Expr::col("principal_kind").eq(kind.as_str()));
    Expr::col("resource_id").eq(id).or(is_principal)
}
