//! `adit db`: a copy of a data folder, made while a server runs on it, and a data folder made from such a copy; and the
//! directory on PostgreSQL: how it gets there and back, and how it begins anew after a restore.

use std::convert::Infallible;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use adit_control::DatabaseUrl;

use super::on_one_thread;
use crate::command_error::{CommandError, with_causes};
use crate::configuration::{BadDatabase, DatabaseFlags, GivenUrl, PASSWORD_IS_SHOWN};
use crate::data_folder::copy::{self, CopyError};
use crate::data_folder::relocation::{self, End};
use crate::interruption::Interruption;
use crate::telemetry::{self, LevelFilter, LogFormat};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Db {
    /// Copy a data folder as it is at one moment; a server that runs on it goes on
    #[command(
        after_help = "Example:\n  adit db backup /backup/adit-2026-11-22 --data data\n\nA directory on PostgreSQL is \
                            copied by pg_dump."
    )]
    Backup(Backup),
    /// Make a data folder from a copy; older tokens and sessions do not count in it
    #[command(
        after_help = "Example:\n  adit db restore /backup/adit-2026-11-22 --data data\n\nThen start 'adit serve' on it as \
                            before. The server that ran on the old folder must not run any more."
    )]
    Restore(Restore),
    /// Move a directory from its data folder to PostgreSQL, or back; no server may run on it
    #[command(
        after_help = "Example:\n  adit db copy data postgres://adit@db.example.com/adit\n  adit serve --data data \
                      --database postgres://adit@db.example.com/adit\n\nAnd back:\n  adit db copy \
                      postgres://adit@db.example.com/adit data"
    )]
    Copy(Copy),
    /// Begin a new epoch in a directory on PostgreSQL that was restored; older tokens and sessions do not count in it
    #[command(
        after_help = "Example:\n  adit db begin-epoch --database postgres://adit@db.example.com/adit --data data\n\nThen \
                      start 'adit serve' as before."
    )]
    BeginEpoch(BeginEpoch),
}

#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The folder to write the copy to; must not exist
    #[arg(value_name = "COPY")]
    copy: PathBuf,
    /// The data folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The folder that 'adit db backup' wrote
    #[arg(value_name = "COPY")]
    copy: PathBuf,
    /// The data folder to make; must not exist
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Copy {
    /// A data folder, or the URL of a PostgreSQL database
    #[arg(value_name = "FROM")]
    from: GivenEnd,
    /// The other one: an empty PostgreSQL database, or the data folder that the directory belongs to
    #[arg(value_name = "TO")]
    to: GivenEnd,
    /// File with the password of the database; without it PGPASSWORD and ~/.pgpass count
    #[arg(long = "database-password-file", value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct BeginEpoch {
    #[command(flatten)]
    database: DatabaseFlags,
    /// The data folder that the directory belongs to
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

/// One end of a copy, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GivenEnd {
    Folder(PathBuf),
    Server(GivenUrl),
}

impl FromStr for GivenEnd {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match GivenUrl::is_one(text) {
            true => Self::Server(text.parse()?),
            false => Self::Folder(text.into()),
        })
    }
}

impl GivenEnd {
    fn resolve(&self, password_file: Option<&Path>) -> Result<End, BadDatabase> {
        Ok(match self {
            Self::Folder(folder) => End::Folder(folder.clone()),
            Self::Server(url) => End::Server(url.resolve(password_file)?),
        })
    }

    fn shows_password(&self) -> bool {
        matches!(self, Self::Server(url) if url.has_password())
    }
}

pub(super) fn run(command: Db) -> Result<(), CommandError> {
    telemetry::start(LogFormat::Text, LevelFilter::WARN);
    match command {
        Db::Backup(arguments) => back_up(&arguments),
        Db::Restore(arguments) => restore(&arguments),
        Db::Copy(arguments) => relocate(&arguments),
        Db::BeginEpoch(arguments) => begin_epoch(arguments),
    }
}

fn back_up(arguments: &Backup) -> Result<(), CommandError> {
    let what = "no copy was made";
    let (epoch, revision) = on_one_thread(unless_interrupted(what, copy::back_up(&arguments.data, &arguments.copy)))?;
    println!("{} holds the directory at revision {} of epoch {}", arguments.copy.display(), revision.0, epoch.0);
    println!("It holds the key of the CA and other secrets as well: keep it as safe as {}.", arguments.data.display());
    Ok(())
}

fn restore(arguments: &Restore) -> Result<(), CommandError> {
    let what = "no data folder was made";
    let epoch = on_one_thread(unless_interrupted(what, copy::restore(&arguments.copy, &arguments.data)))?;
    println!("{} begins with epoch {}; 'adit serve' can run on it", arguments.data.display(), epoch.0);
    println!(
        "Tokens and sessions from before do not count. What was revoked after the copy was made has to be revoked again."
    );
    Ok(())
}

fn relocate(arguments: &Copy) -> Result<(), CommandError> {
    let what = "the directory was not copied";
    let Copy { from, to, password_file } = arguments;
    if from.shows_password() || to.shows_password() {
        tracing::warn!("{PASSWORD_IS_SHOWN}");
    }
    let resolved = |end: &GivenEnd| end.resolve(password_file.as_deref());
    let ends = resolved(from).and_then(|from| Ok((from, resolved(to)?)));
    let (from, to) = ends.map_err(|error| CommandError::usage(what, with_causes(&error)))?;
    let next = next_start(&from, &to);
    let mut progress = Progress::default();
    let copying = relocation::copy(from, to, |table, rows| progress.show(table, rows));
    let copied = on_one_thread(unless_interrupted(what, Box::pin(copying)));
    progress.end();
    let copied = copied?;
    println!(
        "{} rows were copied, and read again to compare; the copy is at revision {} of epoch {}",
        copied.rows, copied.revision.0, copied.epoch.0
    );
    println!("{next}");
    Ok(())
}

/// What to do once it is copied.
fn next_start(from: &End, to: &End) -> String {
    match (from, to) {
        (End::Folder(folder), End::Server(url)) => format!(
            "From now on: adit serve --data {folder} --database {url}\nThe file in {folder} is the past, and is not served \
             any more.",
            folder = folder.display()
        ),
        (End::Server(url), End::Folder(folder)) => {
            format!("From now on: adit serve --data {}\nWhat is in {url} is the past.", folder.display())
        }
        (End::Server(from), End::Server(to)) => {
            format!("From now on: adit serve with --database {to}\nWhat is in {from} is the past.")
        }
        // Refused before anything is done.
        (End::Folder(_), End::Folder(_)) => String::new(),
    }
}

fn begin_epoch(arguments: BeginEpoch) -> Result<(), CommandError> {
    let what = "no epoch was begun";
    let BeginEpoch { database, data } = arguments;
    if database.show_password() {
        tracing::warn!("{PASSWORD_IS_SHOWN}");
    }
    let url: Option<DatabaseUrl> =
        database.resolve(DatabaseFlags::default()).map_err(|error| CommandError::usage(what, with_causes(&error)))?;
    let url = url.ok_or_else(|| {
        CommandError::usage(what, "no database was named (--database URL)")
            .hint("a data folder that 'adit db restore' made has begun its epoch")
    })?;
    let shown = url.to_string();
    let epoch = on_one_thread(unless_interrupted(what, Box::pin(relocation::begin_epoch(&data, url))))?;
    println!("{shown} begins with epoch {}; 'adit serve' can run on it", epoch.0);
    println!(
        "Tokens and sessions from before do not count. What was revoked after the dump was made has to be revoked again."
    );
    Ok(())
}

/// What is copied at the moment, on one line of a terminal. Nothing elsewhere.
#[derive(Debug, Default)]
struct Progress {
    is_shown: bool,
}

impl Progress {
    fn show(&mut self, table: &str, rows: u64) {
        let mut terminal = std::io::stderr();
        if terminal.is_terminal() {
            self.is_shown = true;
            // A terminal that is gone is no reason to stop.
            let _ = write!(terminal, "\r\x1b[K{table}: {rows}").and_then(|()| terminal.flush());
        }
    }

    fn end(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Does it; a signal to end leaves nothing behind.
async fn unless_interrupted<T>(
    what_did_not_happen: &str,
    work: impl Future<Output = Result<T, CopyError>>,
) -> Result<T, CommandError> {
    let failed = |error: &dyn std::error::Error| CommandError::failed(what_did_not_happen, with_causes(error));
    let mut interruption = Interruption::listen().map_err(|error| failed(&error))?;
    tokio::select! {
        done = work => done.map_err(|error| hinted(failed(&error), &error)),
        signal = interruption.requested() => Err(CommandError::failed(what_did_not_happen, format!("it got {signal}"))),
    }
}

fn hinted(failed: CommandError, error: &CopyError) -> CommandError {
    match error {
        CopyError::TwoFolders => failed.hint("'adit db backup' and 'adit db restore', which copy a data folder"),
        CopyError::AtAServer { database, .. } => {
            failed.hint(format!("pg_dump --format=custom --file=adit.dump {database}, and docs/postgresql.md"))
        }
        CopyError::Elsewhere { database, .. } => {
            failed.hint(format!("name the database instead of the folder: {database}"))
        }
        _ => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_folder_or_a_database() {
        assert_eq!("data".parse(), Ok(GivenEnd::Folder("data".into())));
        assert_eq!("postgres".parse(), Ok(GivenEnd::Folder("postgres".into())));
        let with_password: GivenEnd = "postgres://adit:canary@db/adit".parse().unwrap();
        assert!(with_password.shows_password());
        assert!(!format!("{with_password:?}").contains("canary"));
        let without: GivenEnd = "postgresql://adit@db/adit".parse().unwrap();
        assert!(matches!(without, GivenEnd::Server(_)) && !without.shows_password());
    }

    #[test]
    fn what_is_to_be_called_next_is_said_without_a_password() {
        let end = |text: &str| text.parse::<GivenEnd>().unwrap().resolve(None).unwrap();
        let (folder, server) = ("data", "postgres://adit:canary@localhost/adit");
        let there = next_start(&end(folder), &end(server));
        assert!(there.contains("adit serve --data data --database postgres"), "{there}");
        let back = next_start(&end(server), &end(folder));
        assert!(back.contains("adit serve --data data\n"), "{back}");
        assert!(!there.contains("canary") && !back.contains("canary"));
    }

    #[tokio::test]
    async fn two_data_folders_are_for_backup_and_restore() {
        let end = || End::Folder("data".into());
        let refused = relocation::copy(end(), end(), |_, _| {}).await.unwrap_err();
        assert!(matches!(refused, CopyError::TwoFolders), "{refused}");
    }
}
