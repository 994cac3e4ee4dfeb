//! The TCP socket under a TLS connection: of a tunnel at both ends, and of the gateway's clients.
//!
//! It counts its reads, because any byte of the other end is a sign of life. It reads ahead, because TLS asks for 4 KiB
//! at a time, which would be 16 system calls for what one brings. And it can move to another runtime after its TLS
//! handshake: a gateway knows whose connection it is only once the certificate was seen, but a socket belongs to the
//! runtime it was made on. So it can be taken out, and put back where it shall be served.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connection::{Parked, Socket};

/// Bytes read from a socket at a time: four of the largest TLS records.
const READ_AHEAD: usize = 64 * 1024;

/// Buffers that a thread keeps for its next reads; more are in use only while connections hold bytes unread.
const SPARE_BUFFERS: usize = 4;

/// After so long without a word, the kernel asks the other end whether it is still there: often enough for firewalls
/// that forget what is silent, too seldom to wake phones.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How often it asks again without an answer,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// and how many times: an end that vanished is noticed after two minutes.
const KEEPALIVE_PROBES: u32 = 4;

/// Sends what is written at once, and has the kernel notice when the other end has vanished without a word: a WebSocket
/// may be silent for hours, and nothing else would end it.
pub fn prepare(socket: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL);
    // They fail only on a socket that is closed already.
    let _ = socket.set_nodelay(true);
    let _ = SockRef::from(socket).set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_PROBES));
}

thread_local! {
    static SPARE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A socket, unless it is on its way between two runtimes; and how often something was read from it.
#[derive(Debug)]
pub struct TunnelSocket {
    socket: Option<Socket>,
    reads: Arc<AtomicU64>,
    ahead: Option<Ahead>,
}

/// Bytes that were read and not asked for yet. There are none while a connection is idle, so that it costs no memory.
#[derive(Debug)]
struct Ahead {
    bytes: Box<[u8]>,
    from: usize,
    to: usize,
}

impl Ahead {
    /// Moves as much as there is room for into `buffer`, and says whether that was everything.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let until = self.to.min(self.from.saturating_add(buffer.remaining()));
        buffer.put_slice(self.bytes.get(self.from..until).unwrap_or_default());
        self.from = until;
        self.from == self.to
    }
}

fn spare_buffer() -> Box<[u8]> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; READ_AHEAD].into_boxed_slice())
}

fn keep_buffer(bytes: Box<[u8]>) {
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < SPARE_BUFFERS {
            spare.push(bytes);
        }
    });
}

impl TunnelSocket {
    /// Wraps a connected socket.
    #[must_use]
    pub fn new(socket: impl Into<Socket>) -> Self {
        Self { socket: Some(socket.into()), reads: Arc::default(), ahead: None }
    }

    /// The count of reads; it goes on counting.
    #[must_use]
    pub fn reads(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.reads)
    }

    /// Takes the socket off its runtime. Until [`Self::put`], reading and writing fail.
    ///
    /// # Errors
    /// It was taken already, or the runtime does not let go of it.
    pub fn take(&mut self) -> io::Result<Parked> {
        self.socket.take().ok_or(io::ErrorKind::NotConnected)?.park()
    }

    /// Puts the socket on the runtime of the calling task.
    ///
    /// # Errors
    /// The runtime does not take it.
    pub fn put(&mut self, socket: Parked) -> io::Result<()> {
        self.socket = Some(socket.resume()?);
        Ok(())
    }

    /// Reads as much as a spare buffer takes, gives what was asked for, and returns what is left of it.
    fn poll_read_ahead(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Option<Ahead>>> {
        let mut bytes = spare_buffer();
        let mut read = ReadBuf::new(&mut bytes);
        let polled = self.socket()?.poll_read(cx, &mut read);
        let to = read.filled().len();
        let mut ahead = Ahead { bytes, from: 0, to };
        if polled.is_ready() && !ahead.give(buffer) {
            return Poll::Ready(Ok(Some(ahead)));
        }
        keep_buffer(ahead.bytes);
        polled.map_ok(|()| None)
    }

    fn socket(self: Pin<&mut Self>) -> io::Result<Pin<&mut Socket>> {
        self.get_mut().socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for TunnelSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(ahead) = &mut self.ahead {
            if ahead.give(buffer) {
                self.ahead.take().into_iter().for_each(|ahead| keep_buffer(ahead.bytes));
            }
            return Poll::Ready(Ok(()));
        }
        if buffer.remaining() >= READ_AHEAD {
            ready!(self.as_mut().socket()?.poll_read(cx, buffer))?;
        } else {
            self.ahead = ready!(self.as_mut().poll_read_ahead(cx, buffer))?;
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.socket()?.poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket()?.poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TunnelSocket, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (TunnelSocket::new(listener.accept().await.unwrap().0), other)
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[tokio::test]
    async fn a_prepared_socket_notices_that_the_other_end_has_vanished() {
        let (_, socket) = pair().await;
        prepare(&socket);
        let options = SockRef::from(&socket);
        assert!(socket.nodelay().unwrap() && options.keepalive().unwrap());
        assert_eq!(options.tcp_keepalive_time().unwrap(), KEEPALIVE);
        assert_eq!(options.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(options.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
    }

    #[tokio::test]
    async fn what_was_read_ahead_is_given_in_order_whatever_is_asked_for() {
        let (mut socket, mut other) = pair().await;
        let sent = pattern(3 * READ_AHEAD + 17);
        let sending = sent.clone();
        tokio::spawn(async move { other.write_all(&sending).await });
        let mut received = Vec::new();
        for asked in [1, 5, 4096, READ_AHEAD, 2 * READ_AHEAD, 16_405].into_iter().cycle() {
            let mut part = vec![0; asked];
            match socket.read(&mut part).await.unwrap() {
                0 => break,
                count => received.extend_from_slice(&part[..count]),
            }
        }
        assert_eq!(received, sent);
    }

    #[tokio::test]
    async fn a_moved_socket_keeps_what_it_had_read_ahead() {
        let (mut socket, mut other) = pair().await;
        other.write_all(b"before and ").await.unwrap();
        let mut begin = [0; 2];
        socket.read_exact(&mut begin).await.unwrap();
        let moved = TunnelSocket::take(&mut socket).unwrap();
        let mut socket = std::thread::spawn(move || socket).join().unwrap();
        socket.put(moved).unwrap();
        other.write_all(b"after").await.unwrap();
        drop(other);
        let mut rest = String::new();
        socket.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&begin, rest.as_str()), (b"be", "fore and after"));
    }

    #[tokio::test]
    async fn an_idle_socket_holds_no_buffer() {
        let (mut socket, mut other) = pair().await;
        other.write_all(b"0123456789").await.unwrap();
        let mut half = [0; 5];
        socket.read_exact(&mut half).await.unwrap();
        assert!(socket.ahead.is_some(), "the other half was read as well");
        socket.read_exact(&mut half).await.unwrap();
        assert!(socket.ahead.is_none());
        assert_eq!(socket.reads().load(Ordering::Relaxed), 1, "one system call brought both");
    }
}
