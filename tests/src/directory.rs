//! A running `adit serve` on free ports, with everything a test asks of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::command::{adit, run, started_by};
use crate::connector::ConnectorProcess;
use crate::deadline::{eventually, settles};
use crate::graph::Graph;
use crate::http::{Connection, Response, Trust};
use crate::process::Process;
use crate::scratch::Scratch;
use crate::upstream::Upstream;

/// The longest that starting may take; a slow machine and an unoptimised build included.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The addresses of a running server, as it wrote them to `addresses.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Graph without TLS, loopback only.
    pub control: SocketAddr,
    /// Graph with TLS.
    pub control_tls: SocketAddr,
    /// The gateway: users and connectors.
    pub gateway: SocketAddr,
    /// Health and metrics.
    pub metrics: SocketAddr,
}

/// A running `adit serve`: control plane and gateway on one data folder.
pub struct Directory {
    // Before the folder, so that the log can still be shown when the process is dropped.
    process: Process,
    flags: Vec<String>,
    addresses: Addresses,
    token: String,
    scratch: Scratch,
}

impl Directory {
    /// Starts one on an empty data folder and waits until it serves.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more flags.
    #[must_use]
    pub fn start_with(flags: &[&str]) -> Self {
        Self::start_in(Scratch::new(), flags)
    }

    /// Starts one in a folder that may hold a configuration; its data folder is `data` inside.
    #[must_use]
    pub fn start_in(scratch: Scratch, flags: &[&str]) -> Self {
        Self::start_at(scratch, flags, None)
    }

    /// Starts one whose gateway listens on every address, and which connectors dial at `host`.
    #[must_use]
    pub fn start_dialled_at(host: &str) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let gateway = SocketAddr::from(([0, 0, 0, 0], 0));
        let listen = Addresses { control: free, control_tls: free, gateway, metrics: free };
        Self::start_at(Scratch::new(), &["--gateway-address", &format!("{host}:0")], Some(listen))
    }

    fn start_at(scratch: Scratch, flags: &[&str], listen: Option<Addresses>) -> Self {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (process, addresses) = serve(&scratch, &flags, listen, &[]);
        let token = token(&scratch, "Directory.ReadWrite.All");
        Self { scratch, flags, addresses, token, process }
    }

    /// Starts one with a configuration file that says `settings`.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn start_configured(settings: &str) -> Self {
        Self::start_configured_in(Scratch::new(), settings)
    }

    /// Likewise, in a folder that has what the settings name.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn start_configured_in(scratch: Scratch, settings: &str) -> Self {
        let file = scratch.join("adit.toml");
        std::fs::write(&file, settings).expect("a configuration that can be written");
        let file = file.display().to_string();
        Self::start_in(scratch, &["--config", &file])
    }

    /// Likewise, with a gateway at a port that the settings speak of.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn start_configured_at(port: u16, scratch: Scratch, settings: &str) -> Self {
        let file = scratch.join("adit.toml");
        std::fs::write(&file, settings).expect("a configuration that can be written");
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let gateway = SocketAddr::from(([127, 0, 0, 1], port));
        let listen = Addresses { control: free, control_tls: free, gateway, metrics: free };
        Self::start_at(scratch, &["--config", &file.display().to_string()], Some(listen))
    }

    /// `kill -9`, then a new start on the same data folder and the same ports.
    pub fn crash_and_restart(&mut self) {
        self.process.kill();
        self.restart();
    }

    /// Starts again on the same data folder and the same ports; the process must have ended.
    pub fn restart(&mut self) {
        self.restart_under(&[]);
    }

    /// Likewise, by a command that starts it (`strace` with its flags); the process must become the server's.
    pub fn restart_under(&mut self, starter: &[&str]) {
        (self.process, self.addresses) = serve(&self.scratch, &self.flags, Some(self.addresses), starter);
    }

    /// Starts a new process that takes over from the one that runs, and waits until it serves; the old one, which drains.
    ///
    /// # Panics
    /// When the new one does not serve.
    pub fn take_over(&mut self) -> Process {
        let mut command = serve_command(&self.data_argument(), Some(self.addresses));
        command.arg("--take-over").args(self.flags.iter().filter(|flag| *flag != "--take-over"));
        let new = Process::start("adit serve --take-over", &mut command, &self.scratch.join("serve.log"));
        let old = std::mem::replace(&mut self.process, new);
        settles("the new process serves", START_LIMIT, || {
            assert!(self.process.is_running(), "it ended at once:\n{}", self.process.log());
            is_ready(self.addresses.metrics)
        });
        let written = std::fs::read_to_string(self.data().join("addresses.json")).unwrap_or_default();
        assert_eq!(parse_addresses(&written), Some(self.addresses));
        old
    }

    /// The server's process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Where it answers ACME challenges, if it was told to.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        let text = std::fs::read_to_string(self.data().join("addresses.json")).expect("addresses.json");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        json["http"].as_str().and_then(|text| text.parse().ok()).expect("an address for plain HTTP")
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.scratch.join("data")
    }

    /// The data folder as an argument.
    #[must_use]
    pub fn data_argument(&self) -> String {
        self.data().display().to_string()
    }

    /// The certificate of its CA, in PEM.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.data().join("ca.pem")
    }

    /// The folder of the test, which holds the data folder.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// A bearer token that may change the directory.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A bearer token of another scope.
    #[must_use]
    pub fn token_for(&self, scope: &str) -> String {
        token(&self.scratch, scope)
    }

    /// A Graph client with a token that may change the directory.
    #[must_use]
    pub fn graph(&self) -> Graph {
        Graph::new(self.addresses.control, &self.token)
    }

    /// A token by which a connector registers into `group`.
    #[must_use]
    pub fn registration_token(&self, group: &str) -> String {
        let output = run(&["registration-token", "--data", &self.data_argument(), "--group", group]).succeeded();
        output.trim().to_owned()
    }

    /// Registers and starts a connector in the default group, and waits until it is active.
    #[must_use]
    pub fn connector(&self, name: &str) -> ConnectorProcess {
        self.connector_in(name, "Default", &[])
    }

    /// Registers and starts a connector in `group` with more flags, and waits until it is active.
    #[must_use]
    pub fn connector_in(&self, name: &str, group: &str, flags: &[&str]) -> ConnectorProcess {
        self.once_active(name, ConnectorProcess::start(name, &self.registration_token(group), flags))
    }

    /// A connector of the default group that checks upstreams' certificates against those in the file `roots`.
    #[must_use]
    pub fn connector_trusting(&self, name: &str, roots: &Path) -> ConnectorProcess {
        self.once_active(name, ConnectorProcess::start_trusting(name, &self.registration_token("Default"), roots))
    }

    /// Waits until the connector is active.
    ///
    /// # Panics
    /// When it ends instead.
    #[must_use]
    pub fn once_active(&self, name: &str, mut connector: ConnectorProcess) -> ConnectorProcess {
        let graph = self.graph();
        let (id, _) = eventually("an active connector", START_LIMIT, || {
            assert!(connector.process().is_running(), "the connector ended:\n{}", connector.process().log());
            graph.find_active_connector(name)
        });
        connector.registered_as(id)
    }

    /// Waits until Graph says that the connector is active.
    pub fn wait_until_active(&self, connector: &ConnectorProcess) {
        let graph = self.graph();
        settles("an active connector", START_LIMIT, || graph.status_of(connector.id()) == "active");
    }

    /// Publishes `upstream` at `https://host:gateway-port/` without pre-authentication, through `group`; its id.
    #[must_use]
    pub fn publish(&self, name: &str, upstream: &Upstream, host: &str, group: &str) -> String {
        self.publish_url(name, &upstream.url(), host, group)
    }

    /// Publishes an internal URL likewise.
    #[must_use]
    pub fn publish_url(&self, name: &str, internal_url: &str, host: &str, group: &str) -> String {
        self.publish_at(name, internal_url, &self.external_url(host), group)
    }

    /// Publishes an internal URL at an external URL, which may have a path.
    #[must_use]
    pub fn publish_at(&self, name: &str, internal_url: &str, external_url: &str, group: &str) -> String {
        let data = self.data_argument();
        let (internal, external) = (["--internal-url", internal_url], ["--external-url", external_url]);
        let mut arguments = vec!["publish", name, "--data", &data, "--group", group, "--passthrough"];
        arguments.extend(internal.iter().chain(&external));
        let _ = run(&arguments).succeeded();
        self.graph().application_named(name)
    }

    /// The URL of `host` at the gateway.
    #[must_use]
    pub fn external_url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.addresses.gateway.port())
    }

    /// The metrics as they are now: what each series of that name counts, in that order; 0 for one that is not there.
    ///
    /// # Panics
    /// When the metrics are not answered.
    #[must_use]
    pub fn metrics<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        let mut connection = Connection::plain(self.addresses().metrics).expect("a connection for the metrics");
        let text = connection.get("localhost", "/metrics").expect("the metrics").text();
        let count = |name| text.lines().find_map(|line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        names.map(|name| count(name).unwrap_or_default())
    }

    /// Whom a client of the gateway must believe.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust::of(&self.ca())
    }

    /// A connection of a user to the gateway, asking for `host`.
    ///
    /// # Panics
    /// When the gateway does not accept it.
    #[must_use]
    pub fn user(&self, host: &str) -> Connection {
        Connection::tls(self.addresses.gateway, host, &self.trust()).expect("a TLS connection to the gateway")
    }

    /// One GET of a user on a connection of its own.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    pub fn get(&self, host: &str, target: &str) -> Response {
        self.user(host).get(host, target).expect("an answer of the gateway")
    }

    /// Waits until `host` answers 200.
    pub fn wait_until_served(&self, host: &str) {
        self.wait_until_served_at(host, "/");
    }

    /// Waits until `host` answers 200 at `target`.
    pub fn wait_until_served_at(&self, host: &str, target: &str) {
        settles("an answer of the application", START_LIMIT, || self.get(host, target).status == 200);
    }
}

/// Starts `adit serve` and waits until it has said where it listens; on the addresses `again` if given, by the command
/// `starter` if it is not empty.
fn serve(scratch: &Scratch, flags: &[String], again: Option<Addresses>, starter: &[&str]) -> (Process, Addresses) {
    let data = scratch.join("data");
    let written = data.join("addresses.json");
    let _ = std::fs::remove_file(&written);
    let mut command = serve_command(&data.display().to_string(), again);
    command.args(flags);
    let mut process = Process::start("adit serve", &mut started_by(starter, command), &scratch.join("serve.log"));
    let (addresses, _) = eventually("a server that serves", START_LIMIT, || {
        assert!(process.is_running(), "adit serve ended at once:\n{}", process.log());
        parse_addresses(&std::fs::read_to_string(&written).ok()?)
    });
    settles("a ready server", START_LIMIT, || is_ready(addresses.metrics));
    (process, addresses)
}

/// `adit serve` on loopback, on free ports or on those of an earlier start.
#[must_use]
pub fn serve_command(data: &str, again: Option<Addresses>) -> Command {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let again = again.unwrap_or(Addresses { control: free, control_tls: free, gateway: free, metrics: free });
    let mut command = adit(&["serve", "--data", data]);
    command.args(["--control-listen", &again.control.to_string()]);
    command.args(["--control-tls-listen", &again.control_tls.to_string()]);
    command.args(["--gateway-listen", &again.gateway.to_string()]);
    command.args(["--metrics-listen", &again.metrics.to_string()]);
    command
}

fn is_ready(metrics: SocketAddr) -> bool {
    let answer = Connection::plain(metrics).and_then(|mut connection| connection.get("localhost", "/readyz"));
    answer.is_ok_and(|answer| answer.status == 200)
}

/// Reads `addresses.json`; none while it is not whole.
#[must_use]
pub fn parse_addresses(json: &str) -> Option<Addresses> {
    let json: Value = serde_json::from_str(json).ok()?;
    let address = |name: &str| json[name].as_str()?.parse().ok();
    Some(Addresses {
        control: address("control")?,
        control_tls: address("control_tls")?,
        gateway: address("gateway")?,
        metrics: address("metrics")?,
    })
}

fn token(scratch: &Scratch, scope: &str) -> String {
    let data = scratch.join("data").display().to_string();
    run(&["token", "--data", &data, "--scope", scope]).succeeded().trim().to_owned()
}
