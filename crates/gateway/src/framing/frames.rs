//! The guard of a client's HTTP/2 connection: counts frames, between TLS and the HTTP library.
//!
//! The library refuses what is wrong. What is right but too often (streams that are opened and reset, settings, pings,
//! window updates, empty frames) it serves for as long as it comes. Here each kind has a budget; whoever exceeds one is
//! told to calm down: at the end of the frame, the library is given a head that never ends, which it answers with
//! GOAWAY (ENHANCE_YOUR_CALM). A guard that wrote by itself would have to know where the library's own frames end.
//!
//! Only the nine bytes before each frame are looked at. The clock is read when a budget is spent, not before.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::lingering::Lingering;
use super::patience::{Awaited, ReadPatience, WritePatience};
use crate::limits::{self, ClientLimits};

/// What a client sends before its first frame; the library compares it.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// Bytes before each frame's payload.
pub(super) const FRAME_HEAD: usize = 9;

/// A HEADERS frame and more CONTINUATION frames than the library takes: each empty, on the highest stream, and none is
/// the last.
const ENDLESS_HEAD: [[u8; FRAME_HEAD]; 64] = {
    let mut frames = [[0, 0, 0, kind::CONTINUATION, 0, 0x7f, 0xff, 0xff, 0xff]; 64];
    frames[0][3] = kind::HEADERS;
    frames
};

/// The types of frames (RFC 9113, section 6).
pub(super) mod kind {
    pub(in crate::framing) const DATA: u8 = 0;
    pub(in crate::framing) const HEADERS: u8 = 1;
    pub(in crate::framing) const RST_STREAM: u8 = 3;
    pub(in crate::framing) const SETTINGS: u8 = 4;
    pub(in crate::framing) const CONTINUATION: u8 = 9;
}

/// A guarded HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct FrameGuard<I> {
    io: I,
    scan: FrameScan,
    /// So many bytes of [`ENDLESS_HEAD`] were handed on.
    endless: usize,
    reading: ReadPatience,
    writing: WritePatience,
    lingering: Option<Lingering>,
}

/// Finds the frames in what a client sends.
#[derive(Debug)]
struct FrameScan {
    /// What is left of the preface or of a frame's payload.
    skip: usize,
    head: [u8; FRAME_HEAD],
    head_filled: usize,
    begun: bool,
    exceeded: bool,
    budget: Budget,
}

impl FrameScan {
    fn new() -> Self {
        let (head, budget) = ([0; FRAME_HEAD], Budget::new(Instant::now()));
        Self { skip: PREFACE, head, head_filled: 0, begun: false, exceeded: false, budget }
    }

    /// Looks at what follows; gives how much of it may be handed on: all, or up to the end of the frame that exceeded
    /// a budget.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        let mut position = 0;
        while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
            if self.is_over() {
                break;
            }
            position += if self.skip > 0 { self.skip_over(rest) } else { self.take_head(rest) };
        }
        position
    }

    /// Whether a budget was exceeded and the frame that did it is complete.
    const fn is_over(&self) -> bool {
        self.exceeded && self.skip == 0 && self.head_filled == 0
    }

    fn skip_over(&mut self, bytes: &[u8]) -> usize {
        let count = self.skip.min(bytes.len());
        self.skip -= count;
        self.begun |= self.skip == 0;
        count
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let room = self.head.get_mut(self.head_filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        room.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.head_filled += count;
        if self.head_filled == FRAME_HEAD {
            self.head_filled = 0;
            let [high, middle, low, kind, flags, ..] = self.head;
            self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            self.exceeded |= self.budget.spend(kind, flags, self.skip);
        }
        count
    }
}

/// How often a client has done what costs us more than it. All but the share of cancelled streams are counts since
/// `since`, which moves on when one of them is spent.
#[derive(Debug)]
struct Budget {
    since: Instant,
    resets: usize,
    settings: usize,
    overhead: usize,
    /// Frames that go with useful ones: a window update with data, a priority with a request.
    earned: usize,
    opened: usize,
    cancelled: usize,
}

impl Budget {
    const fn new(since: Instant) -> Self {
        Self { since, resets: 0, settings: 0, overhead: 0, earned: 0, opened: 0, cancelled: 0 }
    }

    /// Counts a frame; `true` if that is too much.
    fn spend(&mut self, kind: u8, flags: u8, length: usize) -> bool {
        // END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
        let first_flag = flags & 1 != 0;
        match kind {
            kind::HEADERS => {
                self.opened += 1;
                self.earn(limits::HTTP2_FRAMES_PER_REQUEST);
            }
            kind::DATA if length > 0 || first_flag => self.earn(length / limits::HTTP2_BYTES_PER_FRAME),
            kind::RST_STREAM => {
                self.resets += 1;
                self.cancelled += 1;
            }
            kind::SETTINGS if !first_flag => self.settings += 1,
            _ => self.overhead += 1,
        }
        self.is_spent() && self.is_too_soon() || self.cancels_most()
    }

    /// What was sent to the client may bring its window updates.
    fn sent(&mut self, bytes: usize) {
        self.earn(bytes.div_ceil(limits::HTTP2_SENT_BYTES_PER_FRAME));
    }

    fn earn(&mut self, frames: usize) {
        self.earned = (self.earned + frames).min(limits::HTTP2_EARNED_FRAMES);
    }

    const fn is_spent(&self) -> bool {
        self.resets > limits::HTTP2_RESETS
            || self.settings > limits::HTTP2_SETTINGS
            || self.overhead > limits::HTTP2_OVERHEAD_FRAMES + self.earned
    }

    /// Whether a budget was spent before its time; if not, the next one begins.
    fn is_too_soon(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.since) < limits::HTTP2_BUDGET_TIME {
            return true;
        }
        *self = Self { opened: self.opened, cancelled: self.cancelled, ..Self::new(now) };
        false
    }

    /// Whether most of many streams were cancelled: slower than the budget allows, and still to no use.
    const fn cancels_most(&mut self) -> bool {
        if self.opened < limits::HTTP2_JUDGED_STREAMS {
            return false;
        }
        let most = self.cancelled * 2 > self.opened;
        (self.opened, self.cancelled) = (self.opened / 2, self.cancelled / 2);
        most
    }
}

impl<I> FrameGuard<I> {
    pub(crate) fn new(io: I, limits: ClientLimits) -> Self {
        let (reading, writing) = (ReadPatience::new(limits), WritePatience::new(limits.write_stall));
        Self { io, scan: FrameScan::new(), endless: 0, reading, writing, lingering: None }
    }

    /// Hands on the head that never ends; after it, the end of the connection.
    fn deliver_endless_head(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = ENDLESS_HEAD.as_flattened().get(self.endless..).unwrap_or_default();
        let part = rest.get(..rest.len().min(buffer.remaining())).unwrap_or_default();
        self.endless += part.len();
        buffer.put_slice(part);
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for FrameGuard<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let start = buffer.filled().len();
        if !guard.scan.is_over() {
            if Pin::new(&mut guard.io).poll_read(cx, buffer)?.is_pending() {
                if !guard.scan.begun && guard.reading.poll_waiting(cx, Awaited::Head).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                return Poll::Pending;
            }
            let passed = guard.scan.scan(buffer.filled().get(start..).unwrap_or_default());
            buffer.set_filled(start + passed);
            // Something came, or the connection ended.
            if passed > 0 || !guard.scan.is_over() {
                return Poll::Ready(Ok(()));
            }
        }
        if guard.endless == 0 {
            tracing::debug!(budget = ?guard.scan.budget, "an HTTP/2 client was told to calm down");
        }
        guard.deliver_endless_head(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> FrameGuard<I> {
    fn counted(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.scan.budget.sent(*count);
        }
        self.writing.watch(cx, written)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FrameGuard<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let written = Pin::new(&mut guard.io).poll_write(cx, buffer);
        guard.counted(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let written = Pin::new(&mut guard.io).poll_write_vectored(cx, buffers);
        guard.counted(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let flushed = Pin::new(&mut guard.io).poll_flush(cx);
        guard.writing.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if guard.lingering.is_none() {
            let shut = Pin::new(&mut guard.io).poll_shutdown(cx);
            ready!(guard.writing.watch(cx, shut))?;
        }
        guard.lingering.get_or_insert_default().poll(&mut guard.io, cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn begun() -> FrameScan {
        let mut scan = FrameScan::new();
        assert_eq!(scan.scan(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), PREFACE);
        scan
    }

    /// How many of the same frames pass before it is too much.
    fn passing(scan: &mut FrameScan, frame: &[u8]) -> usize {
        (0..1_000_000).take_while(|_| scan.scan(frame) == frame.len()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn each_flood_ends_at_the_end_of_a_frame() {
        for (frame, most) in [
            (frame(3, 0, &[0; 4]), limits::HTTP2_RESETS),
            (frame(4, 0, &[]), limits::HTTP2_SETTINGS),
            (frame(6, 0, &[0; 8]), limits::HTTP2_OVERHEAD_FRAMES),
            (frame(8, 0, &[0; 4]), limits::HTTP2_OVERHEAD_FRAMES),
            (frame(2, 0, &[0; 5]), limits::HTTP2_OVERHEAD_FRAMES),
            (frame(0, 0, &[]), limits::HTTP2_OVERHEAD_FRAMES),
            (frame(99, 0, &[1, 2, 3]), limits::HTTP2_OVERHEAD_FRAMES),
        ] {
            assert_eq!(passing(&mut begun(), &frame), most + 1, "{frame:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_with_data_is_not_a_flood() {
        let mut scan = begun();
        let (data, update) = (frame(0, 0, &[0; 16384]), frame(8, 0, &[0; 4]));
        for _ in 0..10_000 {
            assert_eq!(scan.scan(&data), data.len());
            assert_eq!(scan.scan(&update), update.len());
            scan.budget.sent(16384);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_comes_back_with_time_but_not_for_who_cancels_most() {
        let mut scan = begun();
        let reset = frame(3, 0, &[0; 4]);
        for _ in 0..50 {
            for _ in 0..limits::HTTP2_RESETS {
                assert_eq!(scan.scan(&reset), reset.len());
            }
            advance(limits::HTTP2_BUDGET_TIME).await;
        }
        let mut scan = begun();
        let open = frame(1, 5, b"head");
        let mut opened = 0;
        while scan.scan(&open) == open.len() && scan.scan(&reset) == reset.len() {
            opened += 1;
            advance(limits::HTTP2_BUDGET_TIME / 10).await;
        }
        assert!((limits::HTTP2_JUDGED_STREAMS - 1..=limits::HTTP2_JUDGED_STREAMS).contains(&opened), "{opened}");
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_found_wherever_reads_end() {
        let mut whole = begun();
        let frames: Vec<u8> =
            (0..200_u8).flat_map(|number| frame(number % 12, 1, &vec![number; number.into()])).collect();
        assert_eq!(whole.scan(&frames), frames.len());
        let mut pieces = begun();
        for piece in frames.chunks(7) {
            assert_eq!(pieces.scan(piece), piece.len());
        }
        assert_eq!((whole.skip, whole.head_filled), (pieces.skip, pieces.head_filled));
        assert_eq!(format!("{:?}", whole.budget), format!("{:?}", pieces.budget));
    }
}
