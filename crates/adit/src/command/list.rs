//! `adit groups list`, `adit connectors list`, `adit applications list` and `adit registration-tokens list`: a table for
//! people, JSON for programs.
//! Both come from the public API; the JSON is what it answered.

use std::collections::HashMap;

use clap::{Subcommand, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use http::Method;
use serde_json::Value;

use super::on_one_thread;
use crate::api_client::{ApiClient, ApiError, PROFILE, ServerArguments};
use crate::command_error::CommandError;

const NOT_DONE: &str = "nothing was listed";

#[derive(Debug, Subcommand)]
pub(super) enum Groups {
    /// List the connector groups
    #[command(after_help = "Example:\n  adit groups list --data data")]
    List(Arguments),
}

#[derive(Debug, Subcommand)]
pub(super) enum Applications {
    /// List the applications, how they are published, and their groups
    #[command(
        after_help = "Example:\n  adit applications list --server https://adit.example.com:8444 --token \"$TOKEN\""
    )]
    List(Arguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

/// One column: its heading and the member of an object that it shows.
type Column = (&'static str, &'static str);

pub(super) fn groups(Groups::List(arguments): &Groups) -> Result<(), CommandError> {
    let columns = [("Name", "/name"), ("Region", "/region"), ("Default", "/isDefault"), ("Id", "/id")];
    let path = format!("{PROFILE}/connectorGroups");
    print(arguments, &path, &columns, None)
}

pub(super) fn connectors(arguments: &Arguments) -> Result<(), CommandError> {
    let columns = [
        ("Machine", "/machineName"),
        ("Status", "/status"),
        ("External IP", "/externalIp"),
        ("Version", "/version"),
        ("Upgrade needed", "/adit/isUpgradeNeeded"),
        ("Key copied", "/adit/keyCopiedDateTime"),
        ("Id", "/id"),
    ];
    let path = format!("{PROFILE}/connectors?$select=id,machineName,externalIp,status,version,adit");
    print(arguments, &path, &columns, Some("members"))
}

pub(super) fn applications(Applications::List(arguments): &Applications) -> Result<(), CommandError> {
    let columns = [
        ("Name", "/displayName"),
        ("External URL", "/onPremisesPublishing/externalUrl"),
        ("Internal URL", "/onPremisesPublishing/internalUrl"),
        ("Sign-in", "/onPremisesPublishing/externalAuthenticationType"),
        ("Id", "/id"),
    ];
    let path = "/applications?$select=id,appId,displayName,createdDateTime,onPremisesPublishing";
    print(arguments, path, &columns, Some("applications"))
}

pub(super) fn registration_tokens(arguments: &Arguments) -> Result<(), CommandError> {
    const COLUMNS: [Column; 5] = [
        ("Id", "/id"),
        ("Machine", "/machineName"),
        ("Made", "/createdDateTime"),
        ("Ends", "/expirationDateTime"),
        ("Group", "/group"),
    ];
    let client = ApiClient::connect(&arguments.server, NOT_DONE)?;
    let text = on_one_thread(async {
        let tokens = open_tokens(&client).await.map_err(|error| error.into_command_error(NOT_DONE))?;
        Ok(match arguments.output {
            Output::Json => serde_json::to_string_pretty(&tokens).unwrap_or_default(),
            Output::Table => table(&tokens, &COLUMNS, None).trim_fmt(),
        })
    })?;
    println!("{text}");
    Ok(())
}

/// The tokens that can still be used, each with its group's name.
async fn open_tokens(client: &ApiClient) -> Result<Vec<Value>, ApiError> {
    let path = format!("{PROFILE}/connectorGroups/adit.registrationTokens()");
    let answer = client.call(Method::GET, &path, None).await?;
    let mut tokens = answer.array("tokens")?;
    let groups = client.list(&format!("{PROFILE}/connectorGroups")).await?;
    for token in &mut tokens {
        let id = text(token, "/connectorGroupId");
        let group = groups.iter().find(|group| text(group, "/id") == id);
        if let Some(object) = token.as_object_mut() {
            object.insert("group".to_owned(), group.map(|group| text(group, "/name")).into());
        }
    }
    Ok(tokens)
}

/// Prints the collection at `path`. A table also shows the group of each object, found by `navigation` from the groups.
fn print(arguments: &Arguments, path: &str, columns: &[Column], navigation: Option<&str>) -> Result<(), CommandError> {
    let client = ApiClient::connect(&arguments.server, NOT_DONE)?;
    let listed = list(&client, arguments.output, path, columns, navigation);
    let text = on_one_thread(async { listed.await.map_err(|error| error.into_command_error(NOT_DONE)) })?;
    println!("{text}");
    Ok(())
}

async fn list(
    client: &ApiClient,
    output: Output,
    path: &str,
    columns: &[Column],
    navigation: Option<&str>,
) -> Result<String, ApiError> {
    let objects = client.list(path).await?;
    if output == Output::Json {
        return Ok(serde_json::to_string_pretty(&objects).unwrap_or_default());
    }
    let groups = match navigation {
        Some(navigation) => Some(groups_of(client, navigation).await?),
        None => None,
    };
    Ok(table(&objects, columns, groups.as_ref()).trim_fmt())
}

/// The group's name for each object that a group holds. One call per group: there are few groups and many objects.
async fn groups_of(client: &ApiClient, navigation: &str) -> Result<HashMap<String, String>, ApiError> {
    let mut found = HashMap::new();
    for group in client.list(&format!("{PROFILE}/connectorGroups")).await? {
        let name = text(&group, "/name");
        let path = format!("{PROFILE}/connectorGroups/{}/{navigation}", text(&group, "/id"));
        for object in client.list(&path).await? {
            found.insert(text(&object, "/id"), name.clone());
        }
    }
    Ok(found)
}

fn table(objects: &[Value], columns: &[Column], groups: Option<&HashMap<String, String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let headings = columns.iter().map(|(heading, _)| (*heading).to_owned());
    table.set_header(headings.chain(groups.map(|_| "Group".to_owned())));
    for object in objects {
        let cells = columns.iter().map(|(_, pointer)| printable(&text(object, pointer)));
        let group = groups.map(|groups| groups.get(&text(object, "/id")).map_or(String::new(), |name| printable(name)));
        table.add_row(cells.chain(group));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

fn text(object: &Value, pointer: &str) -> String {
    match object.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Names come from the network: no control character of theirs reaches the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_shows_each_object_with_its_group() {
        let objects = [
            json!({"id": "1", "name": "Wiki", "publishing": {"url": "https://w/"}}),
            json!({"id": "2", "name": "Shop"}),
        ];
        let groups = HashMap::from([("1".to_owned(), "Berlin".to_owned())]);
        let shown = table(&objects, &[("Name", "/name"), ("URL", "/publishing/url")], Some(&groups)).trim_fmt();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 3, "{shown}");
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["Name", "URL", "Group"]);
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["Wiki", "https://w/", "Berlin"]);
        assert_eq!(lines[2], "Shop");
    }

    #[test]
    fn a_name_cannot_write_escape_sequences_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\u{fffd}[31mb");
    }
}
