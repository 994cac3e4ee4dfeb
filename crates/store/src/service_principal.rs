//! Service principals in the database, and what goes with one, or with its application, when it is deleted.
//!
//! Invariant: nothing refers to a service principal or an application that is gone, in either direction: not its
//! assignments, not what it owns, not its owners. Foreign keys keep watch over most of it.

use adit_core::name::DisplayName;
use adit_core::query::{Field, Page, Query, ServicePrincipalField};
use adit_core::{AppId, AppRoleAssignment, Application, PrincipalKind, ServicePrincipal, ServicePrincipalId};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};
use serde::{Deserialize, Serialize};

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::owner::Ownership;
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// What goes with a service principal, or with an application, and comes back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belongings {
    /// The service principal, if there was one.
    pub service_principal: Option<ServicePrincipal>,
    /// The assignments to it and of it.
    pub assignments: Vec<AppRoleAssignment>,
    /// The application's owners, and what the service principal owned.
    pub ownerships: Vec<Ownership>,
}

/// The table of service principals.
pub(crate) struct ServicePrincipals;

impl Collection for ServicePrincipals {
    const TABLE: &'static str = "service_principal";
    type Item = ServicePrincipal;

    fn select(_source: &Source) -> SelectStatement {
        sea_query::Query::select()
            .columns(["id", "app_id", "display_name", "created", "attributes", "revision"])
            .to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::ServicePrincipal(own) = field else { return Err(foreign_field(source, field)) };
        Ok(match own {
            ServicePrincipalField::Id => Column::word(source.column("id")),
            ServicePrincipalField::AppId => Column::word(source.column("app_id")),
            ServicePrincipalField::DisplayName => {
                Column::folded(source.column("display_name"), source.column("display_name_folded")).indexed()
            }
            ServicePrincipalField::Created => Column::instant(source.column("created")),
            ServicePrincipalField::Revision => Column::integer(source.column("revision")),
            ServicePrincipalField::Attribute(part) => Column::json(source, "attributes", part)?,
        })
    }

    fn item(row: &Row) -> Result<ServicePrincipal, Error> {
        Ok(ServicePrincipal {
            id: row::parsed(row, "id", str::parse)?,
            app_id: row::parsed(row, "app_id", str::parse)?,
            display_name: row::parsed(row, "display_name", DisplayName::parse)?,
            created: row::parsed(row, "created", str::parse::<Timestamp>)?,
            attributes: row::parsed(row, "attributes", |text| serde_json::from_str(text))?,
            revision: row::revision(row, "revision")?,
        })
    }
}

impl Store {
    /// Finds a service principal.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_service_principal(&self, id: ServicePrincipalId) -> Result<Option<ServicePrincipal>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// Finds the service principal of an application, by the application's client id.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_service_principal_of(&self, app_id: AppId) -> Result<Option<ServicePrincipal>, Error> {
        let mut read = self.read().await?;
        find_of(&mut read, app_id).await
    }

    /// One page of the service principals.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_service_principals(&self, query: &Query) -> Result<Page<ServicePrincipal>, Error> {
        self.list::<ServicePrincipals>(query).await
    }
}

impl WriteTransaction {
    /// Finds a service principal.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_service_principal(&mut self, id: ServicePrincipalId) -> Result<Option<ServicePrincipal>, Error> {
        find(self.connection(), id).await
    }

    /// Finds the service principal of an application, by the application's client id.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_service_principal_of(&mut self, app_id: AppId) -> Result<Option<ServicePrincipal>, Error> {
        find_of(self.connection(), app_id).await
    }

    /// Adds a service principal, which gets this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_service_principal(&mut self, principal: &mut ServicePrincipal) -> Result<(), Error> {
        principal.revision = self.revision();
        engine::query(
            "INSERT INTO service_principal (id, app_id, display_name, display_name_folded, created, attributes, \
             revision) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(principal.id.to_string())
        .bind(principal.app_id.to_string())
        .bind(principal.display_name.as_str())
        .bind(principal.display_name.folded())
        .bind(row::instant(principal.created))
        .bind(row::json("attributes", &principal.attributes)?)
        .bind(row::signed(principal.revision))
        .execute(self.connection())
        .await?;
        self.log(Entity::ServicePrincipal, principal.id.to_string(), Operation::Insert);
        self.log_admission(principal.app_id);
        Ok(())
    }

    /// Writes a service principal's name and attributes, and gives it this transaction's revision. Where its name is
    /// another than that of `old`, so is it in the assignments that name it.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn update_service_principal(
        &mut self,
        old: &ServicePrincipal,
        principal: &mut ServicePrincipal,
    ) -> Result<(), Error> {
        principal.revision = self.revision();
        engine::query(
            "UPDATE service_principal SET display_name = ?, display_name_folded = ?, attributes = ?, revision = ? \
             WHERE id = ?",
        )
        .bind(principal.display_name.as_str())
        .bind(principal.display_name.folded())
        .bind(row::json("attributes", &principal.attributes)?)
        .bind(row::signed(principal.revision))
        .bind(principal.id.to_string())
        .execute(self.connection())
        .await?;
        self.log(Entity::ServicePrincipal, principal.id.to_string(), Operation::Update);
        if principal.attributes != old.attributes {
            self.log_admission(principal.app_id);
        }
        if principal.display_name != old.display_name {
            let id = principal.id.into();
            self.rename_in_assignments(id, PrincipalKind::ServicePrincipal, &principal.display_name).await?;
        }
        Ok(())
    }

    /// Deletes a service principal with the assignments to it and of it, and what it owns. It says what that was. What its
    /// program was granted for users is over for good.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn take_service_principal(&mut self, principal: ServicePrincipal) -> Result<Belongings, Error> {
        let kind = PrincipalKind::ServicePrincipal;
        let assignments = self.take_assignments_of(principal.id.into(), kind).await?;
        let ownerships = self.take_owned_by(principal.id.into(), kind).await?;
        self.end_refresh_grants_of(principal.app_id).await?;
        let id = principal.id.to_string();
        engine::query("DELETE FROM service_principal WHERE id = ?").bind(&id).execute(self.connection()).await?;
        self.log(Entity::ServicePrincipal, id, Operation::Delete);
        self.log_admission(principal.app_id);
        Ok(Belongings { service_principal: Some(principal), assignments, ownerships })
    }

    /// Deletes what refers to an application, so that its own row can go: its service principal, if there is one, with
    /// all that [`Self::take_service_principal`] takes, and its owners. It says what that was.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn take_belongings_of(&mut self, application: &Application) -> Result<Belongings, Error> {
        let mut belongings = match self.find_service_principal_of(application.app_id).await? {
            Some(principal) => self.take_service_principal(principal).await?,
            None => Belongings::default(),
        };
        belongings.ownerships.extend(self.take_owners_of(application.id).await?);
        Ok(belongings)
    }

    /// Puts back what [`Self::take_belongings_of`] took, with this transaction's revision. What refers to an application
    /// or a service principal that is gone meanwhile stays away.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses a row.
    pub async fn put_back(&mut self, belongings: Belongings) -> Result<(), Error> {
        if let Some(mut principal) = belongings.service_principal {
            self.insert_service_principal(&mut principal).await?;
        }
        for ownership in belongings.ownerships {
            self.put_ownership_back(&ownership).await?;
        }
        for assignment in belongings.assignments {
            self.put_assignment_back(assignment).await?;
        }
        Ok(())
    }
}

async fn find(connection: &mut Connection, id: ServicePrincipalId) -> Result<Option<ServicePrincipal>, Error> {
    list::first::<ServicePrincipals>(connection, Expr::col("id").eq(id.to_string())).await
}

pub(crate) async fn find_of(connection: &mut Connection, app_id: AppId) -> Result<Option<ServicePrincipal>, Error> {
    list::first::<ServicePrincipals>(connection, Expr::col("app_id").eq(app_id.to_string())).await
}
