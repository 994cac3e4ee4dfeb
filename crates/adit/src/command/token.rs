//! `adit token`: a bearer token for the API, signed with the data folder's own key. Works without a running server.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use adit_graph::PERMISSIONS;
use adit_identity::{Holder, LocalKey, TokenRequest};

use crate::command_error::{CommandError, with_causes};
use crate::data_folder::ServedFolder;
use crate::lifetime;

const NOT_DONE: &str = "no token was made";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  curl --cacert data/ca.pem -H \"Authorization: Bearer $(adit token --data data)\" \\\n    \
                        https://localhost:8444/beta/applications"
)]
pub(super) struct Arguments {
    /// Data folder of the server that shall accept the token
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Scopes, separated by spaces; those that the API knows are the permission names of Microsoft Graph
    #[arg(long, value_name = "SCOPES", default_value = "Directory.ReadWrite.All", value_parser = scopes)]
    scope: String,
    /// Make the token for a program instead of a person: its client id; the scopes become its roles
    #[arg(long, value_name = "NAME", value_parser = client)]
    client: Option<String>,
    /// How long the token is good for
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime::parse)]
    lifetime: Duration,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let folder = ServedFolder::at(&arguments.data);
    let pem = folder.signing_key().map_err(|error| {
        CommandError::failed(NOT_DONE, error)
            .hint(format!("start a server on it once: adit serve --data {}", arguments.data.display()))
    })?;
    let holder = match &arguments.client {
        Some(client) => Holder::Program { client: client.clone() },
        None => Holder::Administrator,
    };
    println!("{}", sign(&pem, holder, &arguments.scope, arguments.lifetime)?);
    Ok(())
}

fn sign(pem: &str, holder: Holder, scopes: &str, lifetime: Duration) -> Result<String, CommandError> {
    let key = LocalKey::from_pem(pem).map_err(|error| CommandError::failed(NOT_DONE, with_causes(&error)))?;
    let request = TokenRequest { holder, scopes: scopes.to_owned(), lifetime, now: SystemTime::now() };
    key.issue(&request).map_err(|error| CommandError::failed(NOT_DONE, with_causes(&error)))
}

/// A client id stands in the token, in the audit log and as the owner of what the program makes.
fn client(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.len() <= 100 && text.chars().all(|c| c.is_ascii_graphic());
    if plain { Ok(text.to_owned()) } else { Err("a client id has 1 to 100 visible ASCII characters".to_owned()) }
}

/// A scope that nobody knows would give a token that nobody accepts: better said here.
fn scopes(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Err(format!("give at least one of {}", PERMISSIONS.join(", ")));
    }
    match words.iter().find(|word| !PERMISSIONS.contains(word)) {
        Some(unknown) => Err(format!("'{unknown}' is not a scope of this API; it has {}", PERMISSIONS.join(", "))),
        None => Ok(words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scopes_that_the_api_knows_are_signed() {
        assert_eq!(
            scopes(" Directory.Read.All  Directory.ReadWrite.All").unwrap(),
            "Directory.Read.All Directory.ReadWrite.All"
        );
        assert!(scopes("").is_err());
        assert!(scopes("directory.everything").is_err());
    }
}
