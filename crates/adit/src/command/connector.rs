//! `adit connector`: registers once, then keeps a tunnel to the gateway and relays to the private applications.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use adit_connector::allow::AllowEntry;
use adit_connector::{AllowList, CheckSettings, Finding, ProxyChoice, Settings};
use adit_core::{MachineName, RegistrationToken};
use tokio::task::LocalSet;

use super::on_one_thread;
use crate::command_error::{CommandError, with_causes};
use crate::interruption::Interruption;
use crate::lifetime;
use crate::telemetry::{self, LevelFilter, LogFormat};

const NOT_DONE: &str = "the connector was not started";

/// Connections to the gateway: one fails without the other, and each serves a core there.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Example, the first time:\n  adit connector --token adit-... --data connector-data --allow \
                        wiki.corp:8080 --allow 10.1.0.0/16:*\n\nFrom then on:\n  adit connector --data connector-data \
                        --allow wiki.corp:8080 --allow 10.1.0.0/16:*")]
pub(super) struct Arguments {
    #[command(subcommand)]
    below: Option<Below>,
    /// Registration token, as 'adit registration-token' printed it; needed once, and again to register anew
    #[arg(long, value_name = "TOKEN", env = "ADIT_REGISTRATION_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Data folder of this connector: its key and certificate; made if there is none
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,
    #[command(flatten)]
    proxy: ProxyArguments,
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

#[derive(Debug, clap::Subcommand)]
enum Below {
    /// Try the way to the gateway link by link, and name the one that fails
    #[command(
        after_help = "Example, before the first start:\n  adit connector check --token adit-...\n\nLater, also while \
                            the connector runs:\n  adit connector check --data connector-data"
    )]
    Check(CheckArguments),
}

#[derive(Debug, clap::Args)]
struct CheckArguments {
    /// Registration token; it is not used up
    #[arg(long, value_name = "TOKEN", env = "ADIT_REGISTRATION_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Data folder of a connector that is registered
    #[arg(long, value_name = "DIR", required_unless_present = "token")]
    data: Option<PathBuf>,
    #[command(flatten)]
    proxy: ProxyArguments,
}

#[derive(Debug, clap::Args)]
struct ProxyArguments {
    /// HTTP proxy through which the gateway is dialled, http://USER:PASSWORD@HOST:PORT; without it HTTPS_PROXY and
    /// NO_PROXY count. Applications are never dialled through it
    #[arg(long = "proxy", value_name = "URL", env = "ADIT_PROXY", hide_env_values = true)]
    url: Option<String>,
}

impl ProxyArguments {
    fn choice(&self, not_done: &str) -> Result<ProxyChoice, CommandError> {
        // Not parsed by the command line's parser, whose message would repeat the password.
        match &self.url {
            Some(url) => url.parse().map(ProxyChoice::Always),
            None => ProxyChoice::from_environment(|name| std::env::var(name).ok()),
        }
        .map_err(|error| CommandError::usage(not_done, format!("the proxy (--proxy, HTTPS_PROXY): {error}")))
    }
}

pub(super) fn run(mut arguments: Arguments) -> Result<(), CommandError> {
    if let Some(Below::Check(check)) = arguments.below.take() {
        return run_check(check);
    }
    let log_format = arguments.log_format;
    let settings = settings(arguments)?;
    telemetry::start(log_format, LevelFilter::INFO);
    // The links, which carry all requests, have threads of their own.
    on_one_thread(LocalSet::new().run_until(connect(settings)))
}

fn run_check(arguments: CheckArguments) -> Result<(), CommandError> {
    const NOT_DONE: &str = "the way to the gateway was not checked";
    const BROKEN: &str = "a connector cannot work here";
    let token = registration_token(arguments.token.as_deref(), NOT_DONE)?;
    let proxy = arguments.proxy.choice(NOT_DONE)?;
    let settings = CheckSettings { data: arguments.data, token, proxy };
    let findings = on_one_thread(async {
        adit_connector::check(&settings).await.map_err(|error| CommandError::failed(NOT_DONE, with_causes(&error)))
    })?;
    for Finding { link, outcome } in &findings {
        let (word, said) = match outcome {
            Ok(said) => ("ok", said),
            Err(why) => ("FAILED", why),
        };
        println!("{:<14}{word:<8}{said}", link.as_str());
    }
    match findings.iter().find(|finding| finding.outcome.is_err()) {
        None => Ok(()),
        Some(broken) => Err(CommandError::failed(BROKEN, format!("{} failed", broken.link.as_str()))),
    }
}

fn registration_token(text: Option<&str>, not_done: &str) -> Result<Option<RegistrationToken>, CommandError> {
    // Not parsed by the command line's parser, whose message would repeat what may be nearly a secret.
    text.map(str::parse::<RegistrationToken>).transpose().map_err(|error| {
        CommandError::usage(not_done, format!("--token: {error}")).hint("a new one: adit registration-token --data DIR")
    })
}

fn settings(arguments: Arguments) -> Result<Settings, CommandError> {
    let token = registration_token(arguments.token.as_deref(), NOT_DONE)?;
    let proxy = arguments.proxy.choice(NOT_DONE)?;
    let data = arguments.data.ok_or_else(|| CommandError::usage(NOT_DONE, "--data DIR is missing"))?;
    let machine_name = match arguments.name {
        Some(name) => name,
        None => host_name()?,
    };
    Ok(Settings {
        data,
        token,
        proxy,
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
    let mut running = Box::pin(adit_connector::run_alone(settings, async { drop(left.await) }));
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
