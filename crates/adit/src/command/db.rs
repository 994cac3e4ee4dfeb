//! `adit db`: a copy of a data folder, made while a server runs on it, and a data folder made from such a copy.

use std::path::PathBuf;

use super::on_one_thread;
use crate::command_error::{CommandError, with_causes};
use crate::data_folder::copy;
use crate::interruption::Interruption;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Db {
    /// Copy a data folder as it is at one moment; a server that runs on it goes on
    #[command(after_help = "Example:\n  adit db backup /backup/adit-2026-11-22 --data data")]
    Backup(Backup),
    /// Make a data folder from a copy; older tokens and sessions do not count in it
    #[command(
        after_help = "Example:\n  adit db restore /backup/adit-2026-11-22 --data data\n\nThen start 'adit serve' on it as \
                            before. The server that ran on the old folder must not run any more."
    )]
    Restore(Restore),
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

pub(super) fn run(command: &Db) -> Result<(), CommandError> {
    match command {
        Db::Backup(arguments) => back_up(arguments),
        Db::Restore(arguments) => restore(arguments),
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

/// Does it; a signal to end leaves nothing behind.
async fn unless_interrupted<T>(
    what_did_not_happen: &str,
    work: impl Future<Output = Result<T, copy::CopyError>>,
) -> Result<T, CommandError> {
    let failed = |error: &dyn std::error::Error| CommandError::failed(what_did_not_happen, with_causes(error));
    let mut interruption = Interruption::listen().map_err(|error| failed(&error))?;
    tokio::select! {
        done = work => done.map_err(|error| failed(&error)),
        signal = interruption.requested() => Err(CommandError::failed(what_did_not_happen, format!("it got {signal}"))),
    }
}
