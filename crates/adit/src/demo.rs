//! The demo: a directory, a control plane, a gateway, two connectors in two groups, a private application that is published
//! once for everybody and once for those who sign in, and a user, all in one process, on loopback addresses and free ports.
//! Set up through the public API, as an administrator would.

use std::path::PathBuf;
use std::time::Duration;

use adit_core::{ExternalUrl, InternalUrl, PreAuthentication};
use adit_identity::session::SessionLimits;
use tokio::time::{Instant, sleep};

use crate::access_records::AccessRecords;
use crate::api_client::transport::{self, Client, Trust};
use crate::api_client::{ApiClient, ApiError, ServerArguments};
use crate::command_error::{CommandError, with_causes};
use crate::composition::Server;
use crate::configuration::{Api, Configuration, Listen, SignIn};
use crate::data_folder::ServedFolder;
use crate::fingerprint::Fingerprint;
use crate::publication::Publication;
use crate::retention::Kept;
use crate::succession::Estate;

pub(crate) mod check;
mod connector;
mod load;
pub(crate) mod printing;
mod sample;
mod scenario;
mod team;
mod temporary_folder;
mod visitor;

use connector::DemoConnector;
use sample::SampleApplication;
use scenario::{Group, Scenario};
use team::Team;
use temporary_folder::TemporaryFolder;

/// The sign-in host, at whatever port the gateway has.
const SIGN_IN: &str = "login.localhost:0";

const NOT_DONE: &str = "the demo was not started";

/// How long the token that is printed is good for: a working day.
const TOKEN_LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);

/// How long a connector may take until its tunnel is up.
const CONNECTING: Duration = Duration::from_secs(20);

/// How long requests may take to finish when the demo ends: its user waits for it.
const GRACE: Duration = Duration::from_secs(2);

/// A running demo.
pub(crate) struct Demo {
    server: Server,
    connectors: [DemoConnector; 2],
    sample: Option<SampleApplication>,
    /// The sample once more, for those who sign in.
    team: Option<Team>,
    /// What the connectors dial.
    internal_url: InternalUrl,
    /// What to open.
    external_url: ExternalUrl,
    /// Where the API is.
    api_url: String,
    /// A token for the API.
    token: String,
    /// A client of the API.
    client: ApiClient,
    /// A client of the gateway.
    browser: Client,
    scenario: Scenario,
    /// Goes last: the others have files in it.
    folder: TemporaryFolder,
}

impl Demo {
    /// Starts everything and publishes `internal_url`, or the sample application without one.
    ///
    /// # Errors
    /// When a part does not start or the API refuses.
    pub(crate) async fn start(internal_url: Option<&InternalUrl>) -> Result<Self, CommandError> {
        let failed = |why: String| CommandError::failed(NOT_DONE, why);
        let folder = TemporaryFolder::create().map_err(|error| failed(with_causes(&error)))?;
        let (sample, internal_url) = upstream(internal_url).await.map_err(failed)?;
        let started = Box::pin(Server::start(configuration(&folder), Estate::default())).await;
        let server = started.map_err(|error| error.into_command_error(NOT_DONE))?;
        let arguments = ServerArguments { data: Some(server.folder().path().to_owned()), server: None, token: None };
        let client = ApiClient::connect(&arguments, NOT_DONE)?;
        let served = ServedFolder::at(server.folder().path());
        let (token, ca) = token(&served).map_err(|why| failed(why.to_string()))?;
        let external_url = format!("https://app.localhost:{}/", server.addresses().gateway.port());
        let external_url = ExternalUrl::parse(&external_url).map_err(|error| failed(error.to_string()))?;
        let browser = transport::client(&Trust::Authority(ca)).map_err(failed)?;

        let refused = |error: ApiError| error.into_command_error(NOT_DONE);
        let berlin = scenario::create_group(&client, "Berlin").await.map_err(refused)?;
        let lisbon = scenario::create_group(&client, "Lisbon").await.map_err(refused)?;
        let default = scenario::default_group(&client).await.map_err(refused)?;
        let connectors = [
            DemoConnector::register(&client, &folder, "berlin-1", &berlin, NOT_DONE).await?,
            DemoConnector::register(&client, &folder, "lisbon-1", &lisbon, NOT_DONE).await?,
        ];
        let berlin_connector = first_member(&client, &berlin).await?;
        let lisbon_connector = first_member(&client, &lisbon).await?;
        let application = publish(&client, &internal_url, &external_url, &berlin).await?;
        let team = match &sample {
            Some(sample) => Some(Team::publish(&client, sample, server.addresses().gateway.port(), &berlin).await?),
            None => None,
        };
        let scenario = Scenario { application, default, berlin, lisbon, berlin_connector, lisbon_connector };
        let api_url = format!("https://localhost:{}", server.addresses().control_tls.port());
        let demo = Self {
            server,
            connectors,
            sample,
            team,
            internal_url,
            external_url,
            api_url,
            token,
            client,
            browser,
            scenario,
            folder,
        };
        demo.write_authorization().map_err(|error| failed(with_causes(&error)))?;
        Ok(demo)
    }

    /// Ends everything in order; the folder goes with it.
    pub(crate) async fn stop(self) {
        let [berlin, lisbon] = self.connectors;
        // Both ends at once: a browser that keeps a connection open must not make the connectors wait for it.
        tokio::join!(berlin.stop(), lisbon.stop(), self.server.stop(GRACE));
        drop(self.folder);
    }

    /// Requests that the gateway sent through the connector with that id.
    fn requests_through(&self, connector: &str) -> u64 {
        let counts = self.server.requests_by_connector();
        counts.iter().find(|(id, _)| id.to_string() == connector).map_or(0, |(_, requests)| *requests)
    }

    /// The CA's certificate, for clients.
    fn ca_path(&self) -> PathBuf {
        self.server.folder().ca_path()
    }

    /// SHA-256 of the CA's certificate.
    fn ca_fingerprint(&self) -> Fingerprint {
        self.server.ca_fingerprint()
    }

    /// A file with the header that authorises a call, so that no token stands in a shell's history.
    fn authorization_path(&self) -> PathBuf {
        self.folder.path().join("authorization")
    }

    fn write_authorization(&self) -> std::io::Result<()> {
        // The folder is 0700.
        std::fs::write(self.authorization_path(), format!("Authorization: Bearer {}\n", self.token))
    }
}

async fn upstream(internal_url: Option<&InternalUrl>) -> Result<(Option<SampleApplication>, InternalUrl), String> {
    if let Some(given) = internal_url {
        return Ok((None, given.clone()));
    }
    let sample = SampleApplication::start().await.map_err(|error| format!("the sample application: {error}"))?;
    let internal_url = InternalUrl::parse(&sample.internal_url()).map_err(|error| error.to_string())?;
    Ok((Some(sample), internal_url))
}

/// A server on free loopback ports.
fn configuration(folder: &TemporaryFolder) -> Configuration {
    let free = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    Configuration {
        data: folder.path().join("data"),
        database: None,
        listen: Listen { control: free, control_tls: free, gateway: free, metrics: free, http: None },
        gateway_address: None,
        api: Api::default(),
        client_limits: adit_gateway::ClientLimits::default(),
        certificates: Vec::new(),
        acme: None,
        // The demo speaks on stdout.
        access_records: AccessRecords::Off,
        sign_in: Some(SignIn { authority: SIGN_IN.to_owned(), provider: None, limits: SessionLimits::default() }),
        server_timing: false,
        inactive_connectors: Kept::Forever,
        grace: GRACE,
        #[cfg(feature = "otlp")]
        otlp: None,
    }
}

/// A token for the demo's user, and the CA's certificate.
fn token(served: &ServedFolder) -> Result<(String, String), Box<dyn std::error::Error>> {
    let key = adit_identity::LocalKey::from_pem(&served.signing_key()?)?;
    let request = adit_identity::TokenRequest {
        holder: adit_identity::Holder::Administrator,
        scopes: "Directory.ReadWrite.All".to_owned(),
        lifetime: TOKEN_LIFETIME,
        now: std::time::SystemTime::now(),
    };
    Ok((key.issue(&request)?, served.ca()?))
}

/// The group's connector, once it has a live tunnel.
async fn first_member(client: &ApiClient, group: &Group) -> Result<String, CommandError> {
    let found = in_time(async || scenario::active_member(client, group).await).await;
    found.map_err(|error| error.into_command_error(NOT_DONE))?.ok_or_else(|| {
        let why = format!("the connector in {} did not connect within {} s", group.name, CONNECTING.as_secs());
        CommandError::failed(NOT_DONE, why)
    })
}

/// Looks until there is something, for as long as connecting may take.
async fn in_time<T>(look: impl AsyncFn() -> Result<Option<T>, ApiError>) -> Result<Option<T>, ApiError> {
    let deadline = Instant::now() + CONNECTING;
    loop {
        match look().await? {
            None if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
            found => return Ok(found),
        }
    }
}

async fn publish(
    client: &ApiClient,
    internal_url: &InternalUrl,
    external_url: &ExternalUrl,
    group: &Group,
) -> Result<String, CommandError> {
    let publication = Publication {
        name: "Demo".to_owned(),
        internal_url: internal_url.clone(),
        external_url: external_url.clone(),
        pre_authentication: PreAuthentication::Passthrough,
        sign_on: None,
        connector_group: Some(group.id.clone()),
    };
    publication.publish(client).await.map_err(|failed| failed.error.into_command_error(NOT_DONE))
}
