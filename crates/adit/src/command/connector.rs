//! `adit connector`: registers once, then keeps a tunnel to the gateway and relays to the private applications.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use adit_connector::allow::AllowEntry;
use adit_connector::{AllowList, Settings};
use adit_core::{MachineName, RegistrationToken};

use super::on_all_cores;
use crate::command_error::{CommandError, with_causes};
use crate::interruption::Interruption;
use crate::lifetime;
use crate::telemetry::{self, LogFormat};

const NOT_DONE: &str = "the connector was not started";

/// Connections to the gateway: one fails without the other, and each serves a core there.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example, the first time:\n  adit connector --token adit-... --data connector-data --allow \
                        wiki.corp:8080 --allow 10.1.0.0/16:*\n\nFrom then on:\n  adit connector --data connector-data \
                        --allow wiki.corp:8080 --allow 10.1.0.0/16:*")]
pub(super) struct Arguments {
    /// Registration token, as 'adit registration-token' printed it; needed once, and again to register anew
    #[arg(long, value_name = "TOKEN", env = "ADIT_REGISTRATION_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Data folder of this connector: its key and certificate; made if there is none
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What this machine is called in the directory; its host name without it
    #[arg(long, value_name = "MACHINE", value_parser = MachineName::parse)]
    name: Option<MachineName>,
    /// The only places it may connect to: a name, address or network, and a port or *; can be repeated
    #[arg(long, value_name = "HOST:PORT")]
    allow: Vec<AllowEntry>,
    /// How long what is under way may take to finish when it is stopped [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = lifetime::parse)]
    grace: Option<Duration>,
    /// How log records are written to stderr
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

pub(super) fn run(arguments: Arguments) -> Result<(), CommandError> {
    let log_format = arguments.log_format;
    let settings = settings(arguments)?;
    telemetry::start(log_format, "info");
    on_all_cores(Box::pin(connect(settings)))
}

fn settings(arguments: Arguments) -> Result<Settings, CommandError> {
    // Not parsed by the command line's parser, whose message would repeat what may be nearly a secret.
    let token = arguments.token.as_deref().map(str::parse::<RegistrationToken>).transpose().map_err(|error| {
        CommandError::usage(NOT_DONE, format!("--token: {error}")).hint("a new one: adit registration-token --data DIR")
    })?;
    let machine_name = match arguments.name {
        Some(name) => name,
        None => host_name()?,
    };
    Ok(Settings {
        data: arguments.data,
        token,
        machine_name,
        allow: AllowList::new(arguments.allow),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        connections: CONNECTIONS,
        grace: arguments.grace.unwrap_or(adit_connector::GRACE),
    })
}

fn host_name() -> Result<MachineName, CommandError> {
    let unknown = |why: String| CommandError::usage(NOT_DONE, why).hint("name this machine: --name MACHINE");
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .map_err(|error| unknown(format!("this machine's host name cannot be read: {error}")))?;
    MachineName::parse(&name).map_err(|error| unknown(format!("this machine's host name cannot be used: {error}")))
}

async fn connect(settings: Settings) -> Result<(), CommandError> {
    let mut interruption =
        Interruption::listen().map_err(|error| CommandError::failed(NOT_DONE, with_causes(&error)))?;
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let mut running = Box::pin(adit_connector::run(settings, async { drop(left.await) }));
    let ended = tokio::select! {
        ended = &mut running => ended,
        signal = interruption.requested() => {
            tracing::info!(signal, "leaving: what is under way is finished first");
            drop(leave);
            interruption.during(running).await
        }
    };
    ended.map_err(|error| CommandError::said(with_causes(&error)))
}
