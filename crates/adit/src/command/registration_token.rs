//! `adit registration-token`: asks the running server for a registration token and prints it, alone, on stdout.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::on_one_thread;
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
        issue(&client, &group, arguments.lifetime).await.map_err(|error| error.into_command_error(NOT_DONE))
    })?;
    println!("{token}");
    Ok(())
}

/// Asks for a registration token for the group with that id.
///
/// # Errors
/// [`ApiError`] when the server refuses or answers without a token.
pub(crate) async fn issue(client: &ApiClient, group: &str, lifetime: Duration) -> Result<String, ApiError> {
    let path = format!("{PROFILE}/connectorGroups/{group}/adit.createRegistrationToken");
    let body = json!({ "lifetimeInSeconds": lifetime.as_secs() });
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
