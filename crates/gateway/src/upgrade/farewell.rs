//! The upstream's side of a WebSocket, and the word that the gateway says in its name when the WebSocket has to end: a
//! closing frame "going away" (RFC 6455, section 7.4.1), between two frames and never within one.
//!
//! From then on the upstream is heard no more, as nothing may follow a closing frame. What the client says goes on to it:
//! the last messages, and the client's own closing frame, so that both ends learn that the WebSocket has ended.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use super::relay::{Side, Traffic};

/// A closing frame of a server, code 1001: an endpoint is going away, which here a connector or the gateway is.
const GOING_AWAY: &[u8] = &[0x88, 2, 0x03, 0xe9];

/// What comes from the upstream's side.
#[derive(Debug, Clone, Copy)]
enum Says {
    /// What the upstream says.
    Its,
    /// This, which is left of the farewell.
    Farewell(&'static [u8]),
    /// Nothing but its end.
    Nothing,
}

/// The upstream's side.
pub(super) struct Upstream<'n, I> {
    pub(super) side: Side<'n, I>,
    traffic: &'n Traffic,
    frames: Frames,
    says: Says,
}

impl<'n, I> Upstream<'n, I> {
    pub(super) fn new(io: I, traffic: &'n Traffic) -> Self {
        Self { side: Side::new(io, traffic), traffic, frames: Frames::default(), says: Says::Its }
    }

    fn may_say_farewell(&self) -> bool {
        self.traffic.told.get() && !self.frames.closes()
    }
}

impl<I: AsyncRead + Unpin> Upstream<'_, I> {
    fn poll_its(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.side).poll_read(cx, buffer))?;
        let end = self.frames.pass(buffer.filled().get(before..).unwrap_or_default());
        if let Some(end) = end.filter(|_| self.may_say_farewell()) {
            // What was begun after that frame is not said any more.
            buffer.set_filled(before + end);
            self.says = Says::Farewell(GOING_AWAY);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads on, so that an upstream that has much to say still takes what the client says.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut unheard = [0; 1024];
            let mut buffer = ReadBuf::new(&mut unheard);
            ready!(Pin::new(&mut self.side).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Upstream<'_, I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let upstream = self.get_mut();
        if matches!(upstream.says, Says::Its) && upstream.frames.is_between() && upstream.may_say_farewell() {
            upstream.says = Says::Farewell(GOING_AWAY);
        }
        match upstream.says {
            Says::Its => upstream.poll_its(cx, buffer),
            Says::Farewell(left) => {
                let (now, later) = left.split_at(left.len().min(buffer.remaining()));
                buffer.put_slice(now);
                upstream.says = if later.is_empty() { Says::Nothing } else { Says::Farewell(later) };
                Poll::Ready(Ok(()))
            }
            Says::Nothing => upstream.poll_end(cx),
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Upstream<'_, I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().side).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().side).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().side).poll_shutdown(cx)
    }
}
