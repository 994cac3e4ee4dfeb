//! Alternate URLs that earlier versions kept as they came, without a look.
//!
//! They are noted before the schema takes them away. Those that are valid and free come into effect; of each of the others
//! a line in the log says which it was, so that an administrator can set it anew.

use std::fmt::Display;

use adit_core::{ExternalUrl, Publishing};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::failed_to_encode;

/// What holds applications: live ones, and those that can be restored.
const TABLES: [&str; 2] = ["application", "deleted_application"];

/// One that was kept.
#[derive(Debug)]
pub(super) struct Kept {
    table: &'static str,
    id: String,
    application: String,
    url: String,
}

/// All that are kept, the earliest application first.
pub(super) async fn noted(connection: &mut SqliteConnection) -> Result<Vec<Kept>, sqlx::Error> {
    let mut noted = Vec::new();
    for table in TABLES {
        let exists = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").bind(table);
        if exists.fetch_optional(&mut *connection).await?.is_none() {
            continue;
        }
        let sql = format!(
            "SELECT id, display_name, CAST(json_extract(publishing, '$.attributes.alternateUrl') AS TEXT) AS url \
             FROM {table} WHERE json_valid(publishing) AND url <> '' ORDER BY id"
        );
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await? {
            let (id, application, url) = (row.try_get("id")?, row.try_get("display_name")?, row.try_get("url")?);
            noted.push(Kept { table, id, application, url });
        }
    }
    Ok(noted)
}

/// Brings them into effect, or says why not.
pub(super) async fn take_up(connection: &mut SqliteConnection, noted: Vec<Kept>) -> Result<(), sqlx::Error> {
    for Kept { table, id, application, url } in noted {
        let lost = |reason: &dyn Display| {
            tracing::warn!(id, application, url, %reason, "an alternate URL that was kept unchecked is gone: set it anew");
        };
        match publishing_with(connection, table, &id, &url).await? {
            Err(reason) => lost(&reason),
            Ok((_, alternate)) if table == "application" && is_taken(connection, &id, &alternate).await? => {
                lost(&"another application is published there");
            }
            Ok((publishing, alternate)) => {
                write(connection, table, &id, &publishing, &alternate).await?;
                tracing::info!(id, application, url, "an alternate URL that was kept is in effect");
            }
        }
    }
    Ok(())
}

/// The application's publishing with the URL in it; or why it cannot be.
async fn publishing_with(
    connection: &mut SqliteConnection,
    table: &str,
    id: &str,
    url: &str,
) -> Result<Result<(Publishing, ExternalUrl), String>, sqlx::Error> {
    let sql = format!("SELECT publishing FROM {table} WHERE id = ?");
    let text: String = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_one(connection).await?.try_get(0)?;
    Ok(checked(&text, url))
}

fn checked(publishing: &str, url: &str) -> Result<(Publishing, ExternalUrl), String> {
    let url = ExternalUrl::parse(url).map_err(|reason| reason.to_string())?;
    let mut publishing: Publishing = serde_json::from_str(publishing).map_err(|reason| reason.to_string())?;
    publishing.alternate_url = Some(url.clone());
    publishing.check().map_err(|reason| reason.to_string())?;
    Ok((publishing, url))
}

async fn is_taken(connection: &mut SqliteConnection, id: &str, url: &ExternalUrl) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM application WHERE (external_place = ?1 OR alternate_place = ?1) AND id <> ?2";
    Ok(sqlx::query(sql).bind(url.place()).bind(id).fetch_optional(connection).await?.is_some())
}

async fn write(
    connection: &mut SqliteConnection,
    table: &str,
    id: &str,
    publishing: &Publishing,
    alternate: &ExternalUrl,
) -> Result<(), sqlx::Error> {
    let text = serde_json::to_string(publishing).map_err(failed_to_encode)?;
    let sql = format!("UPDATE {table} SET publishing = ? WHERE id = ?");
    sqlx::query(AssertSqlSafe(sql)).bind(text).bind(id).execute(&mut *connection).await?;
    if table == "application" {
        let sql = "UPDATE application SET alternate_place = ? WHERE id = ?";
        sqlx::query(sql).bind(alternate.place()).bind(id).execute(connection).await?;
    }
    Ok(())
}
