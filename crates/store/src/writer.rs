//! The one writer. It lends the one connection that writes to one command after the other, and makes the changes of
//! commands that came close together durable with one sync. What all of them leave behind is written at the end of the
//! batch, with the revision of the last one kept.
//!
//! Whoever asks for a turn while a batch is open joins it; the batch ends when nobody waits, so a command that comes
//! alone is never kept waiting for others. Each command has a savepoint of its own: one that is refused or dropped
//! undoes only itself. Nobody is told that a change was kept before the `COMMIT` of its batch; if that fails, it fails
//! for all of them.

mod opener;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_core::Revision;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use self::opener::Begin;
pub(crate) use self::opener::Opener;
use crate::engine::{self, Connection, Engine};
use crate::error::Error;
use crate::row;
use crate::trail::Trail;

/// How many commands share one transaction at most, so that the first of them does not wait without end.
const LARGEST_BATCH: usize = 128;

/// How many commands wait in the queue; more wait for a place in it.
const QUEUE: usize = 1024;

/// How long a command waits for its turn before it is refused.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Where commands ask for their turn. Clones share everything; the writer ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    requests: mpsc::Sender<Request>,
    commits: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Request {
    Turn(Command),
    Close(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Command {
    revision: Taken,
    reply: oneshot::Sender<Result<Turn, Error>>,
}

/// Whether a command takes a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    None,
    Next,
}

/// A command's turn to write, inside its savepoint. Dropping it undoes what the command did.
#[derive(Debug)]
pub(crate) struct Turn {
    connection: OwnedMutexGuard<Connection>,
    outcome: oneshot::Sender<Outcome>,
    /// The revision that was taken; 0 if none was.
    pub(crate) revision: Revision,
}

#[derive(Debug)]
enum Outcome {
    Kept(Trail, Acknowledge),
    Undone(Acknowledge),
}

/// Told when the batch is through.
type Acknowledge = oneshot::Sender<Result<(), Error>>;

impl Writer {
    /// Starts the writer on a connection that is open already; `opener` opens another should it break.
    pub(crate) fn start(connection: Connection, opener: Opener) -> Self {
        let (requests, queue) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let connection = Some(Arc::new(Mutex::new(connection)));
        tokio::spawn(Keeper { queue, connection, opener, newest: Revision(0), commits: Arc::clone(&commits) }.run());
        Self { requests, commits }
    }

    /// Waits for a turn to write.
    pub(crate) async fn turn(&self, revision: Taken) -> Result<Turn, Error> {
        let (reply, turn) = oneshot::channel();
        let wait = async {
            self.requests.send(Request::Turn(Command { revision, reply })).await.map_err(|_| Error::Closed)?;
            turn.await.map_err(|_| Error::Closed)?
        };
        tokio::time::timeout(LONGEST_WAIT, wait).await.map_err(|_| Error::Busy)?
    }

    /// How many transactions were committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Ends the writer once the open batch is through.
    pub(crate) async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.requests.send(Request::Close(reply)).await.is_ok() {
            let _closed = done.await;
        }
    }
}

impl Turn {
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Keeps what the command did and leaves behind, and waits until it is durable.
    pub(crate) async fn keep(self, trail: Trail) -> Result<(), Error> {
        self.finish(|acknowledge| Outcome::Kept(trail, acknowledge)).await
    }

    /// Undoes what the command did, and waits until what it has read is durable.
    pub(crate) async fn undo(self) -> Result<(), Error> {
        self.finish(Outcome::Undone).await
    }

    async fn finish(self, outcome: impl FnOnce(Acknowledge) -> Outcome) -> Result<(), Error> {
        let (acknowledge, through) = oneshot::channel();
        drop(self.connection);
        self.outcome.send(outcome(acknowledge)).map_err(|_| Error::Closed)?;
        through.await.map_err(|_| Error::Closed)?
    }
}

/// What runs the turns.
struct Keeper {
    queue: mpsc::Receiver<Request>,
    /// `None` after it broke.
    connection: Option<Arc<Mutex<Connection>>>,
    opener: Opener,
    /// The last revision that was made durable here.
    newest: Revision,
    commits: Arc<AtomicU64>,
}

/// An open transaction, and who waits for its end.
#[derive(Default)]
struct Batch {
    commands: usize,
    kept: usize,
    waiting: Vec<Acknowledge>,
    savepoint: Savepoint,
    /// The last one that was taken and kept.
    revision: Revision,
    trail: Trail,
}

/// What is there of the last command's savepoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Savepoint {
    #[default]
    None,
    /// What came after it was undone: the next command starts there.
    Clean,
    /// What came after it stays.
    Used,
}

impl Keeper {
    async fn run(mut self) {
        let mut next = self.queue.recv().await;
        while let Some(request) = next {
            next = match request {
                Request::Close(done) => return self.close(done).await,
                Request::Turn(first) => self.batch(first).await,
            };
            if next.is_none() {
                next = self.queue.recv().await;
            }
        }
    }

    /// Runs a batch that starts with one command. Returns what was asked for meanwhile and does not belong into it.
    async fn batch(&mut self, first: Command) -> Option<Request> {
        // Whoever asked has given up: nothing is begun for that.
        if first.reply.is_closed() {
            return None;
        }
        let (connection, revision) = match self.begin().await {
            Ok(begun) => begun,
            Err(error) => {
                let _gone = first.reply.send(Err(error));
                return None;
            }
        };
        let mut batch = Batch { revision, ..Batch::default() };
        let mut next = Some(Request::Turn(first));
        let mut broken = None;
        while batch.commands < LARGEST_BATCH
            && let Some(Request::Turn(command)) = next
        {
            batch.commands += 1;
            if let Err(error) = batch.run(&connection, command).await {
                broken = Some(error);
            }
            next = if broken.is_some() { None } else { self.waiting().await };
        }
        let ended = match broken {
            None => self.end(&connection, &mut batch).await,
            Some(error) => Err(self.give_up(&connection, error).await),
        };
        batch.acknowledge(ended);
        next
    }

    /// Who waits at this moment, after all who can run have had the chance to ask.
    async fn waiting(&mut self) -> Option<Request> {
        if let Ok(request) = self.queue.try_recv() {
            return Some(request);
        }
        tokio::task::yield_now().await;
        self.queue.try_recv().ok()
    }

    /// Opens a transaction, and reads at which revision the directory is.
    async fn begin(&mut self) -> Result<(Arc<Mutex<Connection>>, Revision), Error> {
        if let Some(connection) = self.connection.take() {
            let begun = self.opener.begin(&mut *connection.lock().await, self.newest).await;
            match begun {
                Ok(revision) => return Ok(self.keep(connection, revision)),
                Err(Begin::Refused(error)) => {
                    self.connection = Some(connection);
                    return Err(error);
                }
                // Nothing was written yet, so that a new connection can have the batch.
                Err(Begin::Broken(error)) if self.opener.is_worth_another() => {
                    tracing::info!(%error, "the connection to the directory is opened anew");
                }
                Err(Begin::Broken(error)) => return Err(error.into()),
            }
        }
        let connection = Arc::new(Mutex::new(self.opener.open().await?));
        let begun = self.opener.begin(&mut *connection.lock().await, self.newest).await;
        match begun {
            Ok(revision) => Ok(self.keep(connection, revision)),
            Err(Begin::Refused(error)) => {
                self.connection = Some(connection);
                Err(error)
            }
            Err(Begin::Broken(error)) => Err(error.into()),
        }
    }

    fn keep(&mut self, connection: Arc<Mutex<Connection>>, revision: Revision) -> (Arc<Mutex<Connection>>, Revision) {
        self.connection = Some(Arc::clone(&connection));
        (connection, revision)
    }

    async fn end(&mut self, connection: &Mutex<Connection>, batch: &mut Batch) -> Result<(), Arc<sqlx::Error>> {
        if batch.kept == 0 {
            return execute(connection, "ROLLBACK").await.map_err(Arc::new);
        }
        let committed = commit(&mut *connection.lock().await, batch.revision, &batch.trail).await;
        match committed {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.newest = batch.revision;
                Ok(())
            }
            Err(error) => Err(self.give_up(connection, Arc::new(error)).await),
        }
    }

    /// Ends a transaction that cannot go on. A connection on which not even that works is not used again.
    async fn give_up(&mut self, connection: &Mutex<Connection>, error: Arc<sqlx::Error>) -> Arc<sqlx::Error> {
        tracing::error!(%error, "a batch of changes could not be written");
        // Fails where the engine has rolled back by itself, and where the connection is broken; a new one fits both.
        if execute(connection, "ROLLBACK").await.is_err() {
            self.connection = None;
        }
        error
    }

    async fn close(mut self, done: oneshot::Sender<()>) {
        self.queue.close();
        if let Some(connection) = self.connection.take().and_then(Arc::into_inner)
            && let Err(error) = connection.into_inner().close().await
        {
            tracing::warn!(%error, "the directory was not closed in order");
        }
        let _gone = done.send(());
    }
}

impl Batch {
    /// One command's turn. An error is the end of the whole batch.
    async fn run(&mut self, connection: &Arc<Mutex<Connection>>, command: Command) -> Result<(), Arc<sqlx::Error>> {
        if command.reply.is_closed() {
            return Ok(());
        }
        let mut connection = Arc::clone(connection).lock_owned().await;
        if let Err(error) = start(&mut connection, self.savepoint).await.map_err(Arc::new) {
            let _gone = command.reply.send(Err(Arc::clone(&error).into()));
            return Err(error);
        }
        let (kept, revision) = match command.revision {
            Taken::None => (self.revision, Revision::default()),
            Taken::Next => (Revision(self.revision.0 + 1), Revision(self.revision.0 + 1)),
        };
        self.savepoint = Savepoint::Used;
        let shared = Arc::clone(OwnedMutexGuard::mutex(&connection));
        let (outcome, finished) = oneshot::channel();
        // A turn that nobody takes any more comes back here and is dropped, as one that its command drops.
        drop(command.reply.send(Ok(Turn { connection, outcome, revision })));
        match finished.await {
            Ok(Outcome::Kept(trail, acknowledge)) => {
                self.waiting.push(acknowledge);
                self.trail.join(trail);
                self.revision = kept;
                self.kept += 1;
                return Ok(());
            }
            Ok(Outcome::Undone(acknowledge)) => self.waiting.push(acknowledge),
            Err(_dropped) => {}
        }
        self.savepoint = Savepoint::Clean;
        match execute(&shared, "ROLLBACK TO command").await {
            // It may have been the answer to a statement that its command did not wait for.
            Err(error) if error.as_database_error().is_some() => execute(&shared, "ROLLBACK TO command").await,
            done => done,
        }
        .map_err(Arc::new)
    }

    fn acknowledge(self, ended: Result<(), Arc<sqlx::Error>>) {
        for acknowledge in self.waiting {
            let _gone = acknowledge.send(ended.clone().map_err(Error::from));
        }
    }
}

/// Opens the savepoint of a command, in one exchange with the database: there is only one turn at a time, so each exchange
/// counts for everybody who waits.
async fn start(connection: &mut Connection, savepoint: Savepoint) -> Result<(), sqlx::Error> {
    let sql = match savepoint {
        Savepoint::None => "SAVEPOINT command",
        Savepoint::Used => "RELEASE command; SAVEPOINT command",
        Savepoint::Clean => return Ok(()),
    };
    engine::script(connection, sql).await
}

/// Writes what the commands leave behind, and commits. Without the savepoint of the last command it fails before it writes
/// anything: the engine may have ended the transaction by itself, and then each statement would be one of its own.
async fn commit(connection: &mut Connection, revision: Revision, trail: &Trail) -> Result<(), sqlx::Error> {
    let moved = match connection.engine() {
        Engine::Sqlite => "RELEASE command; UPDATE position SET revision = ? WHERE only_row = 1 AND revision <> ?",
        Engine::Postgres => {
            engine::script(connection, "RELEASE command").await?;
            "UPDATE position SET revision = ? WHERE only_row = 1 AND revision <> ?"
        }
    };
    let revision = row::signed(revision);
    engine::query(moved).bind(revision).bind(revision).execute(connection).await?;
    trail.write(connection).await?;
    engine::script(connection, "COMMIT").await
}

async fn execute(connection: &Mutex<Connection>, sql: &'static str) -> Result<(), sqlx::Error> {
    engine::script(&mut *connection.lock().await, sql).await
}

#[cfg(test)]
mod tests;
