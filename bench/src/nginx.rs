//! nginx as the origin and as the peers' parts: one process tree for each role, settings written here.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use adit_tests::{Process, settles};

use crate::certificate::Certificate;

/// The large body, in bytes.
pub(crate) const LARGE: usize = 10 * 1024 * 1024;

/// Idle upstream connections that nginx keeps: as many as the load has connections.
const KEEPALIVE: usize = 64;

/// A port that nobody uses at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port()
}

/// Starts the origin: 1 KiB at `/1k`, 10 MiB at `/10m`.
pub(crate) fn origin(folder: &Path, port: u16) -> Process {
    fs::write(folder.join("10m"), vec![b'x'; LARGE]).expect("the large body");
    let body = "x".repeat(1024);
    let root = folder.display();
    let server = format!(
        "server {{ listen 127.0.0.1:{port}; root {root}; default_type text/plain;\n\
         location = /1k {{ return 200 '{body}'; }} }}"
    );
    start(folder, "origin", port, &server)
}

/// Starts a proxy with TLS on `port` that forwards to `to`, such as `http://127.0.0.1:80`.
pub(crate) fn tls_proxy(folder: &Path, role: &str, port: u16, to: &str, certificate: &Certificate) -> Process {
    let (scheme, authority) = to.split_once("://").expect("a URL");
    let (pem, key) = (certificate.certificate.display(), certificate.key.display());
    let server = format!(
        "upstream next {{ server {authority}; keepalive {KEEPALIVE}; keepalive_requests 100000000; }}\n\
         server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {key};\n\
         ssl_protocols TLSv1.3;\n\
         location / {{ proxy_pass {scheme}://next; proxy_http_version 1.1; proxy_set_header Connection '';\n\
         proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;\n\
         proxy_ssl_verify on; proxy_ssl_trusted_certificate {pem}; proxy_ssl_name localhost;\n\
         proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3; }} }}"
    );
    start(folder, role, port, &server)
}

fn start(folder: &Path, role: &str, port: u16, server: &str) -> Process {
    let config = folder.join(format!("{role}.conf"));
    let (root, workers) = (folder.display(), std::thread::available_parallelism().map_or(1, usize::from));
    let text = format!(
        "daemon off; worker_processes {workers}; pid {root}/{role}.pid; error_log {root}/{role}.error warn;\n\
         worker_rlimit_nofile 8192; events {{ worker_connections 2048; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
         client_body_temp_path {root}/{role}-body; proxy_temp_path {root}/{role}-proxy;\n\
         fastcgi_temp_path {root}/{role}-fastcgi; uwsgi_temp_path {root}/{role}-uwsgi;\n\
         scgi_temp_path {root}/{role}-scgi;\n{server}\n}}\n"
    );
    fs::write(&config, text).expect("the settings of nginx");
    let nginx = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let mut command = Command::new(nginx);
    command.arg("-c").arg(&config).arg("-p").arg(folder);
    let process = Process::start(role, &mut command, &folder.join(format!("{role}.log"))).with_children();
    settles("an nginx that listens", Duration::from_secs(20), || listens(port));
    process
}

/// Whether somebody accepts connections there.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}
