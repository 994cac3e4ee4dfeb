//! Small writes of HTTP/2, joined: one system call and one TLS record for what belongs together.
//!
//! The HTTP/2 library flushes after each frame of more than a few bytes. A connector that has fifty small answers for the
//! gateway would make fifty system calls of them. So its flushes are passed over: what it writes is collected here, and
//! leaves when the connection's task has nothing more to write ([`Joined::poll_leave`]), or earlier when it is enough.
//!
//! Invariant: whoever polls the library's connection calls [`Joined::poll_leave`] right afterwards, in the same poll.
//! Then nothing waits here that the library believes to be sent, unless the socket takes no more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are collected before they leave in any case: four of the largest TLS records.
const ENOUGH: usize = 64 * 1024;

/// A write of this size is worth a system call of its own, and is not copied.
const LARGE: usize = 16 * 1024;

/// A connection whose small writes are joined. A clone is the same connection.
#[derive(Debug)]
pub(crate) struct Joined<I>(Arc<Mutex<Joining<I>>>);

#[derive(Debug)]
struct Joining<I> {
    io: I,
    waiting: BytesMut,
}

impl<I> Clone for Joined<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> Joined<I> {
    pub(crate) fn new(io: I) -> Self {
        Self(Arc::new(Mutex::new(Joining { io, waiting: BytesMut::new() })))
    }

    /// Never contended: one task has all clones.
    fn lock(&self) -> MutexGuard<'_, Joining<I>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: AsyncWrite + Unpin> Joined<I> {
    /// Sends what was collected.
    pub(crate) fn poll_leave(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_leave(cx)
    }
}

impl<I: AsyncWrite + Unpin> Joining<I> {
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.waiting.advance(count),
            }
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_join(&mut self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length = buffers.iter().map(|buffer| buffer.len()).sum();
        if length >= LARGE || self.waiting.len() + length > ENOUGH {
            ready!(self.poll_leave(cx))?;
        }
        if length >= LARGE {
            return Pin::new(&mut self.io).poll_write_vectored(cx, buffers);
        }
        for buffer in buffers {
            self.waiting.extend_from_slice(buffer);
        }
        Poll::Ready(Ok(length))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Joined<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Joined<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.lock().poll_join(cx, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_join(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut joining = self.lock();
        ready!(joining.poll_leave(cx))?;
        Pin::new(&mut joining.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    /// Counts writes.
    #[derive(Debug)]
    struct Counting(Vec<usize>);

    impl AsyncWrite for Counting {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
            self.0.push(buffer.len());
            Poll::Ready(Ok(buffer.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn small_writes_leave_together_and_large_ones_at_once() {
        let mut joined = Joined::new(Counting(Vec::new()));
        for _ in 0..10 {
            joined.write_all(&[1; 1000]).await.unwrap();
            joined.flush().await.unwrap();
        }
        assert_eq!(joined.lock().io.0, [0; 0]);
        poll_fn(|cx| joined.poll_leave(cx)).await.unwrap();
        assert_eq!(joined.lock().io.0, [10_000]);
        joined.write_all(&[1; 7]).await.unwrap();
        joined.write_all(&[1; LARGE]).await.unwrap();
        assert_eq!(joined.lock().io.0, [10_000, 7, LARGE], "in order");
        for _ in 0..ENOUGH / 10_000 + 1 {
            joined.write_all(&[1; 10_000]).await.unwrap();
        }
        assert_eq!(joined.lock().io.0.last(), Some(&60_000), "it does not grow without end");
        joined.shutdown().await.unwrap();
        assert_eq!(joined.lock().io.0.last(), Some(&10_000), "nothing stays behind");
    }

    #[tokio::test]
    async fn what_the_socket_does_not_take_waits_and_leaves_in_order() {
        let (near, mut far) = duplex(1000);
        let mut joined = Joined::new(near);
        let sent: Vec<u8> = (0..200_000).map(|at| (at % 251) as u8).collect();
        let (sending, bytes) = (joined.clone(), sent.clone());
        let writer = tokio::spawn(async move {
            for part in bytes.chunks(3_333) {
                joined.write_all(part).await.unwrap();
            }
            poll_fn(|cx| sending.poll_leave(cx)).await.unwrap();
            joined.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        writer.await.unwrap();
        assert!(received == sent);
    }
}
