//! `adit connectors`: lists them, keeps what is new away from one (`drain`) until nothing is under way through it, and lets
//! it serve again (`resume`).

use std::time::Duration;

use http::Method;

use super::{list, on_one_thread};
use crate::api_client::{ApiClient, ApiError, PROFILE, ServerArguments, filter_string, text};
use crate::command_error::CommandError;
use crate::lifetime;

const NOT_DRAINED: &str = "nothing was drained";
const NOT_RESUMED: &str = "nothing was resumed";

/// How often it is asked what is still under way.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Connectors {
    /// List the connectors, whether they are connected, and their groups
    #[command(after_help = "Example:\n  adit connectors list --data data --output json")]
    List(list::Arguments),
    /// Send nothing new through a connector, and wait until nothing is under way through it
    #[command(after_help = "Example:\n  adit connectors drain berlin-1 --data data\n\nIt serves again after\n  adit \
                            connectors resume berlin-1 --data data\nor when it is started anew.")]
    Drain(Drain),
    /// Let a connector that was drained serve again
    #[command(after_help = "Example:\n  adit connectors resume berlin-1 --data data")]
    Resume(Resume),
}

#[derive(Debug, clap::Args)]
pub(super) struct Drain {
    /// Its machine's name, or its id
    #[arg(value_name = "NAME")]
    connector: String,
    /// How long to wait until nothing is under way
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = lifetime::parse)]
    wait: Duration,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// Its machine's name, or its id
    #[arg(value_name = "NAME")]
    connector: String,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn run(command: &Connectors) -> Result<(), CommandError> {
    match command {
        Connectors::List(arguments) => list::connectors(arguments),
        Connectors::Drain(arguments) => drain(arguments),
        Connectors::Resume(arguments) => resume(arguments),
    }
}

fn drain(arguments: &Drain) -> Result<(), CommandError> {
    let client = ApiClient::connect(&arguments.server, NOT_DRAINED)?;
    let left = on_one_thread(async {
        let path = connector_named(&client, &arguments.connector, NOT_DRAINED).await?;
        let drained = drain_and_wait(&client, &path, arguments.wait).await;
        drained.map_err(|error| error.into_command_error(NOT_DRAINED))
    })?;
    if left > 0 {
        let why = format!(
            "{left} requests are still under way through '{}', and nothing new goes there",
            arguments.connector
        );
        return Err(CommandError::failed("the connector is not empty yet", why));
    }
    println!("nothing is under way through '{}', and nothing new goes there", arguments.connector);
    Ok(())
}

/// Drains it, and shows what is under way until it is nothing or the time is over; what is left then.
async fn drain_and_wait(client: &ApiClient, path: &str, wait: Duration) -> Result<u64, ApiError> {
    client.call(Method::POST, &format!("{path}/adit.drain"), None).await?;
    let deadline = tokio::time::Instant::now() + wait;
    let mut shown = None;
    loop {
        let work = client.call(Method::GET, &format!("{path}/adit.work()"), None).await?;
        let left = work.count("requestsUnderWay")?.max(work.count("drainingStreams")?);
        if left == 0 || tokio::time::Instant::now() >= deadline {
            return Ok(left);
        }
        if shown.replace(left) != Some(left) {
            eprintln!("{left} under way");
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn resume(arguments: &Resume) -> Result<(), CommandError> {
    let client = ApiClient::connect(&arguments.server, NOT_RESUMED)?;
    on_one_thread(async {
        let path = connector_named(&client, &arguments.connector, NOT_RESUMED).await?;
        let resumed = client.call(Method::POST, &format!("{path}/adit.resume"), None).await;
        resumed.map(drop).map_err(|error| error.into_command_error(NOT_RESUMED))
    })?;
    println!("'{}' serves again", arguments.connector);
    Ok(())
}

/// The path of the one connector of that machine name, or with that id.
async fn connector_named(client: &ApiClient, name: &str, not_done: &str) -> Result<String, CommandError> {
    let failed = |error: ApiError| error.into_command_error(not_done);
    let by = if name.parse::<uuid::Uuid>().is_ok() { "id" } else { "machineName" };
    let path = format!("{PROFILE}/connectors?$filter={by}%20eq%20{}", filter_string(name));
    let found = client.list(&path).await.map_err(failed)?;
    match found.as_slice() {
        [one] => Ok(format!("{PROFILE}/connectors/{}", text(one, "id", &path).map_err(failed)?)),
        [] => Err(CommandError::failed(not_done, format!("there is no connector named '{name}'"))
            .hint("adit connectors list shows those that there are")),
        several => Err(CommandError::failed(not_done, format!("{} connectors are named '{name}'", several.len()))
            .hint("one of their ids instead, which adit connectors list shows")),
    }
}
