//! An upstream that does what a test tells it: to each request that names a script, its steps; to every other, a good
//! answer. It notes whether a connection on which a script ran is used once more.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What an upstream does instead of answering well.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends this.
    Say(Vec<u8>),
    /// Sends this for ever, until nobody takes it.
    SayForEver(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Resets the connection.
    Reset,
    /// Closes it.
    Close,
}

pub(crate) fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

#[derive(Default)]
struct Shared {
    script: Mutex<Vec<Step>>,
    used_again: AtomicUsize,
    /// Connections on which a script ran, and those of them that have ended.
    spoilt: AtomicUsize,
    ended: AtomicUsize,
    stopped: AtomicBool,
}

/// A running one; stops accepting on drop.
pub(crate) struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Scripted {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, accepting.clone()) else { continue };
                // The gateway may leave at any point: no fault of this server.
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// From now on, `/script` is answered like this.
    pub(crate) fn will(&self, steps: &[Step]) {
        *self.shared.script.lock().unwrap() = steps.to_vec();
    }

    /// Whether every connection on which a script ran has ended.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst) == self.shared.spoilt.load(Ordering::SeqCst)
    }

    /// How many requests came over a connection on which a script had run.
    pub(crate) fn used_again(&self) -> usize {
        self.shared.used_again.load(Ordering::SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves a connection, and notes its end if a script ran on it.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut spoilt = false;
    let ended = converse(stream, shared, &mut spoilt);
    if spoilt {
        shared.ended.fetch_add(1, Ordering::SeqCst);
    }
    ended
}

fn converse(mut stream: TcpStream, shared: &Shared, spoilt: &mut bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(target) = read_request(&mut stream)? {
        if *spoilt {
            shared.used_again.fetch_add(1, Ordering::SeqCst);
        }
        if target.starts_with("/script") {
            if !std::mem::replace(spoilt, true) {
                shared.spoilt.fetch_add(1, Ordering::SeqCst);
            }
            let steps = shared.script.lock().unwrap().clone();
            for step in &steps {
                if !take(step, &mut stream)? {
                    return Ok(());
                }
            }
        } else {
            let body = format!("well: {target}");
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        }
    }
    Ok(())
}

/// One step; `false` if the connection is over.
fn take(step: &Step, stream: &mut TcpStream) -> io::Result<bool> {
    match step {
        Step::Say(bytes) => stream.write_all(bytes)?,
        Step::SayForEver(bytes) => {
            let many = bytes.repeat(1 + 16_384 / bytes.len());
            while stream.write_all(&many).is_ok() {}
            return Ok(false);
        }
        Step::Wait(time) => thread::sleep(*time),
        Step::Reset => {
            socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
            return Ok(false);
        }
        Step::Close => return Ok(false),
    }
    Ok(true)
}

/// Reads a request without a body; its target.
fn read_request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    Ok(head.split(' ').nth(1).map(str::to_owned))
}
