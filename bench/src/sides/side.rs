//! The ways to reach the origin that are measured side by side, and one of them as it runs.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_tests::Process;
use adit_tests::http::{Connection, Trust};

use super::adit::Adit;
use crate::{cpu, memory};

/// The name that every side has in URLs, certificates and TLS hellos.
pub(super) const HOST: &str = "localhost";

/// The name by which frp, which routes by nothing but names, leads to the live upstream.
pub(super) const LIVE_HOST: &str = "live.localhost";

/// One way to reach the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Adit: one server, one connector.
    Adit,
    /// nginx with TLS, then a second nginx with TLS.
    TwoNginx,
    /// nginx with TLS, then rathole with its TLS transport.
    NginxRathole,
    /// HAProxy with TLS, then a second HAProxy with TLS.
    TwoHaproxy,
    /// frp with an HTTPS virtual host.
    Frp,
    /// nginx with TLS, then chisel.
    NginxChisel,
    /// No proxy at all; the CPU time is the origin's own.
    Direct,
}

/// Adit, then the peer of most goals, then the others.
pub(super) const PROXIES: &[Kind] =
    &[Kind::Adit, Kind::TwoNginx, Kind::NginxRathole, Kind::TwoHaproxy, Kind::Frp, Kind::NginxChisel];

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

/// A side that runs: where it listens, whom its clients believe, and the processes whose CPU time and memory count.
pub(super) struct Side {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    /// The URL of `/`.
    pub(super) url: String,
    /// The name that leads to what is below `/live/`.
    pub(super) live_host: &'static str,
    /// The CA of its certificate, in PEM; none without TLS.
    ca: Option<PathBuf>,
    trust: Option<Trust>,
    /// What its parts are called, and the process of each.
    parts: Vec<(&'static str, u32)>,
    _alive: Vec<Process>,
    _adit: Option<Adit>,
}

impl Side {
    /// A peer on `port` of 127.0.0.1 whose certificate `ca` vouches for.
    pub(super) fn of_peer(kind: Kind, port: u16, ca: &Path, processes: Vec<Process>) -> Self {
        Self {
            kind,
            address: ([127, 0, 0, 1], port).into(),
            url: format!("https://{HOST}:{port}/"),
            live_host: if kind == Kind::Frp { LIVE_HOST } else { HOST },
            ca: Some(ca.to_owned()),
            trust: Some(Trust::of(ca)),
            parts: processes.iter().map(|process| ("part", process.id())).collect(),
            _alive: processes,
            _adit: None,
        }
    }

    /// An Adit.
    pub(super) fn of_adit(mut adit: Adit) -> Self {
        let [server, connector] = adit.processes();
        Self {
            kind: Kind::Adit,
            address: adit.directory.addresses().gateway,
            url: adit.directory.external_url(HOST),
            live_host: HOST,
            ca: Some(adit.directory.ca()),
            trust: Some(adit.directory.trust()),
            parts: vec![("gateway", server), ("connector", connector)],
            _alive: Vec::new(),
            _adit: Some(adit),
        }
    }

    /// The origin itself, a process that listens on `port` of 127.0.0.1.
    pub(super) fn of_origin(port: u16, process: u32) -> Self {
        Self {
            kind: Kind::Direct,
            address: ([127, 0, 0, 1], port).into(),
            url: format!("http://127.0.0.1:{port}/"),
            live_host: HOST,
            ca: None,
            trust: None,
            parts: vec![("origin", process)],
            _alive: Vec::new(),
            _adit: None,
        }
    }

    /// CPU time of all its processes and their children so far.
    pub(super) fn cpu(&self) -> Duration {
        let roots: Vec<u32> = self.parts.iter().map(|(_, process)| *process).collect();
        cpu::of_trees(&roots)
    }

    /// KiB of each of its parts, the children of each counted with it.
    pub(super) fn memory(&self) -> Vec<(&'static str, f64)> {
        self.parts.iter().map(|(name, process)| (*name, memory::of_tree(*process))).collect()
    }

    /// A new connection of a client, to the origin.
    pub(super) fn connect(&self) -> Connection {
        self.connected(HOST)
    }

    /// A new connection of a client, to the live upstream.
    pub(super) fn connect_live(&self) -> Connection {
        self.connected(self.live_host)
    }

    /// The CA of its certificate, in PEM.
    pub(super) fn ca(&self) -> &Path {
        self.ca.as_deref().expect("a side with TLS")
    }

    /// Whether the origin's small body comes.
    pub(super) fn leads_to_origin(&self) -> bool {
        self.answers(HOST, "/1k")
    }

    /// Whether the live upstream answers.
    pub(super) fn leads_to_live(&self) -> bool {
        self.answers(self.live_host, "/live/1k")
    }

    fn answers(&self, host: &str, target: &str) -> bool {
        self.dial(host).and_then(|mut connection| connection.get(host, target)).is_ok_and(|answer| answer.status == 200)
    }

    fn connected(&self, host: &str) -> Connection {
        self.dial(host).unwrap_or_else(|error| panic!("{} cannot be connected to: {error}", self.kind.name()))
    }

    fn dial(&self, host: &str) -> io::Result<Connection> {
        match &self.trust {
            Some(trust) => Connection::tls(self.address, host, trust),
            None => Connection::plain(self.address),
        }
    }
}
