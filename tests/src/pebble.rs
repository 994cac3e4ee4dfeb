//! An ACME authority for tests: Debian's `pebble`, with a name server that knows every name as this machine.
//!
//! Nothing is made easy: it really validates, at the ports that the test names, and rejects good nonces now and then. Its
//! port is chosen before it runs, so that a server can be told of it first.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::authority::Authority;
use crate::deadline::settles;
use crate::http::{Connection, Trust};
use crate::process::Process;
use crate::scratch::Scratch;

/// The longest that starting may take.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Where pebble looks, and how it behaves.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// The port in the place of 80.
    pub http_port: u16,
    /// The port in the place of 443.
    pub tls_port: u16,
    /// How long its certificates are valid, in seconds.
    pub lifetime: u32,
    /// How many of a hundred good nonces it rejects.
    pub rejected_nonces: u8,
}

/// A pebble that runs or will.
pub struct Pebble {
    // Before the folder, so that the log can still be shown when the process is dropped.
    processes: Vec<Process>,
    address: SocketAddr,
    management: SocketAddr,
    names: SocketAddr,
    scratch: Scratch,
}

impl Pebble {
    /// Chooses its ports and makes its TLS certificate.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn prepare() -> Self {
        let scratch = Scratch::new();
        let authority = Authority::new();
        fs::write(scratch.join("ca.pem"), authority.pem()).expect("a file");
        let issued = authority.issue(&["localhost", "127.0.0.1"]);
        issued.write(&scratch.join("certificate.pem"), &scratch.join("key.pem"));
        let [address, management, names] = free_addresses();
        Self { processes: Vec::new(), address, management, names, scratch }
    }

    /// The URL of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.address.port())
    }

    /// The authority of its own TLS certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.scratch.join("ca.pem")
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.join("pebble.log")).unwrap_or_default()
    }

    /// Starts it and waits until it answers. It knows nothing of an earlier start.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self, behaviour: Behaviour) {
        self.stop();
        let configuration = json!({"pebble": {
            "listenAddress": self.address.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": self.scratch.join("certificate.pem"),
            "privateKey": self.scratch.join("key.pem"),
            "httpPort": behaviour.http_port,
            "tlsPort": behaviour.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": behaviour.lifetime,
        }});
        let path = self.scratch.join("pebble.json");
        fs::write(&path, configuration.to_string()).expect("pebble's configuration");
        let mut names = Command::new("pebble-challtestsrv");
        names.args(["-dns01", &self.names.to_string(), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]);
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:0"]);
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&path).args(["-dnsserver", &self.names.to_string()]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", behaviour.rejected_nonces.to_string());
        pebble.env_remove("PEBBLE_VA_ALWAYS_VALID");
        self.processes = vec![
            Process::start("pebble-challtestsrv", &mut names, &self.scratch.join("names.log")),
            Process::start("pebble", &mut pebble, &self.scratch.join("pebble.log")),
        ];
        settles("pebble answers", START_LIMIT, || self.ask("/roots/0").is_some());
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.processes.clear();
    }

    /// The root of what it issues, in PEM; another one after each start.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn root(&self) -> String {
        self.ask("/roots/0").expect("pebble's root")
    }

    fn ask(&self, path: &str) -> Option<String> {
        let mut connection = Connection::tls(self.management, "localhost", &Trust::of(&self.ca())).ok()?;
        let answer = connection.get("localhost", path).ok()?;
        (answer.status == 200).then(|| answer.text())
    }
}

/// Addresses at which nobody listens, for TCP and UDP.
fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    // All held at once, so that they are different.
    let taken: Vec<(TcpListener, UdpSocket)> = std::iter::repeat_with(|| {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let udp = UdpSocket::bind(tcp.local_addr().expect("its address")).ok()?;
        Some((tcp, udp))
    })
    .flatten()
    .take(N)
    .collect();
    std::array::from_fn(|index| taken[index].0.local_addr().expect("its address"))
}
