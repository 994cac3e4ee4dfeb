//! The peers: two hops of nginx or HAProxy, frp, and rathole and chisel behind an nginx, with the settings of each.
//!
//! Each encrypts between its two ends, because a connector's tunnel has to. None writes a record of requests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adit_tests::{Process, settles};

use super::certificate::{Certificate, PASSWORD};
use super::nginx::{Next, free_port, listens, tls_proxy};
use super::relay::Relay;
use super::side::{HOST, LIVE_HOST};

const START_LIMIT: Duration = Duration::from_secs(20);

/// What a peer has around it: where its files go, where it leads to, and what lies between its two halves.
pub(super) struct Surroundings<'s> {
    pub(super) folder: &'s Path,
    pub(super) certificate: &'s Certificate,
    /// Ports of this machine.
    pub(super) origin: u16,
    pub(super) live: u16,
    /// None if the two halves are neighbours.
    pub(super) relay: Option<&'s Relay>,
}

impl Surroundings<'_> {
    /// Where one half finds `port` of the other.
    fn across(&self, port: u16) -> u16 {
        self.relay.map_or(port, |relay| {
            relay.lead_to(([127, 0, 0, 1], port).into());
            relay.port()
        })
    }

    fn nginx(&self, role: &str, port: u16, next: &Next) -> Process {
        tls_proxy(self.folder, role, port, next, self.certificate)
    }

    fn written(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
        path
    }

    fn start(&self, role: &str, command: &mut Command) -> Process {
        Process::start(role, command, &self.folder.join(format!("{role}.log")))
    }
}

/// A program that `cargo xtask bench` built, as an environment variable names it.
pub(super) fn built(variable: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.unwrap_or_else(|| panic!("{variable} names a program to compare with (cargo xtask bench sets it)"))
}

/// nginx with TLS on `edge`, then a second one with TLS.
pub(super) fn two_nginx(around: &Surroundings<'_>, edge: u16) -> Vec<Process> {
    let inner = free_port();
    let last = around.nginx("inner-hop", inner, &Next::ports(around.origin, around.live));
    let url = format!("https://127.0.0.1:{}", around.across(inner));
    vec![around.nginx("edge-hop", edge, &Next { origin: url.clone(), live: url }), last]
}

/// nginx with TLS on `edge`, then rathole with its TLS transport.
pub(super) fn nginx_and_rathole(around: &Surroundings<'_>, edge: u16) -> Vec<Process> {
    let (tunnel, origin, live) = (free_port(), free_port(), free_port());
    let (bundle, root) = (around.certificate.bundle.display(), around.certificate.ca.display());
    let server = format!(
        "[server]\nbind_addr = '127.0.0.1:{tunnel}'\ndefault_token = 'bench'\n\
         [server.transport]\ntype = 'tls'\n[server.transport.tls]\npkcs12 = '{bundle}'\n\
         pkcs12_password = '{PASSWORD}'\n[server.services.origin]\nbind_addr = '127.0.0.1:{origin}'\n\
         [server.services.live]\nbind_addr = '127.0.0.1:{live}'\n"
    );
    let client = format!(
        "[client]\nremote_addr = '127.0.0.1:{remote}'\ndefault_token = 'bench'\n\
         [client.transport]\ntype = 'tls'\n[client.transport.tls]\ntrusted_root = '{root}'\nhostname = '{HOST}'\n\
         [client.services.origin]\nlocal_addr = '127.0.0.1:{}'\n[client.services.live]\nlocal_addr = '127.0.0.1:{}'\n",
        around.origin,
        around.live,
        remote = around.across(tunnel),
    );
    let run = |role: &str, settings: &str| {
        let config = around.written(&format!("{role}.toml"), settings);
        let mut command = Command::new(built("ADIT_BENCH_RATHOLE"));
        around.start(role, command.arg(config).env("RUST_LOG", "warn"))
    };
    let server = run("rathole-server", &server);
    settles("a rathole that listens", START_LIMIT, || listens(tunnel));
    let client = run("rathole-client", &client);
    settles("rathole's tunnels", START_LIMIT, || listens(origin) && listens(live));
    vec![server, client, around.nginx("edge-hop", edge, &Next::ports(origin, live))]
}

/// nginx with TLS on `edge`, then chisel; it encrypts as SSH does.
pub(super) fn nginx_and_chisel(around: &Surroundings<'_>, edge: u16) -> Vec<Process> {
    let (tunnel, origin, live) = (free_port(), free_port(), free_port());
    let mut server = Command::new(built("ADIT_BENCH_CHISEL"));
    server.args(["server", "--reverse", "--host", "127.0.0.1", "--port", &tunnel.to_string()]);
    let server = around.start("chisel-server", &mut server);
    settles("a chisel that listens", START_LIMIT, || listens(tunnel));
    let mut client = Command::new(built("ADIT_BENCH_CHISEL"));
    client.arg("client").arg(format!("http://127.0.0.1:{}", around.across(tunnel)));
    client.arg(format!("R:127.0.0.1:{origin}:127.0.0.1:{}", around.origin));
    client.arg(format!("R:127.0.0.1:{live}:127.0.0.1:{}", around.live));
    let client = around.start("chisel-client", &mut client);
    settles("chisel's tunnels", START_LIMIT, || listens(origin) && listens(live));
    vec![server, client, around.nginx("edge-hop", edge, &Next::ports(origin, live))]
}

/// frp with HTTPS virtual hosts on `edge`: frps routes by the name in the TLS hello, frpc opens TLS and speaks HTTP to
/// the origin; between them one multiplexed connection with TLS.
pub(super) fn frp(around: &Surroundings<'_>, edge: u16) -> Vec<Process> {
    let (tunnel, made) = (free_port(), around.certificate);
    let (pem, key, ca) = (made.certificate.display(), made.key.display(), made.ca.display());
    let server = format!(
        "bindAddr = '127.0.0.1'\nbindPort = {tunnel}\nproxyBindAddr = '127.0.0.1'\nvhostHTTPSPort = {edge}\n\
         log.level = 'warn'\nauth.token = 'bench'\ntransport.tls.force = true\n\
         transport.tls.certFile = '{pem}'\ntransport.tls.keyFile = '{key}'\n"
    );
    let proxy = |name: &str, host: &str, port: u16| {
        format!(
            "[[proxies]]\nname = '{name}'\ntype = 'https'\ncustomDomains = ['{host}']\n\
             [proxies.plugin]\ntype = 'https2http'\nlocalAddr = '127.0.0.1:{port}'\n\
             crtPath = '{pem}'\nkeyPath = '{key}'\n"
        )
    };
    let client = format!(
        "serverAddr = '127.0.0.1'\nserverPort = {remote}\nlog.level = 'warn'\nauth.token = 'bench'\n\
         transport.poolCount = 5\ntransport.tls.serverName = '{HOST}'\ntransport.tls.trustedCaFile = '{ca}'\n",
        remote = around.across(tunnel),
    );
    let client = client + &proxy("origin", HOST, around.origin) + &proxy("live", LIVE_HOST, around.live);
    let run = |role: &str, program: &str, settings: &str| {
        let config = around.written(&format!("{role}.toml"), settings);
        around.start(role, Command::new(built(program)).arg("-c").arg(config))
    };
    let server = run("frp-server", "ADIT_BENCH_FRPS", &server);
    settles("a frps that listens", START_LIMIT, || listens(tunnel) && listens(edge));
    vec![server, run("frp-client", "ADIT_BENCH_FRPC", &client)]
}

/// HAProxy with TLS on `edge`, then a second one with TLS.
pub(super) fn two_haproxy(around: &Surroundings<'_>, edge: u16) -> Vec<Process> {
    let inner = free_port();
    let last = haproxy(around, "inner-hop", inner, [around.origin, around.live], "");
    let next = around.across(inner);
    let tls = format!("ssl verify required ca-file {} sni str({HOST})", around.certificate.ca.display());
    vec![haproxy(around, "edge-hop", edge, [next, next], &tls), last]
}

/// One hop with TLS on `port`, which connects to the next as `tls` says.
fn haproxy(around: &Surroundings<'_>, role: &str, port: u16, [origin, live]: [u16; 2], tls: &str) -> Process {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = format!(
        "global\n  maxconn 4096\n  nbthread {threads}\n\
         \x20 ssl-default-bind-options ssl-min-ver TLSv1.3\n  ssl-default-server-options ssl-min-ver TLSv1.3\n\
         defaults\n  mode http\n  http-reuse always\n\
         \x20 timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  timeout tunnel 60s\n\
         frontend edge\n  bind 127.0.0.1:{port} ssl crt {both}\n  option forwardfor\n\
         \x20 use_backend live if {{ path_beg /live/ }}\n  default_backend origin\n\
         backend origin\n  server origin 127.0.0.1:{origin} {tls}\n\
         backend live\n  server live 127.0.0.1:{live} {tls}\n",
        both = around.certificate.both.display(),
    );
    let config = around.written(&format!("{role}.cfg"), &settings);
    let process = around.start(role, Command::new(haproxy_program()).arg("-db").arg("-f").arg(config));
    settles("a HAProxy that listens", START_LIMIT, || listens(port));
    process
}

/// The program: Debian keeps it where not everybody's path leads.
pub(super) fn haproxy_program() -> &'static str {
    if Path::new("/usr/sbin/haproxy").exists() { "/usr/sbin/haproxy" } else { "haproxy" }
}
