//! App role assignments in the database. Names of service principals are kept in their rows, so that lists can be
//! filtered and ordered by them, and are rewritten when a service principal gets another name.

use adit_core::name::fold;
use adit_core::query::{AppRoleAssignmentField, Field, Page, Query};
use adit_core::{
    AppRoleAssignment, AppRoleAssignmentId, PrincipalId, PrincipalKind, ServicePrincipal, ServicePrincipalId,
};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use uuid::Uuid;

use crate::change_log::{Entity, Operation};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

const RENAME_RESOURCE: &str = "UPDATE app_role_assignment SET resource_name = ?, resource_name_folded = ?, \
                               revision = ? WHERE resource_id = ?";
const RENAME_PRINCIPAL: &str = "UPDATE app_role_assignment SET principal_name = ?, principal_name_folded = ?, \
                                revision = ? WHERE principal_id = ? AND principal_kind = 'service_principal'";
const DELETE_OF_RESOURCE: &str = "DELETE FROM app_role_assignment WHERE resource_id = ?";
const DELETE_OF_PRINCIPAL: &str =
    "DELETE FROM app_role_assignment WHERE principal_id = ? AND principal_kind = 'service_principal'";

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

    fn item(row: &SqliteRow) -> Result<AppRoleAssignment, Error> {
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
        sqlx::query(
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
        Ok(())
    }

    /// Deletes an assignment.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_app_role_assignment(&mut self, id: AppRoleAssignmentId) -> Result<(), Error> {
        sqlx::query("DELETE FROM app_role_assignment WHERE id = ?")
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        self.log(Entity::AppRoleAssignment, id.to_string(), Operation::Delete);
        Ok(())
    }

    /// Writes a service principal's name into the assignments to it and of it, which get this transaction's revision.
    pub(crate) async fn rename_in_assignments(&mut self, principal: &ServicePrincipal) -> Result<(), Error> {
        for sql in [RENAME_RESOURCE, RENAME_PRINCIPAL] {
            let revision = row::signed(self.revision());
            sqlx::query(sql)
                .bind(principal.display_name.as_str())
                .bind(principal.display_name.folded())
                .bind(revision)
                .bind(principal.id.to_string())
                .execute(self.connection())
                .await?;
        }
        self.log_assignments_of(principal.id, Operation::Update).await
    }

    /// Deletes the assignments to a service principal and of it, and says what they were.
    pub(crate) async fn take_assignments_of(
        &mut self,
        principal: ServicePrincipalId,
    ) -> Result<Vec<AppRoleAssignment>, Error> {
        let taken = list::all::<AppRoleAssignments>(self.connection(), of(principal)).await?;
        self.log_assignments_of(principal, Operation::Delete).await?;
        for sql in [DELETE_OF_RESOURCE, DELETE_OF_PRINCIPAL] {
            sqlx::query(sql).bind(principal.to_string()).execute(self.connection()).await?;
        }
        Ok(taken)
    }

    /// Adds an assignment again, under the present names; not if its resource or its principal is gone meanwhile, nor
    /// if there is another like it.
    pub(crate) async fn put_assignment_back(&mut self, mut assignment: AppRoleAssignment) -> Result<(), Error> {
        let Some(resource) = self.find_service_principal(assignment.resource).await? else { return Ok(()) };
        assignment.resource_name = resource.display_name.into();
        if assignment.principal_kind == PrincipalKind::ServicePrincipal {
            let id = ServicePrincipalId::new(assignment.principal.uuid());
            let Some(principal) = self.find_service_principal(id).await? else { return Ok(()) };
            assignment.principal_name = Some(principal.display_name.into());
        }
        let other = self.find_assignment_between(assignment.resource, assignment.principal, assignment.app_role);
        if other.await?.is_some() {
            return Ok(());
        }
        self.insert_app_role_assignment(&mut assignment).await
    }
}

async fn find(connection: &mut SqliteConnection, id: AppRoleAssignmentId) -> Result<Option<AppRoleAssignment>, Error> {
    list::first::<AppRoleAssignments>(connection, Expr::col("id").eq(id.to_string())).await
}

/// The assignments to a service principal and of it.
fn of(principal: ServicePrincipalId) -> Expr {
    let id = principal.to_string();
    let is_principal = Expr::col("principal_id")
        .eq(id.clone())
        .and(Expr::col("principal_kind").eq(PrincipalKind::ServicePrincipal.as_str()));
    Expr::col("resource_id").eq(id).or(is_principal)
}
