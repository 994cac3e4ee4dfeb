//! One connection to a server, and whether what it leads to can keep a directory.

use std::io::{self, ErrorKind};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection, Row as _};
use tokio::time::timeout;

use crate::database::{DatabaseUrl, Place};
use crate::error::OpenError;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a question may take that is asked before a directory is opened.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The first version of PostgreSQL that draws random UUIDs, as it says its number. What else is needed is tried.
const OLDEST_VERSION: i64 = 13_00_00;

/// Nothing waits for ever, and a transaction that stands still ends after more than the longest command.
const WRITER_SETTINGS: &str = "SET lock_timeout = '8s'; SET statement_timeout = '10s'; \
                               SET idle_in_transaction_session_timeout = '15s'";

/// Opens a connection, within five seconds.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    timeout(CONNECT_TIMEOUT, options.connect()).await.unwrap_or_else(|_| Err(late()))
}

/// Makes a connection fit for writing: what it commits is durable whatever the server's own setting is, and nothing on it
/// waits for ever.
pub(crate) async fn prepare_writer(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    in_time(async {
        sqlx::raw_sql(WRITER_SETTINGS).execute(&mut *connection).await?;
        let durable = sqlx::query("SHOW synchronous_commit").fetch_one(&mut *connection).await?;
        // The other settings are as durable on this server, or stricter.
        if durable.try_get::<String, _>(0)? == "off" {
            sqlx::raw_sql("SET synchronous_commit = on").execute(connection).await?;
        }
        Ok(())
    })
    .await
}

/// Opens a connection for writing to a database that can keep a directory. Nothing is written.
pub(super) async fn open_connection(url: &DatabaseUrl) -> Result<PgConnection, OpenError> {
    let at = url.place();
    for (name, path) in url.files() {
        if let Err(reason) = std::fs::metadata(path) {
            let reason = format!("its {name} {} cannot be read: {reason}", path.display());
            return Err(OpenError::Unreachable { at, reason });
        }
    }
    if let Some(exposure) = url.exposure() {
        tracing::warn!(
            database = %at,
            "by the URL of the database, somebody on the way to it can {exposure}; sslmode=verify-full prevents that"
        );
    }
    let mut connection = connect(url.options()).await.map_err(|source| unreachable(&at, &source))?;
    let failed = |source| OpenError::Database { at: at.clone(), source };
    prepare_writer(&mut connection).await.map_err(failed)?;
    match in_time(shortcoming(&mut connection)).await.map_err(failed)? {
        None => Ok(connection),
        Some(Shortcoming::ReadOnly) => Err(OpenError::ReadOnly { at }),
        Some(Shortcoming::Other(reason)) => Err(OpenError::Unsuitable { at, reason }),
    }
}

/// What a question comes to, if it does in time.
pub(super) async fn in_time<T>(question: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(QUESTION_TIMEOUT, question).await.unwrap_or_else(|_| Err(late()))
}

/// The answer of a server that gives none.
pub(super) fn late() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(ErrorKind::TimedOut, "the database server does not answer"))
}

pub(super) fn unreachable(at: &Place, source: &sqlx::Error) -> OpenError {
    // What it is wrapped in says no more than the variant.
    let reason = match source {
        sqlx::Error::Io(reason) => reason.to_string(),
        sqlx::Error::Database(reason) => reason.message().to_owned(),
        other => other.to_string(),
    };
    OpenError::Unreachable { at: at.clone(), reason }
}

/// Why a database cannot keep a directory.
enum Shortcoming {
    ReadOnly,
    Other(String),
}

async fn shortcoming(connection: &mut PgConnection) -> Result<Option<Shortcoming>, sqlx::Error> {
    let sql = "SELECT current_setting('transaction_read_only') AS read_only, current_setting('server_encoding') AS encoding, \
               CAST(current_setting('server_version_num') AS BIGINT) AS number, current_setting('server_version') AS version, \
               CAST(current_schema() AS TEXT) AS schema";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await?;
    let text = |column: &str| row.try_get::<String, _>(column);
    let (encoding, version) = (text("encoding")?, text("version")?);
    Ok(match row.try_get::<Option<String>, _>("schema")? {
        _ if text("read_only")? == "on" => Some(Shortcoming::ReadOnly),
        _ if row.try_get::<i64, _>("number")? < OLDEST_VERSION => {
            Some(Shortcoming::Other(format!("its server is version {version}, and 13 is the oldest that will do")))
        }
        _ if !encoding.eq_ignore_ascii_case("UTF8") => {
            Some(Shortcoming::Other(format!("its encoding is {encoding}, and UTF8 is needed")))
        }
        None => Some(Shortcoming::Other("none of the schemas in its search_path exists".to_owned())),
        Some(_) => missing(connection).await?,
    })
}

/// What lists and indexes ask of a server and not every one does: numbers without end are known from version 14 on, and
/// hashes by MD5 (no secret is hashed so) to none that is held to FIPS 140.
async fn missing(connection: &mut PgConnection) -> Result<Option<Shortcoming>, sqlx::Error> {
    let asked = sqlx::query("SELECT md5(''), CAST('Infinity' AS NUMERIC) > 0").fetch_one(connection).await;
    match asked {
        Ok(_) => Ok(None),
        Err(sqlx::Error::Database(refusal)) => {
            let reason = refusal.message();
            Ok(Some(Shortcoming::Other(format!("its server does not do what lists and indexes need: {reason}"))))
        }
        Err(error) => Err(error),
    }
}
