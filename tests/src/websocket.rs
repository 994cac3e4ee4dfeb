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

/// Reads one frame and gives its payload; none when the other side closes.
///
/// # Errors
/// When the connection ends inside a frame.
pub fn read_frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut start = [0; 2];
    match from.read_exact(&mut start) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
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
    let closes = start[0] & 0x0f == 8;
    Ok((!closes).then_some(payload))
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
