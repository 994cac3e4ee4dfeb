//! The ways to reach the origin that are measured side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adit_tests::{ConnectorProcess, Directory, Process, settles};

use crate::certificate::{Certificate, PASSWORD};
use crate::nginx::{free_port, listens, tls_proxy};

/// One way to reach the origin: its URL, and the processes whose CPU time counts.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) processes: Vec<u32>,
    _alive: Vec<Alive>,
}

/// What must live as long as a side is measured.
enum Alive {
    Process { _process: Process },
    Adit { _directory: Box<Directory>, _connector: Box<ConnectorProcess> },
}

impl Side {
    /// Adit: one server, one connector.
    pub(crate) fn adit(origin: u16) -> Self {
        let mut directory = Directory::start();
        let connector = directory.connector("beside-the-origin");
        let _application =
            directory.publish_url("origin", &format!("http://127.0.0.1:{origin}/"), "localhost", "Default");
        directory.wait_until_served_at("localhost", "/1k");
        Self {
            name: "Adit (gateway + connector)",
            url: directory.external_url("localhost"),
            processes: vec![directory.process().id(), connector.pid()],
            _alive: vec![Alive::Adit { _directory: Box::new(directory), _connector: Box::new(connector) }],
        }
    }

    /// nginx with TLS, then rathole with its TLS transport.
    pub(crate) fn nginx_and_rathole(folder: &Path, origin: u16, certificate: &Certificate) -> Self {
        let (edge, tunnel, entrance) = (free_port(), free_port(), free_port());
        let server = rathole(folder, "rathole-server", &server_settings(tunnel, entrance, certificate));
        settles("a rathole that listens", Duration::from_secs(20), || listens(tunnel));
        let client = rathole(folder, "rathole-client", &client_settings(tunnel, origin, certificate));
        settles("rathole's tunnel", Duration::from_secs(20), || listens(entrance));
        let nginx = tls_proxy(folder, "rathole-edge", edge, &format!("http://127.0.0.1:{entrance}"), certificate);
        Self::of("nginx TLS + rathole tls", edge, vec![nginx, server, client])
    }

    /// nginx with TLS, then a second nginx with TLS.
    pub(crate) fn two_nginx_hops(folder: &Path, origin: u16, certificate: &Certificate) -> Self {
        let (edge, inner) = (free_port(), free_port());
        let second = tls_proxy(folder, "inner-hop", inner, &format!("http://127.0.0.1:{origin}"), certificate);
        let first = tls_proxy(folder, "edge-hop", edge, &format!("https://127.0.0.1:{inner}"), certificate);
        Self::of("nginx TLS -> TLS nginx", edge, vec![first, second])
    }

    /// No proxy at all; the CPU time is the origin's own.
    pub(crate) fn direct(origin: u16, process: &Process) -> Self {
        let url = format!("http://127.0.0.1:{origin}/");
        Self { name: "direct (CPU of the origin)", url, processes: vec![process.id()], _alive: Vec::new() }
    }

    fn of(name: &'static str, port: u16, processes: Vec<Process>) -> Self {
        let ids = processes.iter().map(Process::id).collect();
        let alive = processes.into_iter().map(|process| Alive::Process { _process: process }).collect();
        Self { name, url: format!("https://localhost:{port}/"), processes: ids, _alive: alive }
    }
}

fn rathole(folder: &Path, role: &str, settings: &str) -> Process {
    let program = std::env::var_os("ADIT_BENCH_RATHOLE").map(PathBuf::from);
    let program = program.expect("ADIT_BENCH_RATHOLE names the rathole program (cargo xtask bench sets it)");
    let config = folder.join(format!("{role}.toml"));
    fs::write(&config, settings).expect("the settings of rathole");
    let mut command = Command::new(program);
    command.arg(&config).env("RUST_LOG", "warn");
    Process::start(role, &mut command, &folder.join(format!("{role}.log")))
}

fn server_settings(tunnel: u16, entrance: u16, certificate: &Certificate) -> String {
    let bundle = certificate.bundle.display();
    format!(
        "[server]\nbind_addr = '127.0.0.1:{tunnel}'\ndefault_token = 'bench'\n\
         [server.transport]\ntype = 'tls'\n[server.transport.tls]\npkcs12 = '{bundle}'\n\
         pkcs12_password = '{PASSWORD}'\n[server.services.origin]\nbind_addr = '127.0.0.1:{entrance}'\n"
    )
}

fn client_settings(tunnel: u16, origin: u16, certificate: &Certificate) -> String {
    let root = certificate.certificate.display();
    format!(
        "[client]\nremote_addr = '127.0.0.1:{tunnel}'\ndefault_token = 'bench'\n\
         [client.transport]\ntype = 'tls'\n[client.transport.tls]\ntrusted_root = '{root}'\nhostname = 'localhost'\n\
         [client.services.origin]\nlocal_addr = '127.0.0.1:{origin}'\n"
    )
}
