//! `adit token`: a bearer token for the API, signed with the data folder's own key. Works without a running server.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use adit_identity::{LocalKey, TokenRequest};

use crate::command_error::{CommandError, with_causes};
use crate::data_folder::ServedFolder;
use crate::lifetime;

const NOT_DONE: &str = "no token was made";

/// The scopes that the API knows.
const SCOPES: [&str; 2] = ["Directory.ReadWrite.All", "Directory.Read.All"];

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  curl --cacert data/ca.pem -H \"Authorization: Bearer $(adit token --data data)\" \\\n    \
                        https://localhost:8444/beta/applications"
)]
pub(super) struct Arguments {
    /// Data folder of the server that shall accept the token
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Scopes, separated by spaces: Directory.ReadWrite.All or Directory.Read.All
    #[arg(long, value_name = "SCOPES", default_value = SCOPES[0], value_parser = scopes)]
    scope: String,
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
    println!("{}", sign(&pem, &arguments.scope, arguments.lifetime)?);
    Ok(())
}

fn sign(pem: &str, scopes: &str, lifetime: Duration) -> Result<String, CommandError> {
    let key = LocalKey::from_pem(pem).map_err(|error| CommandError::failed(NOT_DONE, with_causes(&error)))?;
    let request = TokenRequest { scopes: scopes.to_owned(), lifetime, now: SystemTime::now() };
    key.issue(&request).map_err(|error| CommandError::failed(NOT_DONE, with_causes(&error)))
}

/// A scope that nobody knows would give a token that nobody accepts: better said here.
fn scopes(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Err(format!("give at least one of {}", SCOPES.join(", ")));
    }
    match words.iter().find(|word| !SCOPES.contains(word)) {
        Some(unknown) => Err(format!("'{unknown}' is not a scope of this API; it has {}", SCOPES.join(", "))),
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
