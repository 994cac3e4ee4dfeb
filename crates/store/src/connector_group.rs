//! Connector groups in the database.

use adit_core::connector_group::{GroupContents, GroupKind};
use adit_core::name::DisplayName;
use adit_core::query::{ConnectorGroupField, Field, Page, Query};
use adit_core::region::Region;
use adit_core::{ConnectorGroup, ConnectorGroupId};
use sea_query::{Expr, ExprTrait as _, SelectStatement};

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

const DEFAULT: &str = "default";
const ORDINARY: &str = "ordinary";

/// The collection of connector groups.
pub(crate) struct ConnectorGroups;

impl Collection for ConnectorGroups {
    const TABLE: &'static str = "connector_group";
    type Item = ConnectorGroup;

    fn select(_source: &Source) -> SelectStatement {
        sea_query::Query::select().columns(["id", "name", "region", "kind", "revision"]).to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::ConnectorGroup(own) = field else { return Err(foreign_field(source, field)) };
        Ok(match own {
            ConnectorGroupField::Id => Column::word(source.column("id")),
            ConnectorGroupField::Name => Column::folded(source.column("name"), source.column("name_folded")).indexed(),
            ConnectorGroupField::Region => Column::word(source.column("region")).optional(),
            ConnectorGroupField::IsDefault => Column::condition(source.column("kind").eq(DEFAULT)),
            ConnectorGroupField::Revision => Column::integer(source.column("revision")),
        })
    }

    fn item(row: &Row) -> Result<ConnectorGroup, Error> {
        Ok(ConnectorGroup {
            id: row::parsed(row, "id", str::parse)?,
            name: row::parsed(row, "name", DisplayName::parse)?,
            region: row::parsed_if_any(row, "region", |word| Region::find(word).ok_or("the region is not known"))?,
            kind: row::parsed(row, "kind", kind)?,
            revision: row::revision(row, "revision")?,
        })
    }
}

impl Store {
    /// Finds a group.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_connector_group(&self, id: ConnectorGroupId) -> Result<Option<ConnectorGroup>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// One page of the groups.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_connector_groups(&self, query: &Query) -> Result<Page<ConnectorGroup>, Error> {
        self.list::<ConnectorGroups>(query).await
    }
}

impl WriteTransaction {
    /// Finds a group.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_connector_group(&mut self, id: ConnectorGroupId) -> Result<Option<ConnectorGroup>, Error> {
        find(self.connection(), id).await
    }

    /// Finds the group of that name, without regard to case.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_connector_group_named(&mut self, name: &DisplayName) -> Result<Option<ConnectorGroup>, Error> {
        let condition = Expr::col("name_folded").eq(name.folded());
        list::first::<ConnectorGroups>(self.connection(), condition).await
    }

    /// Finds the default group; there is none only in a new directory.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_default_connector_group(&mut self) -> Result<Option<ConnectorGroup>, Error> {
        list::first::<ConnectorGroups>(self.connection(), Expr::col("kind").eq(DEFAULT)).await
    }

    /// The names of what is in a group.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn connector_group_contents(&mut self, id: ConnectorGroupId) -> Result<GroupContents, Error> {
        let connectors = names(
            self.connection(),
            "SELECT machine_name FROM connector WHERE connector_group_id = ? ORDER BY machine_name_folded, id",
            id,
        )
        .await?;
        let applications = names(
            self.connection(),
            "SELECT display_name FROM application WHERE connector_group_id = ? ORDER BY display_name_folded, id",
            id,
        )
        .await?;
        Ok(GroupContents { connectors, applications })
    }

    /// Adds a group, which gets this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_connector_group(&mut self, group: &mut ConnectorGroup) -> Result<(), Error> {
        group.revision = self.revision();
        engine::query(
            "INSERT INTO connector_group (name, name_folded, region, kind, revision, id) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(group.name.as_str())
        .bind(group.name.folded())
        .bind(group.region.map(Region::as_str))
        .bind(kind_word(group.kind))
        .bind(row::signed(group.revision))
        .bind(group.id.to_string())
        .execute(self.connection())
        .await?;
        self.log(Entity::ConnectorGroup, group.id.to_string(), Operation::Insert);
        Ok(())
    }

    /// Writes a group's name and region, and gives it this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn update_connector_group(&mut self, group: &mut ConnectorGroup) -> Result<(), Error> {
        group.revision = self.revision();
        engine::query("UPDATE connector_group SET name = ?, name_folded = ?, region = ?, revision = ? WHERE id = ?")
            .bind(group.name.as_str())
            .bind(group.name.folded())
            .bind(group.region.map(Region::as_str))
            .bind(row::signed(group.revision))
            .bind(group.id.to_string())
            .execute(self.connection())
            .await?;
        self.log(Entity::ConnectorGroup, group.id.to_string(), Operation::Update);
        Ok(())
    }

    /// Deletes a group and its registration tokens, which then are unknown.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer, or when something is still in the group.
    pub async fn delete_connector_group(&mut self, id: ConnectorGroupId) -> Result<(), Error> {
        engine::query("DELETE FROM registration_token WHERE connector_group_id = ?")
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        engine::query("DELETE FROM connector_group WHERE id = ?")
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        self.log(Entity::ConnectorGroup, id.to_string(), Operation::Delete);
        Ok(())
    }
}

async fn find(connection: &mut Connection, id: ConnectorGroupId) -> Result<Option<ConnectorGroup>, Error> {
    list::first::<ConnectorGroups>(connection, Expr::col("id").eq(id.to_string())).await
}

async fn names(connection: &mut Connection, sql: &'static str, group: ConnectorGroupId) -> Result<Vec<String>, Error> {
    let rows = engine::query(sql).bind(group.to_string()).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

const fn kind_word(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Default => DEFAULT,
        GroupKind::Ordinary => ORDINARY,
    }
}

fn kind(word: &str) -> Result<GroupKind, &'static str> {
    match word {
        DEFAULT => Ok(GroupKind::Default),
        ORDINARY => Ok(GroupKind::Ordinary),
        _ => Err("the kind of group is not known"),
    }
}
