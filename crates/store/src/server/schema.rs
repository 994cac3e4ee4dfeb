//! What is in a database, and how it becomes a directory of the newest version.

use sqlx::migrate::MigrateError;
use sqlx::{PgConnection, Row as _};

use super::Refused;
use crate::database::Place;
use crate::error::OpenError;
use crate::migrations::{POSTGRES_MIGRATIONS, newest};

/// Tables by which a directory is known. Other programs keep the first one as well.
const OWN_TABLES: [&str; 3] = ["_sqlx_migrations", "position", "server"];

/// All tables of the schema, those of other users too.
const TABLES: &str = "SELECT CAST(c.relname AS TEXT) AS name FROM pg_catalog.pg_class c \
                      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                      WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY 1";

/// For the statements of an upgrade, each: an index of a large table takes its time.
const UPGRADE_SETTINGS: &str = "SET LOCAL statement_timeout = '10min'";

/// `unique_violation`, `duplicate_table`, `duplicate_object`: what a second server meets that makes the tables of an empty
/// database at the same moment.
const MADE_BY_ANOTHER: [&str; 3] = ["23505", "42P07", "42710"];

/// `insufficient_privilege`.
const NOT_ALLOWED: &str = "42501";

/// What is in a database.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contents {
    Nothing,
    /// A directory, with the version of its schema.
    Directory {
        version: i64,
    },
    /// Tables of another program; this is one.
    Other {
        table: String,
    },
}

/// What is there. Nothing is written.
pub(super) async fn contents(connection: &mut PgConnection) -> Result<Contents, sqlx::Error> {
    let rows = sqlx::query(TABLES).fetch_all(&mut *connection).await?;
    let tables: Vec<String> = rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>()?;
    let Some(first) = tables.first() else { return Ok(Contents::Nothing) };
    if !OWN_TABLES.iter().all(|own| tables.iter().any(|table| table == own)) {
        let other = tables.iter().find(|table| !OWN_TABLES.contains(&table.as_str()));
        return Ok(Contents::Other { table: other.unwrap_or(first).clone() });
    }
    let newest = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(connection).await?;
    Ok(Contents::Directory { version: newest.try_get::<Option<i64>, _>(0)?.unwrap_or_default() })
}

impl Contents {
    /// Refuses what no directory can be in, or one of a newer version.
    pub(super) fn check(&self, at: &Place) -> Result<(), OpenError> {
        let known = newest(&POSTGRES_MIGRATIONS);
        match self {
            Self::Other { table } => Err(OpenError::NotADatabase { at: at.clone(), table: Some(table.clone()) }),
            Self::Directory { version } if *version > known => {
                Err(OpenError::FromTheFuture { at: at.clone(), found: *version, known })
            }
            Self::Nothing | Self::Directory { .. } => Ok(()),
        }
    }
}

/// Makes the schema, or brings it up to date, in a transaction that is open.
pub(super) async fn bring_up_to_date(change: &mut PgConnection, at: &Place) -> Result<(), Refused> {
    sqlx::raw_sql(UPGRADE_SETTINGS).execute(&mut *change).await.map_err(|error| Refused::of(error, at))?;
    POSTGRES_MIGRATIONS.run(change).await.map_err(|error| refused(error, at))
}

/// Whether another server has just made what was to be made.
pub(super) fn is_made_by_another(error: &sqlx::Error) -> bool {
    state(error).is_some_and(|state| MADE_BY_ANOTHER.contains(&state.as_str()))
}

fn refused(error: MigrateError, at: &Place) -> Refused {
    let at = || at.clone();
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => match state(&source) {
            Some(state) if state == NOT_ALLOWED => {
                let reason =
                    format!("its user may not make tables there ({source}); the database should be that user's own");
                Refused::Other(OpenError::Unsuitable { at: at(), reason })
            }
            _ => Refused::of(source, &at()),
        },
        source => Refused::Other(OpenError::Migration { at: at(), source }),
    }
}

fn state(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

#[cfg(test)]
mod tests;
