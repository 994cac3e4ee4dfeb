//! The TCP socket under a tunnel connection, at both ends.
//!
//! It counts its reads, because any byte of the other end is a sign of life. And it can move to another runtime after
//! its TLS handshake: a gateway knows whose connection it is only once the certificate was seen, but a socket belongs to
//! the runtime it was made on. So it can be taken out, and put back where it shall be served.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket, unless it is on its way between two runtimes; and how often something was read from it.
#[derive(Debug)]
pub struct TunnelSocket {
    socket: Option<TcpStream>,
    reads: Arc<AtomicU64>,
}

impl TunnelSocket {
    /// Wraps a connected socket.
    #[must_use]
    pub fn new(socket: TcpStream) -> Self {
        Self { socket: Some(socket), reads: Arc::default() }
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
    pub fn take(&mut self) -> io::Result<std::net::TcpStream> {
        self.socket.take().ok_or(io::ErrorKind::NotConnected)?.into_std()
    }

    /// Puts the socket on the runtime of the calling task.
    ///
    /// # Errors
    /// The runtime does not take it.
    pub fn put(&mut self, socket: std::net::TcpStream) -> io::Result<()> {
        self.socket = Some(TcpStream::from_std(socket)?);
        Ok(())
    }

    fn socket(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        self.get_mut().socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for TunnelSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = self.as_mut().socket()?.poll_read(cx, buffer);
        if let Poll::Ready(Ok(())) = &polled {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        polled
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
