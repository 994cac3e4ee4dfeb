//! `adit registration-token`: asks the running server for a registration token and prints it, alone, on stdout.
//! `adit registration-tokens` lists those that can still be used, and revokes them.

use std::time::Duration;

use adit_core::MachineName;
use http::Method;
use serde_json::{Value, json};

use super::{list, on_one_thread};
use crate::api_client::{ApiClient, ApiError, PROFILE, ServerArguments, filter_string, text};
use crate::command_error::CommandError;
use crate::lifetime;

const NOT_DONE: &str = "no registration token was made";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  adit registration-token --data data --group Berlin > berlin.token\n\nOn the machine \
                        beside the application:\n  adit connector --token \"$(cat berlin.token)\" --data connector-data"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Connector group that the new connector starts in; the default group without it
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Only the machine of this name may register with it
    #[arg(long, value_name = "MACHINE", value_parser = MachineName::parse)]
    machine: Option<MachineName>,
    /// How long the token can be used, at most 7d; it works once
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime::parse)]
    lifetime: Duration,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let client = ApiClient::connect(&arguments.server, NOT_DONE)?;
    let token = on_one_thread(async {
        let group = match &arguments.group {
            Some(name) => group_named(&client, name, NOT_DONE).await?,
            None => default_group(&client).await.map_err(|error| error.into_command_error(NOT_DONE))?,
        };
        issue_for(&client, &group, arguments.machine.as_ref(), arguments.lifetime)
            .await
            .map_err(|error| error.into_command_error(NOT_DONE))
    })?;
    println!("{token}");
    Ok(())
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Tokens {
    /// List the registration tokens that can still be used
    #[command(after_help = "Example:\n  adit registration-tokens list --data data")]
    List(list::Arguments),
    /// Revoke a registration token; a connector that registered with it stays
    #[command(
        after_help = "Example:\n  adit registration-tokens revoke 0198c6a0-93f1-7c44-a1e6-0d2f0b7e4c55 --data data"
    )]
    Revoke(RevokeArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct RevokeArguments {
    /// The token's id, as 'adit registration-tokens list' shows it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn tokens(command: &Tokens) -> Result<(), CommandError> {
    match command {
        Tokens::List(arguments) => list::registration_tokens(arguments),
        Tokens::Revoke(arguments) => revoke(arguments),
    }
}

fn revoke(arguments: &RevokeArguments) -> Result<(), CommandError> {
    const NOT_DONE: &str = "no registration token was revoked";
    let client = ApiClient::connect(&arguments.server, NOT_DONE)?;
    let path = format!("{PROFILE}/connectorGroups/adit.revokeRegistrationToken");
    let body = json!({ "id": arguments.id });
    on_one_thread(async {
        let answer = client.call(Method::POST, &path, Some(&body)).await;
        answer.map(drop).map_err(|error| error.into_command_error(NOT_DONE))
    })
}

/// Asks for a registration token for the group with that id.
///
/// # Errors
/// [`ApiError`] when the server refuses or answers without a token.
pub(crate) async fn issue(client: &ApiClient, group: &str, lifetime: Duration) -> Result<String, ApiError> {
    issue_for(client, group, None, lifetime).await
}

async fn issue_for(
    client: &ApiClient,
    group: &str,
    machine: Option<&MachineName>,
    lifetime: Duration,
) -> Result<String, ApiError> {
    let path = format!("{PROFILE}/connectorGroups/{group}/adit.createRegistrationToken");
    let body = json!({
        "lifetimeInSeconds": lifetime.as_secs(),
        "machineName": machine.map(MachineName::as_str),
    });
    client.call(Method::POST, &path, Some(&body)).await?.text("token")
}

/// The id of the connector group of that name; names are unique without case.
///
/// # Errors
/// When there is none, with the names that there are.
pub(super) async fn group_named(client: &ApiClient, name: &str, not_done: &str) -> Result<String, CommandError> {
    let failed = |error: ApiError| error.into_command_error(not_done);
    let path = format!("{PROFILE}/connectorGroups?$filter=name%20eq%20{}", filter_string(name));
    let found = client.list(&path).await.map_err(failed)?;
    if let Some(group) = found.first() {
        return text(group, "id", &path).map_err(failed);
    }
    let all = client.list(&format!("{PROFILE}/connectorGroups")).await.map_err(failed)?;
    let names: Vec<&str> = all.iter().filter_map(|group| group.get("name")?.as_str()).take(20).collect();
    Err(CommandError::failed(not_done, format!("there is no connector group named '{name}'"))
        .hint(format!("one of the existing groups: {}", names.join(", "))))
}

async fn default_group(client: &ApiClient) -> Result<String, ApiError> {
    let path = format!("{PROFILE}/connectorGroups?$filter=isDefault%20eq%20true");
    let found = client.list(&path).await?;
    text(found.first().unwrap_or(&Value::Null), "id", &path)
}
