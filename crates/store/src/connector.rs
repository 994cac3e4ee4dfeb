//! Connectors in the database. A connector is active while it has a row among the tunnels.

use adit_core::id::TunnelId;
use adit_core::name::MachineName;
use adit_core::query::{ConnectorField, Field, Page, Query};
use adit_core::{Connector, ConnectorCare, ConnectorGroupId, ConnectorId, ConnectorStatus, KeyGeneration};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::store::Store;
use crate::transaction::{PresenceTransaction, WriteTransaction};

/// A machine that registered a moment ago and has not connected yet keeps its entry: a second connector that starts on
/// the same machine must not take it away. The machine itself is known by its key, which it has proved to hold: its entry
/// is its own also while the tunnel of its last process is still known here.
const TAKE_OVER: &str = "SELECT id, \
       EXISTS (SELECT 1 FROM registration_token \
               WHERE registration_token.connector_id = connector.id \
                 AND registration_token.key_generation = connector.key_generation AND redeemed_key = ?) AS has_its_key \
     FROM connector \
     WHERE connector_group_id = ? AND machine_name_folded = ? \
       AND (EXISTS (SELECT 1 FROM registration_token \
                    WHERE registration_token.connector_id = connector.id \
                      AND registration_token.key_generation = connector.key_generation AND redeemed_key = ?) \
            OR (NOT EXISTS (SELECT 1 FROM tunnel WHERE tunnel.connector_id = connector.id) \
                AND NOT (key_generation > seen_generation \
                         AND EXISTS (SELECT 1 FROM registration_token \
                                     WHERE registration_token.connector_id = connector.id AND redeemed_at > ?)))) \
     ORDER BY has_its_key DESC, key_generation, id LIMIT 1";

/// Whether a machine showed the key that its connector was registered with last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasItsKey(pub bool);

/// The collection of connectors.
pub(crate) struct Connectors;

impl Collection for Connectors {
    const TABLE: &'static str = "connector";
    type Item = Connector;

    fn select(source: &Source) -> SelectStatement {
        sea_query::Query::select()
            .columns([
                "id",
                "machine_name",
                "external_ip",
                "version",
                "connector_group_id",
                "key_generation",
                "needs_upgrade",
                "key_copied_at",
                "drained_instance",
                "created",
                "revision",
            ])
            .expr_as(status_of(source), "status")
            .to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::Connector(own) = field else { return Err(foreign_field(source, field)) };
        Ok(match own {
            ConnectorField::Id => Column::word(source.column("id")),
            ConnectorField::MachineName => {
                Column::folded(source.column("machine_name"), source.column("machine_name_folded")).indexed()
            }
            ConnectorField::ExternalIp => Column::text(source.column("external_ip")),
            ConnectorField::Status => Column::word(status_of(source)),
            ConnectorField::Version => Column::text(source.column("version")),
            ConnectorField::ConnectorGroup => Column::word(source.column("connector_group_id")),
            ConnectorField::Revision => Column::integer(source.column("revision")),
        })
    }

    fn item(row: &Row) -> Result<Connector, Error> {
        Ok(Connector {
            id: row::parsed(row, "id", str::parse)?,
            machine_name: row::parsed(row, "machine_name", MachineName::parse)?,
            external_ip: row.try_get("external_ip")?,
            version: row.try_get("version")?,
            status: row::parsed(row, "status", status)?,
            connector_group: row::parsed(row, "connector_group_id", str::parse)?,
            key_generation: KeyGeneration(row::unsigned("key_generation", row.try_get("key_generation")?)?),
            care: care(row)?,
            drained: drained(row)?,
            created: row::parsed(row, "created", str::parse::<Timestamp>)?,
            revision: row::revision(row, "revision")?,
        })
    }
}

impl Store {
    /// Finds a connector.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_connector(&self, id: ConnectorId) -> Result<Option<Connector>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// One page of the connectors.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_connectors(&self, query: &Query) -> Result<Page<Connector>, Error> {
        self.list::<Connectors>(query).await
    }
}

impl PresenceTransaction {
    /// Notes that a connector has to be upgraded.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn note_too_old(&mut self, id: ConnectorId) -> Result<(), Error> {
        let sql = "UPDATE connector SET needs_upgrade = 'true', unseen_hours = 0 WHERE id = ?";
        engine::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        Ok(())
    }

    /// Notes that a connector's key was copied; whether that is news.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn note_copied_key(&mut self, id: ConnectorId, at: Timestamp) -> Result<bool, Error> {
        let noted = engine::query("UPDATE connector SET key_copied_at = ? WHERE id = ? AND key_copied_at IS NULL")
            .bind(row::instant(at))
            .bind(id.to_string())
            .execute(self.connection())
            .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// Finds a connector.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_connector(&mut self, id: ConnectorId) -> Result<Option<Connector>, Error> {
        find(self.connection(), id).await
    }
}

impl WriteTransaction {
    /// Finds a connector.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_connector(&mut self, id: ConnectorId) -> Result<Option<Connector>, Error> {
        find(self.connection(), id).await
    }

    /// The connectors of that machine name, without regard to case.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn connectors_named(&mut self, name: &MachineName) -> Result<Vec<Connector>, Error> {
        list::all::<Connectors>(self.connection(), Expr::col("machine_name_folded").eq(name.folded())).await
    }

    /// Finds the entry that a machine of that name and key may take over when it registers for `group`: the one that was
    /// registered with this key last, or one without a live tunnel, those that never registered first. An entry whose
    /// machine registered after `recently` with another key and has not connected yet is not free.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_connector_to_take_over(
        &mut self,
        group: ConnectorGroupId,
        name: &MachineName,
        key: [u8; 32],
        recently: Timestamp,
    ) -> Result<Option<(Connector, HasItsKey)>, Error> {
        let row = engine::query(TAKE_OVER)
            .bind(row::hexadecimal(key))
            .bind(group.to_string())
            .bind(name.folded())
            .bind(row::hexadecimal(key))
            .bind(row::instant(recently))
            .fetch_optional(self.connection())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (id, has_its_key) = (row::parsed(&row, "id", str::parse)?, HasItsKey(row.try_get("has_its_key")?));
        Ok(find(self.connection(), id).await?.map(|connector| (connector, has_its_key)))
    }

    /// Adds a connector, which gets this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_connector(&mut self, connector: &mut Connector) -> Result<(), Error> {
        connector.revision = self.revision();
        engine::query(
            "INSERT INTO connector (id, machine_name, machine_name_folded, external_ip, version, connector_group_id, \
             key_generation, seen_generation, created, revision) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        )
        .bind(connector.id.to_string())
        .bind(connector.machine_name.as_str())
        .bind(connector.machine_name.folded())
        .bind(connector.external_ip.as_str())
        .bind(connector.version.as_str())
        .bind(connector.connector_group.to_string())
        .bind(i64::from(connector.key_generation.0))
        .bind(row::instant(connector.created))
        .bind(row::signed(connector.revision))
        .execute(self.connection())
        .await?;
        self.log(Entity::Connector, connector.id.to_string(), Operation::Insert);
        Ok(())
    }

    /// Writes a connector's group, machine name, key generation and drain, and gives it this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn update_connector(&mut self, connector: &mut Connector) -> Result<(), Error> {
        connector.revision = self.revision();
        engine::query(
            "UPDATE connector SET machine_name = ?, machine_name_folded = ?, connector_group_id = ?, \
             key_copied_at = CASE WHEN key_generation = ? THEN key_copied_at END, \
             unseen_hours = CASE WHEN key_generation = ? THEN unseen_hours ELSE 0 END, key_generation = ?, \
             drained_instance = ?, revision = ? WHERE id = ?",
        )
        .bind(connector.machine_name.as_str())
        .bind(connector.machine_name.folded())
        .bind(connector.connector_group.to_string())
        .bind(i64::from(connector.key_generation.0))
        .bind(i64::from(connector.key_generation.0))
        .bind(i64::from(connector.key_generation.0))
        .bind(connector.drained.map(|instance| instance.to_string()))
        .bind(row::signed(connector.revision))
        .bind(connector.id.to_string())
        .execute(self.connection())
        .await?;
        self.log(Entity::Connector, connector.id.to_string(), Operation::Update);
        Ok(())
    }

    /// Deletes a connector and its tunnels.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_connector(&mut self, id: ConnectorId) -> Result<(), Error> {
        for sql in ["DELETE FROM tunnel WHERE connector_id = ?", "DELETE FROM connector WHERE id = ?"] {
            engine::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        }
        self.log(Entity::Connector, id.to_string(), Operation::Delete);
        Ok(())
    }
}

async fn find(connection: &mut Connection, id: ConnectorId) -> Result<Option<Connector>, Error> {
    list::first::<Connectors>(connection, Expr::col("id").eq(id.to_string())).await
}

/// A connector with a tunnel is active.
fn status_of(source: &Source) -> Expr {
    let mut tunnel = sea_query::Query::select();
    tunnel
        .expr(Expr::cust("1"))
        .from("tunnel")
        .and_where(Expr::col(("tunnel", "connector_id")).eq(source.column("id")));
    Expr::case(Expr::exists(tunnel), ConnectorStatus::Active.as_str())
        .finally(ConnectorStatus::Inactive.as_str())
        .into()
}

fn care(row: &Row) -> Result<ConnectorCare, Error> {
    let key_copied: Option<String> = row.try_get("key_copied_at")?;
    Ok(ConnectorCare {
        needs_upgrade: row::parsed(row, "needs_upgrade", str::parse::<bool>)?,
        key_copied: key_copied.map(|_| row::parsed(row, "key_copied_at", str::parse::<Timestamp>)).transpose()?,
    })
}

/// The start of its process that is drained.
pub(crate) fn drained(row: &Row) -> Result<Option<TunnelId>, Error> {
    let is_drained = row.try_get::<Option<&str>, _>("drained_instance")?.is_some();
    is_drained.then(|| row::parsed(row, "drained_instance", str::parse)).transpose()
}

fn status(word: &str) -> Result<ConnectorStatus, &'static str> {
    [ConnectorStatus::Active, ConnectorStatus::Inactive]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or("the status is not known")
}
