//! Applications in the database. How one is published is one JSON text; what is searched or must be unique is taken out
//! of it into columns.

use adit_core::application::{Attributes, Publishing};
use adit_core::name::DisplayName;
use adit_core::query::{ApplicationField, Page, Query};
use adit_core::{AppId, Application, ApplicationId, ExternalUrl, InternalUrl};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::change_log::{Entity, Operation};
use crate::error::Error;
use crate::list::{self, Collection, lower};
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

struct Applications;

impl Collection for Applications {
    type Field = ApplicationField;
    type Item = Application;

    fn select() -> SelectStatement {
        sea_query::Query::select()
            .columns([
                "id",
                "app_id",
                "display_name",
                "created",
                "attributes",
                "publishing",
                "connector_group_id",
                "revision",
            ])
            .from("application")
            .to_owned()
    }

    fn count() -> SelectStatement {
        sea_query::Query::select().expr(Expr::cust("COUNT(*)")).from("application").to_owned()
    }

    fn field(field: ApplicationField) -> Expr {
        match field {
            ApplicationField::Id => Expr::col("id"),
            ApplicationField::AppId => Expr::col("app_id"),
            ApplicationField::DisplayName => Expr::col("display_name_folded"),
            ApplicationField::Created => lower("created"),
            ApplicationField::ExternalUrl => lower("external_url"),
            ApplicationField::InternalUrl => lower("internal_url"),
            ApplicationField::ConnectorGroup => Expr::col("connector_group_id"),
        }
    }

    /// Instants are brought into the stored form, so that `10:00Z` and `10:00:00.0Z` are the same.
    fn value(field: ApplicationField, folded: String) -> String {
        match (field, folded.parse::<Timestamp>()) {
            (ApplicationField::Created, Ok(at)) => row::instant(at).to_lowercase(),
            _ => folded,
        }
    }

    fn item(row: &SqliteRow) -> Result<Application, Error> {
        let mut application = Application::new(
            row::parsed(row, "id", str::parse)?,
            row::parsed(row, "app_id", str::parse)?,
            row::parsed(row, "display_name", DisplayName::parse)?,
            row::parsed(row, "created", str::parse::<Timestamp>)?,
            row::parsed(row, "attributes", |text| serde_json::from_str::<Attributes>(text))?,
        );
        application.revision = row::revision(row, "revision")?;
        let id = application.id;
        application
            .with_publishing(
                row::parsed_if_any(row, "publishing", |text| serde_json::from_str::<Publishing>(text))?,
                row::parsed_if_any(row, "connector_group_id", str::parse)?,
            )
            .map_err(|reason| row::unreadable("publishing of application", &id.to_string(), &reason))
    }
}

impl Store {
    /// Finds an application.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application(&self, id: ApplicationId) -> Result<Option<Application>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// Finds an application by its client id.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_by_app_id(&self, id: AppId) -> Result<Option<Application>, Error> {
        let mut read = self.read().await?;
        list::first::<Applications>(&mut read, Expr::col("app_id").eq(id.to_string())).await
    }

    /// One page of the applications.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_applications(&self, query: &Query<ApplicationField>) -> Result<Page<Application>, Error> {
        self.list::<Applications>(query).await
    }
}

impl WriteTransaction {
    /// Finds an application.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application(&mut self, id: ApplicationId) -> Result<Option<Application>, Error> {
        find(self.connection(), id).await
    }

    /// Finds the application that is published at the same place as `url`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_at(&mut self, url: &ExternalUrl) -> Result<Option<Application>, Error> {
        list::first::<Applications>(self.connection(), Expr::col("external_place").eq(url.place())).await
    }

    /// Finds the application that leads to `url`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_in_front_of(&mut self, url: &InternalUrl) -> Result<Option<Application>, Error> {
        list::first::<Applications>(self.connection(), Expr::col("internal_url").eq(url.to_string())).await
    }

    /// Adds an application, which gets this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_application(&mut self, application: &mut Application) -> Result<(), Error> {
        application.revision = self.revision();
        write(
            self.connection(),
            "INSERT INTO application (display_name, display_name_folded, attributes, publishing, external_url, \
             external_place, internal_url, connector_group_id, revision, app_id, created, id) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            application,
        )
        .await?;
        self.log(Entity::Application, application.id.to_string(), Operation::Insert).await
    }

    /// Writes an application, and gives it this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn update_application(&mut self, application: &mut Application) -> Result<(), Error> {
        application.revision = self.revision();
        write(
            self.connection(),
            "UPDATE application SET display_name = ?, display_name_folded = ?, attributes = ?, publishing = ?, \
             external_url = ?, external_place = ?, internal_url = ?, connector_group_id = ?, revision = ?, \
             app_id = ?, created = ? WHERE id = ?",
            application,
        )
        .await?;
        self.log(Entity::Application, application.id.to_string(), Operation::Update).await
    }

    /// Deletes an application.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_application(&mut self, id: ApplicationId) -> Result<(), Error> {
        sqlx::query("DELETE FROM application WHERE id = ?").bind(id.to_string()).execute(self.connection()).await?;
        self.log(Entity::Application, id.to_string(), Operation::Delete).await
    }
}

/// Every published application.
pub(crate) async fn all_published(connection: &mut SqliteConnection) -> Result<Vec<Application>, Error> {
    list::all_readable::<Applications>(connection, Expr::col("publishing").is_not_null()).await
}

async fn find(connection: &mut SqliteConnection, id: ApplicationId) -> Result<Option<Application>, Error> {
    list::first::<Applications>(connection, Expr::col("id").eq(id.to_string())).await
}

async fn write(connection: &mut SqliteConnection, sql: &'static str, application: &Application) -> Result<(), Error> {
    let publishing = application.publishing();
    sqlx::query(sql)
        .bind(application.display_name.as_str())
        .bind(application.display_name.folded())
        .bind(json("attributes", &application.attributes)?)
        .bind(publishing.map(|publishing| json("publishing", publishing)).transpose()?)
        .bind(publishing.map(|publishing| publishing.external_url.to_string()))
        .bind(publishing.map(|publishing| publishing.external_url.place()))
        .bind(publishing.map(|publishing| publishing.internal_url.to_string()))
        .bind(application.connector_group().map(|group| group.to_string()))
        .bind(row::signed(application.revision))
        .bind(application.app_id.to_string())
        .bind(row::instant(application.created))
        .bind(application.id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

fn json(column: &'static str, value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|reason| row::unreadable(column, "", &reason))
}
