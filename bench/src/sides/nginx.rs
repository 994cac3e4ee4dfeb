//! nginx as the origin and as the peers' parts: one process tree for each role, settings written here.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use adit_tests::{Process, settles};

use super::certificate::Certificate;

/// The large body, in bytes.
pub(super) const LARGE: usize = 10 * 1024 * 1024;

/// A body that no buffer on the way can hold.
const ENDLESS: u64 = 1024 * 1024 * 1024;

/// Idle upstream connections that each worker keeps: more than the load has connections. With fewer than that, nginx
/// opens and closes one for almost every request.
const KEEPALIVE: usize = 512;

/// Connections of each worker: 1,000 clients and as many upstream connections, all on one worker.
const WORKER_CONNECTIONS: usize = 4096;

/// A port that nobody uses at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port()
}

/// Whether somebody accepts connections there.
pub(super) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Starts the origin: 1 KiB at `/1k`, 10 MiB at `/10m`, 1 GiB at `/endless`.
pub(crate) fn origin(folder: &Path, port: u16) -> Process {
    fs::write(folder.join("10m"), vec![b'x'; LARGE]).expect("the large body");
    // A file of holes: it takes no room.
    File::create(folder.join("endless")).and_then(|file| file.set_len(ENDLESS)).expect("the endless body");
    let body = "x".repeat(1024);
    let root = folder.display();
    let server = format!(
        "server {{ listen 127.0.0.1:{port}; root {root}; default_type text/plain;\n\
         location = /1k {{ return 200 '{body}'; }} }}"
    );
    start(folder, "origin", port, &server)
}

/// Where a proxy forwards to: URLs such as `http://127.0.0.1:80`.
pub(super) struct Next {
    /// Everything but the following.
    pub(super) origin: String,
    /// What is below `/live/`: WebSockets, events, answers that are held.
    pub(super) live: String,
}

impl Next {
    /// Two ports of this machine, without TLS.
    pub(super) fn ports(origin: u16, live: u16) -> Self {
        Self { origin: format!("http://127.0.0.1:{origin}"), live: format!("http://127.0.0.1:{live}") }
    }
}

/// Starts a proxy with TLS on `port`.
pub(super) fn tls_proxy(folder: &Path, role: &str, port: u16, next: &Next, certificate: &Certificate) -> Process {
    let (pem, key) = (certificate.certificate.display(), certificate.key.display());
    let (origin, live) = (upstream("origin", &next.origin), upstream("live", &next.live));
    let plain = "proxy_set_header Connection '';";
    let switching = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";
    let locations = [
        location("/", "origin", &next.origin, plain, certificate),
        // nginx would write what a client does not read into a file, all of it.
        location("/endless", "origin", &next.origin, &format!("{plain} proxy_max_temp_file_size 0;"), certificate),
        location("/live/", "live", &next.live, plain, certificate),
        location("/live/websocket", "live", &next.live, switching, certificate),
        location("/live/events", "live", &next.live, &format!("{plain} proxy_buffering off;"), certificate),
    ];
    let locations = locations.concat();
    let server = format!(
        "{origin}{live}server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {key};\n\
         ssl_protocols TLSv1.3;\n{locations} }}"
    );
    start(folder, role, port, &server)
}

fn upstream(name: &str, url: &str) -> String {
    let (_, authority) = url.split_once("://").expect("a URL");
    format!("upstream {name} {{ server {authority}; keepalive {KEEPALIVE}; keepalive_requests 100000000; }}\n")
}

fn location(path: &str, upstream: &str, url: &str, more: &str, certificate: &Certificate) -> String {
    let (scheme, _) = url.split_once("://").expect("a URL");
    let ca = certificate.ca.display();
    format!(
        "location {path} {{ proxy_pass {scheme}://{upstream}; proxy_http_version 1.1; {more}\n\
         proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;\n\
         proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_name localhost;\n\
         proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3; }}\n"
    )
}

fn start(folder: &Path, role: &str, port: u16, server: &str) -> Process {
    let config = folder.join(format!("{role}.conf"));
    let (root, workers) = (folder.display(), std::thread::available_parallelism().map_or(1, usize::from));
    let text = format!(
        "daemon off; worker_processes {workers}; pid {root}/{role}.pid; error_log {root}/{role}.error warn;\n\
         worker_rlimit_nofile {files}; events {{ worker_connections {WORKER_CONNECTIONS}; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
         client_body_temp_path {root}/{role}-body; proxy_temp_path {root}/{role}-proxy;\n\
         fastcgi_temp_path {root}/{role}-fastcgi; uwsgi_temp_path {root}/{role}-uwsgi;\n\
         scgi_temp_path {root}/{role}-scgi;\n{server}\n}}\n",
        files = WORKER_CONNECTIONS * 2,
    );
    fs::write(&config, text).expect("the settings of nginx");
    let mut command = Command::new(program());
    command.arg("-c").arg(&config).arg("-p").arg(folder);
    let process = Process::start(role, &mut command, &folder.join(format!("{role}.log"))).with_children();
    settles("an nginx that listens", Duration::from_secs(20), || listens(port));
    process
}

/// The program: Debian keeps it where not everybody's path leads.
pub(super) fn program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}
