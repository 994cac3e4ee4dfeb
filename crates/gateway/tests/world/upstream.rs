//! A private application that misbehaves on request, and counts what reached it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

/// A plain HTTP/1.1 server on threads. Paths: `/close` closes without an answer, `/once` answers and closes, `/slow`
/// takes half a second, `/garbage` answers nonsense, `/cut` ends in the middle of its body, `/endless` goes on until
/// nobody listens, `/late` and `/packed` do not come to an end in time, `/ntlm` asks for NTLM,
/// `/redirect` redirects to its own address, `/upgrade` switches protocols and echoes; others echo body and head.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                seen.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(socket, &seen, address));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How many requests with `path` arrived.
    pub(crate) fn count(&self, path: &str) -> usize {
        let start = format!(" {path} HTTP/1.1");
        self.seen.requests.lock().unwrap().iter().filter(|head| head.contains(&start)).count()
    }

    /// Whether these bytes arrived (an unread chunked body counts as a head here).
    pub(crate) fn saw(&self, text: &str) -> bool {
        self.seen.requests.lock().unwrap().iter().any(|head| head.contains(text))
    }

    /// The head of the last request.
    pub(crate) fn last_head(&self) -> String {
        self.seen.requests.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

fn serve(socket: TcpStream, seen: &Seen, address: SocketAddr) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut socket = socket;
    while let Some((head, body)) = read_request(&mut reader) {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.requests.lock().unwrap().push(head.clone());
        let answer = match path.as_str() {
            "/close" => return,
            "/once" => {
                // The answer and the end leave in one segment: that the end is known is no question of who ran first.
                rustix::net::sockopt::set_tcp_cork(&socket, true).unwrap();
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nonce");
                let _ = socket.shutdown(std::net::Shutdown::Write);
                return;
            }
            "/slow" => {
                std::thread::sleep(Duration::from_millis(500));
                "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow".to_owned()
            }
            "/garbage" => "this is not HTTP\r\n\r\n".to_owned(),
            "/cut" => {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this");
                return;
            }
            "/endless" => {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while socket.write_all(&[b'x'; 4096]).is_ok() {}
                return;
            }
            // Announced, short, and slow to come.
            "/trickle" => {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
                while socket.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
                return;
            }
            // Comes later than anybody waits for it.
            "/late" => {
                std::thread::sleep(Duration::from_secs(8));
                "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate".to_owned()
            }
            // A compressed page, of which the rest comes as late.
            "/packed" => {
                let _ = socket.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-encoding: gzip\r\n\
                      content-length: 1000\r\n\r\n\x1f\x8b",
                );
                std::thread::sleep(Duration::from_secs(8));
                return;
            }
            "/ntlm" => "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: NTLM\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "/redirect" => {
                format!("HTTP/1.1 302 Found\r\nlocation: http://{address}/next?x=1\r\ncontent-length: 0\r\n\r\n")
            }
            "/upgrade" => {
                let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap_or_default();
                let _ = socket.write_all(
                    format!(
                        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-accept: {}\r\n\r\n",
                        accept_of(key)
                    )
                    .as_bytes(),
                );
                let mut buffer = [0; 1024];
                while let Ok(count @ 1..) = reader.read(&mut buffer) {
                    if socket.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
                return;
            }
            // An answer with the field that the path names.
            path if path.starts_with("/says/") => {
                format!("HTTP/1.1 200 OK\r\n{}\r\ncontent-length: 0\r\n\r\n", &path["/says/".len()..])
            }
            _ => {
                let content = format!("{head}\n{}", String::from_utf8_lossy(&body));
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-adit-reason: forged\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n{content}",
                    content.len()
                )
            }
        };
        if socket.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// What a WebSocket server answers to a key (RFC 6455, section 1.3).
fn accept_of(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
