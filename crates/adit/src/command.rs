//! The command line: every command by name, one file per command below.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command_error::{CommandError, with_causes};

mod capacity;
mod connector;
mod connectors;
mod db;
mod demo;
mod explain;
mod health;
mod list;
mod members;
mod publish;
pub(crate) mod registration_token;
mod serve;
mod sessions;
mod token;

/// An open, self-hosted application proxy: publish private web applications without opening an inbound port
#[derive(Debug, Parser)]
#[command(name = "adit", version, max_term_width = 110, after_help = "Start with: adit demo")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the control plane and a gateway on a data folder
    Serve(serve::Arguments),
    /// Print a bearer token for the API, signed with the data folder's key
    Token(token::Arguments),
    /// Print a registration token, with which one connector can register
    RegistrationToken(registration_token::Arguments),
    /// Registration tokens that can still be used
    #[command(subcommand)]
    RegistrationTokens(registration_token::Tokens),
    /// Run a connector beside the private applications
    Connector(connector::Arguments),
    /// Publish a private web application
    Publish(publish::Arguments),
    /// Say where a request for a URL would go, why not elsewhere, and what failed last
    Explain(explain::Arguments),
    /// Say which connector groups and applications are served, and how connectors see an application's upstream
    Health(health::Arguments),
    /// Connector groups
    #[command(subcommand)]
    Groups(list::Groups),
    /// Connectors
    #[command(subcommand)]
    Connectors(connectors::Connectors),
    /// Applications
    #[command(subcommand)]
    Applications(list::Applications),
    /// Sessions of users who have signed in
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// The directory's database: copies of a data folder, and its way to PostgreSQL
    #[command(subcommand)]
    Db(db::Db),
    /// Compute and simulate what so many applications, connectors and gateways take
    Capacity(capacity::Arguments),
    /// Run everything at once, with a sample application, and show how it is administered
    Demo(demo::Arguments),
}

/// Reads the command line, carries the command out and reports what went wrong.
pub(crate) fn run() -> ExitCode {
    // A wrong flag ends here, with exit code 2, before anything was started.
    match dispatch(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

fn dispatch(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::RegistrationToken(arguments) => registration_token::run(&arguments),
        Command::RegistrationTokens(tokens) => registration_token::tokens(&tokens),
        Command::Connector(arguments) => connector::run(arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Groups(list) => list::groups(&list),
        Command::Connectors(command) => connectors::run(&command),
        Command::Applications(list) => list::applications(&list),
        Command::Sessions(command) => sessions::run(&command),
        Command::Db(command) => db::run(command),
        Command::Capacity(arguments) => capacity::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    }
}

/// Runs a command that talks to a server (a few requests, one after the other, need one thread) or that starts threads of
/// its own for what it serves.
fn on_one_thread<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::failed("nothing was done", with_causes(&error)))?;
    runtime.block_on(work)
}

/// Runs a command that serves: administration does not wait for one slow request.
fn on_all_cores<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::failed("nothing was started", with_causes(&error)))?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
                let path = format!("{path} {}", below.get_name());
                check(below, &path);
                if below.get_subcommands().next().is_none() {
                    let help = below.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains(&path), "'{path} --help' has no example");
                }
            }
        }
        check(&CommandLine::command(), "adit");
    }
}
