//! Two connections that are joined: bytes are copied both ways until both have ended, one has and the other takes too long,
//! or neither says anything. No clock is read for what is copied.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::limits;
use crate::record::{Outcome, Record};

/// How often it is looked, in the time that a WebSocket may be silent, whether something has moved.
const LOOKS: u32 = 8;

/// Copies both ways until the connections end, and notes in `record` what passed and how it ended.
pub(super) async fn copy(client: Upgraded, upstream: Upgraded, idle: Duration, record: &mut Record) {
    let traffic = Traffic::default();
    let mut client = Side::new(TokioIo::new(client), &traffic);
    let mut upstream = Side::new(TokioIo::new(upstream), &traffic);
    let copied = relay(&mut client, &mut upstream, &traffic, idle).await;
    record.count_received(client.read);
    record.count_sent(client.written);
    match copied {
        Ok(()) => record.ended(Outcome::Complete),
        Err(error) => {
            tracing::debug!(%error, "a WebSocket ended");
            record.ended(if upstream.broke { Outcome::UpstreamBroken } else { Outcome::ClientGone });
        }
    }
}

/// Copies both ways until both sides have ended, or one has and the other takes too long, or neither says anything.
async fn relay<C, U>(
    client: &mut Side<'_, C>,
    upstream: &mut Side<'_, U>,
    traffic: &Traffic,
    idle: Duration,
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let too_long = async {
        traffic.ended.notified().await;
        sleep(limits::WEBSOCKET_HALF_ENDED).await;
    };
    let timed_out = |why| Err(io::Error::new(io::ErrorKind::TimedOut, why));
    tokio::select! {
        copied = copy_bidirectional(client, upstream) => copied.map(drop),
        () = too_long => timed_out("one side has ended, the other has not"),
        () = traffic.silent_for(idle) => timed_out("neither side has said anything for too long"),
    }
}

/// What both sides of joined connections note.
#[derive(Debug, Default)]
struct Traffic {
    /// Told when nothing more comes from one of them.
    ended: Notify,
    /// Bytes that came from either or went to it.
    moved: Cell<u64>,
}

impl Traffic {
    /// Returns once nothing has moved for that long, or a little longer: no clock is read for what moves.
    async fn silent_for(&self, idle: Duration) {
        let (mut seen, mut looks) = (self.moved.get(), 0);
        while looks < LOOKS {
            sleep(idle / LOOKS).await;
            let moved = self.moved.get();
            looks = if moved == seen { looks + 1 } else { 0 };
            seen = moved;
        }
    }
}

/// One side of joined connections: what was read from it and written to it, and whether it was the one that broke.
struct Side<'n, I> {
    io: I,
    read: u64,
    written: u64,
    broke: bool,
    traffic: &'n Traffic,
}

impl<'n, I> Side<'n, I> {
    const fn new(io: I, traffic: &'n Traffic) -> Self {
        Self { io, read: 0, written: 0, broke: false, traffic }
    }

    fn moved(&self, bytes: u64) {
        self.traffic.moved.set(self.traffic.moved.get() + bytes);
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> Poll<io::Result<T>> {
        self.broke |= result.is_err();
        Poll::Ready(result)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Side<'_, I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut side.io).poll_read(cx, buffer));
        let count = buffer.filled().len() - before;
        side.read += count as u64;
        side.moved(count as u64);
        if count == 0 && buffer.remaining() > 0 {
            side.traffic.ended.notify_one();
        }
        side.noted(read)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Side<'_, I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let side = self.get_mut();
        let written = ready!(Pin::new(&mut side.io).poll_write(cx, buffer));
        let count = *written.as_ref().unwrap_or(&0) as u64;
        side.written += count;
        side.moved(count);
        side.noted(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let flushed = ready!(Pin::new(&mut side.io).poll_flush(cx));
        side.noted(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let shut = ready!(Pin::new(&mut side.io).poll_shutdown(cx));
        side.noted(shut)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::{JoinHandle, LocalSet, spawn_local};
    use tokio::time::Instant;

    use super::*;

    /// A browser and a server whose connections are joined, and what becomes of that; within a `LocalSet`.
    fn joined(idle: Duration) -> (DuplexStream, DuplexStream, JoinHandle<io::Result<()>>) {
        let ((browser, client), (server, upstream)) = (duplex(64), duplex(64));
        let relayed = spawn_local(async move {
            let traffic = Traffic::default();
            let (mut client, mut upstream) = (Side::new(client, &traffic), Side::new(upstream, &traffic));
            relay(&mut client, &mut upstream, &traffic, idle).await
        });
        (browser, server, relayed)
    }

    async fn one_that_is_used_for_a_while_ends_in_time(speaks: impl Fn(&mut DuplexStream, &mut DuplexStream)) {
        let idle = Duration::from_secs(600);
        let (mut browser, mut server, relayed) = joined(idle);
        for _ in 0..10 {
            sleep(idle - Duration::from_secs(1)).await;
            speaks(&mut browser, &mut server);
        }
        let start = Instant::now();
        assert_eq!(relayed.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        let after = start.elapsed();
        assert!(after >= idle && after <= idle + idle / LOOKS, "{after:?}");
    }

    fn say(speaker: &mut DuplexStream) {
        speaker.write_all(b".").now_or_never().expect("room for a byte").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_is_silent_for_its_time_is_cut_off_and_one_byte_in_either_direction_keeps_it() {
        let by_either = async {
            one_that_is_used_for_a_while_ends_in_time(|browser, _| say(browser)).await;
            one_that_is_used_for_a_while_ends_in_time(|_, server| say(server)).await;
        };
        LocalSet::new().run_until(by_either).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_does_not_end_after_the_other_is_cut_off() {
        LocalSet::new().run_until(half_ended()).await;
    }

    async fn half_ended() {
        let (mut browser, mut server, relayed) = joined(limits::WEBSOCKET_IDLE);
        sleep(limits::WEBSOCKET_HALF_ENDED * 5).await;
        browser.write_all(b"late").await.unwrap();
        browser.shutdown().await.unwrap();
        let (mut seen, start) = (Vec::new(), Instant::now());
        server.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, b"late");
        server.write_all(b"last words").await.unwrap();
        let mut words = [0; 10];
        browser.read_exact(&mut words).await.unwrap();
        assert_eq!(&words, b"last words");
        let ended = relayed.await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= limits::WEBSOCKET_HALF_ENDED, "{:?}", start.elapsed());
    }
}
