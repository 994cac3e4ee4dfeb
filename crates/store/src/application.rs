//! Applications in the database. How one is published is one JSON text; what is searched or must be unique is taken out
//! of it into columns.

use adit_core::application::{Attributes, Publishing};
use adit_core::name::{DisplayName, fold};
use adit_core::query::{ApplicationField, Field, JsonKind, JsonPart, Page, Query, Value};
use adit_core::{API_APP_ID, AppId, Application, ApplicationId, ExternalUrl, InternalUrl};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, Func, SelectStatement};
use sqlx::AssertSqlSafe;

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Engine, Row, Statement};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field, present};
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// The collection of applications.
pub(crate) struct Applications;

impl Collection for Applications {
    const TABLE: &'static str = "application";
    type Item = Application;

    fn select(_source: &Source) -> SelectStatement {
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
            .to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::Application(own) = field else { return Err(foreign_field(source, field)) };
        match own {
            ApplicationField::Deleted => Ok(Column::nothing()),
            own => column(source, own),
        }
    }

    /// The row to which the service principal of the API refers is no application.
    fn belongs(source: &Source) -> Option<Expr> {
        Some(source.column("app_id").ne(API_APP_ID.to_string()))
    }

    fn item(row: &Row) -> Result<Application, Error> {
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
        find_by_app_id(&mut read, id).await
    }

    /// Finds an application by its unique name, without regard to case.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_by_unique_name(&self, name: &str) -> Result<Option<Application>, Error> {
        let mut read = self.read().await?;
        find_by_unique_name(&mut read, name).await
    }

    /// One page of the applications.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_applications(&self, query: &Query) -> Result<Page<Application>, Error> {
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

    /// Finds an application by its client id.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_by_app_id(&mut self, id: AppId) -> Result<Option<Application>, Error> {
        find_by_app_id(self.connection(), id).await
    }

    /// Finds an application by its unique name, without regard to case.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_by_unique_name(&mut self, name: &str) -> Result<Option<Application>, Error> {
        find_by_unique_name(self.connection(), name).await
    }

    /// Finds the application that is published at the same place as `url`, by its external or its alternate URL.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_at(&mut self, url: &ExternalUrl) -> Result<Option<Application>, Error> {
        let (engine, place) = (self.connection().engine(), url.place());
        let there = is_text(engine, "external_place", &place).or(is_text(engine, "alternate_place", &place));
        list::first::<Applications>(self.connection(), there).await
    }

    /// Finds the application that leads to `url`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_application_in_front_of(&mut self, url: &InternalUrl) -> Result<Option<Application>, Error> {
        let there = is_text(self.connection().engine(), "internal_url", &url.to_string());
        list::first::<Applications>(self.connection(), there).await
    }

    /// Adds an application, which gets this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_application(&mut self, application: &mut Application) -> Result<(), Error> {
        application.revision = self.revision();
        let columns = Columns::of(application)?;
        let statement = engine::query(
            "INSERT INTO application (external_place, alternate_place, display_name, display_name_folded, attributes, \
             unique_name_folded, publishing, external_url, internal_url, connector_group_id, revision, app_id, created, \
             id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(columns.external_place.clone())
        .bind(columns.alternate_place.clone());
        columns.bind(statement, application)?.execute(self.connection()).await?;
        self.log(Entity::Application, application.id.to_string(), Operation::Insert);
        Ok(())
    }

    /// Writes an application, and gives it this transaction's revision. The place of a URL that stays is not written
    /// anew: of two applications that earlier rules let have one place, both can still be changed.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn update_application(&mut self, application: &mut Application) -> Result<(), Error> {
        application.revision = self.revision();
        let columns = Columns::of(application)?;
        let alternate_url = match self.connection().engine() {
            Engine::Sqlite => "json_extract(publishing, '$.alternate_url')",
            Engine::Postgres => "(publishing::json ->> 'alternate_url')",
        };
        let sql = format!(
            "UPDATE application SET \
             external_place = CASE WHEN external_url IS NOT DISTINCT FROM ? THEN external_place ELSE ? END, \
             alternate_place = CASE WHEN {alternate_url} IS NOT DISTINCT FROM ? THEN alternate_place ELSE ? END, \
             display_name = ?, display_name_folded = ?, attributes = ?, unique_name_folded = ?, publishing = ?, \
             external_url = ?, internal_url = ?, connector_group_id = ?, revision = ?, app_id = ?, created = ? WHERE id = ?"
        );
        let statement = engine::query(AssertSqlSafe(sql))
            .bind(columns.external_url.clone())
            .bind(columns.external_place.clone())
            .bind(columns.alternate_url.clone())
            .bind(columns.alternate_place.clone());
        columns.bind(statement, application)?.execute(self.connection()).await?;
        self.log(Entity::Application, application.id.to_string(), Operation::Update);
        Ok(())
    }
}

/// A field of an application, live or deleted.
pub(crate) fn column(source: &Source, field: &ApplicationField) -> Result<Column, Error> {
    let of = |name| source.column(name);
    let setting = |name: &str| {
        let part = JsonPart { path: vec![name.to_owned()], kind: JsonKind::Text, default: Value::Null };
        Column::json(source, "publishing", &part)
    };
    Ok(match field {
        ApplicationField::Id => Column::word(of("id")),
        ApplicationField::AppId => Column::word(of("app_id")),
        ApplicationField::DisplayName => Column::folded(of("display_name"), of("display_name_folded")).indexed(),
        ApplicationField::Created => Column::instant(of("created")),
        ApplicationField::Deleted => Column::instant(of("deleted")),
        ApplicationField::ExternalUrl => Column::text(of("external_url")).optional(),
        ApplicationField::InternalUrl => Column::text(of("internal_url")).optional(),
        ApplicationField::IsPublished => Column::condition(present(of("publishing"))),
        ApplicationField::ConnectorGroup => Column::word(of("connector_group_id")).optional(),
        ApplicationField::Revision => Column::integer(of("revision")),
        ApplicationField::Attribute(part) => Column::json(source, "attributes", part)?,
        ApplicationField::Publishing(part) => {
            let attributes = JsonPart { path: prefixed("attributes", &part.path), ..part.clone() };
            Column::json(source, "publishing", &attributes)?.only_if(&present(of("publishing")))
        }
        ApplicationField::Setting(part) => {
            Column::json(source, "publishing", part)?.only_if(&present(of("publishing")))
        }
        ApplicationField::PreAuthentication => setting("pre_authentication")?,
        ApplicationField::HostHeader => setting("host_header")?,
        ApplicationField::UpstreamCertificate => setting("upstream_certificate")?,
        ApplicationField::Timeout => setting("timeout")?,
    })
}

fn prefixed(first: &str, path: &[String]) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(path.iter().cloned()).collect()
}

/// The applications that satisfy `condition` and can be read.
pub(crate) async fn all_readable(connection: &mut Connection, condition: Expr) -> Result<Vec<Application>, Error> {
    list::all_readable::<Applications>(connection, condition).await
}

async fn find(connection: &mut Connection, id: ApplicationId) -> Result<Option<Application>, Error> {
    list::first::<Applications>(connection, Expr::col("id").eq(id.to_string())).await
}

pub(crate) async fn find_by_app_id(connection: &mut Connection, id: AppId) -> Result<Option<Application>, Error> {
    list::first::<Applications>(connection, Expr::col("app_id").eq(id.to_string())).await
}

async fn find_by_unique_name(connection: &mut Connection, name: &str) -> Result<Option<Application>, Error> {
    let named = is_text(connection.engine(), "unique_name_folded", &fold(name));
    list::first::<Applications>(connection, named).await
}

/// Whether a column is a text that may be long: PostgreSQL has an index over its hash, whose indexes take no long text.
fn is_text(engine: Engine, column: &'static str, text: &str) -> Expr {
    let is_same = Expr::col(column).eq(text);
    match engine {
        Engine::Sqlite => is_same,
        Engine::Postgres => {
            let hash = |of: Expr| Expr::from(Func::cust("md5").arg(of));
            hash(Expr::col(column)).eq(hash(Expr::val(text))).and(is_same)
        }
    }
}

/// What the columns of an application hold that are taken from its publishing.
struct Columns {
    publishing: Option<String>,
    external_url: Option<String>,
    external_place: Option<String>,
    alternate_url: Option<String>,
    alternate_place: Option<String>,
    internal_url: Option<String>,
}

impl Columns {
    fn of(application: &Application) -> Result<Self, Error> {
        let publishing = application.publishing();
        let alternate = publishing.and_then(|publishing| publishing.alternate_url.as_ref());
        Ok(Self {
            publishing: publishing.map(|publishing| row::json("publishing", publishing)).transpose()?,
            external_url: publishing.map(|publishing| publishing.external_url.to_string()),
            external_place: publishing.map(|publishing| publishing.external_url.place()),
            alternate_url: alternate.map(ToString::to_string),
            alternate_place: alternate.map(ExternalUrl::place),
            internal_url: publishing.map(|publishing| publishing.internal_url.to_string()),
        })
    }

    /// Binds the columns that are written as they are, from the name to the id.
    fn bind<'q>(self, statement: Statement<'q>, application: &'q Application) -> Result<Statement<'q>, Error> {
        Ok(statement
            .bind(application.display_name.as_str())
            .bind(application.display_name.folded())
            .bind(row::json("attributes", &application.attributes)?)
            .bind(application.unique_name().map(fold))
            .bind(self.publishing)
            .bind(self.external_url)
            .bind(self.internal_url)
            .bind(application.connector_group().map(|group| group.to_string()))
            .bind(row::signed(application.revision))
            .bind(application.app_id.to_string())
            .bind(row::instant(application.created))
            .bind(application.id.to_string()))
    }
}
