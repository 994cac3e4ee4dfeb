//! The directory in a database of a PostgreSQL server: how it is opened, by one server of ours at a time.
//!
//! SQL here is what YugabyteDB and CockroachDB know as well: no advisory locks, no `LISTEN`. Which server of ours serves the
//! directory is a row ([`Hold`]), and every batch of writes reads it after it has locked the position, so that a server
//! which lost the hold writes nothing, whatever it believes. Nothing is written to a database before it is known to be
//! empty or a directory's, and to be free.

mod connection;
mod hold;
mod pool;
mod schema;

use std::sync::Arc;
use std::time::Duration;

use adit_core::{Epoch, Revision};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use tokio::time::{Instant, sleep};

use self::connection::{in_time, open_connection};
use self::hold::Claim;
use self::schema::Contents;
use crate::copy::Found;
use crate::database::{DatabaseUrl, Place};
use crate::engine::Connection;
use crate::error::{Error, Holder, OpenError, is_to_be_repeated};
use crate::transaction;

pub(crate) use self::connection::{connect, prepare_writer};
pub(crate) use self::hold::Hold;
pub(crate) use self::pool::{open_history, open_readers};

/// Begins a batch of writes, and locks the position: servers write one after the other.
pub(crate) const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT revision FROM position WHERE only_row = 1 FOR UPDATE";

/// Where the directory is, and who holds it. A statement of its own after [`BEGIN`], because one sees what was there when it
/// began: a statement that has waited for the lock would see the holder from before it waited.
pub(crate) const POSITION: &str = "SELECT position.epoch, position.revision, server.holder FROM position, server \
                                   WHERE position.only_row = 1 AND server.only_row = 1";

/// Begins what makes or changes a schema, and what takes the hold.
const BEGIN_CHANGE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// How often it is asked whether the hold is free, while it is waited for.
const POLL: Duration = Duration::from_millis(250);

/// How often opening begins again when another transaction came in between.
const ATTEMPTS: usize = 5;

/// Why a server that lost its hold writes nothing.
pub(crate) fn taken_by_another() -> Error {
    let reason = "another server has taken over the directory, and this one is to be stopped";
    Error::Unavailable(Arc::new(sqlx::Error::InvalidArgument(reason.to_owned())))
}

/// Why a server writes nothing whose database is at an earlier revision than it was.
pub(crate) fn gone_back(found: Revision, newest: Revision) -> Error {
    let (found, newest) = (found.0, newest.0);
    let reason = format!(
        "the database has gone back from revision {newest} to {found}; stop this server, begin a new epoch with \
         'adit db begin-epoch' and start it again"
    );
    Error::Unavailable(Arc::new(sqlx::Error::InvalidArgument(reason)))
}

/// Opens the directory at `url` and takes the hold of it, for the data folder of this `authority`. An empty database becomes a
/// directory. Where another server holds it, it is waited for up to `wait` that the server gives it back or is gone; not
/// longer than until the server is heard of again.
pub(crate) async fn open(
    url: &DatabaseUrl,
    authority: Option<&str>,
    wait: Duration,
) -> Result<(PgConnection, Hold), OpenError> {
    let at = url.place();
    let mut connection = open_connection(url).await?;
    let claim = Claim::new(authority);
    let latest = Instant::now() + wait;
    let (mut attempts, mut first_seen) = (0, None);
    loop {
        match take(&mut connection, &claim, &at).await {
            Ok(()) => return Ok((connection, Hold::begin(claim, url))),
            Err(Refused::Overtaken(_)) if attempts < ATTEMPTS => attempts += 1,
            Err(Refused::Held(holder))
                if *first_seen.get_or_insert(holder.until) == holder.until && Instant::now() < latest =>
            {
                sleep(POLL).await;
            }
            Err(refused) => return Err(refused.explained(&at)),
        }
    }
}

/// What is in the database; nothing where it is empty. Changes nothing.
pub(crate) async fn find(url: &DatabaseUrl) -> Result<Option<Found>, OpenError> {
    let at = url.place();
    let failed = |source| OpenError::Database { at: at.clone(), source };
    let mut connection = open_connection(url).await?;
    let contents = in_time(schema::contents(&mut connection)).await.map_err(failed)?;
    contents.check(&at)?;
    if contents == Contents::Nothing {
        return Ok(None);
    }
    let authority = in_time(hold::seen(&mut connection)).await.map_err(failed)?.authority;
    let mut connection = Connection::Postgres(Box::new(connection));
    let version = transaction::version(&mut connection).await;
    let version = version.map_err(|error| OpenError::Damaged { at: at.clone(), reason: error.to_string() })?;
    connection.close().await.map_err(failed)?;
    Ok(Some(Found { version, authority }))
}

/// Begins a transaction in which an empty database has become a new directory; nothing where it is not empty. A server that
/// opens it meanwhile waits for the end.
pub(crate) async fn begin_new(url: &DatabaseUrl) -> Result<Option<Connection>, OpenError> {
    let at = url.place();
    let mut change = begin_change(url).await?;
    let contents = in_time(schema::contents(&mut change)).await;
    if contents.map_err(|source| OpenError::Database { at: at.clone(), source })? != Contents::Nothing {
        return Ok(None);
    }
    match schema::bring_up_to_date(&mut change, &at).await {
        Ok(()) => {}
        Err(Refused::Overtaken(_)) => return Ok(None),
        Err(refused) => return Err(refused.explained(&at)),
    }
    // What was empty a moment ago may have become a directory since: every server that opens one notes its authority, or
    // at least that it holds it.
    let seen = hold::lock(&mut change).await.map_err(|source| OpenError::Database { at: at.clone(), source })?;
    let mut change = Connection::PostgresChange(change);
    let version = transaction::version(&mut change).await;
    let version = version.map_err(|error| OpenError::Damaged { at: at.clone(), reason: error.to_string() })?;
    let is_new = seen.authority.is_none() && seen.holder.is_none() && version == (Epoch(1), Revision(0));
    Ok(is_new.then_some(change))
}

/// Begins a transaction in a directory of the newest schema that nobody serves, and that nobody takes before its end.
pub(crate) async fn begin_unserved(url: &DatabaseUrl) -> Result<Transaction<'static, Postgres>, OpenError> {
    let at = url.place();
    let explained = |refused: Refused| refused.explained(&at);
    let failed = |source| OpenError::Database { at: at.clone(), source };
    let mut change = begin_change(url).await?;
    let contents = in_time(schema::contents(&mut change)).await.map_err(failed)?;
    contents.check(&at)?;
    if contents == Contents::Nothing {
        return Err(OpenError::NotADatabase { at, table: None });
    }
    in_time(hold::seen(&mut change)).await.map_err(failed)?.must_be_free().map_err(explained)?;
    hold::lock(&mut change).await.map_err(failed)?.must_be_free().map_err(explained)?;
    schema::bring_up_to_date(&mut change, &at).await.map_err(explained)?;
    Ok(change)
}

/// A transaction on a connection of its own.
async fn begin_change(url: &DatabaseUrl) -> Result<Transaction<'static, Postgres>, OpenError> {
    let pool = pool::open_one(url).await?;
    pool.begin_with(BEGIN_CHANGE).await.map_err(|source| OpenError::Database { at: url.place(), source })
}

/// Takes the hold if it is free, makes the schema or brings it up to date; all of it, or nothing.
async fn take(connection: &mut PgConnection, claim: &Claim, at: &Place) -> Result<(), Refused> {
    let failed = |error| Refused::of(error, at);
    let before = in_time(schema::contents(connection)).await.map_err(failed)?;
    before.check(at).map_err(Refused::Other)?;
    let is_there = before != Contents::Nothing;
    if is_there {
        in_time(hold::seen(connection)).await.map_err(failed)?.allows(claim, at)?;
    }
    let mut change = connection.begin_with(BEGIN_CHANGE).await.map_err(failed)?;
    if is_there {
        hold::lock(&mut change).await.map_err(failed)?.allows(claim, at)?;
    }
    schema::bring_up_to_date(&mut change, at).await?;
    // What was empty a moment ago may have become the directory of another server since.
    hold::lock(&mut change).await.map_err(failed)?.allows(claim, at)?;
    hold::take(&mut change, claim).await.map_err(failed)?;
    change.commit().await.map_err(failed)
}

/// Why a directory was not taken this time.
enum Refused {
    /// Another server holds it.
    Held(Holder),
    /// Another transaction came in between: at the next attempt its outcome is there.
    Overtaken(sqlx::Error),
    Other(OpenError),
}

impl Refused {
    fn of(error: sqlx::Error, at: &Place) -> Self {
        let at = || at.clone();
        match error {
            error if is_to_be_repeated(&error) || schema::is_made_by_another(&error) => Self::Overtaken(error),
            sqlx::Error::RowNotFound => {
                Self::Other(OpenError::Damaged { at: at(), reason: "a table of one row has none".to_owned() })
            }
            source => Self::Other(OpenError::Database { at: at(), source }),
        }
    }

    fn explained(self, at: &Place) -> OpenError {
        match self {
            Self::Held(holder) => OpenError::InUse { at: at.clone(), by: Some(holder) },
            Self::Overtaken(source) => OpenError::Database { at: at.clone(), source },
            Self::Other(error) => error,
        }
    }
}

#[cfg(test)]
mod tests;
