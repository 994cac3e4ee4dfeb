//! An upstream of our own for what nginx does not do, on threads, below `/live/`:
//!
//! | Path | Answer |
//! |---|---|
//! | `/live/websocket` | an echo of messages |
//! | `/live/events` | server-sent events without end, each written by itself |
//! | `/live/held` | 1 KiB, when the measurement lets go |
//! | anything else | 1 KiB |

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use adit_tests::websocket::{accept_value, read_frame, write_frame};

/// One event on the wire, its chunk included: 100 bytes of data, as a chat or a build log has.
const EVENT_DATA: usize = 100;

/// What the requests that are held share.
#[derive(Default)]
struct Held {
    state: Mutex<Holding>,
    changed: Condvar,
}

#[derive(Default)]
struct Holding {
    waiting: usize,
    /// Every release makes a new generation; who waits for an older one goes.
    generation: u64,
}

/// The running upstream; stops accepting on drop.
pub(super) struct Live {
    port: u16,
    held: Arc<Held>,
    stopped: Arc<AtomicBool>,
}

impl Live {
    /// Starts one on a free port of 127.0.0.1.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener for the live upstream");
        let port = listener.local_addr().expect("its address").port();
        let live = Self { port, held: Arc::default(), stopped: Arc::default() };
        let (held, stopped) = (live.held.clone(), live.stopped.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let held = held.clone();
                // A client that leaves is no fault of this server.
                thread::spawn(move || serve(&stream, &held).ok());
            }
        });
        live
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests wait to be let go.
    pub(super) fn waiting(&self) -> usize {
        self.held.lock().waiting
    }

    /// Answers all that wait.
    pub(super) fn let_go(&self) {
        self.held.lock().generation += 1;
        self.held.changed.notify_all();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.let_go();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Held {
    fn lock(&self) -> std::sync::MutexGuard<'_, Holding> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) {
        let mut holding = self.lock();
        holding.waiting += 1;
        let generation = holding.generation;
        while holding.generation == generation {
            holding = self.changed.wait(holding).unwrap_or_else(PoisonError::into_inner);
        }
        holding.waiting -= 1;
    }
}

/// One connection: requests without bodies, in turn, until the other side leaves.
fn serve(stream: &TcpStream, held: &Held) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some((target, key)) = read_head(&mut reader)? {
        match target.as_str() {
            "/live/websocket" => return echo(&mut reader, &key),
            "/live/events" => return send_events(stream),
            "/live/held" => held.wait(),
            _ => {}
        }
        let body = "x".repeat(1024);
        let length = body.len();
        (&*stream).write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes())?;
    }
    Ok(())
}

/// Reads a head; its target and its WebSocket key, or none at the end.
fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<(String, String)>> {
    let (mut target, mut key) = (None, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match (line.trim_end(), &target) {
            ("", Some(_)) => return Ok(target.map(|target| (target, key))),
            (line, None) => target = Some(line.split(' ').nth(1).unwrap_or_default().to_owned()),
            (line, Some(_)) => {
                let (name, value) = line.split_once(':').unwrap_or_default();
                if name.eq_ignore_ascii_case("sec-websocket-key") {
                    value.trim().clone_into(&mut key);
                }
            }
        }
    }
}

fn echo(reader: &mut BufReader<&TcpStream>, key: &str) -> io::Result<()> {
    let mut stream = *reader.get_ref();
    let accept = accept_value(key);
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    )?;
    while let Some(message) = read_frame(reader)? {
        write_frame(&mut stream, &message, None)?;
    }
    Ok(())
}

fn send_events(mut stream: &TcpStream) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n";
    stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
    let event = format!("data: {}\n\n", "x".repeat(EVENT_DATA));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    loop {
        stream.write_all(chunk.as_bytes())?;
    }
}
