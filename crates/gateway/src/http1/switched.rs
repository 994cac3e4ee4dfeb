//! A connection after a switch of protocols: a plain stream of bytes, which begins with what came behind the answer.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use adit_tunnel::stream::TunnelStream;
use bytes::Buf as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Connection;
use super::wire::Wire;

/// Such a connection.
#[derive(Debug)]
pub(crate) struct Switched<I: Wire = TunnelStream>(Rc<RefCell<Connection<I>>>);

impl<I: Wire> Switched<I> {
    pub(super) const fn new(connection: Rc<RefCell<Connection<I>>>) -> Self {
        Self(connection)
    }
}

impl<I: Wire + AsyncRead + Unpin> AsyncRead for Switched<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut connection = self.0.borrow_mut();
        let input = &mut connection.input;
        if input.is_empty() {
            return Pin::new(&mut connection.io).poll_read(cx, buffer);
        }
        let count = input.len().min(buffer.remaining());
        buffer.put_slice(input.get(..count).unwrap_or_default());
        input.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<I: Wire + AsyncWrite + Unpin> AsyncWrite for Switched<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.borrow_mut().io).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().io).poll_shutdown(cx)
    }
}
