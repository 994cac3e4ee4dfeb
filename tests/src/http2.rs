//! A client that writes HTTP/2 frames as a test wants them, right or wrong, and reads what comes back.
//!
//! Heads are written without compression; of the answers, only what a test asks for is understood: the status, and how
//! a stream or the connection ended.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::http::{Connection, Trust};

/// The types of frames (RFC 9113, section 6).
pub mod kind {
    /// A part of a body.
    pub const DATA: u8 = 0;
    /// A head, or trailers.
    pub const HEADERS: u8 = 1;
    /// What nobody heeds any more.
    pub const PRIORITY: u8 = 2;
    /// The end of a stream before its time.
    pub const RST_STREAM: u8 = 3;
    /// What a side can take.
    pub const SETTINGS: u8 = 4;
    /// A question that is answered at once.
    pub const PING: u8 = 6;
    /// The end of the connection.
    pub const GOAWAY: u8 = 7;
    /// Room for more data.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More of a head.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    /// No flag.
    pub const NONE: u8 = 0;
    /// Of DATA and HEADERS.
    pub const END_STREAM: u8 = 1;
    /// Of SETTINGS and PING.
    pub const ACK: u8 = 1;
    /// Of HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 4;
}

/// A field of a head.
pub type Field<'f> = (&'f [u8], &'f [u8]);

/// A frame that was read.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// What it holds.
    pub payload: Vec<u8>,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// An answer that is complete: its status and body.
    Answer(u16, Vec<u8>),
    /// The stream was reset with this code.
    Reset(u32),
    /// The connection was ended with this code.
    GoAway(u32),
    /// The connection was closed.
    Closed,
    /// Nothing for as long as the test waits.
    Silence,
}

/// A connection.
pub struct Http2 {
    connection: Connection,
    next: u32,
    last: Option<u32>,
}

impl Http2 {
    /// Connects, asking for `host`, and greets.
    ///
    /// # Errors
    /// When nobody speaks HTTP/2 there.
    pub fn connect(address: SocketAddr, host: &str, trust: &Trust) -> io::Result<Self> {
        Self::connect_with(address, host, trust, &[])
    }

    /// The same with settings of its own, each `(identifier, value)`.
    ///
    /// # Errors
    /// When nobody speaks HTTP/2 there.
    pub fn connect_with(address: SocketAddr, host: &str, trust: &Trust, settings: &[(u16, u32)]) -> io::Result<Self> {
        let mut connection = Connection::tls(address, host, &trust.offering(b"h2"))?;
        connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        let mut client = Self { connection, next: 1, last: None };
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(identifier, value)| [&identifier.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        client.write(&frame(kind::SETTINGS, flag::NONE, 0, &payload))?;
        Ok(client)
    }

    /// How long the server may be silent.
    pub fn set_patience(&self, patience: Duration) {
        self.connection.set_patience(patience);
    }

    /// Writes raw bytes.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.write(bytes)
    }

    /// The number of the next stream that this client may open.
    pub fn new_stream(&mut self) -> u32 {
        let stream = self.next;
        self.next += 2;
        stream
    }

    /// Opens a stream with a head; `flags` beside END_HEADERS.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn open(&mut self, fields: &[Field<'_>], flags: u8) -> io::Result<u32> {
        let stream = self.new_stream();
        self.write(&frame(kind::HEADERS, flags | flag::END_HEADERS, stream, &block(fields)))?;
        Ok(stream)
    }

    /// The last stream that the server serves, once it has said that it ends the connection; those beyond were not read,
    /// and can be sent again over another one.
    #[must_use]
    pub fn last_served(&self) -> Option<u32> {
        self.last
    }

    /// Sends a request with a body of at most 32 KiB and waits for its end.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn send(&mut self, method: &str, host: &str, path: &str, body: &[u8]) -> io::Result<(u32, End)> {
        let fields: [Field<'_>; 4] = [
            (b":method", method.as_bytes()),
            (b":scheme", b"https"),
            (b":authority", host.as_bytes()),
            (b":path", path.as_bytes()),
        ];
        let stream = self.open(&fields, if body.is_empty() { flag::END_STREAM } else { flag::NONE })?;
        let parts = body.chunks(16 * 1024);
        let count = parts.len();
        for (index, part) in parts.enumerate() {
            let flags = if index + 1 == count { flag::END_STREAM } else { flag::NONE };
            self.write(&frame(kind::DATA, flags, stream, part))?;
        }
        Ok((stream, self.end_of(stream)))
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// When the connection has ended or is silent for too long.
    pub fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.connection.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.connection.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Ok(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads until it is known how `stream` ended; answers settings and pings on the way, and keeps the windows open.
    pub fn end_of(&mut self, stream: u32) -> End {
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let frame = match self.read() {
                Ok(frame) => frame,
                Err(error) if is_silence(&error) => return End::Silence,
                Err(_) => return End::Closed,
            };
            if frame.kind == kind::GOAWAY {
                self.last = Some(code(&frame, 0) & 0x7fff_ffff);
            }
            match frame.kind {
                kind::GOAWAY if code(&frame, 4) != 0 => return End::GoAway(code(&frame, 4)),
                kind::RST_STREAM if frame.stream == stream => return End::Reset(code(&frame, 0)),
                kind::HEADERS if frame.stream == stream => {
                    if let Some(found) = status_of(&frame.payload).filter(|found| *found >= 200 && status == 0) {
                        status = found;
                    }
                }
                kind::DATA => self.take_data(&frame, stream, &mut body),
                _ => self.acknowledge(&frame),
            }
            let is_last = matches!(frame.kind, kind::HEADERS | kind::DATA) && frame.flags & flag::END_STREAM != 0;
            if is_last && frame.stream == stream {
                return End::Answer(status, body);
            }
        }
    }

    fn take_data(&mut self, frame: &Frame, stream: u32, body: &mut Vec<u8>) {
        if frame.stream == stream {
            body.extend_from_slice(&frame.payload);
        }
        if let Ok(length) = u32::try_from(frame.payload.len())
            && length > 0
        {
            let more = [window_update(0, length), window_update(frame.stream, length)].concat();
            // Refused only by a connection that has ended, which the next read shows.
            let _ = self.write(&more);
        }
    }

    /// Answers settings and pings.
    pub fn acknowledge(&mut self, frame: &Frame) {
        let answer = match frame.kind {
            kind::SETTINGS if frame.flags & flag::ACK == 0 => self::frame(kind::SETTINGS, flag::ACK, 0, &[]),
            kind::PING if frame.flags & flag::ACK == 0 => self::frame(kind::PING, flag::ACK, 0, &frame.payload),
            _ => return,
        };
        // As above.
        let _ = self.write(&answer);
    }
}

/// Whether reading failed because nothing came.
#[must_use]
pub fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A frame as it is sent.
///
/// # Panics
/// When the payload is longer than a frame can say.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a length").to_be_bytes();
    assert_eq!(length[0], 0, "a payload of {} bytes", payload.len());
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A window update.
#[must_use]
pub fn window_update(stream: u32, size: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, flag::NONE, stream, &size.to_be_bytes())
}

/// A head, as it stands in HEADERS: each field with its name, not compressed, not kept (RFC 7541, section 6.2.2).
#[must_use]
pub fn block(fields: &[Field<'_>]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| [&[0], text(name).as_slice(), &text(value)].concat()).collect()
}

/// A text without Huffman coding (RFC 7541, section 5.2).
#[must_use]
pub fn text(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len(), 7), bytes.to_vec()].concat()
}

/// A number in a prefix of so many bits (RFC 7541, section 5.1).
fn number(number: usize, bits: u32) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if number < most {
        return vec![u8::try_from(number).expect("less than a byte")];
    }
    let mut bytes = vec![u8::try_from(most).expect("a byte")];
    let mut rest = number - most;
    while rest >= 128 {
        bytes.push(0x80 | u8::try_from(rest % 128).expect("seven bits"));
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes
}

/// The error code in a frame.
#[must_use]
pub fn code(frame: &Frame, offset: usize) -> u32 {
    let bytes = frame.payload.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

/// The status at the start of the first head on a connection (later ones may refer to it).
fn status_of(block: &[u8]) -> Option<u16> {
    match block {
        [indexed @ 0x88..=0x8e, ..] => Some([200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]),
        // A size update of the table may come first.
        [0x20..=0x3e, rest @ ..] => status_of(rest),
        [0x3f, rest @ ..] => {
            let last = rest.iter().position(|byte| byte & 0x80 == 0)?;
            status_of(rest.get(last + 1..)?)
        }
        [0x08 | 0x48, length, rest @ ..] if length & 0x80 == 0 => {
            std::str::from_utf8(rest.get(..usize::from(*length))?).ok()?.parse().ok()
        }
        [0x08 | 0x48, length, rest @ ..] => huffman_digits(rest.get(..usize::from(length & 0x7f))?).parse().ok(),
        _ => None,
    }
}

/// Digits in Huffman coding: 0, 1 and 2 have five bits, the others six (RFC 7541, appendix B).
fn huffman_digits(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let value = |bits: &[u8]| bits.iter().fold(0_u8, |value, bit| value << 1 | bit);
    let (mut digits, mut position) = (String::new(), 0);
    while let Some(five) = bits.get(position..position + 5) {
        let (digit, length) = match (value(five), bits.get(position..position + 6).map(value)) {
            (digit @ 0..=2, _) => (digit, 5),
            (_, Some(six @ 0b01_1001..=0b01_1111)) => (six - 0b01_1001 + 3, 6),
            _ => break,
        };
        digits.push(char::from(b'0' + digit));
        position += length;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_each_of_its_forms() {
        assert_eq!(status_of(&[0x88]), Some(200));
        assert_eq!(status_of(&[0x3f, 0x8c]), None);
        assert_eq!(status_of(&[0x20, 0x8c]), Some(400));
        assert_eq!(status_of(&[0x3f, 0xe1, 0x1f, 0x8c]), Some(400));
        assert_eq!(status_of(b"\x08\x03421"), Some(421));
        // 431: 011010 011001 00001 and ones.
        assert_eq!(status_of(&[0x48, 0x83, 0b0110_1001, 0b1001_0000, 0b1111_1111]), Some(431));
        // 302: 011001 00000 00010
        assert_eq!(status_of(&[0x48, 0x82, 0b0110_0100, 0b0000_0010]), Some(302));
    }

    #[test]
    fn numbers_beyond_the_prefix_go_on() {
        assert_eq!(number(10, 5), [10]);
        assert_eq!(number(1337, 5), [31, 154, 10]);
    }
}
