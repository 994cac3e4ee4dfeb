//! `Transfer-Encoding` in a thousand spellings. Exactly one means chunked; all others are refused or mean nothing.

use crate::site::{Fate, SMUGGLED, Site, post};

const NAMES: &[&[u8]] = &[
    b"Transfer-Encoding",
    b"transfer-encoding",
    b"TRANSFER-ENCODING",
    b"tRANSFER-eNCODING",
    b"Transfer_Encoding",
    b"Transfer.Encoding",
    b"TRANSFER_ENCODING",
    b"Transfer-Encoding_",
    b"Transfer-Encodin",
    b"Transfer-Encodings",
    b"X-Transfer-Encoding",
    b"Content-Encoding",
    b"Transfer--Encoding",
    b"TransferEncoding",
    b" Transfer-Encoding",
    b"\tTransfer-Encoding",
    b"Transfer-Encoding ",
    b"Transfer-Encoding\t",
    b"Transfer-Encoding\x0b",
    b"\x0bTransfer-Encoding",
    b"Transfer\0-Encoding",
    b"\0Transfer-Encoding",
    b"Transfer Encoding",
    b"Transfer-Encoding\r",
    b"\rTransfer-Encoding",
    b"\nTransfer-Encoding",
    b"X: y\nTransfer-Encoding",
    b"X: y\rTransfer-Encoding",
    b"\xef\xbb\xbfTransfer-Encoding",
    b"Transfer\xe2\x80\x90Encoding",
    b"Tran\xc5\xbffer-Encoding",
    b"\"Transfer-Encoding\"",
    b"Transfer-Encoding:",
    b"Transfer-Encoding/",
    b"Transfer-\\Encoding",
];

const SEPARATORS: &[&[u8]] = &[
    b": ", b":", b":\t", b":    ", b": \t ", b" : ", b"\t:", b":\x0b", b":\x0c", b":\0", b":\r\n ", b":\r\n\t",
    b":\n ", b":\r ", b":\n", b":\r", b"=", b"; ", b"::", b": :", b"",
];

const VALUES: &[&[u8]] = &[
    b"chunked",
    b"Chunked",
    b"CHUNKED",
    b"cHUnKeD",
    b"chunked ",
    b"chunked\t",
    b"chunked \t ",
    b"chunked\x0b",
    b"\x0bchunked",
    b"chunked\x0c",
    b"chunked\0",
    b"\0chunked",
    b"\"chunked\"",
    b"'chunked'",
    b"(chunked)",
    b"<chunked>",
    b"[chunked]",
    b"chunked,",
    b",chunked",
    b", ,chunked",
    b"chunked,,",
    b"chunked, chunked",
    b"chunked,identity",
    b"identity, chunked",
    b"identity,chunked",
    b"identity",
    b"gzip, chunked",
    b"gzip",
    b"chunked, gzip",
    b"deflate",
    b"trailers",
    b"cow",
    b"cow, chunked",
    b"chunked;q=1",
    b"chunked; a=b",
    b"chunked; a=\"b\"",
    b"chunked;",
    b"xchunked",
    b"chunkedx",
    b"chunk",
    b"x chunked",
    b"chunked x",
    b"chunked chunked",
    b"ch\xc3\xbcnked",
    b"chun\xe2\x84\xaaed",
    b"\xffchunked",
    b"chunked\xa0",
    b"chunked\xc2\xa0",
    b"c%68unked",
    b"\\chunked",
    b"chunked\\",
    b"chunked\r",
    b"chunked\n",
    b"\rchunked",
    b"\nchunked",
    b"chunked\r\nTransfer-Encoding: chunked",
    b"chunked\r\nTransfer-Encoding: identity",
    b"identity\r\nTransfer-Encoding: chunked",
    b"gzip\r\nTransfer-Encoding: chunked",
    b"\r\nTransfer-Encoding: chunked",
    b"chunked\r\nTransfer-Encoding:",
    b"chunked\r\n , identity",
    b"chunked\r\nX: y",
    b"",
    b" ",
    b"none",
    b"null",
    b"true",
    b"1",
    b"*",
    b"chunked=chunked",
    b"chunked: chunked",
];

/// Every name with three values and every separator, every separator with every value, each line once.
fn lines() -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for name in NAMES {
        lines.extend([VALUES[0], VALUES[2], VALUES[22]].map(|value| [name, SEPARATORS[0], value, b"\r\n"].concat()));
        lines.extend(SEPARATORS.iter().map(|separator| [name, separator, VALUES[0], b"\r\n"].concat()));
    }
    for separator in SEPARATORS {
        lines.extend(VALUES.iter().map(|value| [NAMES[0], separator, value, b"\r\n"].concat()));
    }
    lines.sort();
    lines.dedup();
    lines
}

/// What a strict reader makes of a line.
fn meaning(line: &[u8]) -> Meaning {
    let line = line.strip_suffix(b"\r\n").unwrap_or_default();
    let line = line.strip_suffix(b"\r\nX: y").unwrap_or(line);
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Meaning::Bad };
    let (name, value) = (line[..colon].to_ascii_lowercase(), &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if !name.iter().all(is_token) || value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Meaning::Bad;
    }
    let inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(inner).unwrap_or(value.len());
    let end = value.iter().rposition(inner).map_or(start, |last| last + 1);
    let plain: Vec<u8> = name.iter().map(|byte| if byte.is_ascii_alphanumeric() { *byte } else { b'-' }).collect();
    match (name == b"transfer-encoding", plain == b"transfer-encoding") {
        (true, _) if value[start..end].eq_ignore_ascii_case(b"chunked") => Meaning::Chunked,
        (false, false) => Meaning::Nothing,
        _ => Meaning::Bad,
    }
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    /// The name, a colon, spaces or tabs, the word.
    Chunked,
    /// Some other field.
    Nothing,
    /// No field, no coding we know, or a name that somebody might take for the real one.
    Bad,
}

#[test]
fn one_spelling_of_transfer_encoding_is_chunked_and_every_other_is_refused_or_means_nothing() {
    let mut site = Site::start();
    let length = SMUGGLED.len() as u64;
    let body = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let lines = lines();
    assert!(lines.len() > 1000, "{} lines", lines.len());
    let mut fates = [0; 3];
    for line in &lines {
        let fate = match meaning(line) {
            Meaning::Chunked => Fate::Served(length),
            Meaning::Nothing => Fate::Bodiless,
            Meaning::Bad => Fate::Refused,
        };
        match site.demand("a Transfer-Encoding line", &post(line, body.as_bytes()), &[fate]) {
            Fate::Refused => fates[0] += 1,
            Fate::Bodiless => fates[1] += 1,
            Fate::Served(_) => fates[2] += 1,
        }
    }
    println!("{} lines: {fates:?} refused, without a body, chunked", lines.len());
    assert!(fates.iter().all(|count| *count > 0), "each fate was met: {fates:?}");
    site.is_well();
}
