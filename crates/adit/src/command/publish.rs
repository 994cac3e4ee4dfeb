//! `adit publish`: publishes a private web application through the public API, wholly or not at all.

use adit_core::sign_on::{SignOnHeader, SignOnHeaders};
use adit_core::{DisplayName, ExternalUrl, InternalUrl, PreAuthentication};

use super::on_one_thread;
use super::registration_token::group_named;
use crate::api_client::{ApiClient, ServerArguments};
use crate::command_error::CommandError;
use crate::publication::{NotPublished, Publication, Remains};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  adit publish Wiki --internal-url http://wiki.corp:8080/ \\\n    --external-url \
                        https://wiki.localhost:8443/ --group Berlin --passthrough --data data")]
pub(super) struct Arguments {
    /// Name of the application
    #[arg(value_parser = DisplayName::parse)]
    name: DisplayName,
    /// What the connector dials, as in http://wiki.corp:8080/
    #[arg(long, value_name = "URL", value_parser = InternalUrl::parse)]
    internal_url: InternalUrl,
    /// What users open, as in https://wiki.example.com/; it may carry a port
    #[arg(long, value_name = "URL", value_parser = ExternalUrl::parse)]
    external_url: ExternalUrl,
    /// Connector group that serves it; the default group without it
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Let requests pass without sign-in; without this, users must sign in first
    #[arg(long)]
    passthrough: bool,
    /// Tell the application who asks, by a header and a signed assertion: as in X-User=userPrincipalName. May be given
    /// several times; a claim is one of id, userPrincipalName, displayName, mail, groups, appRoles, issuer and subject
    #[arg(long = "header", value_name = "NAME=CLAIM", value_parser = SignOnHeader::parse, conflicts_with = "passthrough")]
    headers: Vec<SignOnHeader>,
    /// Tell the application who asks by a signed assertion, also without a header
    #[arg(long, conflicts_with = "passthrough")]
    assertion: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let not_done = format!("'{}' was not published", arguments.name);
    let sign_on = arguments.sign_on(&not_done)?;
    let client = ApiClient::connect(&arguments.server, &not_done)?;
    on_one_thread(async {
        // Looked up first: a misspelt name shall not make and delete an application.
        let connector_group = match &arguments.group {
            Some(name) => Some(group_named(&client, name, &not_done).await?),
            None => None,
        };
        let publication = arguments.publication(sign_on, connector_group);
        let application = publication.publish(&client).await.map_err(|failed| failed.into_command_error(&not_done))?;
        report(arguments, &application);
        Ok(())
    })
}

impl Arguments {
    /// What the application is told of who asks, if anything.
    fn sign_on(&self, not_done: &str) -> Result<Option<SignOnHeaders>, CommandError> {
        if self.headers.is_empty() && !self.assertion {
            return Ok(None);
        }
        let headers = SignOnHeaders::new(self.headers.clone());
        headers.map(Some).map_err(|refused| CommandError::usage(not_done, refused.to_string()))
    }

    fn publication(&self, sign_on: Option<SignOnHeaders>, connector_group: Option<String>) -> Publication {
        let pre_authentication =
            if self.passthrough { PreAuthentication::Passthrough } else { PreAuthentication::SignIn };
        Publication {
            name: self.name.to_string(),
            internal_url: self.internal_url.clone(),
            external_url: self.external_url.clone(),
            pre_authentication,
            sign_on,
            connector_group,
        }
    }
}

impl NotPublished {
    fn into_command_error(self, not_done: &str) -> CommandError {
        match self.remains {
            Remains::NothingMade => self.error.into_command_error(not_done),
            Remains::Undone => {
                self.error.into_command_error(format!("{not_done} (the application made for it was deleted again)"))
            }
            Remains::Application { id, error } => self
                .error
                .into_command_error(not_done)
                .hint(format!("delete application {id}, which was made and could not be deleted again ({error})")),
        }
    }
}

fn report(arguments: &Arguments, application: &str) {
    let group = arguments.group.as_deref().unwrap_or("the default group");
    println!("Published '{}' (application {application})", arguments.name);
    println!("  internal URL  {}", arguments.internal_url);
    println!("  served by     connectors in {group}");
    if arguments.passthrough {
        println!("  sign-in       none: everybody who reaches the gateway can open it");
    } else {
        println!("  sign-in       required, where [sign_in] says; open to every user until assignment is required");
    }
    for (number, own) in arguments.headers.iter().enumerate() {
        let heading = if number == 0 { "is told" } else { "" };
        println!("  {heading:<14}{}: {} of who asks", own.header, own.claim.as_str());
    }
    if arguments.assertion || !arguments.headers.is_empty() {
        let heading = if arguments.headers.is_empty() { "is told" } else { "" };
        println!("  {heading:<14}Adit-Assertion: a signed assertion, verified by /.adit/jwks of the sign-in host");
    }
    println!("  open          {}", arguments.external_url);
}
