//! How the writer's connection is opened, and how a batch begins on it.

use adit_core::Revision;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::engine::{self, Connection};
use crate::error::{Error, is_locked, is_to_be_repeated};
use crate::row;
use crate::server::{self, Hold};

/// Opens connections for the writer. Not `Debug`: what a server is opened with has its password.
pub(crate) enum Opener {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>, Hold),
}

/// Why a batch could not begin.
#[derive(Debug)]
pub(crate) enum Begin {
    /// The connection is of no more use.
    Broken(sqlx::Error),
    /// It is, but not at this moment.
    Refused(Error),
}

impl Opener {
    /// Opens a connection. It never makes a new file: should the directory have been moved away, an empty one must not take
    /// its place.
    pub(crate) async fn open(&self) -> Result<Connection, Error> {
        match self {
            Self::Sqlite(options) => {
                let options = SqliteConnectOptions::clone(options).create_if_missing(false);
                Ok(Connection::Sqlite(options.connect().await?))
            }
            Self::Postgres(options, _) => {
                let mut connection = server::connect(options).await?;
                server::prepare_writer(&mut connection).await?;
                Ok(Connection::Postgres(Box::new(connection)))
            }
        }
    }

    /// Whether what a connection did not do may be asked of another one. A file does not get better by that.
    pub(crate) const fn is_worth_another(&self) -> bool {
        matches!(self, Self::Postgres(..))
    }

    /// Opens a transaction that alone writes, and reads at which revision the directory is: `newest` or a later one. A
    /// server's database can have gone back, by a failover to a replica that had not got everything. Gateways have what it
    /// lost, and would take its next revisions for those; so nothing is written until the directory is opened anew.
    pub(crate) async fn begin(&self, connection: &mut Connection, newest: Revision) -> Result<Revision, Begin> {
        match self {
            Self::Sqlite(_) => begin_in_file(connection).await,
            Self::Postgres(_, hold) => {
                let begun = match begin_at_server(connection, hold).await {
                    Err(Begin::Broken(error)) if is_to_be_repeated(&error) => {
                        roll_back(connection).await?;
                        begin_at_server(connection, hold).await?
                    }
                    begun => begun?,
                };
                if begun < newest {
                    roll_back(connection).await?;
                    return Err(Begin::Refused(server::gone_back(begun, newest)));
                }
                Ok(begun)
            }
        }
    }
}

/// `IMMEDIATE`, because a transaction that starts reading and then writes can fail at once whatever the timeout.
async fn begin_in_file(connection: &mut Connection) -> Result<Revision, Begin> {
    let sql = "BEGIN IMMEDIATE; SELECT revision FROM position WHERE only_row = 1";
    let begun = engine::query(sql).fetch_one(connection).await;
    let found = begun.map_err(|error| match is_locked(&error) {
        true => Begin::Refused(error.into()),
        false => Begin::Broken(error),
    })?;
    revision(&found)
}

/// The row of the position is locked, so that servers write one after the other; and the hold is read under that lock: a
/// server that has lost it can write no more, whatever it believes.
async fn begin_at_server(connection: &mut Connection, hold: &Hold) -> Result<Revision, Begin> {
    if hold.is_lost() {
        return Err(Begin::Refused(server::taken_by_another()));
    }
    engine::script(connection, server::BEGIN).await.map_err(Begin::Broken)?;
    let found = engine::query(server::POSITION).fetch_one(connection).await.map_err(Begin::Broken)?;
    let holder: Option<String> = found.try_get("holder").map_err(Begin::Broken)?;
    if !hold.is_mine(holder.as_deref()) {
        hold.mark_lost();
        roll_back(connection).await?;
        return Err(Begin::Refused(server::taken_by_another()));
    }
    revision(&found)
}

async fn roll_back(connection: &mut Connection) -> Result<(), Begin> {
    engine::script(connection, "ROLLBACK").await.map_err(Begin::Broken)
}

fn revision(found: &engine::Row) -> Result<Revision, Begin> {
    row::revision(found, "revision").map_err(Begin::Refused)
}
