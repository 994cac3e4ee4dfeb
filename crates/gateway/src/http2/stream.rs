//! One stream of HTTP/2 as a connection of its own: a WebSocket's bytes (RFC 8441).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that is open both ways. Dropped, it ends in order.
#[derive(Debug)]
pub(crate) struct Http2Stream {
    incoming: RecvStream,
    outgoing: SendStream<Bytes>,
    /// What came and was not read.
    unread: Bytes,
    ended: bool,
}

impl Http2Stream {
    pub(crate) const fn new(incoming: RecvStream, outgoing: SendStream<Bytes>) -> Self {
        Self { incoming, outgoing, unread: Bytes::new(), ended: false }
    }

    fn end(&mut self) -> Result<(), h2::Error> {
        if std::mem::replace(&mut self.ended, true) { Ok(()) } else { self.outgoing.send_data(Bytes::new(), true) }
    }
}

impl Drop for Http2Stream {
    fn drop(&mut self) {
        // An error means that it has ended otherwise.
        let _ = self.end();
    }
}

fn broken(error: h2::Error) -> io::Error {
    if error.is_io() {
        error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
    } else {
        io::Error::other(error)
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        while stream.unread.is_empty() {
            match ready!(stream.incoming.poll_data(cx)) {
                Some(Ok(data)) => stream.unread = data,
                // The client has had enough, which is how browsers leave.
                Some(Err(error)) if matches!(error.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = stream.unread.len().min(buffer.remaining());
        buffer.put_slice(stream.unread.get(..count).unwrap_or_default());
        stream.unread.advance(count);
        // An error means that the stream has ended.
        let _ = stream.incoming.flow_control().release_capacity(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        stream.outgoing.reserve_capacity(buffer.len());
        while stream.outgoing.capacity() == 0 {
            match ready!(stream.outgoing.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let part = buffer.get(..stream.outgoing.capacity().min(buffer.len())).unwrap_or(buffer);
        let sent = stream.outgoing.send_data(Bytes::copy_from_slice(part), false);
        Poll::Ready(sent.map(|()| part.len()).map_err(broken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().end().map_err(broken))
    }
}
