//! Two connections that are joined: bytes are copied both ways until both have ended, one has and the other takes too long,
//! neither says anything, or they are told to end. No clock is read for what is copied.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::farewell::Upstream;
use crate::limits;
use crate::record::{Outcome, Record};

/// How often it is looked, in the time that a WebSocket may be silent, whether something has moved.
const LOOKS: u32 = 8;

/// Copies both ways until the connections end, and notes in `record` what passed and how it ended. Once `told` completes
/// they have to: both are told so, as a WebSocket is.
pub(super) async fn copy(
    client: impl AsyncRead + AsyncWrite + Unpin,
    upstream: impl AsyncRead + AsyncWrite + Unpin,
    idle: Duration,
    told: impl Future<Output = ()>,
    record: &mut Record,
) {
    let traffic = Traffic::default();
    let mut client = Side::new(client, &traffic);
    let mut upstream = Upstream::new(upstream, &traffic);
    let copied = relay(&mut client, &mut upstream, &traffic, idle, told).await;
    record.count_received(client.read);
    record.count_sent(client.written);
    match copied {
        Ok(()) => record.ended(Outcome::Complete),
        Err(error) => {
            tracing::debug!(%error, "a WebSocket ended");
            record.ended(if upstream.side.broke { Outcome::UpstreamBroken } else { Outcome::ClientGone });
        }
    }
}

/// Copies both ways until both sides have ended, or one has and the other takes too long, or neither says anything, or
/// they were told to end and take too long.
async fn relay<C, U>(
    client: &mut Side<'_, C>,
    upstream: &mut Upstream<'_, U>,
    traffic: &Traffic,
    idle: Duration,
    told: impl Future<Output = ()>,
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let too_long = async {
        traffic.ended.notified().await;
        sleep(limits::WEBSOCKET_HALF_ENDED).await;
    };
    let farewell = async {
        told.await;
        traffic.told.set(true);
        // The copying looks once more, now that it is told.
        yield_now().await;
        sleep(limits::WEBSOCKET_FAREWELL).await;
    };
    let timed_out = |why| Err(io::Error::new(io::ErrorKind::TimedOut, why));
    tokio::select! {
        copied = copy_bidirectional(client, upstream) => copied.map(drop),
        () = too_long => timed_out("one side has ended, the other has not"),
        () = farewell => timed_out("it was told to end and has not"),
        () = traffic.silent_for(idle) => timed_out("neither side has said anything for too long"),
    }
}

/// What both sides of joined connections note.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Whether they were told to end.
    pub(super) told: Cell<bool>,
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
pub(super) struct Side<'n, I> {
    io: I,
    read: u64,
    written: u64,
    broke: bool,
    traffic: &'n Traffic,
}

impl<'n, I> Side<'n, I> {
    pub(super) const fn new(io: I, traffic: &'n Traffic) -> Self {
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
        joined_until(idle, std::future::pending())
    }

    /// The same, told to end by `told`.
    fn joined_until(
        idle: Duration,
        told: impl Future<Output = ()> + 'static,
    ) -> (DuplexStream, DuplexStream, JoinHandle<io::Result<()>>) {
        let ((browser, client), (server, upstream)) = (duplex(64), duplex(64));
        let relayed = spawn_local(async move {
            let traffic = Traffic::default();
            let (mut client, mut upstream) = (Side::new(client, &traffic), Upstream::new(upstream, &traffic));
            relay(&mut client, &mut upstream, &traffic, idle, told).await
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

    /// A message of a server, and the farewell.
    const MESSAGE: &[u8] = b"\x81\x05hello";
    const GOING_AWAY: &[u8] = b"\x88\x02\x03\xe9";

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_is_told_to_end_says_so_between_two_frames_and_hears_the_client_out() {
        LocalSet::new().run_until(told_within_a_frame()).await;
    }

    async fn told_within_a_frame() {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let (mut browser, mut server, relayed) = joined_until(limits::WEBSOCKET_IDLE, async { drop(told.await) });
        server.write_all(&MESSAGE[..3]).await.unwrap();
        let mut begun = [0; 3];
        browser.read_exact(&mut begun).await.unwrap();
        drop(tell);
        sleep(limits::WEBSOCKET_FAREWELL / 2).await;
        // The rest of the frame, and the start of another one, which comes too late.
        server.write_all(&[&MESSAGE[3..], &MESSAGE[..4]].concat()).await.unwrap();
        let mut rest = vec![0; MESSAGE.len() - 3 + GOING_AWAY.len()];
        browser.read_exact(&mut rest).await.unwrap();
        assert_eq!(rest, [&MESSAGE[3..], GOING_AWAY].concat());
        browser.write_all(b"last words").await.unwrap();
        let mut heard = [0; 10];
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"last words");
        drop(server);
        assert_eq!(browser.read(&mut heard).await.unwrap(), 0, "nothing follows the farewell");
        drop(browser);
        relayed.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_is_told_to_end_and_does_not_is_cut_off() {
        LocalSet::new().run_until(told_and_stays()).await;
    }

    async fn told_and_stays() {
        let (mut browser, server, relayed) = joined_until(limits::WEBSOCKET_IDLE, std::future::ready(()));
        let start = Instant::now();
        let mut farewell = [0; 4];
        browser.read_exact(&mut farewell).await.unwrap();
        assert_eq!(farewell, GOING_AWAY);
        assert_eq!(relayed.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), limits::WEBSOCKET_FAREWELL.as_secs());
        drop(server);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_the_server_closes_itself_is_told_nothing_more() {
        LocalSet::new().run_until(closed_already()).await;
    }

    async fn closed_already() {
        let (mut browser, mut server, relayed) = joined_until(limits::WEBSOCKET_IDLE, sleep(Duration::from_secs(1)));
        let close = b"\x88\x02\x03\xe8";
        server.write_all(close).await.unwrap();
        sleep(Duration::from_secs(2)).await;
        drop(server);
        let mut seen = Vec::new();
        browser.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, close);
        drop(browser);
        relayed.await.unwrap().unwrap();
    }
}
