//! `adit serve`: the control plane and a gateway in one process, until it is asked to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::on_all_cores;
use crate::access_records::AccessRecords;
use crate::certificate::CertificateFile;
use crate::command_error::{CommandError, with_causes};
use crate::composition::{HandedOver, Leaving, Server};
use crate::configuration::{self, AcmeFlags, Configuration, ConfigurationError, DatabaseFlags, Flags, GatewayAddress};
use crate::interruption::Interruption;
use crate::lifetime;
use crate::succession::{Estate, Listeners, Predecessor};
use crate::telemetry::{self, LevelFilter, LogFormat};

const NOT_DONE: &str = "the server was not started";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  adit serve --data data\n\nIn another terminal:\n  adit registration-token --data data\n  \
                        adit connector --token adit-... --data connector-data"
)]
pub(super) struct Arguments {
    /// Data folder: keys, CA and directory; made if there is none
    #[arg(long, value_name = "DIR", required_unless_present = "config")]
    data: Option<PathBuf>,
    /// TOML file with the same settings and more; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseFlags,
    /// API over plain HTTP; loopback only [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = configuration::listen_address)]
    control_listen: Option<SocketAddr>,
    /// API over HTTPS [default: 127.0.0.1:8444]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = configuration::listen_address)]
    control_tls_listen: Option<SocketAddr>,
    /// Gateway: browsers and connectors [default: [::]:8443]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = configuration::listen_address)]
    gateway_listen: Option<SocketAddr>,
    /// Health and metrics over plain HTTP; loopback only [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = configuration::listen_address)]
    metrics_listen: Option<SocketAddr>,
    /// What connectors dial [default: localhost and the gateway's port]
    #[arg(long, value_name = "HOST:PORT")]
    gateway_address: Option<GatewayAddress>,
    /// A certificate and its key, for the hosts that it names; may be given several times
    #[arg(long = "certificate", value_name = "CERT.pem,KEY.pem", value_parser = configuration::certificate_file)]
    certificates: Vec<CertificateFile>,
    /// Plain HTTP for ACME challenges and redirects to https [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = configuration::listen_address)]
    http_listen: Option<SocketAddr>,
    /// ACME directory to order certificates from
    #[arg(long, value_name = "URL")]
    acme_directory: Option<String>,
    /// Order certificates for published hosts at and below this domain; may be given several times
    #[arg(long = "acme-domain", value_name = "NAME")]
    acme_domains: Vec<String>,
    /// Whom the ACME authority may write to; may be given several times
    #[arg(long, value_name = "mailto:ADDRESS")]
    acme_contact: Vec<String>,
    /// The terms of the ACME authority are agreed to
    #[arg(long)]
    acme_agree_to_terms: bool,
    /// Access records of the gateway, one JSON object per request: stdout, off, or a file [default: stdout]
    #[arg(long, value_name = "WHERE")]
    access_records: Option<AccessRecords>,
    /// How long what is under way may take to finish when it is stopped [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = lifetime::parse)]
    grace: Option<Duration>,
    /// Take over from the server that runs on the data folder, if one does: its connections are not interrupted
    #[arg(long)]
    take_over: bool,
    /// How log records are written to stderr
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

pub(super) fn run(arguments: Arguments) -> Result<(), CommandError> {
    let (log_format, config, take_over) = (arguments.log_format, arguments.config.clone(), arguments.take_over);
    let shows_password = arguments.database.show_password();
    let configuration = configuration::load(config.as_deref(), arguments.into()).map_err(refused)?;
    telemetry::start(log_format, LevelFilter::INFO);
    if shows_password {
        tracing::warn!("{}", configuration::PASSWORD_IS_SHOWN);
    }
    on_all_cores(serve(configuration, take_over))
}

fn refused(error: ConfigurationError) -> CommandError {
    let reported = CommandError::usage(NOT_DONE, with_causes(&error));
    match error {
        ConfigurationError::PlainHttpBeyondLoopback { setting: "control_listen", address } => {
            reported.hint(format!("HTTPS there: --control-tls-listen {address}"))
        }
        ConfigurationError::PlainHttpBeyondLoopback { .. } => reported.hint("127.0.0.1 and the port"),
        _ => reported,
    }
}

async fn serve(configuration: Configuration, take_over: bool) -> Result<(), CommandError> {
    let failed = |error: &dyn std::error::Error| CommandError::failed(NOT_DONE, with_causes(error));
    let mut interruption = Interruption::listen().map_err(|error| failed(&error))?;
    let given = Listeners::of_service_manager().map_err(|error| failed(&error))?;
    let grace = configuration.grace;
    let mut server = if take_over {
        Box::pin(follow(configuration.clone(), given)).await?
    } else {
        start(configuration.clone(), Estate { listeners: given, ..Estate::default() }).await?
    };
    if let Some(link) = server.first_administrator_link().await {
        // Not a log record: it is a secret.
        eprintln!("Nobody can sign in yet. To make the first administrator, open this link within a day:\n  {link}");
    }
    loop {
        let heir = tokio::select! {
            heir = server.heir() => heir,
            signal = interruption.requested() => {
                tracing::info!(signal, "stopping: requests under way are finished first");
                interruption.during(Box::pin(server.stop(grace))).await;
                return Ok(());
            }
        };
        match Box::pin(server.hand_over(heir)).await {
            HandedOver::Followed(leaving) => {
                interruption.during(leaving.drain(grace)).await;
                return Ok(());
            }
            HandedOver::Back(leaving, estate) => server = go_on(configuration.clone(), leaving, estate).await?,
        }
    }
}

async fn start(configuration: Configuration, estate: Estate) -> Result<Server, CommandError> {
    let started = Box::pin(Server::start(configuration, estate)).await;
    started.map_err(|error| error.into_command_error(NOT_DONE))
}

/// Starts in the place of the server that runs on the data folder, if one does.
async fn follow(configuration: Configuration, given: Listeners) -> Result<Server, CommandError> {
    let asked = Predecessor::ask(&configuration.data).await;
    let asked = asked.map_err(|error| CommandError::failed(NOT_DONE, with_causes(&error)))?;
    let Some((mut predecessor, estate)) = asked else {
        return start(configuration, Estate { listeners: given, ..Estate::default() }).await;
    };
    let server = start(configuration, estate).await?;
    predecessor.is_followed().await;
    server.settled().await;
    predecessor.may_go().await;
    Ok(server)
}

/// Starts anew in this process after the one that was to follow broke down.
async fn go_on(configuration: Configuration, mut leaving: Leaving, estate: Estate) -> Result<Server, CommandError> {
    let grace = configuration.grace;
    let server = match start(configuration, estate).await {
        Ok(server) => server,
        Err(error) => {
            leaving.drain(grace).await;
            return Err(error);
        }
    };
    leaving.give_way().await;
    server.settled().await;
    tokio::spawn(leaving.drain(grace));
    Ok(server)
}

impl From<Arguments> for Flags {
    fn from(arguments: Arguments) -> Self {
        Self {
            data: arguments.data,
            database: arguments.database,
            control_listen: arguments.control_listen,
            control_tls_listen: arguments.control_tls_listen,
            gateway_listen: arguments.gateway_listen,
            metrics_listen: arguments.metrics_listen,
            gateway_address: arguments.gateway_address,
            certificates: arguments.certificates,
            http_listen: arguments.http_listen,
            acme: AcmeFlags {
                directory: arguments.acme_directory,
                contact: arguments.acme_contact,
                domains: arguments.acme_domains,
                agree_to_terms: arguments.acme_agree_to_terms,
            },
            access_records: arguments.access_records,
            grace: arguments.grace,
        }
    }
}
