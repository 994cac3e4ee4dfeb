//! A TCP stream that can move to another core after its TLS handshake.
//!
//! A tunnel's owner is known only once its certificate was seen, but a socket belongs to the runtime it was made on.
//! So the socket can be taken out, and put back on the core that shall serve the tunnel. It also counts what was read:
//! any byte is a sign of life.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket, unless it is on its way between two cores.
#[derive(Debug)]
pub(crate) struct MovableStream {
    socket: Option<TcpStream>,
    reads: Option<Arc<AtomicU64>>,
}

impl MovableStream {
    pub(crate) const fn new(socket: TcpStream) -> Self {
        Self { socket: Some(socket), reads: None }
    }

    /// Takes the socket off this runtime.
    pub(crate) fn take(&mut self) -> io::Result<std::net::TcpStream> {
        self.socket.take().ok_or(io::ErrorKind::NotConnected)?.into_std()
    }

    /// Puts the socket on the runtime of the calling task, and counts reads from here on.
    pub(crate) fn put(&mut self, socket: std::net::TcpStream, reads: Arc<AtomicU64>) -> io::Result<()> {
        self.socket = Some(TcpStream::from_std(socket)?);
        self.reads = Some(reads);
        Ok(())
    }

    fn socket(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        self.get_mut().socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for MovableStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let Some(socket) = stream.socket.as_mut() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let polled = Pin::new(socket).poll_read(cx, buffer);
        if let (Some(reads), Poll::Ready(Ok(()))) = (&stream.reads, &polled) {
            reads.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for MovableStream {
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
