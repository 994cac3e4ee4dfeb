//! What has come for streams and was not taken by their readers: an account of one connection, and one of all together.
//!
//! A stream's window lets a fast reader have much under way, and lets one that has stopped reading keep as much waiting. So
//! when all that waits in a process exceeds its limit, the windows of all streams become small, and nothing more comes
//! for a stream that has more than that waiting; who reads on gets on. They are large again once half of it is gone.
//!
//! What is counted is the payload of DATA frames, between TLS and HTTP/2. The smallest are not: the HTTP library has a
//! budget of its own for those. The account of a connection is behind a lock of that connection, as its streams are in the
//! HTTP library; what all share is one number, told in steps.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::carrier::{GatewayEnd, STREAM_WINDOW, STREAM_WINDOW_IN_NEED};

/// Bytes of the smallest frame that counts.
const SMALLEST_COUNTED: usize = 256;

/// How far the account of a connection may be from what all know of it: cores do not write to the same place for every
/// frame.
const TOLD_AT_ONCE: usize = 64 * 1024;

/// Bytes before each frame's payload.
const FRAME_HEAD: usize = 9;

/// The type of frames that carry data (RFC 9113, section 6.1).
const DATA: u8 = 0;

/// The flag of data that has bytes added which are none. Neither end adds any: readers would take less than had come.
const PADDED: u8 = 8;

/// What waits in all tunnels of a process, and how much may.
#[derive(Debug)]
pub struct Unread {
    bytes: AtomicUsize,
    most: usize,
}

impl Unread {
    /// Nothing waits yet; above `most` bytes, windows are small.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), most })
    }

    /// How many bytes wait, as far as connections have told.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The window that streams shall have, where they have `window` now.
    fn window(&self, window: u32) -> u32 {
        match self.bytes() {
            bytes if bytes > self.most => STREAM_WINDOW_IN_NEED,
            bytes if bytes <= self.most / 2 => STREAM_WINDOW,
            _ => window,
        }
    }
}

/// The account of one connection.
#[derive(Debug, Clone)]
pub struct UnreadHere(Arc<Here>);

#[derive(Debug)]
struct Here {
    all: Arc<Unread>,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    unread: HashMap<u32, usize>,
    bytes: usize,
    told: usize,
}

impl UnreadHere {
    /// An account of a connection, which is a part of `all`.
    #[must_use]
    pub fn new(all: &Arc<Unread>) -> Self {
        Self(Arc::new(Here { all: Arc::clone(all), streams: Mutex::default() }))
    }

    /// Counts what comes for a stream from now on, until what is given is dropped.
    pub(crate) fn of_stream(&self, stream: u32) -> UnreadOfStream {
        self.with(|streams| streams.unread.insert(stream, 0));
        UnreadOfStream { here: self.clone(), stream }
    }

    fn arrived(&self, stream: u32, bytes: usize) {
        self.with(|streams| {
            if let Some(unread) = streams.unread.get_mut(&stream) {
                *unread += bytes;
                streams.bytes += bytes;
            }
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut Streams) -> T) -> T {
        let mut streams = self.0.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut streams);
        let (bytes, told) = (streams.bytes, streams.told);
        if bytes.abs_diff(told) >= TOLD_AT_ONCE || (bytes == 0 && told > 0) {
            streams.told = bytes;
            self.0.all.bytes.fetch_add(bytes.wrapping_sub(told), Ordering::Relaxed);
        }
        changed
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let told = self.streams.get_mut().unwrap_or_else(PoisonError::into_inner).told;
        self.all.bytes.fetch_sub(told, Ordering::Relaxed);
    }
}

/// What waits in one stream.
#[derive(Debug)]
pub(crate) struct UnreadOfStream {
    here: UnreadHere,
    stream: u32,
}

impl UnreadOfStream {
    /// The reader has taken a frame with so many bytes.
    pub(crate) fn taken(&self, bytes: usize) {
        if bytes < SMALLEST_COUNTED {
            return;
        }
        self.here.with(|streams| {
            if let Some(unread) = streams.unread.get_mut(&self.stream) {
                *unread = unread.saturating_sub(bytes);
                streams.bytes = streams.bytes.saturating_sub(bytes);
            }
        });
    }
}

impl Drop for UnreadOfStream {
    fn drop(&mut self) {
        self.here.with(|streams| {
            let unread = streams.unread.remove(&self.stream).unwrap_or_default();
            streams.bytes = streams.bytes.saturating_sub(unread);
        });
    }
}

/// Runs the gateway's end of a connection, with windows as large as what waits allows. It is boxed, for who moves it into a
/// task makes room for it several times otherwise.
///
/// # Errors
/// What ends the connection.
pub async fn run<I>(mut connection: Box<GatewayEnd<I>>, here: UnreadHere) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut window = STREAM_WINDOW;
    std::future::poll_fn(|cx| {
        loop {
            let wanted = here.0.all.window(window);
            // It fails while the other end has not taken note of the last change; its note wakes this task.
            if wanted != window && connection.set_window(wanted) {
                window = wanted;
            }
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(ended);
            }
            // What was read by that may have changed what is wanted.
            let wanted_now = here.0.all.window(window);
            if wanted_now == window || wanted_now == wanted {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// A connection whose frames are counted as they come.
#[derive(Debug)]
pub struct Counted<I> {
    io: I,
    here: UnreadHere,
    /// What is left of a frame's payload.
    skip: usize,
    head: [u8; FRAME_HEAD],
    filled: usize,
}

impl<I> Counted<I> {
    /// Counts what `io` brings; it is at its beginning.
    pub fn new(io: I, here: UnreadHere) -> Self {
        Self { io, here, skip: 0, head: [0; FRAME_HEAD], filled: 0 }
    }

    fn count(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let looked_at = if self.skip > 0 { self.skip.min(bytes.len()) } else { self.take_head(bytes) };
            self.skip = self.skip.saturating_sub(looked_at);
            if self.filled == FRAME_HEAD {
                self.filled = 0;
                self.skip = self.frame()?;
            }
            bytes = bytes.get(looked_at..).unwrap_or_default();
        }
        Ok(())
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let room = self.head.get_mut(self.filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        room.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.filled += count;
        count
    }

    /// Counts the frame whose head is complete; gives how many bytes its payload has.
    fn frame(&self) -> io::Result<usize> {
        let [high, middle, low, kind, flags, a, b, c, d] = self.head;
        if kind == DATA && flags & PADDED != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "data with padding in a tunnel"));
        }
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if kind == DATA && length >= SMALLEST_COUNTED {
            self.here.arrived(u32::from_be_bytes([a & 0x7f, b, c, d]), length);
        }
        Ok(length)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Counted<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let counted = self.get_mut();
        let start = buffer.filled().len();
        ready!(Pin::new(&mut counted.io).poll_read(cx, buffer))?;
        Poll::Ready(counted.count(buffer.filled().get(start..).unwrap_or_default()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Counted<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
