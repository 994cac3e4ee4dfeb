//! The peers that are not nginx, as processes: rathole, HAProxy, frp and chisel, with the settings of each.
//!
//! Each encrypts between its two ends, because a connector's tunnel has to. None writes a record of requests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adit_tests::{Process, settles};

use super::certificate::{Certificate, PASSWORD};
use super::nginx::{free_port, listens};

const START_LIMIT: Duration = Duration::from_secs(20);

/// A program that `cargo xtask bench` built, as an environment variable names it.
pub(super) fn built(variable: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.unwrap_or_else(|| panic!("{variable} names a program to compare with (cargo xtask bench sets it)"))
}

/// rathole with its TLS transport, from `entrance` to `origin`.
pub(super) fn rathole(folder: &Path, entrance: u16, origin: u16, certificate: &Certificate) -> Vec<Process> {
    let tunnel = free_port();
    let (bundle, root) = (certificate.bundle.display(), certificate.ca.display());
    let server = format!(
        "[server]\nbind_addr = '127.0.0.1:{tunnel}'\ndefault_token = 'bench'\n\
         [server.transport]\ntype = 'tls'\n[server.transport.tls]\npkcs12 = '{bundle}'\n\
         pkcs12_password = '{PASSWORD}'\n[server.services.origin]\nbind_addr = '127.0.0.1:{entrance}'\n"
    );
    let client = format!(
        "[client]\nremote_addr = '127.0.0.1:{tunnel}'\ndefault_token = 'bench'\n\
         [client.transport]\ntype = 'tls'\n[client.transport.tls]\ntrusted_root = '{root}'\nhostname = 'localhost'\n\
         [client.services.origin]\nlocal_addr = '127.0.0.1:{origin}'\n"
    );
    let run = |role: &str, settings: &str| {
        let config = written(folder, &format!("{role}.toml"), settings);
        let mut command = Command::new(built("ADIT_BENCH_RATHOLE"));
        start(folder, role, command.arg(config).env("RUST_LOG", "warn"))
    };
    let server = run("rathole-server", &server);
    settles("a rathole that listens", START_LIMIT, || listens(tunnel));
    let client = run("rathole-client", &client);
    settles("rathole's tunnel", START_LIMIT, || listens(entrance));
    vec![server, client]
}

/// chisel, from `entrance` to `origin`; it encrypts as SSH does.
pub(super) fn chisel(folder: &Path, entrance: u16, origin: u16) -> Vec<Process> {
    let tunnel = free_port();
    let mut server = Command::new(built("ADIT_BENCH_CHISEL"));
    server.args(["server", "--reverse", "--host", "127.0.0.1", "--port", &tunnel.to_string()]);
    let server = start(folder, "chisel-server", &mut server);
    settles("a chisel that listens", START_LIMIT, || listens(tunnel));
    let mut client = Command::new(built("ADIT_BENCH_CHISEL"));
    client.arg("client").arg(format!("http://127.0.0.1:{tunnel}"));
    client.arg(format!("R:127.0.0.1:{entrance}:127.0.0.1:{origin}"));
    let client = start(folder, "chisel-client", &mut client);
    settles("chisel's tunnel", START_LIMIT, || listens(entrance));
    vec![server, client]
}

/// frp with an HTTPS virtual host on `edge`: frps routes by the name in the TLS hello, frpc opens TLS and speaks HTTP to
/// the origin; between them one multiplexed connection with TLS.
pub(super) fn frp(folder: &Path, edge: u16, origin: u16, certificate: &Certificate) -> Vec<Process> {
    let tunnel = free_port();
    let (pem, key, ca) = (certificate.certificate.display(), certificate.key.display(), certificate.ca.display());
    let server = format!(
        "bindAddr = '127.0.0.1'\nbindPort = {tunnel}\nproxyBindAddr = '127.0.0.1'\nvhostHTTPSPort = {edge}\n\
         log.level = 'warn'\nauth.token = 'bench'\ntransport.tls.force = true\n\
         transport.tls.certFile = '{pem}'\ntransport.tls.keyFile = '{key}'\n"
    );
    let client = format!(
        "serverAddr = '127.0.0.1'\nserverPort = {tunnel}\nlog.level = 'warn'\nauth.token = 'bench'\n\
         transport.poolCount = 5\ntransport.tls.serverName = 'localhost'\ntransport.tls.trustedCaFile = '{ca}'\n\
         [[proxies]]\nname = 'origin'\ntype = 'https'\ncustomDomains = ['localhost']\n\
         [proxies.plugin]\ntype = 'https2http'\nlocalAddr = '127.0.0.1:{origin}'\n\
         crtPath = '{pem}'\nkeyPath = '{key}'\n"
    );
    let run = |role: &str, program: &str, settings: &str| {
        let config = written(folder, &format!("{role}.toml"), settings);
        start(folder, role, Command::new(built(program)).arg("-c").arg(config))
    };
    let server = run("frp-server", "ADIT_BENCH_FRPS", &server);
    settles("a frps that listens", START_LIMIT, || listens(tunnel) && listens(edge));
    vec![server, run("frp-client", "ADIT_BENCH_FRPC", &client)]
}

/// One HAProxy hop with TLS on `port`; with `inside`, TLS to the next one as well.
pub(super) fn haproxy(folder: &Path, port: u16, next: u16, inside: bool, certificate: &Certificate) -> Process {
    let role = if inside { "haproxy-edge" } else { "haproxy-inner" };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let ca = certificate.ca.display();
    let tls = if inside { format!("ssl verify required ca-file {ca} sni str(localhost)") } else { String::new() };
    let settings = format!(
        "global\n  maxconn 4096\n  nbthread {threads}\n\
         \x20 ssl-default-bind-options ssl-min-ver TLSv1.3\n  ssl-default-server-options ssl-min-ver TLSv1.3\n\
         defaults\n  mode http\n  http-reuse always\n\
         \x20 timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         frontend edge\n  bind 127.0.0.1:{port} ssl crt {both}\n  option forwardfor\n  default_backend next\n\
         backend next\n  server next 127.0.0.1:{next} {tls}\n",
        both = certificate.both.display(),
    );
    let config = written(folder, &format!("{role}.cfg"), &settings);
    let process = start(folder, role, Command::new(haproxy_program()).arg("-db").arg("-f").arg(config));
    settles("a HAProxy that listens", START_LIMIT, || listens(port));
    process
}

/// The program: Debian keeps it where not everybody's path leads.
pub(super) fn haproxy_program() -> &'static str {
    if Path::new("/usr/sbin/haproxy").exists() { "/usr/sbin/haproxy" } else { "haproxy" }
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
    path
}

fn start(folder: &Path, role: &str, command: &mut Command) -> Process {
    Process::start(role, command, &folder.join(format!("{role}.log")))
}
