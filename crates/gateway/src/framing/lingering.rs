//! The end of a client's connection after our last word on it.
//!
//! What the client still sends is taken for a while: closing at once would reset the connection, and the client might lose
//! what it has not read yet (RFC 9112, section 9.6). In HTTP/2 nearly every answer makes a client send something.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::patience::WritePatience;
use crate::limits;

/// For how long, and for how much, a connection still stays.
#[derive(Debug)]
pub(crate) struct Lingering {
    patience: WritePatience,
    left: usize,
}

impl Default for Lingering {
    fn default() -> Self {
        Self { patience: WritePatience::new(limits::LINGER), left: limits::LINGER_BYTES }
    }
}

impl Lingering {
    /// Takes what comes from `io`. Ready once the client has closed it, or time or room is used up.
    pub(crate) fn poll<I: AsyncRead + Unpin>(&mut self, io: &mut I, cx: &mut Context<'_>) -> Poll<()> {
        let mut room = [0; 4096];
        while self.left > 0 {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut *io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.left = self.left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(self.patience.poll_stalled(cx));
                    break;
                }
            }
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::{Instant, pause};

    use super::*;

    async fn linger(mut io: impl AsyncRead + Unpin) -> Duration {
        let (mut lingering, begun) = (Lingering::default(), Instant::now());
        poll_fn(|cx| lingering.poll(&mut io, cx)).await;
        begun.elapsed()
    }

    #[tokio::test]
    async fn a_client_that_closes_is_not_waited_for_and_one_that_does_not_is_for_a_while() {
        pause();
        let (gone, io) = duplex(64);
        drop(gone);
        assert_eq!(linger(io).await, Duration::ZERO);
        let (_stays, io) = duplex(64);
        let lasted = linger(io).await;
        assert!((limits::LINGER..limits::LINGER * 2).contains(&lasted), "{lasted:?}");
    }

    #[tokio::test]
    async fn a_client_that_sends_without_end_is_taken_a_bounded_amount_from() {
        let (mut client, mut io) = duplex(64 * 1024);
        let endless = tokio::spawn(async move { while client.write_all(&[0; 4096]).await.is_ok() {} });
        let mut lingering = Lingering::default();
        poll_fn(|cx| lingering.poll(&mut io, cx)).await;
        assert_eq!(lingering.left, 0);
        drop(io);
        endless.await.unwrap();
    }
}
