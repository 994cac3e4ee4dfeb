//! The ways to reach the origin that are measured side by side, and the stage they stand on.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_tests::http::{Connection, Trust};
use adit_tests::{ConnectorProcess, Directory, Process, Scratch, settles};

use super::certificate::Certificate;
use super::live::Live;
use super::nginx::{self, Next, free_port, tls_proxy};
use super::peer;
use crate::cpu;

/// The name that every side has in URLs, certificates and TLS hellos.
pub(super) const HOST: &str = "localhost";

/// One way to reach the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Adit: one server, one connector.
    Adit,
    /// nginx with TLS, then rathole with its TLS transport.
    NginxRathole,
    /// nginx with TLS, then a second nginx with TLS.
    TwoNginx,
    /// HAProxy with TLS, then a second HAProxy with TLS.
    TwoHaproxy,
    /// frp with an HTTPS virtual host.
    Frp,
    /// nginx with TLS, then chisel.
    NginxChisel,
    /// No proxy at all; the CPU time is the origin's own.
    Direct,
}

impl Kind {
    /// As tables call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Adit => "Adit (gateway + connector)",
            Self::NginxRathole => "nginx TLS + rathole tls",
            Self::TwoNginx => "nginx TLS -> TLS nginx",
            Self::TwoHaproxy => "HAProxy TLS -> TLS HAProxy",
            Self::Frp => "frp (https vhost)",
            Self::NginxChisel => "nginx TLS + chisel",
            Self::Direct => "direct (CPU of the origin)",
        }
    }
}

/// A side that runs: where it listens, whom its clients believe, and the processes whose CPU time counts.
pub(super) struct Side {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    /// The URL of `/`.
    pub(super) url: String,
    /// The CA of its certificate, in PEM; none without TLS.
    ca: Option<PathBuf>,
    trust: Option<Trust>,
    processes: Vec<u32>,
    _alive: Vec<Process>,
    _adit: Option<Adit>,
}

impl Side {
    /// CPU time of all its processes and their children so far.
    pub(super) fn cpu(&self) -> Duration {
        cpu::of_trees(&self.processes)
    }

    /// A new connection of a client.
    pub(super) fn connect(&self) -> Connection {
        self.dial().unwrap_or_else(|error| panic!("{} cannot be connected to: {error}", self.kind.name()))
    }

    /// The CA of its certificate, in PEM.
    pub(super) fn ca(&self) -> &Path {
        self.ca.as_deref().expect("a side with TLS")
    }

    fn dial(&self) -> io::Result<Connection> {
        match &self.trust {
            Some(trust) => Connection::tls(self.address, HOST, trust),
            None => Connection::plain(self.address),
        }
    }

    fn answers(&self) -> bool {
        self.dial().and_then(|mut connection| connection.get(HOST, "/1k")).is_ok_and(|answer| answer.status == 200)
    }
}

/// Adit with one connector and what it publishes: the origin at `/`, the live upstream at `/live/`.
pub(super) struct Adit {
    // The connector first: a gateway that goes before it would be complained about in its log.
    pub(super) connector: ConnectorProcess,
    pub(super) directory: Directory,
}

impl Adit {
    /// Starts one with more `flags`; `before_connecting` sees the server before the connector does.
    pub(super) fn start(stage: &Stage, flags: &[&str], before_connecting: impl FnOnce(&Directory)) -> Self {
        let directory = Directory::start_with(flags);
        before_connecting(&directory);
        let connector = directory.connector("beside-the-origin");
        let adit = Self { connector, directory };
        adit.publish("origin", "", stage.origin);
        adit.publish("live", "live/", stage.live.port());
        adit.directory.wait_until_served_at(HOST, "/live/1k");
        adit.directory.wait_until_served_at(HOST, "/1k");
        adit
    }

    /// Publishes what a port of this machine serves below `path`, at the same path.
    pub(super) fn publish(&self, name: &str, path: &str, port: u16) {
        let external = format!("{HOST}:{}/{path}", self.directory.addresses().gateway.port());
        let internal = format!("http://127.0.0.1:{port}/{path}");
        let _application = self.directory.publish_at(name, &internal, &format!("https://{external}"), "Default");
    }

    /// The processes: server, connector.
    pub(super) fn processes(&mut self) -> [u32; 2] {
        [self.directory.process().id(), self.connector.pid()]
    }

    /// A new connection of a client.
    pub(super) fn connect(&self) -> Connection {
        self.directory.user(HOST)
    }
}

/// Origin, live upstream, and the sides that were asked for. Everything ends when it is dropped.
pub(super) struct Stage {
    sides: Vec<Side>,
    origin_process: Process,
    origin: u16,
    pub(super) live: Live,
    certificate: Certificate,
    scratch: Scratch,
}

impl Stage {
    /// Starts the origin and `kinds`, each until it answers.
    pub(super) fn set(kinds: &[Kind]) -> Self {
        let (scratch, origin) = (Scratch::new(), free_port());
        let origin_process = nginx::origin(scratch.path(), origin);
        let certificate = Certificate::make(scratch.path());
        let mut stage = Self { sides: Vec::new(), origin_process, origin, live: Live::start(), certificate, scratch };
        for kind in kinds {
            let side = stage.start(*kind);
            settles(kind.name(), Duration::from_secs(30), || side.answers());
            stage.sides.push(side);
        }
        stage
    }

    /// A side that was asked for at the start.
    pub(super) fn side(&self, kind: Kind) -> &Side {
        let side = self.sides.iter().find(|side| side.kind == kind);
        side.unwrap_or_else(|| panic!("{} was not started: the row has to name it", kind.name()))
    }

    /// Sides in this order.
    pub(super) fn sides(&self, kinds: &[Kind]) -> Vec<&Side> {
        kinds.iter().map(|kind| self.side(*kind)).collect()
    }

    fn start(&self, kind: Kind) -> Side {
        let (folder, origin, certificate) = (self.scratch.path(), self.origin, &self.certificate);
        let (edge, inner) = (free_port(), free_port());
        let processes = match kind {
            Kind::Adit => return self.adit(),
            Kind::Direct => return self.direct(),
            Kind::TwoNginx => {
                let live = format!("http://127.0.0.1:{}", self.live.port());
                let last = Next { origin: format!("http://127.0.0.1:{origin}"), live };
                let first = Next::only(format!("https://127.0.0.1:{inner}"));
                let last = tls_proxy(folder, "inner-hop", inner, &last, certificate);
                vec![tls_proxy(folder, "edge-hop", edge, &first, certificate), last]
            }
            Kind::TwoHaproxy => {
                let last = peer::haproxy(folder, inner, origin, false, certificate);
                vec![peer::haproxy(folder, edge, inner, true, certificate), last]
            }
            Kind::NginxRathole => {
                let mut processes = peer::rathole(folder, inner, origin, certificate);
                processes.push(self.nginx_before("rathole-edge", edge, inner));
                processes
            }
            Kind::NginxChisel => {
                let mut processes = peer::chisel(folder, inner, origin);
                processes.push(self.nginx_before("chisel-edge", edge, inner));
                processes
            }
            Kind::Frp => peer::frp(folder, edge, origin, certificate),
        };
        self.of(kind, edge, processes)
    }

    fn nginx_before(&self, role: &str, edge: u16, entrance: u16) -> Process {
        let next = Next::only(format!("http://127.0.0.1:{entrance}"));
        tls_proxy(self.scratch.path(), role, edge, &next, &self.certificate)
    }

    fn of(&self, kind: Kind, port: u16, processes: Vec<Process>) -> Side {
        Side {
            kind,
            address: ([127, 0, 0, 1], port).into(),
            url: format!("https://{HOST}:{port}/"),
            ca: Some(self.certificate.ca.clone()),
            trust: Some(Trust::of(&self.certificate.ca)),
            processes: processes.iter().map(Process::id).collect(),
            _alive: processes,
            _adit: None,
        }
    }

    fn adit(&self) -> Side {
        let mut adit = Adit::start(self, &[], |_| ());
        Side {
            kind: Kind::Adit,
            address: adit.directory.addresses().gateway,
            url: adit.directory.external_url(HOST),
            ca: Some(adit.directory.ca()),
            trust: Some(adit.directory.trust()),
            processes: adit.processes().to_vec(),
            _alive: Vec::new(),
            _adit: Some(adit),
        }
    }

    fn direct(&self) -> Side {
        Side {
            kind: Kind::Direct,
            address: ([127, 0, 0, 1], self.origin).into(),
            url: format!("http://127.0.0.1:{}/", self.origin),
            ca: None,
            trust: None,
            processes: vec![self.origin_process.id()],
            _alive: Vec::new(),
            _adit: None,
        }
    }
}
