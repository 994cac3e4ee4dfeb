//! Brings the schema of a file up to date, and what must be computed for rows of earlier versions. PostgreSQL begins with
//! the newest of those.
//!
//! Invariant: all of it happens in one transaction, so a start that fails or is cut off leaves the directory as it was.

mod alternate_url;
mod place;

use std::collections::HashMap;
use std::path::Path;

use adit_core::application::{Attributes, UNIQUE_NAME};
use adit_core::name::fold;
use sqlx::migrate::MigrateError;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::error::OpenError;
use crate::file::{self, explain, is_not_a_database, not_a_database};
use crate::migrations::{MIGRATIONS, newest};

/// The version of the schema from which on unique names are in a column of their own.
const UNIQUE_NAMES: i64 = 3;

/// The version of the schema from which on alternate URLs are checked, and in effect.
const ALTERNATE_URLS: i64 = 6;

/// The version of the schema from which on places have one spelling.
const ONE_SPELLING: i64 = 7;

/// Brings the directory up to date.
pub(crate) async fn bring_up_to_date(writer: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| explain(path, source);
    let mut upgrade = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let before = version(&mut upgrade).await.map_err(failed)?;
    let alternate_urls = match before {
        1..ALTERNATE_URLS => alternate_url::noted(&mut upgrade).await.map_err(failed)?,
        _ => Vec::new(),
    };
    MIGRATIONS.run(&mut *upgrade).await.map_err(|error| refused(path, error))?;
    if before < UNIQUE_NAMES {
        fill_unique_names(&mut upgrade).await.map_err(failed)?;
    }
    if before < ONE_SPELLING {
        place::respell(&mut upgrade).await.map_err(failed)?;
    }
    alternate_url::take_up(&mut upgrade, alternate_urls).await.map_err(failed)?;
    upgrade.commit().await.map_err(failed)
}

/// The version of the schema; 0 for a new file.
async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let table = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'");
    if table.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(0);
    }
    let newest = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(connection).await?;
    Ok(newest.try_get::<Option<i64>, _>(0)?.unwrap_or_default())
}

fn refused(path: &Path, error: MigrateError) -> OpenError {
    let known = newest(&MIGRATIONS);
    match error {
        MigrateError::VersionMissing(found) if found > known => {
            OpenError::FromTheFuture { at: file::place(path), found, known }
        }
        MigrateError::Execute(source) if is_not_a_database(&source) => not_a_database(path),
        source => OpenError::Migration { at: file::place(path), source },
    }
}

/// Of several applications with one unique name the first keeps it, and the others lose it.
async fn fill_unique_names(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = "SELECT id, display_name, attributes FROM application WHERE attributes LIKE '%uniqueName%' ORDER BY id";
    let rows = sqlx::query(sql).fetch_all(&mut *connection).await?;
    let mut kept: HashMap<String, String> = HashMap::new();
    for row in &rows {
        let (id, application, text): (String, String, String) =
            (row.try_get("id")?, row.try_get("display_name")?, row.try_get("attributes")?);
        let Ok(mut attributes) = serde_json::from_str::<Attributes>(&text) else {
            tracing::error!(id, application, "the properties of an application cannot be read and stay as they are");
            continue;
        };
        let Some(value) = attributes.remove(UNIQUE_NAME) else { continue };
        let folded = value.as_str().map(fold);
        match folded.as_ref().map(|folded| (folded, kept.get(folded))) {
            Some((folded, None)) => {
                keep(connection, &id, folded).await?;
                kept.insert(folded.clone(), id);
                continue;
            }
            Some((_, Some(first))) => tracing::warn!(
                id, application, name = %value, kept_by = first,
                "an application loses its unique name, because an earlier one has the same"
            ),
            None => {}
        }
        lose(connection, &id, &attributes).await?;
    }
    Ok(())
}

async fn keep(connection: &mut SqliteConnection, id: &str, folded: &str) -> Result<(), sqlx::Error> {
    let sql = "UPDATE application SET unique_name_folded = ? WHERE id = ?";
    sqlx::query(sql).bind(folded).bind(id).execute(connection).await?;
    Ok(())
}

async fn lose(connection: &mut SqliteConnection, id: &str, attributes: &Attributes) -> Result<(), sqlx::Error> {
    let text = serde_json::to_string(attributes).map_err(failed_to_encode)?;
    sqlx::query("UPDATE application SET attributes = ? WHERE id = ?").bind(text).bind(id).execute(connection).await?;
    Ok(())
}

fn failed_to_encode(reason: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Encode(reason.into())
}
