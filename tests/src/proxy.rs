//! An HTTP proxy that connects whoever names himself (`CONNECT`, Basic), and counts.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A running proxy; it ends with the process.
pub struct Proxy {
    address: SocketAddr,
    connected: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts one for this user.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start(user: &str, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (connected, refused) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let wanted = format!("Proxy-Authorization: Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        let (counted, turned_away) = (Arc::clone(&connected), Arc::clone(&refused));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (wanted, counted, turned_away) = (wanted.clone(), Arc::clone(&counted), Arc::clone(&turned_away));
                thread::spawn(move || serve(client, &wanted, &counted, &turned_away));
            }
        });
        Self { address, connected, refused }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it made.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }

    /// How many it refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

fn serve(mut client: TcpStream, wanted: &str, connected: &AtomicUsize, refused: &AtomicUsize) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if !head.lines().any(|line| line == wanted) {
        refused.fetch_add(1, Ordering::SeqCst);
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    }
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let server = TcpStream::connect(target)?;
    connected.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || pump(from, to));
    pump(server, client);
    Ok(())
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
