//! A private web application: a small HTTP/1.1 server on threads, with routes that tests need.
//!
//! | Route | Answer |
//! |---|---|
//! | `/1k` | 1024 bytes |
//! | `/who` | 1024 bytes, and in `x-carried-by` the connector process at the other end of the connection |
//! | `/head` | the request as it arrived, as JSON |
//! | `/download/N` | N bytes of the pattern |
//! | `/chunked/N` | the same, without a length |
//! | `/upload` | how many bytes came and their checksum |
//! | `/slow/MS` | an answer after MS milliseconds |
//! | `/long/N/MS` | N bytes of the pattern, in twenty parts over MS milliseconds |
//! | `/events/N/MS` | N server-sent events, one after each MS milliseconds |
//! | `/poison` | none: the connector process that carried the request is killed |
//! | `/redirect` | a redirect to `/landed` on the host that was asked |
//! | `/websocket` | an echo of text frames, by the first subprotocol that is offered |
//! | anything else | a greeting |

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::pattern::{Checksum, fill, give};
use crate::{process, socket_owner, websocket};

/// How many request heads are kept for a test to look at.
const KEPT_HEADS: usize = 50_000;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The method.
    pub method: String,
    /// The target as it stood in the request line.
    pub target: String,
    /// The fields in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Shared {
    carriers: Mutex<Vec<u32>>,
    kernel: socket_owner::Connections,
    heads: Mutex<VecDeque<Head>>,
    requests: AtomicUsize,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

/// A running private application; stops accepting on drop.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Upstream {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start() -> Self {
        Self::start_on("127.0.0.1")
    }

    /// Starts one on a free port of another address of this machine.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start_on(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a listener for the private application");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, as an internal URL of an application.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Lets `/who` name the connector process `pid` when it carried the request.
    ///
    /// # Panics
    /// Never, unless another thread panicked.
    pub fn recognise(&self, pid: u32) {
        self.shared.carriers.lock().unwrap().push(pid);
    }

    /// How many requests have arrived.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// How many connections have arrived.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The heads of the latest requests, oldest first.
    ///
    /// # Panics
    /// Never, unless another thread panicked.
    #[must_use]
    pub fn heads(&self) -> Vec<Head> {
        self.shared.heads.lock().unwrap().iter().cloned().collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = shared.clone();
        thread::spawn(move || {
            // A client that leaves is no fault of this server.
            let _ = serve(stream, &shared);
        });
    }
}

/// One connection: requests in turn until the other side leaves.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut exchange = Exchange {
        shared,
        accepted: Instant::now(),
        carrier: None,
        reader: BufReader::new(stream.try_clone()?),
        stream,
    };
    while let Some(head) = exchange.read_head()? {
        shared.requests.fetch_add(1, Ordering::SeqCst);
        let mut heads = shared.heads.lock().unwrap();
        if heads.len() == KEPT_HEADS {
            heads.pop_front();
        }
        heads.push_back(head.clone());
        drop(heads);
        exchange.answer(&head)?;
    }
    Ok(())
}

struct Exchange<'s> {
    shared: &'s Shared,
    accepted: Instant,
    carrier: Option<String>,
    reader: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Exchange<'_> {
    fn read_head(&mut self) -> io::Result<Option<Head>> {
        let Some(line) = self.read_line()? else { return Ok(None) };
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let mut head = Head { method: word(), target: word(), headers: Vec::new() };
        while let Some(line) = self.read_line()? {
            if line.is_empty() {
                return Ok(Some(head));
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(None)
    }

    fn read_line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let size = self.reader.read_line(&mut line)?;
        Ok((size > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn answer(&mut self, head: &Head) -> io::Result<()> {
        if head.target.starts_with("/websocket") {
            return self.echo_frames(head);
        }
        let (length, sum) = self.read_body(head)?;
        let path = head.target.split('?').next().unwrap_or_default();
        let number = |prefix: &str| path.strip_prefix(prefix).and_then(|number| number.parse::<usize>().ok());
        if let Some(size) = number("/download/") {
            return self.send_pattern(size, false);
        }
        if let Some(size) = number("/chunked/") {
            return self.send_pattern(size, true);
        }
        let numbers = |prefix: &str| {
            let (first, second) = path.strip_prefix(prefix)?.split_once('/')?;
            Some((first.parse::<usize>().ok()?, Duration::from_millis(second.parse().ok()?)))
        };
        if let Some((size, time)) = numbers("/long/") {
            return self.send_slowly(size, time);
        }
        if let Some((count, pause)) = numbers("/events/") {
            return self.send_events(count, pause);
        }
        if let Some(milliseconds) = number("/slow/") {
            thread::sleep(Duration::from_millis(milliseconds as u64));
        }
        match path {
            "/1k" => self.send(200, "", &[b'x'; 1024]),
            "/who" => {
                let carrier = self.carrier()?;
                self.send(200, &format!("x-carried-by: {carrier}\r\n"), &[b'x'; 1024])
            }
            "/poison" => {
                let carrier: u32 = self.carrier()?.parse().map_err(io::Error::other)?;
                process::kill(carrier);
                self.linger()
            }
            "/upload" => {
                self.send(200, "", json!({"bytes": length, "checksum": sum.to_string()}).to_string().as_bytes())
            }
            "/head" => self.send(200, "content-type: application/json\r\n", as_json(head).as_bytes()),
            "/redirect" => {
                let host = head.header("host").unwrap_or_default();
                self.send(302, &format!("location: http://{host}/landed\r\n"), b"")
            }
            _ => self.send(200, "content-type: text/html\r\n", b"<h1>A private application</h1>"),
        }
    }

    /// The connector process at the other end; asked once for each connection, and only by who wants to know.
    fn carrier(&mut self) -> io::Result<String> {
        if let Some(carrier) = &self.carrier {
            return Ok(carrier.clone());
        }
        let known = self.shared.carriers.lock().unwrap().clone();
        let (peer, local) = (self.stream.peer_addr()?, self.stream.local_addr()?);
        let pid = self.shared.kernel.owner(peer, local, self.accepted, &known);
        let carrier = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
        Ok(self.carrier.insert(carrier).clone())
    }

    /// Waits until the other side leaves.
    fn linger(&mut self) -> io::Result<()> {
        io::copy(&mut self.reader, &mut io::sink()).map(drop)
    }

    fn send(&mut self, status: u16, headers: &str, body: &[u8]) -> io::Result<()> {
        let length = body.len();
        let mut bytes = format!("HTTP/1.1 {status} Because\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes)
    }

    fn send_pattern(&mut self, size: usize, chunked: bool) -> io::Result<()> {
        let framing = if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {size}") };
        write!(self.stream, "HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")?;
        give(size, |part| {
            if !chunked {
                return self.stream.write_all(part);
            }
            write!(self.stream, "{:x}\r\n", part.len())?;
            self.stream.write_all(part)?;
            self.stream.write_all(b"\r\n")
        })?;
        if chunked { self.stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
    }

    fn send_slowly(&mut self, size: usize, time: Duration) -> io::Result<()> {
        write!(self.stream, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")?;
        let mut position = 0;
        for part in 1..=20_u32 {
            let mut bytes = vec![0; size * part as usize / 20 - position];
            fill(&mut bytes, position);
            self.stream.write_all(&bytes)?;
            position += bytes.len();
            thread::sleep(time / 20);
        }
        Ok(())
    }

    fn send_events(&mut self, count: usize, pause: Duration) -> io::Result<()> {
        self.stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for number in 0..count {
            let event = format!("data: {number}\n\n");
            write!(self.stream, "{:x}\r\n{event}\r\n", event.len())?;
            thread::sleep(pause);
        }
        self.stream.write_all(b"0\r\n\r\n")
    }

    /// Reads the body and gives its length and checksum.
    fn read_body(&mut self, head: &Head) -> io::Result<(usize, Checksum)> {
        let mut sum = Checksum::default();
        let mut total = 0;
        if head.header("transfer-encoding").is_some() {
            loop {
                let line = self.read_line()?.unwrap_or_default();
                let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
                self.take(size, &mut sum)?;
                self.read_line()?;
                total += size;
                if size == 0 {
                    return Ok((total, sum));
                }
            }
        }
        let length = head.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        self.take(length, &mut sum)?;
        Ok((total + length, sum))
    }

    fn take(&mut self, size: usize, sum: &mut Checksum) -> io::Result<()> {
        let mut left = size;
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let part = buffer.len().min(left);
            self.reader.read_exact(&mut buffer[..part])?;
            sum.add(&buffer[..part]);
            left -= part;
        }
        Ok(())
    }

    fn echo_frames(&mut self, head: &Head) -> io::Result<()> {
        let key = head.header("sec-websocket-key").unwrap_or_default();
        let accept = websocket::accept_value(key);
        let offered = head.header("sec-websocket-protocol").and_then(|offered| offered.split(',').next());
        let chosen = offered.map(|word| format!("sec-websocket-protocol: {word}\r\n")).unwrap_or_default();
        write!(
            self.stream,
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {accept}\r\n{chosen}\r\n"
        )?;
        while let Some(text) = websocket::read_frame(&mut self.reader)? {
            websocket::write_frame(&mut self.stream, &text, None)?;
        }
        // A closing frame is answered by one, and then it is the server who closes (RFC 6455, section 7.1.1).
        self.stream.write_all(&[0x88, 0])?;
        self.stream.shutdown(Shutdown::Both)
    }
}

fn as_json(head: &Head) -> String {
    let headers: Vec<_> = head.headers.iter().map(|(name, value)| json!([name, value])).collect();
    json!({"method": head.method, "target": head.target, "headers": headers}).to_string()
}
