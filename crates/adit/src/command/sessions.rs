//! `adit sessions revoke`: ends all sessions of a user, or all at an application, with what they have open.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::on_one_thread;
use crate::api_client::{ApiClient, ApiError, ServerArguments, filter_string, text};
use crate::command_error::CommandError;

const NOT_DONE: &str = "no session was ended";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Sessions {
    /// End all sessions of a user, or all at an application; what is open ends within a second
    #[command(
        after_help = "Examples:\n  adit sessions revoke --user ada@corp.example --data data\n  adit sessions revoke \
                            --application Wiki --data data"
    )]
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Of {
    /// The user principal name or the id of a user, who signs in again at every application
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The name or the id of an application; who is signed in elsewhere comes back to it without being asked
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
}

pub(super) fn run(Sessions::Revoke(arguments): &Sessions) -> Result<(), CommandError> {
    let client = ApiClient::connect(&arguments.server, NOT_DONE)?;
    let of = &arguments.of;
    on_one_thread(async {
        let path = match (&of.user, &of.application) {
            (Some(user), _) => {
                format!("/users/{}/revokeSignInSessions", utf8_percent_encode(user, NON_ALPHANUMERIC))
            }
            (None, application) => {
                let id = application_named(&client, application.as_deref().unwrap_or_default()).await?;
                format!("/applications/{id}/adit.revokeSessions")
            }
        };
        let ended = client.call(Method::POST, &path, None).await;
        ended.map(drop).map_err(|error| error.into_command_error(NOT_DONE))
    })?;
    let whose = of.user.iter().map(|user| format!("of '{user}'"));
    let whose = whose.chain(of.application.iter().map(|application| format!("at '{application}'")));
    println!("all sessions {} are ended", whose.collect::<String>());
    Ok(())
}

/// The id of the one application of that name, or with that id.
async fn application_named(client: &ApiClient, name: &str) -> Result<String, CommandError> {
    if name.parse::<uuid::Uuid>().is_ok() {
        return Ok(name.to_owned());
    }
    let failed = |error: ApiError| error.into_command_error(NOT_DONE);
    let path = format!("/applications?$select=id&$filter=displayName%20eq%20{}", filter_string(name));
    let found = client.list(&path).await.map_err(failed)?;
    match found.as_slice() {
        [one] => text(one, "id", &path).map_err(failed),
        [] => Err(CommandError::failed(NOT_DONE, format!("there is no application named '{name}'"))
            .hint("adit applications list shows those that there are")),
        several => Err(CommandError::failed(NOT_DONE, format!("{} applications are named '{name}'", several.len()))
            .hint("one of their ids instead, which adit applications list shows")),
    }
}
