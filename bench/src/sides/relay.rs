//! A forwarder that makes a long way of a short one: every byte, in both directions, arrives after the same delay.
//!
//! It accepts at once, but nothing that a new connection carries arrives before it would have, had the packets by which
//! TCP opens it been delayed as well. Loss and congestion are not imitated.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Pieces that may be on their way in one direction: more than a window of TCP holds.
const ON_THE_WAY: usize = 4096;

/// Bytes, and when they arrive.
type Piece = (Instant, Vec<u8>);

/// A running forwarder; it leads nowhere at first.
pub(super) struct Relay {
    port: u16,
    target: Arc<Mutex<Option<SocketAddr>>>,
}

impl Relay {
    /// Starts one on a free port of 127.0.0.1, with `delay` in each direction.
    pub(super) fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener for the forwarder");
        let port = listener.local_addr().expect("its address").port();
        let relay = Self { port, target: Arc::default() };
        let target = relay.target.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let target = *target.lock().unwrap_or_else(PoisonError::into_inner);
                // Whoever comes too early, or when nobody is there any more, is sent away.
                if let Some(server) = target.and_then(|target| TcpStream::connect(target).ok()) {
                    join(&client, &server, delay).expect("two more threads");
                }
            }
        });
        relay
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Says where connections lead from now on.
    pub(super) fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(target);
    }
}

fn join(client: &TcpStream, server: &TcpStream, delay: Duration) -> io::Result<()> {
    let accepted = Instant::now();
    // The client knows after one round trip that it is connected; the server after half of one more.
    for (from, to, connected) in [(client, server, delay * 2), (server, client, delay * 3)] {
        let earliest = accepted + connected;
        let (sender, receiver) = sync_channel(ON_THE_WAY);
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        to.set_nodelay(true)?;
        thread::spawn(move || depart(from, earliest, delay, &sender));
        thread::spawn(move || arrive(to, &receiver));
    }
    Ok(())
}

fn depart(mut from: TcpStream, earliest: Instant, delay: Duration, sender: &SyncSender<Piece>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now().max(earliest) + delay, buffer[..size].to_vec())).is_err() {
            return;
        }
    }
}

fn arrive(mut to: TcpStream, receiver: &Receiver<Piece>) {
    for (due, bytes) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::Relay;

    const DELAY: Duration = Duration::from_millis(40);

    #[test]
    fn a_first_answer_takes_two_round_trips_and_a_later_one_takes_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::start(DELAY);
        relay.lead_to(listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for _ in 0..2 {
                let mut question = [0; 4];
                stream.read_exact(&mut question).unwrap();
                stream.write_all(&question).unwrap();
            }
        });
        let mut stream = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
        for round_trips in [2, 1] {
            let start = Instant::now();
            stream.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"ping");
            assert!(start.elapsed() >= DELAY * 2 * round_trips, "{:?}", start.elapsed());
        }
        // The end comes through as well.
        assert_eq!(stream.read(&mut [0; 4]).unwrap(), 0);
    }
}
