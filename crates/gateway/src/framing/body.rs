//! Bodies: where they end. What they hold is nobody's business here.

use super::head::Framing;
use super::refusal::Refusal;
use crate::limits;

/// A body that is being followed.
#[derive(Debug)]
pub(crate) enum BodyScan {
    /// So many bytes are to come, at least one.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// How far a body went into a slice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it, and the body goes on.
    All,
    /// The body ends after so many bytes.
    End(usize),
}

/// What a part of a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What the body says.
    Data,
    /// What says where data begins and ends.
    Framing,
    /// Lines after the last chunk, the empty one included.
    Trailers,
}

impl BodyScan {
    /// Follows a body; `None` if there is none.
    pub(crate) fn new(framing: Framing) -> Option<Self> {
        match framing {
            Framing::None => None,
            Framing::Length(length) => Some(Self::Length(length)),
            Framing::Chunked => Some(Self::Chunked(Chunked::default())),
            Framing::UntilClose => Some(Self::UntilClose),
        }
    }

    /// Whether nothing more belongs to it.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.at == At::Over,
            Self::UntilClose => false,
        }
    }

    /// Whether data comes next.
    pub(crate) fn is_at_data(&self) -> bool {
        match self {
            Self::Length(left) => *left > 0,
            Self::Chunked(chunked) => chunked.at == At::Data,
            Self::UntilClose => true,
        }
    }

    /// How many bytes are to come, where that was said.
    pub(crate) const fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// Takes the piece that `bytes` begin with, of a body that is not over; gives its length, which is not 0 if there are
    /// any.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<(usize, Piece), Refusal> {
        match self {
            Self::UntilClose => Ok((bytes.len(), Piece::Data)),
            Self::Length(left) => Ok((count_off(left, bytes), Piece::Data)),
            Self::Chunked(chunked) => chunked.next(bytes),
        }
    }

    /// Takes what belongs to the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Taken, Refusal> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            taken += self.next(rest)?.0;
            if self.is_over() {
                return Ok(Taken::End(taken));
            }
        }
        Ok(Taken::All)
    }
}

/// Takes what is there of the bytes that are `left`.
fn count_off(left: &mut u64, bytes: &[u8]) -> usize {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= count as u64;
    count
}

/// A chunked body (RFC 9112, section 7.1), without what recipients may forgive: no space around a size, no bare CR or LF.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    at: At,
    /// Of the chunk's size so far, then of its data to come.
    size: u64,
    digits: u8,
    extensions: usize,
    trailers: usize,
    fields: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a line after the last chunk.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Over,
}

impl At {
    const fn is_in_trailers(self) -> bool {
        matches!(self, Self::Trailer | Self::TrailerName | Self::TrailerValue | Self::TrailerLf | Self::LastLf)
    }
}

impl Chunked {
    fn next(&mut self, bytes: &[u8]) -> Result<(usize, Piece), Refusal> {
        if self.at == At::Data {
            let count = count_off(&mut self.size, bytes);
            if self.size == 0 {
                self.at = At::DataCr;
            }
            return Ok((count, Piece::Data));
        }
        let in_trailers = self.at.is_in_trailers();
        let mut count = 0;
        for byte in bytes {
            count += 1;
            self.step(*byte)?;
            if matches!(self.at, At::Data | At::Over) || self.at.is_in_trailers() != in_trailers {
                break;
            }
        }
        Ok((count, if in_trailers { Piece::Trailers } else { Piece::Framing }))
    }

    /// Takes one byte that is not data.
    fn step(&mut self, byte: u8) -> Result<(), Refusal> {
        self.at = match (self.at, byte) {
            (At::Size, _) => self.step_size(byte)?,
            (At::Extension, b'\r') => At::SizeLf,
            (At::Extension, b'\t' | 0x20..=0x7e | 0x80..) => self.count_extension()?,
            (At::SizeLf, b'\n') if self.size == 0 => At::Trailer,
            (At::SizeLf, b'\n') => At::Data,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => {
                self.digits = 0;
                At::Size
            }
            (At::Trailer, b'\r') => At::LastLf,
            (At::LastLf, b'\n') => At::Over,
            (At::Trailer | At::TrailerName | At::TrailerValue | At::TrailerLf, _) => self.step_trailer(byte)?,
            _ => return Err(Refusal::BadChunk),
        };
        Ok(())
    }

    fn step_size(&mut self, byte: u8) -> Result<At, Refusal> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if self.digits > 0 => return Ok(At::SizeLf),
            b';' if self.digits > 0 => return Ok(At::Extension),
            _ => return Err(Refusal::BadChunk),
        };
        // 15 digits are below 2^63, which some servers cannot count beyond.
        self.digits += 1;
        self.size = self.size << 4 | u64::from(digit);
        if self.digits > 15 { Err(Refusal::BadChunk) } else { Ok(At::Size) }
    }

    fn count_extension(&mut self) -> Result<At, Refusal> {
        self.extensions += 1;
        if self.extensions > limits::CHUNK_EXTENSION_BYTES {
            Err(Refusal::ExtensionsTooLong)
        } else {
            Ok(At::Extension)
        }
    }

    fn step_trailer(&mut self, byte: u8) -> Result<At, Refusal> {
        self.trailers += 1;
        if self.trailers > limits::TRAILER_BYTES || self.fields > limits::TRAILER_FIELDS {
            return Err(Refusal::BadTrailers);
        }
        match (self.at, byte) {
            (At::Trailer, byte) if is_token(byte) => {
                self.fields += 1;
                Ok(At::TrailerName)
            }
            (At::TrailerName, byte) if is_token(byte) => Ok(At::TrailerName),
            (At::TrailerName, b':') => Ok(At::TrailerValue),
            (At::TrailerValue, b'\t' | 0x20..=0x7e | 0x80..) => Ok(At::TrailerValue),
            (At::TrailerValue, b'\r') => Ok(At::TrailerLf),
            (At::TrailerLf, b'\n') => Ok(At::Trailer),
            _ => Err(Refusal::BadTrailers),
        }
    }
}

/// A byte of a field's name (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunked(bytes: &[u8]) -> Result<Taken, Refusal> {
        BodyScan::Chunked(Chunked::default()).take(bytes)
    }

    #[test]
    fn a_length_is_followed_by_counting() {
        let mut body = BodyScan::new(Framing::Length(5)).unwrap();
        assert_eq!(body.take(b"abc"), Ok(Taken::All));
        assert_eq!(body.take(b"defg"), Ok(Taken::End(2)));
        assert!(BodyScan::new(Framing::None).is_none());
    }

    #[test]
    fn chunks_end_where_they_say_in_one_piece_or_many() {
        let body = b"5\r\nhello\r\n0a;x=\"y z\"\r\n0123456789\r\n0\r\nX-Last: yes\r\n\r\nGET / HTTP/1.1\r\n";
        let end = body.len() - b"GET / HTTP/1.1\r\n".len();
        assert_eq!(chunked(body), Ok(Taken::End(end)));
        let mut scan = BodyScan::Chunked(Chunked::default());
        for byte in &body[..end - 1] {
            assert_eq!(scan.take(&[*byte]), Ok(Taken::All));
        }
        assert_eq!(scan.take(&body[end - 1..]), Ok(Taken::End(1)));
        assert_eq!(chunked(b"0\r\n\r\n"), Ok(Taken::End(5)));
    }

    #[test]
    fn chunks_with_two_meanings_are_refused() {
        for bad in [
            &b"5 \r\n"[..],
            b" 5\r\n",
            b"\r\n",
            b"+5\r\n",
            b"0x5\r\n",
            b"5\n",
            b"5\r\r\n",
            b"5;\n",
            b"5;\r5",
            b"1000000000000000\r\n",
            b"1\r\nab\r\n",
            b"1\r\na\n",
            b"0\r\n\n",
            b"0\r\nX y: z\r\n",
            b"0\r\n X: y\r\n",
            b"0\r\nX: y\n",
            b"0\r\n: y\r\n",
        ] {
            assert!(chunked(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
