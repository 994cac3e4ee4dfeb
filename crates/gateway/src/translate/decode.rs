//! Compressed bodies, decoded within bounds: so much in all, and so many times of what came.
//!
//! What is decoded is kept until all of it is there, beside what came, because only then it is certain that the bounds
//! hold; a body that breaks them is passed on as it came.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};

use crate::limits;

/// Compressed input is decoded in pieces of this size, so that what one of them can become is bounded too.
pub(crate) const PIECE: usize = 1024;

/// How much more than the ratio allows may come out of the first pieces.
const HEADSTART: usize = 64 * 1024;

/// What a decoder of gzip and deflate takes for itself: a window of 32 KiB and its tables.
const INFLATE_WINDOW: usize = 48 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

impl Coding {
    /// What the decoder of a body that begins with this byte takes for itself.
    pub(crate) fn window(self, first: u8) -> Result<usize, NotDecoded> {
        match self {
            Self::Gzip | Self::Deflate => Ok(INFLATE_WINDOW),
            Self::Brotli => brotli_window(first),
        }
    }
}

/// The window that a brotli body asks for, 1 KiB to 16 MiB (RFC 7932, section 9.1). The larger ones, which the format leaves
/// undefined, are not opened: the decoder takes them, with a gigabyte for a kilobyte before any bound is asked.
fn brotli_window(first: u8) -> Result<usize, NotDecoded> {
    let bits = match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, 1) => return Err(NotDecoded),
        (_, 0, low) => 8 + low,
        (_, high, _) => 17 + high,
    };
    Ok(1 << bits)
}

/// How a body that is translated comes; `None` for codings that cannot be undone here, and for several.
pub(crate) fn coding(headers: &HeaderMap) -> Option<Option<Coding>> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let (first, second) = (codings.next(), codings.next());
    if second.is_some() {
        return None;
    }
    match first.map(|coding| coding.as_bytes().trim_ascii().to_ascii_lowercase()).as_deref() {
        None | Some(b"" | b"identity") => Some(None),
        Some(b"gzip" | b"x-gzip") => Some(Some(Coding::Gzip)),
        Some(b"deflate") => Some(Some(Coding::Deflate)),
        Some(b"br") => Some(Some(Coding::Brotli)),
        Some(_) => None,
    }
}

/// Takes codings that cannot be undone here out of what a client accepts.
pub(crate) fn restrict_accepted(headers: &mut HeaderMap) {
    if !headers.contains_key(ACCEPT_ENCODING) {
        return;
    }
    let known = |range: &&str| {
        let coding = range.split(';').next().unwrap_or_default().trim();
        ["gzip", "x-gzip", "deflate", "br", "identity"].iter().any(|known| known.eq_ignore_ascii_case(coding))
    };
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let accepted: Vec<&str> = lines.flat_map(|line| line.split(',')).filter(known).map(str::trim).collect();
    let accepted = if accepted.is_empty() { "identity".to_owned() } else { accepted.join(", ") };
    if let Ok(accepted) = HeaderValue::try_from(accepted) {
        headers.insert(ACCEPT_ENCODING, accepted);
    }
}

/// The body is passed on as it came: it is broken, or larger than what is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body cannot be decoded within bounds")]
pub(crate) struct NotDecoded;

/// Decodes one body.
pub(crate) struct Decoder {
    coding: Coding,
    /// Made with the first piece, which may tell more than the coding's name.
    inner: Option<Inner>,
    taken: usize,
}

enum Inner {
    Gzip(MultiGzDecoder<Decoded>),
    Zlib(ZlibDecoder<Decoded>),
    Deflate(DeflateDecoder<Decoded>),
    Brotli(Box<DecompressorWriter<Decoded>>),
}

/// What was decoded so far, and how much it may be at this moment.
#[derive(Debug, Default)]
struct Decoded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Decoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other(NotDecoded));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("coding", &self.coding).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Decoder {
    pub(crate) const fn new(coding: Coding) -> Self {
        Self { coding, inner: None, taken: 0 }
    }

    /// Decodes a piece of [`PIECE`] bytes or less; how many bytes there are then.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<usize, NotDecoded> {
        self.taken += piece.len();
        let most = (self.taken * limits::DECODED_RATIO + HEADSTART).min(limits::DECODED_BYTES);
        let coding = self.coding;
        if self.inner.is_none() && coding == Coding::Brotli {
            brotli_window(*piece.first().ok_or(NotDecoded)?)?;
        }
        let inner = self.inner.get_or_insert_with(|| Inner::new(coding, piece));
        inner.decoded().most = most;
        inner.writer().write_all(piece).map_err(|_| NotDecoded)?;
        Ok(inner.decoded().bytes.len())
    }

    /// All of it, if the body is complete.
    pub(crate) fn finish(self) -> Result<Bytes, NotDecoded> {
        let broken = |_| NotDecoded;
        let decoded = match self.inner.ok_or(NotDecoded)? {
            Inner::Gzip(decoder) => decoder.finish().map_err(broken)?,
            Inner::Zlib(decoder) => decoder.finish().map_err(broken)?,
            Inner::Deflate(decoder) => decoder.finish().map_err(broken)?,
            Inner::Brotli(decoder) => decoder.into_inner().map_err(|_| NotDecoded)?,
        };
        Ok(Bytes::from(decoded.bytes))
    }
}

impl Inner {
    fn new(coding: Coding, first: &[u8]) -> Self {
        let decoded = Decoded::default();
        match coding {
            Coding::Gzip => Self::Gzip(MultiGzDecoder::new(decoded)),
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(decoded, PIECE))),
            // With or without a wrapper, whose first byte names the method in its low half (RFC 1950, section 2.2).
            Coding::Deflate if first.first().is_some_and(|byte| byte & 0x0f == 8) => {
                Self::Zlib(ZlibDecoder::new(decoded))
            }
            Coding::Deflate => Self::Deflate(DeflateDecoder::new(decoded)),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(decoder) => decoder,
            Self::Zlib(decoder) => decoder,
            Self::Deflate(decoder) => decoder,
            Self::Brotli(decoder) => decoder,
        }
    }

    fn decoded(&mut self) -> &mut Decoded {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    const TEXT: &[u8] = b"<a href='http://shop/'>a link</a> and a link and a link and a link";

    /// [`TEXT`] as brotli writes it without looking for repetitions (RFC 7932): a window, one uncompressed part, the end.
    fn brotli(text: &[u8]) -> Vec<u8> {
        let length = u32::try_from(text.len() - 1).unwrap();
        // WBITS 16 in one bit; then ISLAST 0, MNIBBLES 4, MLEN - 1, ISUNCOMPRESSED 1, all from the lowest bit up.
        let head = (length << 4) | (1 << 20);
        let mut bytes = head.to_le_bytes()[..3].to_vec();
        bytes.extend_from_slice(text);
        bytes.push(3);
        bytes
    }

    fn compressed(coding: Coding) -> Vec<u8> {
        match coding {
            Coding::Gzip => gzip(TEXT),
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(TEXT).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Brotli => brotli(TEXT),
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(coding: Coding, bytes: &[u8], size: usize) -> Result<Bytes, NotDecoded> {
        let mut decoder = Decoder::new(coding);
        for piece in bytes.chunks(size) {
            decoder.feed(piece)?;
        }
        decoder.finish()
    }

    #[test]
    fn every_coding_is_undone_however_it_is_cut() {
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli] {
            let bytes = compressed(coding);
            for size in [1, 2, 7, PIECE] {
                assert_eq!(decoded(coding, &bytes, size).as_deref(), Ok(TEXT), "{coding:?} in pieces of {size}");
            }
        }
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(TEXT).unwrap();
        assert_eq!(decoded(Coding::Deflate, &bare.finish().unwrap(), 5).as_deref(), Ok(TEXT));
        let two = [gzip(TEXT), gzip(TEXT)].concat();
        assert_eq!(decoded(Coding::Gzip, &two, 9).map(|all| all.len()), Ok(2 * TEXT.len()));
    }

    #[test]
    fn what_is_broken_is_not_decoded() {
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli] {
            assert_eq!(decoded(coding, b"", PIECE), Err(NotDecoded), "{coding:?}");
            assert_eq!(decoded(coding, b"<html>not compressed at all</html>", PIECE), Err(NotDecoded), "{coding:?}");
        }
        let bytes = gzip(TEXT);
        assert_eq!(decoded(Coding::Gzip, &bytes[..bytes.len() - 1], PIECE), Err(NotDecoded));
        let bytes = brotli(TEXT);
        assert_eq!(decoded(Coding::Brotli, &bytes[..bytes.len() - 2], PIECE), Err(NotDecoded));
    }

    #[test]
    fn a_bomb_is_given_up_before_it_is_large() {
        let bomb = gzip(&vec![b'x'; 64 * 1024 * 1024]);
        let mut decoder = Decoder::new(Coding::Gzip);
        let mut largest = 0;
        let refused = bomb.chunks(PIECE).find_map(|piece| match decoder.feed(piece) {
            Ok(size) => {
                largest = size;
                None
            }
            Err(refused) => Some(refused),
        });
        assert_eq!(refused, Some(NotDecoded));
        assert!(largest < 1024 * 1024, "{largest}");
    }

    #[test]
    fn a_brotli_window_beyond_the_format_is_not_opened() {
        let length = u64::try_from(TEXT.len() - 1).unwrap();
        // The mark of a large window and its 30 bits; then as in `brotli`.
        let head: u64 = 0b001_0001 | (30 << 8) | (length << 17) | (1 << 33);
        let bytes = [&head.to_le_bytes()[..5], TEXT, &[3]].concat();
        let mut decoder = Decoder::new(Coding::Brotli);
        assert_eq!(decoder.feed(&bytes), Err(NotDecoded));
    }

    #[test]
    fn the_window_of_a_brotli_body_is_what_its_first_bits_say() {
        // The table of RFC 7932, section 9.1.
        for (bits, byte) in
            [(10, 0b010_0001), (15, 0b111_0001), (16, 0), (17, 0b000_0001), (18, 0b0011), (22, 0b1011), (24, 0b1111)]
        {
            assert_eq!(Coding::Brotli.window(byte), Ok(1 << bits), "{bits}");
            assert_eq!(Coding::Brotli.window(byte | 0b1000_0000), Ok(1 << bits), "the last bit is not the window's");
        }
        assert_eq!(Coding::Brotli.window(0b001_0001), Err(NotDecoded));
    }

    #[test]
    fn a_body_that_is_larger_than_what_is_translated_is_given_up() {
        let mut random = fastrand::Rng::with_seed(7);
        let noise: Vec<u8> = (0..limits::DECODED_BYTES + 1).map(|_| random.alphanumeric() as u8).collect();
        assert_eq!(decoded(Coding::Gzip, &gzip(&noise), PIECE), Err(NotDecoded));
        let largest = &noise[..limits::DECODED_BYTES];
        assert_eq!(decoded(Coding::Gzip, &gzip(largest), PIECE).map(|all| all.len()), Ok(limits::DECODED_BYTES));
    }

    #[test]
    fn one_coding_that_is_known_is_undone_and_no_other() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            coding(&headers)
        };
        assert_eq!(of(&[]), Some(None));
        assert_eq!(of(&["identity"]), Some(None));
        assert_eq!(of(&["gzip"]), Some(Some(Coding::Gzip)));
        assert_eq!(of(&["X-GZIP"]), Some(Some(Coding::Gzip)));
        assert_eq!(of(&["br"]), Some(Some(Coding::Brotli)));
        assert_eq!(of(&["deflate"]), Some(Some(Coding::Deflate)));
        for others in [&["zstd"][..], &["gzip, br"], &["gzip", "br"], &["compress"]] {
            assert_eq!(of(others), None, "{others:?}");
        }
    }

    #[test]
    fn clients_accept_only_what_can_be_undone() {
        let restricted = |accepted: &'static str| {
            let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            restrict_accepted(&mut headers);
            headers[ACCEPT_ENCODING].to_str().unwrap().to_owned()
        };
        assert_eq!(restricted("gzip, deflate, br, zstd"), "gzip, deflate, br");
        assert_eq!(restricted("zstd;q=1, GZIP;q=0.5, *;q=0"), "GZIP;q=0.5");
        assert_eq!(restricted("zstd"), "identity");
        let mut nothing = HeaderMap::new();
        restrict_accepted(&mut nothing);
        assert!(nothing.is_empty());
    }
}
