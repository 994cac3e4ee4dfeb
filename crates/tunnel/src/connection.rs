//! A connection as both ends of a tunnel take it: TCP, or what stands in for it where the network is not the system's. What
//! is above it does not know the difference.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::socket::prepare;

/// Bytes both ways, with an end of each: what a connection is to everything above it.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// A connection: TCP, or what stands in for it where the network is not the system's (a simulation, a proxy's tunnel).
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// Anything else; it belongs to no runtime.
    Other(Box<dyn ByteStream>),
}

impl fmt::Debug for Socket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(socket) => socket.fmt(formatter),
            Self::Other(_) => formatter.write_str("Other"),
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Self {
        Self::Tcp(socket)
    }
}

impl Socket {
    /// See [`prepare`]; other connections need no preparation.
    pub fn prepare(&self) {
        if let Self::Tcp(socket) = self {
            prepare(socket);
        }
    }

    /// Takes it off its runtime.
    ///
    /// # Errors
    /// The runtime does not let go of it.
    pub fn park(self) -> io::Result<Parked> {
        match self {
            Self::Tcp(socket) => socket.into_std().map(Parked::Tcp),
            Self::Other(stream) => Ok(Parked::Other(stream)),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, buffer),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, buffers),
            Self::Other(stream) => Pin::new(stream).poll_write_vectored(cx, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.is_write_vectored(),
            Self::Other(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A connection on its way between two runtimes.
pub enum Parked {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// Anything else.
    Other(Box<dyn ByteStream>),
}

impl fmt::Debug for Parked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(socket) => socket.fmt(formatter),
            Self::Other(_) => formatter.write_str("Other"),
        }
    }
}

impl Parked {
    /// Puts it on the runtime of the calling task.
    ///
    /// # Errors
    /// The runtime does not take it.
    pub fn resume(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(socket) => TcpStream::from_std(socket).map(Socket::Tcp),
            Self::Other(stream) => Ok(Socket::Other(stream)),
        }
    }
}
