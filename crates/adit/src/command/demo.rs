//! `adit demo`: everything in one process, on a directory made for it and gone with it.

use adit_core::InternalUrl;

use super::on_all_cores;
use crate::command_error::{CommandError, with_causes};
use crate::demo::{Demo, check, printing};
use crate::interruption::Interruption;
use crate::telemetry::{self, LevelFilter, LogFormat};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  adit demo\n  adit demo --internal-url http://localhost:8888/\n  adit demo --check")]
pub(super) struct Arguments {
    /// Publish this application instead of the sample
    #[arg(long, value_name = "URL", value_parser = InternalUrl::parse)]
    internal_url: Option<InternalUrl>,
    /// Play the whole scenario against itself; exit 0 only if all of it held
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    // The demo speaks on stdout; of the log only what is wrong is of interest.
    telemetry::start(LogFormat::Text, LevelFilter::WARN);
    on_all_cores(Box::pin(play(arguments)))
}

async fn play(arguments: &Arguments) -> Result<(), CommandError> {
    let mut interruption = Interruption::listen()
        .map_err(|error| CommandError::failed("the demo was not started", with_causes(&error)))?;
    let demo = Box::pin(Demo::start(arguments.internal_url.as_ref())).await?;
    let outcome = if arguments.check {
        tokio::select! {
            outcome = check::run(&demo) => outcome,
            signal = interruption.requested() => Err(CommandError::failed("the check was not finished", signal)),
        }
    } else {
        print!("{}", printing::text(&demo));
        interruption.requested().await;
        println!("\nStopping.");
        Ok(())
    };
    interruption.during(Box::pin(demo.stop())).await;
    outcome
}
