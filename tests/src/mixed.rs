//! Mixed load: small and long downloads, uploads, events and WebSockets, over HTTP/1.1 and HTTP/2, with every body checked
//! by its hash. It behaves as clients do that honour what they are told (`Connection: close`, GOAWAY, a WebSocket's closing
//! frame), sends nothing again that may have arrived, and counts everything else as a failure.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::http::{Connection, Response, Trust};
use crate::http2::{End, Http2};
use crate::pattern::{Checksum, checksum_of, give};
use crate::websocket::{self, Said};

/// How long a client waits after each answer, so that the load is steady and leaves the machine some air.
const PAUSE: Duration = Duration::from_millis(2);

/// Of an upload; fits into the first windows of HTTP/2.
const UPLOAD: usize = 20_000;

/// Of a small download.
const SMALL: usize = 2_000;

/// Of a long one, and how long the upstream takes for it.
const LONG: (usize, u64) = (100_000, 1500);

/// Events in an answer, and the time between them.
const EVENTS: (usize, u64) = (15, 80);

/// The code by which a server that leaves closes a WebSocket.
const GOING_AWAY: u16 = 1001;

/// What a client does all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Small GETs.
    Get,
    /// POSTs with a body.
    Post,
    /// GETs whose answers take a while.
    Long,
    /// Server-sent events.
    Events,
    /// Messages over a WebSocket.
    WebSocket,
    /// Small GETs over HTTP/2.
    Http2Get,
    /// POSTs with a body over HTTP/2.
    Http2Post,
}

/// The clients: mostly those that count.
const CLIENTS: [Kind; 16] = [
    Kind::Get,
    Kind::Get,
    Kind::Get,
    Kind::Get,
    Kind::Post,
    Kind::Post,
    Kind::Long,
    Kind::Long,
    Kind::Events,
    Kind::WebSocket,
    Kind::WebSocket,
    Kind::Http2Get,
    Kind::Http2Get,
    Kind::Http2Get,
    Kind::Http2Post,
    Kind::Http2Post,
];

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers, or messages, that were right, of each kind.
    pub right: BTreeMap<Kind, usize>,
    /// WebSockets that were told to end.
    pub told: usize,
    /// Connections that were refused, and what else went wrong: when, which kind, and what.
    pub failed: Vec<String>,
    /// The longest that anything but [`Kind::Long`] and [`Kind::Events`] took.
    pub slowest: Duration,
}

impl Tally {
    /// All answers and messages that were right.
    #[must_use]
    pub fn total(&self) -> usize {
        self.right.values().sum()
    }

    fn add(mut self, other: Self) -> Self {
        for (kind, count) in other.right {
            *self.right.entry(kind).or_default() += count;
        }
        self.told += other.told;
        self.failed.extend(other.failed);
        self.slowest = self.slowest.max(other.slowest);
        self
    }
}

/// Whom the clients ask.
#[derive(Clone)]
pub struct Site {
    /// The gateway.
    pub gateway: SocketAddr,
    /// The application's host.
    pub host: String,
    /// Whom they believe.
    pub trust: Trust,
}

/// Running clients.
pub struct Mixed {
    stop: Arc<AtomicBool>,
    right: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Tally>>,
}

impl Mixed {
    /// Starts them.
    #[must_use]
    pub fn start(site: &Site) -> Self {
        let (stop, right, start) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default(), Instant::now());
        let clients = CLIENTS.map(|kind| {
            let client = Client {
                site: site.clone(),
                kind,
                connection: None,
                http2: None,
                websocket: None,
                tally: Tally::default(),
                start,
            };
            let (stop, right) = (stop.clone(), right.clone());
            thread::spawn(move || client.run(&stop, &right))
        });
        Self { stop, right, clients: clients.into() }
    }

    /// How many answers and messages were right so far.
    #[must_use]
    pub fn right(&self) -> usize {
        self.right.load(Ordering::Relaxed)
    }

    /// Stops them, and says what came of it.
    ///
    /// # Panics
    /// When a client panicked.
    #[must_use]
    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let tallies = self.clients.into_iter().map(|client| client.join().expect("a client"));
        tallies.fold(Tally::default(), Tally::add)
    }
}

struct Client {
    site: Site,
    kind: Kind,
    connection: Option<Connection>,
    http2: Option<Http2>,
    websocket: Option<Connection>,
    tally: Tally,
    start: Instant,
}

impl Client {
    fn run(mut self, stop: &AtomicBool, right: &AtomicUsize) -> Tally {
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            match self.once() {
                Ok(()) => {
                    *self.tally.right.entry(self.kind).or_default() += 1;
                    right.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    let at = begun.duration_since(self.start).as_secs_f64();
                    self.tally.failed.push(format!("{at:.3} s: {:?}: {error}", self.kind));
                    (self.connection, self.http2, self.websocket) = (None, None, None);
                }
            }
            if !matches!(self.kind, Kind::Long | Kind::Events) {
                self.tally.slowest = self.tally.slowest.max(begun.elapsed());
            }
            thread::sleep(PAUSE);
        }
        self.tally
    }

    fn once(&mut self) -> io::Result<()> {
        match self.kind {
            Kind::Get => self.get(&format!("/download/{SMALL}"), SMALL),
            Kind::Long => self.get(&format!("/long/{}/{}", LONG.0, LONG.1), LONG.0),
            Kind::Post => {
                let answer = self.ask("POST", "/upload", &upload())?;
                check_receipt(&answer.body)
            }
            Kind::Events => {
                let answer = self.ask("GET", &format!("/events/{}/{}", EVENTS.0, EVENTS.1), b"")?;
                let all: String = (0..EVENTS.0).map(|number| format!("data: {number}\n\n")).collect();
                if answer.body == all.as_bytes() { Ok(()) } else { Err(wrong("events", &answer.body)) }
            }
            Kind::WebSocket => self.say(),
            Kind::Http2Get => {
                let body = self.ask_http2("GET", &format!("/download/{SMALL}"), b"")?;
                check_pattern(&body, SMALL)
            }
            Kind::Http2Post => {
                let body = self.ask_http2("POST", "/upload", &upload())?;
                check_receipt(&body)
            }
        }
    }

    fn get(&mut self, path: &str, size: usize) -> io::Result<()> {
        let answer = self.ask("GET", path, b"")?;
        check_pattern(&answer.body, size)
    }

    fn connect(&self) -> io::Result<Connection> {
        Connection::tls(self.site.gateway, &self.site.host, &self.site.trust)
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let answer = connection.send(method, path, &[("host", &self.site.host)], body)?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("{} {}", answer.status, answer.text())));
        }
        if !answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    fn ask_http2(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        // Once more, for a request of which the server says that it was not read.
        for _ in 0..2 {
            let mut connection = match self.http2.take() {
                Some(connection) => connection,
                None => Http2::connect(self.site.gateway, &self.site.host, &self.site.trust)?,
            };
            match connection.send(method, &self.site.host, path, body) {
                Ok((_, End::Answer(200, body))) => {
                    self.http2 = Some(connection).filter(|connection| connection.last_served().is_none());
                    return Ok(body);
                }
                Ok((stream, End::Closed)) if connection.last_served().is_some_and(|last| last < stream) => {}
                Ok((_, end)) => return Err(io::Error::other(format!("{end:?}"))),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("two connections in turn took no request"))
    }

    /// Says something, and hears it again; or is told that the WebSocket ends, and opens another.
    fn say(&mut self) -> io::Result<()> {
        let mut socket = match self.websocket.take() {
            Some(socket) => socket,
            None => self.open_websocket()?,
        };
        let text = format!("message {:?}", self.tally.right);
        let mut frame = Vec::new();
        websocket::write_frame(&mut frame, text.as_bytes(), Some([1, 2, 3, 4]))?;
        socket.write(&frame)?;
        match websocket::read(&mut socket)? {
            Said::Message(echo) if echo == text.as_bytes() => {
                self.websocket = Some(socket);
                Ok(())
            }
            Said::Closing(GOING_AWAY) => {
                self.tally.told += 1;
                let mut closing = Vec::new();
                websocket::write_closing(&mut closing, GOING_AWAY)?;
                socket.write(&closing)?;
                match websocket::read(&mut socket) {
                    Ok(Said::End) => Ok(()),
                    other => Err(io::Error::other(format!("after the farewell: {other:?}"))),
                }
            }
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    }

    fn open_websocket(&self) -> io::Result<Connection> {
        let mut connection = self.connect()?;
        let fields = [
            ("host", self.site.host.as_str()),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        connection.write_head("GET", "/websocket", &fields, 0)?;
        match connection.read_response(false)? {
            answer if answer.status == 101 => Ok(connection),
            answer => Err(io::Error::other(format!("no WebSocket: {} {}", answer.status, answer.text()))),
        }
    }
}

fn upload() -> Vec<u8> {
    let mut body = Vec::with_capacity(UPLOAD);
    let Ok(()) = give(UPLOAD, |part| {
        body.extend_from_slice(part);
        Ok::<(), std::convert::Infallible>(())
    });
    body
}

fn wrong(what: &str, body: &[u8]) -> io::Error {
    let start = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    io::Error::other(format!("wrong {what}: {} bytes: {start}", body.len()))
}

fn check_pattern(body: &[u8], size: usize) -> io::Result<()> {
    let mut sum = Checksum::default();
    sum.add(body);
    if sum == checksum_of(size) { Ok(()) } else { Err(wrong("body", body)) }
}

/// What the upstream says that it received.
fn check_receipt(body: &[u8]) -> io::Result<()> {
    let receipt: serde_json::Value = serde_json::from_slice(body).map_err(io::Error::other)?;
    let right = receipt["bytes"] == UPLOAD && receipt["checksum"] == checksum_of(UPLOAD).to_string();
    if right { Ok(()) } else { Err(wrong("receipt", body)) }
}
