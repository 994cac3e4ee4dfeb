//! The guard of an HTTP/2 connection to an upstream: between the HTTP library and the stream through the tunnel.
//!
//! An answer is complete when its stream ends, and not before (RFC 9113, section 8.1). A stream that an upstream resets
//! without an error ends without that, and the library would take what came for the whole; here such a reset becomes one
//! with an error, unless the answer had ended. And frames of data without data, which some servers send with every flush,
//! are left out: the library allows a hundred in a connection's life, whoever's streams they are on. They have no limit
//! here, because they cost no more than the bytes they are, and no answer's time is longer for them.
//!
//! Only the nine bytes before each frame are looked at, and the four of a reset.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{FRAME_HEAD, kind};

/// What a client sends before its first frame.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// Bytes of a reset: its head and its reason.
const RESET: usize = FRAME_HEAD + 4;

/// The reason of a reset that is no error, as a reset ends (RFC 9113, section 7).
const NO_ERROR: [u8; 4] = [0, 0, 0, 0];
/// What the library is told in its place.
const INTERNAL_ERROR: [u8; 4] = [0, 0, 0, 2];

/// END_STREAM, of DATA and HEADERS.
const END_STREAM: u8 = 1;

/// A guarded HTTP/2 connection to an upstream.
#[derive(Debug)]
pub(crate) struct AnswerGuard<I> {
    io: I,
    incoming: Frames,
    /// How much of the head in `incoming` was handed on, of how much: there was a part of it when the last read ended.
    handed_on: usize,
    to_hand_on: usize,
    outgoing: Frames,
    begun: Begun,
}

/// The streams whose answers have begun and not ended.
#[derive(Debug, Default)]
struct Begun(Vec<u32>);

impl Begun {
    fn begin(&mut self, stream: u32) {
        if !self.0.contains(&stream) {
            self.0.push(stream);
        }
    }

    /// The stream has ended; `true` if its answer had begun and not ended before.
    fn end(&mut self, stream: u32) -> bool {
        let found = self.0.iter().position(|begun| *begun == stream);
        found.is_some_and(|index| self.0.swap_remove(index) == stream)
    }
}

/// Finds the frames in bytes that come in pieces.
#[derive(Debug)]
struct Frames {
    /// What is left of the preface or of a frame's payload.
    skip: usize,
    /// The head of the next frame, and the reason of a reset, as far as it is there.
    head: [u8; RESET],
    filled: usize,
}

impl Frames {
    const fn after(skip: usize) -> Self {
        Self { skip, head: [0; RESET], filled: 0 }
    }

    const fn kind(&self) -> u8 {
        self.head[3]
    }

    const fn ends_stream(&self) -> bool {
        self.head[4] & END_STREAM != 0
    }

    fn length(&self) -> usize {
        let [high, middle, low, ..] = self.head;
        usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
    }

    const fn stream(&self) -> u32 {
        let [_, _, _, _, _, a, b, c, d, ..] = self.head;
        // The first bit means nothing.
        u32::from_be_bytes([a & 0x7f, b, c, d])
    }

    /// How many bytes belong to what is looked at, as far as that is known.
    fn wanted(&self) -> usize {
        let is_reset = self.filled >= FRAME_HEAD && self.kind() == kind::RST_STREAM && self.length() == 4;
        if is_reset { RESET } else { FRAME_HEAD }
    }

    /// Takes what belongs to the head; gives how much that is.
    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.filled < self.wanted()
            && let (Some(byte), Some(place)) = (bytes.get(taken), self.head.get_mut(self.filled))
        {
            *place = *byte;
            self.filled += 1;
            taken += 1;
        }
        taken
    }

    fn is_complete(&self) -> bool {
        self.filled > 0 && self.filled == self.wanted()
    }

    /// The head is dealt with, its payload follows.
    fn go_on(&mut self) {
        self.skip = self.length().saturating_sub(self.filled - FRAME_HEAD);
        self.filled = 0;
    }

    fn skip_over(&mut self, available: usize) -> usize {
        let count = self.skip.min(available);
        self.skip -= count;
        count
    }
}

impl<I> AnswerGuard<I> {
    pub(crate) const fn new(io: I) -> Self {
        let (incoming, outgoing) = (Frames::after(0), Frames::after(PREFACE));
        Self { io, incoming, handed_on: 0, to_hand_on: 0, outgoing, begun: Begun(Vec::new()) }
    }

    /// How much of a head that is complete is handed on: all, or nothing of a frame that is left out.
    fn judge(&mut self) -> usize {
        let frame = &mut self.incoming;
        let stream = frame.stream();
        match frame.kind() {
            kind::DATA if frame.length() == 0 && !frame.ends_stream() => return 0,
            kind::DATA | kind::HEADERS if frame.ends_stream() => _ = self.begun.end(stream),
            kind::HEADERS => self.begun.begin(stream),
            kind::RST_STREAM => {
                let unfinished = self.begun.end(stream);
                if let Some(reason) = frame.head.get_mut(FRAME_HEAD..frame.filled)
                    && unfinished
                    && reason == NO_ERROR
                {
                    reason.copy_from_slice(&INTERNAL_ERROR);
                }
            }
            _ => {}
        }
        frame.filled
    }

    /// Looks at bytes that were just read, and leaves at their start what is handed on; gives how much that is. A head that
    /// is not complete is kept back. Before the first byte lies no part of a head.
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() {
            if self.incoming.skip > 0 {
                let count = self.incoming.skip_over(bytes.len() - from);
                if from != to {
                    bytes.copy_within(from..from + count, to);
                }
                (from, to) = (from + count, to + count);
                continue;
            }
            from += self.incoming.take_head(bytes.get(from..).unwrap_or_default());
            if self.incoming.is_complete() {
                to += self.put_head(bytes.get_mut(to..).unwrap_or_default());
            }
        }
        to
    }

    /// Puts a complete head where it is handed on from, unless it is left out; gives how much that is.
    fn put_head(&mut self, place: &mut [u8]) -> usize {
        let length = self.judge();
        let (head, place) = (self.incoming.head.get(..length), place.get_mut(..length));
        if let (Some(head), Some(place)) = (head, place) {
            place.copy_from_slice(head);
        }
        self.incoming.go_on();
        length
    }

    /// Notes the streams that we reset, in what was written.
    fn note_written(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let frames = &mut self.outgoing;
            let count = if frames.skip > 0 { frames.skip_over(bytes.len()) } else { frames.take_head(bytes) };
            if frames.skip == 0 && frames.is_complete() {
                if frames.kind() == kind::RST_STREAM {
                    self.begun.end(frames.stream());
                }
                frames.go_on();
            }
            bytes = bytes.get(count..).unwrap_or_default();
        }
    }
}

impl<I: AsyncRead + Unpin> AnswerGuard<I> {
    /// Reads what is missing of a head of which a part is kept back; `false` at the end of the connection.
    fn poll_rest_of_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut room = [0; RESET];
        let missing = self.incoming.wanted().saturating_sub(self.incoming.filled);
        let mut rest = ReadBuf::new(room.get_mut(..missing).unwrap_or_default());
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut rest))?;
        self.incoming.take_head(rest.filled());
        if self.incoming.is_complete() {
            self.handed_on = 0;
            self.to_hand_on = self.judge();
            self.incoming.go_on();
        }
        Poll::Ready(Ok(!rest.filled().is_empty()))
    }

    /// Hands on a head that was completed, as far as there is room; `false` if there is none.
    fn deliver_head(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let until = self.to_hand_on.min(self.handed_on + buffer.remaining());
        let part = self.incoming.head.get(self.handed_on..until).unwrap_or_default();
        buffer.put_slice(part);
        self.handed_on = until;
        !part.is_empty()
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for AnswerGuard<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        loop {
            if guard.deliver_head(buffer) {
                return Poll::Ready(Ok(()));
            }
            if guard.incoming.filled > 0 {
                if ready!(guard.poll_rest_of_head(cx))? {
                    continue;
                }
                return Poll::Ready(Ok(()));
            }
            let start = buffer.filled().len();
            ready!(Pin::new(&mut guard.io).poll_read(cx, buffer))?;
            let fresh = buffer.filled_mut().get_mut(start..).unwrap_or_default();
            let came = fresh.len();
            let passed = guard.pass(fresh);
            buffer.set_filled(start + passed);
            if passed > 0 || came == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for AnswerGuard<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let written = ready!(Pin::new(&mut guard.io).poll_write_vectored(cx, buffers))?;
        let mut left = written;
        for buffer in buffers {
            let part = buffer.get(..left).unwrap_or(buffer);
            guard.note_written(part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
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
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    }

    fn head(stream: u8) -> Vec<u8> {
        frame(kind::HEADERS, 4, stream, b"head")
    }

    fn reset(stream: u8, reason: u8) -> Vec<u8> {
        frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, reason])
    }

    /// What the library reads of these frames, whatever pieces they come in.
    async fn read(frames: &[Vec<u8>]) -> Vec<u8> {
        let sent = frames.concat();
        let mut last = None;
        for size in [1, 3, 8, 13, 64, 4096] {
            let (near, mut far) = tokio::io::duplex(size);
            let sending = sent.clone();
            tokio::spawn(async move { far.write_all(&sending).await });
            let mut received = Vec::with_capacity(64);
            AnswerGuard::new(near).read_to_end(&mut received).await.unwrap();
            assert!(last.replace(received.clone()).is_none_or(|last| last == received), "in pieces of {size}");
        }
        last.unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_without_an_error_is_cut_with_one() {
        let part = frame(kind::DATA, 0, 1, b"part");
        let given = read(&[head(1), part.clone(), reset(1, 0), head(3), reset(3, 8)]).await;
        assert_eq!(given, [head(1), part, reset(1, 2), head(3), reset(3, 8)].concat());
    }

    #[tokio::test]
    async fn a_reset_after_a_complete_answer_stays_as_it_is() {
        let end = frame(kind::DATA, END_STREAM, 1, b"end");
        let trailers = frame(kind::HEADERS, END_STREAM | 4, 3, b"bye");
        let frames = [head(1), end, reset(1, 0), head(3), trailers, reset(3, 0), reset(5, 0)];
        assert_eq!(read(&frames).await, frames.concat());
    }

    #[tokio::test]
    async fn data_without_data_is_left_out() {
        let (empty, last) = (frame(kind::DATA, 0, 1, b""), frame(kind::DATA, END_STREAM, 1, b""));
        let settings = frame(4, 0, 0, b"");
        let frames = [vec![settings.clone(), head(1)], vec![empty; 1000], vec![last.clone()]].concat();
        assert_eq!(read(&frames).await, [settings, head(1), last].concat());
    }

    #[tokio::test]
    async fn a_stream_that_we_reset_is_forgotten() {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut guard = AnswerGuard::new(near);
        far.write_all(&[head(1), head(3)].concat()).await.unwrap();
        let mut heads = vec![0; 26];
        guard.read_exact(&mut heads).await.unwrap();
        assert_eq!(guard.begun.0, [1, 3]);
        guard.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        for byte in [frame(kind::DATA, 0, 3, b"more"), reset(1, 8), frame(8, 0, 3, &[0; 4])].concat() {
            guard.write_all(&[byte]).await.unwrap();
        }
        assert_eq!(guard.begun.0, [3]);
    }
}
