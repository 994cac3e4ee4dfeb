//! Reads the directory at one moment, as far as gateways need to know it: the whole of it once, and from then on what
//! the change log says was touched.

use std::collections::BTreeSet;

use adit_core::snapshot::{KnownConnector, SnapshotChanges};
use adit_core::{ApplicationId, ConnectorId, Epoch, KeyGeneration, PrincipalId, Revision, Snapshot};
use sea_query::{Expr, ExprTrait as _, Query};

use crate::admission;
use crate::change_log::Entity;
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::revocation;
use crate::row;
use crate::store::Store;
use crate::transaction;

/// From so many changes on, reading the whole directory is as good as reading what they touched.
const MANY_CHANGES: usize = 20_000;

/// How many objects are asked for in one statement.
const OBJECTS_AT_ONCE: usize = 500;

/// The objects that were touched, of the kinds that gateways know.
#[derive(Debug, Default)]
struct Touched {
    applications: BTreeSet<String>,
    /// Applications of which only who may use them was touched, by their client ids.
    admissions: BTreeSet<String>,
    connectors: BTreeSet<String>,
    users: BTreeSet<String>,
    has_revocations: bool,
}

/// What leads to the directory as it is.
#[derive(Debug)]
pub struct SnapshotStep {
    epoch: Epoch,
    revision: Revision,
    /// Whether the changes are to be made to nothing, and not to the last snapshot.
    is_whole: bool,
    /// What has changed.
    pub changes: SnapshotChanges,
}

impl SnapshotStep {
    /// The snapshot that it starts from, where that is `last`.
    #[must_use]
    pub fn base<'s>(&self, last: &'s Snapshot) -> Option<&'s Snapshot> {
        (!self.is_whole).then_some(last)
    }

    /// The version that it leads to.
    #[must_use]
    pub const fn version(&self) -> (Epoch, Revision) {
        (self.epoch, self.revision)
    }

    /// Takes the step from `last`.
    #[must_use]
    pub fn from(self, last: &Snapshot) -> Snapshot {
        let nothing = Snapshot::default();
        let base = if self.is_whole { &nothing } else { last };
        base.changed(self.epoch, self.revision, self.changes)
    }
}

impl Store {
    /// Compiles the directory as it is: version, published applications and connectors of one moment.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn load_snapshot(&self) -> Result<Snapshot, Error> {
        Ok(self.snapshot_step(&Snapshot::default()).await?.from(&Snapshot::default()))
    }

    /// The directory as it is, by what has changed since `last`. Costs what has changed.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn next_snapshot(&self, last: &Snapshot) -> Result<Snapshot, Error> {
        Ok(self.snapshot_step(last).await?.from(last))
    }

    /// The same, before it is done.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn snapshot_step(&self, last: &Snapshot) -> Result<SnapshotStep, Error> {
        let mut read = self.history().await?;
        let step = step(&mut read, last.version()).await?;
        if let Err(error) = read.close().await {
            tracing::warn!(%error, "a view of the directory was not closed in order");
        }
        Ok(step)
    }
}

async fn step(read: &mut Connection, last: (Epoch, Revision)) -> Result<SnapshotStep, Error> {
    let (epoch, revision) = transaction::version(read).await?;
    let (last_epoch, last_revision) = last;
    if epoch != last_epoch || revision < last_revision {
        return load(read).await;
    }
    match touched_after(read, last_revision).await? {
        Some(touched) => {
            let mut changes = changes(read, &touched).await?;
            if touched.has_revocations {
                changes.revocations = revocation::after(read, Some(last_revision)).await?;
            }
            Ok(SnapshotStep { epoch, revision, is_whole: false, changes })
        }
        None => load(read).await,
    }
}

async fn load(read: &mut Connection) -> Result<SnapshotStep, Error> {
    let (epoch, revision) = transaction::version(read).await?;
    // Those that are published are the ones with a group, and few among many: the index over groups has them together.
    let published = Expr::col("connector_group_id").gt("");
    let applications = crate::application::all_readable(read, published).await?;
    let connectors = connectors(read, None).await?;
    let applications = admission::published(read, &applications).await?;
    let changes = SnapshotChanges {
        applications: applications.into_iter().map(|application| (application.id, Some(application))).collect(),
        connectors: connectors.into_iter().map(|connector| (connector.id, Some(connector))).collect(),
        disabled: disabled(read).await?,
        revocations: revocation::after(read, None).await?,
    };
    Ok(SnapshotStep { epoch, revision, is_whole: true, changes })
}

/// What was touched after `revision`; `None` for too much.
async fn touched_after(read: &mut Connection, revision: Revision) -> Result<Option<Touched>, Error> {
    // In the order of the primary key, so that no other index is taken, which would lead through the whole log. For a
    // limit that is bound alone, without the sign, SQLite compiles the statement anew each time.
    let rows = engine::query("SELECT entity, id FROM change_log WHERE revision > ? ORDER BY revision, place LIMIT +?")
        .bind(row::signed(revision))
        .bind(i64::try_from(MANY_CHANGES).unwrap_or(i64::MAX))
        .fetch_all(read)
        .await?;
    if rows.len() == MANY_CHANGES {
        return Ok(None);
    }
    let mut touched = Touched::default();
    for row in &rows {
        let (entity, id): (String, String) = (row.try_get("entity")?, row.try_get("id")?);
        if entity == Entity::Application.as_str() {
            touched.applications.insert(id);
        } else if entity == Entity::Admission.as_str() {
            touched.admissions.insert(id);
        } else if entity == Entity::Connector.as_str() {
            touched.connectors.insert(id);
        } else if entity == Entity::User.as_str() {
            touched.users.insert(id);
        } else if entity == Entity::Revocation.as_str() {
            touched.has_revocations = true;
        }
    }
    Ok(Some(touched))
}

/// What became of the objects that were touched; those that are not found are gone.
async fn changes(read: &mut Connection, touched: &Touched) -> Result<SnapshotChanges, Error> {
    let mut changes = SnapshotChanges::default();
    let ids: Vec<&str> = touched.applications.iter().map(String::as_str).collect();
    for ids in ids.chunks(OBJECTS_AT_ONCE) {
        let published = Expr::col("id").is_in(ids.iter().copied()).and(Expr::col("publishing").is_not_null());
        let found = crate::application::all_readable(read, published).await?;
        let mut found = admission::published(read, &found).await?;
        for id in ids {
            let id: ApplicationId = parsed(id)?;
            let place = found.iter().position(|application| application.id == id);
            changes.applications.push((id, place.map(|place| found.swap_remove(place))));
        }
    }
    let admissions: Vec<&str> = touched.admissions.iter().map(String::as_str).collect();
    for ids in admissions.chunks(OBJECTS_AT_ONCE) {
        let published = Expr::col("app_id").is_in(ids.iter().copied()).and(Expr::col("publishing").is_not_null());
        let found = crate::application::all_readable(read, published).await?;
        // Those that are gone were touched themselves, and those that were touched themselves are there already.
        let others = admission::published(read, &found).await?.into_iter();
        let is_there = |id| changes.applications.iter().any(|(known, _)| *known == id);
        let others: Vec<_> = others.filter(|application| !is_there(application.id)).collect();
        changes.applications.extend(others.into_iter().map(|application| (application.id, Some(application))));
    }
    let ids: Vec<&str> = touched.connectors.iter().map(String::as_str).collect();
    for ids in ids.chunks(OBJECTS_AT_ONCE) {
        let found = connectors(read, Some(ids)).await?;
        for id in ids {
            let id: ConnectorId = parsed(id)?;
            changes.connectors.push((id, found.iter().find(|connector| connector.id == id).cloned()));
        }
    }
    let ids: Vec<&str> = touched.users.iter().map(String::as_str).collect();
    for ids in ids.chunks(OBJECTS_AT_ONCE) {
        changes.disabled.extend(disabled_among(read, ids).await?);
    }
    Ok(changes)
}

/// The users who may not sign in.
async fn disabled(read: &mut Connection) -> Result<Vec<(PrincipalId, bool)>, Error> {
    let rows = engine::query("SELECT id FROM local_user WHERE is_enabled <> 'true'").fetch_all(read).await?;
    rows.iter().map(|row| Ok((row::parsed(row, "id", str::parse)?, true))).collect()
}

/// Whether each of the users is there and may not sign in. The sessions of those that are gone were ended with them.
async fn disabled_among(read: &mut Connection, ids: &[&str]) -> Result<Vec<(PrincipalId, bool)>, Error> {
    let mut select = Query::select();
    select.column("id").from("local_user");
    select.and_where(Expr::col("id").is_in(ids.iter().copied())).and_where(Expr::col("is_enabled").ne("true"));
    let rows = engine::built(&select, read.engine())?.fetch_all(read).await?;
    let found: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get("id")).collect();
    let found = found?;
    ids.iter().map(|id| Ok((parsed(id)?, found.iter().any(|disabled| disabled == id)))).collect()
}

/// All connectors, or those among `ids`. Entries that never registered have no key, so gateways need not know them.
async fn connectors(read: &mut Connection, ids: Option<&[&str]>) -> Result<Vec<KnownConnector>, Error> {
    let mut select = Query::select();
    select.columns(["id", "connector_group_id", "key_generation", "drained_instance"]).from("connector");
    select.and_where(Expr::col("key_generation").gt(0));
    select.and_where_option(ids.map(|ids| Expr::col("id").is_in(ids.iter().copied())));
    let rows = engine::built(&select, read.engine())?.fetch_all(read).await?;
    Ok(rows.iter().filter_map(known_if_readable).collect())
}

/// One damaged row is logged and left out, as with applications: gateways must learn of all the others.
fn known_if_readable(row: &Row) -> Option<KnownConnector> {
    let left_out = |error: &Error| {
        let id: String = row.try_get("id").unwrap_or_default();
        tracing::error!(id, %error, "a connector cannot be read and is left out");
    };
    known(row).inspect_err(left_out).ok()
}

fn known(row: &Row) -> Result<KnownConnector, Error> {
    Ok(KnownConnector {
        id: row::parsed(row, "id", str::parse)?,
        connector_group: row::parsed(row, "connector_group_id", str::parse)?,
        key_generation: KeyGeneration(row::unsigned("key_generation", row.try_get("key_generation")?)?),
        drained: crate::connector::drained(row)?,
        membership: None,
    })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(id: &str) -> Result<T, Error> {
    id.parse().map_err(|reason| row::unreadable("id", id, &reason))
}
