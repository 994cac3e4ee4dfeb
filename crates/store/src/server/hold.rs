//! Which server serves the directory: a row with the number that the server drew, until a time by the database's clock.
//!
//! The holder renews it all the time. After a server that ended without giving it up, another one takes it when that time
//! is over. A database that was away for longer loses nobody the hold: only another server that took it does, and from then
//! on the first one writes nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Refused;
use super::connection::{connect, late};
use crate::database::{DatabaseUrl, Place};
use crate::error::{Holder, OpenError};

/// For how long a server that is not heard of is waited for.
const HELD_FOR: Duration = Duration::from_secs(15);

/// How often the holder is heard of.
const RENEWAL: Duration = Duration::from_secs(5);

/// How soon a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a renewal may take, and giving the hold back, a new connection included.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Locks position and hold. The position comes first, as with every batch of writes; it is written, and not locked alone, so
/// that a writer which waits for it is refused where its transaction sees one moment only.
const LOCK: &str = "UPDATE position SET revision = revision WHERE only_row = 1";

/// A time by the clock of the database, as all times are kept.
macro_rules! instant {
    ($time:literal) => {
        concat!("to_char((", $time, ") AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"000Z\"')")
    };
}

/// The end of a hold that is taken or renewed now: after [`HELD_FOR`].
macro_rules! until {
    () => {
        instant!("clock_timestamp() + INTERVAL '15 seconds'")
    };
}

/// The hold, and whether its time is over.
macro_rules! seen {
    ($lock:literal) => {
        concat!(
            "SELECT holder, holder_name, held_until, authority, held_until <= ",
            instant!("clock_timestamp()"),
            " AS is_over FROM server WHERE only_row = 1",
            $lock
        )
    };
}

const TAKE: &str = concat!(
    "UPDATE server SET holder = $1, holder_name = $2, authority = COALESCE(authority, $3), held_until = ",
    until!(),
    " WHERE only_row = 1"
);

const RENEW: &str = concat!("UPDATE server SET held_until = ", until!(), " WHERE only_row = 1 AND holder = $1");

const GIVE_UP: &str = "UPDATE server SET holder = NULL, holder_name = NULL, held_until = NULL \
                       WHERE only_row = 1 AND holder = $1";

/// What a server asks for that opens a directory.
#[derive(Debug)]
pub(super) struct Claim {
    /// A number of its own, drawn anew at every start.
    id: String,
    /// Process and machine, for people.
    name: String,
    authority: Option<String>,
}

impl Claim {
    pub(super) fn new(authority: Option<&str>) -> Self {
        let name = format!("process {} on {}", std::process::id(), machine());
        Self { id: Uuid::new_v4().to_string(), name, authority: authority.map(ToOwned::to_owned) }
    }
}

/// The hold as it was found.
#[derive(Debug)]
pub(super) struct Seen {
    /// Who holds it, unless the time is over.
    pub(super) holder: Option<Holder>,
    /// The authority that the directory belongs to.
    pub(super) authority: Option<String>,
}

impl Seen {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (id, name): (Option<String>, Option<String>) = (row.try_get("holder")?, row.try_get("holder_name")?);
        let until: Option<String> = row.try_get("held_until")?;
        let is_over: Option<bool> = row.try_get("is_over")?;
        let holder = until
            .filter(|_| id.is_some() && is_over == Some(false))
            .map(|until| Holder { name: name.unwrap_or_default(), until: until.parse().unwrap_or(Timestamp::MAX) });
        Ok(Self { holder, authority: row.try_get("authority")? })
    }

    /// Refuses a claim of another data folder, and one while another server holds the directory.
    pub(super) fn allows(self, claim: &Claim, at: &Place) -> Result<(), Refused> {
        if let (Some(own), Some(given)) = (&self.authority, &claim.authority)
            && own != given
        {
            let (own, given) = (own.clone(), given.clone());
            return Err(Refused::Other(OpenError::OtherAuthority { at: at.clone(), own, given }));
        }
        self.must_be_free()
    }

    /// Refuses whatever needs that nobody serves the directory.
    pub(super) fn must_be_free(self) -> Result<(), Refused> {
        self.holder.map_or(Ok(()), |holder| Err(Refused::Held(holder)))
    }
}

/// Who holds the directory. Nothing is locked.
pub(super) async fn seen(connection: &mut PgConnection) -> Result<Seen, sqlx::Error> {
    Seen::of(&sqlx::query(seen!("")).fetch_one(connection).await?)
}

/// The same, and nobody writes or takes the hold until the transaction ends.
pub(super) async fn lock(change: &mut PgConnection) -> Result<Seen, sqlx::Error> {
    sqlx::query(LOCK).execute(&mut *change).await?;
    Seen::of(&sqlx::query(seen!(" FOR UPDATE")).fetch_one(change).await?)
}

/// Takes it, in a transaction that has found it free.
pub(super) async fn take(change: &mut PgConnection, claim: &Claim) -> Result<(), sqlx::Error> {
    sqlx::query(TAKE).bind(&claim.id).bind(&claim.name).bind(&claim.authority).execute(change).await?;
    Ok(())
}

/// The hold of this server. Clones share it; with the last of them it is given back.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    shared: Arc<Shared>,
    closing: mpsc::Sender<oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Shared {
    id: String,
    is_lost: AtomicBool,
    at: Place,
}

impl Hold {
    /// Renews from now on what was taken.
    pub(super) fn begin(claim: Claim, url: &DatabaseUrl) -> Self {
        let (closing, closed) = mpsc::channel(1);
        let shared = Arc::new(Shared { id: claim.id, is_lost: AtomicBool::new(false), at: url.place() });
        let options = Box::new(url.options().clone());
        tokio::spawn(Keeper { shared: Arc::clone(&shared), closed, options, connection: None }.run());
        Self { shared, closing }
    }

    /// Whether another server has taken it.
    pub(crate) fn is_lost(&self) -> bool {
        self.shared.is_lost.load(Ordering::Relaxed)
    }

    /// Whether the one that was read is this one.
    pub(crate) fn is_mine(&self, holder: Option<&str>) -> bool {
        holder == Some(&self.shared.id)
    }

    /// Another server has it, for good.
    pub(crate) fn mark_lost(&self) {
        self.shared.lose();
    }

    /// Gives it back: another server need not wait. If the database does not answer, it has to.
    pub(crate) async fn give_up(&self) {
        let (reply, done) = oneshot::channel();
        if self.closing.send(reply).await.is_ok() {
            let _ended = done.await;
        }
    }
}

impl Shared {
    fn lose(&self) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            tracing::error!(
                directory = %self.at,
                "another server has taken over the directory: this one changes nothing any more and should be stopped"
            );
        }
    }
}

/// What renews the hold, on a connection of its own.
struct Keeper {
    shared: Arc<Shared>,
    closed: mpsc::Receiver<oneshot::Sender<()>>,
    options: Box<PgConnectOptions>,
    connection: Option<PgConnection>,
}

impl Keeper {
    async fn run(mut self) {
        let (mut pause, mut is_failing) = (RENEWAL, false);
        let reply = loop {
            tokio::select! {
                reply = self.closed.recv() => break reply,
                () = sleep(pause) => {}
            }
            let renewed = self.ask(RENEW).await;
            match &renewed {
                Ok(0) => self.shared.lose(),
                Ok(_) if is_failing => {
                    tracing::info!(directory = %self.shared.at, "the hold of the directory is renewed again")
                }
                Err(error) if !is_failing => {
                    tracing::warn!(directory = %self.shared.at, %error, "the hold of the directory could not be renewed");
                }
                Ok(_) | Err(_) => {}
            }
            if self.shared.is_lost.load(Ordering::Relaxed) {
                break self.closed.recv().await;
            }
            is_failing = renewed.is_err();
            pause = if is_failing { RETRY } else { RENEWAL };
        };
        self.end(reply).await;
    }

    async fn end(mut self, reply: Option<oneshot::Sender<()>>) {
        if !self.shared.is_lost.load(Ordering::Relaxed)
            && let Err(error) = self.ask(GIVE_UP).await
        {
            let seconds = HELD_FOR.as_secs();
            tracing::warn!(
                directory = %self.shared.at, %error,
                "the hold of the directory could not be given back: the next server waits for it, {seconds} s at most"
            );
        }
        if let Some(connection) = self.connection.take() {
            let _closed = timeout(EXCHANGE_TIMEOUT, connection.close()).await;
        }
        if let Some(reply) = reply {
            let _gone = reply.send(());
        }
    }

    /// Runs a statement about the hold, on a connection that is opened if there is none. Says how many rows it changed.
    async fn ask(&mut self, sql: &'static str) -> Result<u64, sqlx::Error> {
        let asked = timeout(EXCHANGE_TIMEOUT, self.exchange(sql)).await.unwrap_or_else(|_| Err(late()));
        if asked.is_err() {
            // Where an exchange broke off, the next one would read its answer.
            self.connection = None;
        }
        asked
    }

    async fn exchange(&mut self, sql: &'static str) -> Result<u64, sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&self.options).await?),
        };
        Ok(sqlx::query(sql).bind(&self.shared.id).execute(connection).await?.rows_affected())
    }
}

fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "a machine".to_owned())
}
