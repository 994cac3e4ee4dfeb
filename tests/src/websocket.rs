//! WebSocket frames (RFC 6455), as far as an echo needs them: short and medium frames, text and close.

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The longest frame that is read; the tests send far less.
const LONGEST: usize = 1024 * 1024;

/// What a server answers to a client's key (RFC 6455 section 4.2.2).
#[must_use]
pub fn accept_value(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// Writes one text frame, masked as a client must, or bare as a server must.
///
/// # Errors
/// When the connection has ended.
pub fn write_frame(to: &mut impl Write, text: &[u8], mask: Option<[u8; 4]>) -> io::Result<()> {
    let masked: u8 = if mask.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x81];
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(length), _) if length < 126 => frame.push(masked | length),
        (_, Ok(length)) => {
            frame.push(masked | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(text.len() as u64).to_be_bytes());
        }
    }
    if let Some(key) = mask {
        frame.extend_from_slice(&key);
    }
    let key = mask.unwrap_or_default();
    frame.extend(text.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    to.write_all(&frame)
}

/// What the other side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A message.
    Message(Vec<u8>),
    /// It closes, with this code; 1005 where it gives none (RFC 6455, section 7.4.1).
    Closing(u16),
    /// Nothing more: the connection has ended, between two frames.
    End,
}

/// Reads one frame and gives its payload; none when the other side closes.
///
/// # Errors
/// When the connection ends inside a frame.
pub fn read_frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    match read(from)? {
        Said::Message(text) => Ok(Some(text)),
        Said::Closing(_) | Said::End => Ok(None),
    }
}

/// Writes a closing frame of a client that answers that of the server.
///
/// # Errors
/// When the connection has ended.
pub fn write_closing(to: &mut impl Write, code: u16) -> io::Result<()> {
    // Masked with zeros, which changes nothing.
    to.write_all(&[&[0x88, 0x82, 0, 0, 0, 0][..], &code.to_be_bytes()].concat())
}

/// Reads what the other side says next.
///
/// # Errors
/// When the connection ends inside a frame.
pub fn read(from: &mut impl Read) -> io::Result<Said> {
    let mut start = [0; 2];
    match from.read_exact(&mut start) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Said::End),
        read => read?,
    }
    let length = match start[1] & 0x7f {
        126 => usize::from(u16::from_be_bytes(array(from)?)),
        127 => usize::try_from(u64::from_be_bytes(array(from)?)).map_err(io::Error::other)?,
        short => usize::from(short),
    };
    if length > LONGEST {
        return Err(io::Error::other("a frame longer than any that the tests send"));
    }
    let key: [u8; 4] = if start[1] & 0x80 == 0 { [0; 4] } else { array(from)? };
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    match (start[0] & 0x0f, &payload[..]) {
        (8, [first, second, ..]) => Ok(Said::Closing(u16::from_be_bytes([*first, *second]))),
        (8, _) => Ok(Said::Closing(1005)),
        _ => Ok(Said::Message(payload)),
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
