//! Deleted applications in the database: a table of their own, so that nothing of them stands in the way of live ones.
//!
//! What referred to the application goes with it ([`Belongings`]) and comes back with it. Its certificate stays where it
//! is until the application is purged.

use adit_core::query::{Field, Page, Query};
use adit_core::{Application, ApplicationId, DeletedApplication};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};

use crate::application::{self, Applications};
use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::service_principal::Belongings;
use crate::store::Store;
use crate::transaction::WriteTransaction;

struct DeletedApplications;

impl Collection for DeletedApplications {
    const TABLE: &'static str = "deleted_application";
    type Item = DeletedApplication;

    fn select(source: &Source) -> SelectStatement {
        Applications::select(source).column("deleted").to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        match field {
            Field::Application(own) => application::column(source, own),
            foreign => Err(foreign_field(source, foreign)),
        }
    }

    fn item(row: &Row) -> Result<DeletedApplication, Error> {
        Ok(DeletedApplication {
            application: Applications::item(row)?,
            deleted: row::parsed(row, "deleted", str::parse::<Timestamp>)?,
        })
    }
}

impl Store {
    /// Finds a deleted application.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_deleted_application(&self, id: ApplicationId) -> Result<Option<DeletedApplication>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// What went with a deleted application; nothing of one that is not there.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer, or what is stored cannot be read.
    pub async fn belongings_of_deleted(&self, id: ApplicationId) -> Result<Belongings, Error> {
        let mut read = self.read().await?;
        Ok(belongings(&mut read, id).await?.unwrap_or_default())
    }

    /// One page of the deleted applications.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_deleted_applications(&self, query: &Query) -> Result<Page<DeletedApplication>, Error> {
        self.list::<DeletedApplications>(query).await
    }

    /// What was deleted at `until` or before, at most `limit`, the oldest first. A row whose id cannot be read is logged
    /// and left out.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn deleted_until(&self, until: Timestamp, limit: u32) -> Result<Vec<ApplicationId>, Error> {
        let mut read = self.read().await?;
        let rows = engine::query("SELECT id FROM deleted_application WHERE deleted <= ? ORDER BY deleted, id LIMIT ?")
            .bind(row::instant(until))
            .bind(i64::from(limit))
            .fetch_all(&mut read)
            .await?;
        let left_out = |error: &Error| tracing::error!(%error, "a deleted application has no id by which to purge it");
        Ok(rows.iter().filter_map(|row| row::parsed(row, "id", str::parse).inspect_err(left_out).ok()).collect())
    }
}

impl WriteTransaction {
    /// Finds a deleted application.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_deleted_application(&mut self, id: ApplicationId) -> Result<Option<DeletedApplication>, Error> {
        find(self.connection(), id).await
    }

    /// Deletes an application, and what refers to it, so that it can be restored; its deleted form gets this
    /// transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_application(&mut self, application: &Application, at: Timestamp) -> Result<(), Error> {
        let belongings = row::json("access", &self.take_belongings_of(application).await?)?;
        let (id, revision) = (application.id.to_string(), self.revision());
        engine::query(
            "INSERT INTO deleted_application (id, app_id, display_name, display_name_folded, created, attributes, \
             publishing, external_url, internal_url, connector_group_id, revision, deleted, access) \
             SELECT id, app_id, display_name, display_name_folded, created, attributes, publishing, external_url, \
             internal_url, connector_group_id, ?, ?, ? FROM application WHERE id = ?",
        )
        .bind(row::signed(revision))
        .bind(row::instant(at))
        .bind(belongings)
        .bind(&id)
        .execute(self.connection())
        .await?;
        engine::query("DELETE FROM application WHERE id = ?").bind(&id).execute(self.connection()).await?;
        self.log(Entity::Application, id.clone(), Operation::Delete);
        self.log(Entity::DeletedApplication, id, Operation::Insert);
        Ok(())
    }

    /// Makes a deleted application a live one again, as it is given, with what went with it. It gets this transaction's
    /// revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses a row.
    pub async fn restore_application(&mut self, application: &mut Application) -> Result<(), Error> {
        let belongings = belongings(self.connection(), application.id).await?;
        self.forget_deleted(application.id).await?;
        self.insert_application(application).await?;
        match belongings {
            Some(belongings) => self.put_back(belongings).await,
            None => Ok(()),
        }
    }

    /// Forgets a deleted application for good, and with it its certificate and the hashes of its secrets.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn purge_application(&mut self, id: ApplicationId) -> Result<(), Error> {
        self.delete_certificate(id).await?;
        engine::query("DELETE FROM client_secret WHERE app_id = (SELECT app_id FROM deleted_application WHERE id = ?)")
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        self.forget_deleted(id).await
    }

    async fn forget_deleted(&mut self, id: ApplicationId) -> Result<(), Error> {
        let id = id.to_string();
        engine::query("DELETE FROM deleted_application WHERE id = ?").bind(&id).execute(self.connection()).await?;
        self.log(Entity::DeletedApplication, id, Operation::Delete);
        Ok(())
    }
}

async fn find(connection: &mut Connection, id: ApplicationId) -> Result<Option<DeletedApplication>, Error> {
    list::first::<DeletedApplications>(connection, Expr::col("id").eq(id.to_string())).await
}

async fn belongings(connection: &mut Connection, id: ApplicationId) -> Result<Option<Belongings>, Error> {
    let row = engine::query("SELECT access FROM deleted_application WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    match row {
        Some(row) => row::parsed_if_any(&row, "access", |text| serde_json::from_str(text)),
        None => Ok(None),
    }
}
