//! Heads, line by line: where they end, and how the body after them is framed.
//!
//! A head is scanned once, however many reads it comes in. What is no name or no value (bare CR, NUL, a space before a
//! colon) is refused by whoever makes fields of the lines, the HTTP library or [`crate::http1::head`]; here is what the
//! library forgives, and what it would refuse without a word.

use memchr::memchr;

use super::refusal::Refusal;
use crate::limits;

/// How the body after a head is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// So many bytes, at least one.
    Length(u64),
    Chunked,
    /// All until the connection ends; in answers only.
    UntilClose,
}

/// What the head of a request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) framing: Framing,
    /// It asks for another protocol: what follows waits until it is known who reads it.
    pub(crate) upgrade: bool,
}

/// What the head of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseHead {
    pub(crate) framing: Framing,
    pub(crate) status: u16,
}

/// Which kind of first line a head has.
pub(crate) trait FirstLine {
    /// Reads it.
    fn read(line: &[u8], facts: &mut Facts) -> Result<(), Refusal>;

    /// What is wrong with one that starts with these bytes and does not end within the limit.
    fn too_long(bytes: &[u8]) -> Refusal;
}

/// Of a request.
#[derive(Debug)]
pub(crate) enum OfRequest {}

/// Of an answer.
#[derive(Debug)]
pub(crate) enum OfResponse {}

/// What was learnt of a head so far.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    old_version: bool,
    status: u16,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    cookies: usize,
    fields: usize,
}

/// A head that is being read. The slice that it is given always starts with the head and only grows.
#[derive(Debug)]
pub(crate) struct HeadScan<K> {
    facts: Facts,
    line: usize,
    searched: usize,
    kind: std::marker::PhantomData<K>,
}

impl<K> Default for HeadScan<K> {
    fn default() -> Self {
        Self { facts: Facts::default(), line: 0, searched: 0, kind: std::marker::PhantomData }
    }
}

impl<K: FirstLine> HeadScan<K> {
    /// Reads on in `bytes`; gives the length of the head once it is complete.
    fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        while let Some(found) = bytes.get(self.searched..).and_then(|rest| memchr(b'\n', rest)) {
            let end = self.searched + found;
            // With a line beginning at `self.line`, an LF there has nothing before it.
            let line = bytes.get(self.line..end).and_then(|line| line.strip_suffix(b"\r"));
            let line = line.ok_or(Refusal::BareLineFeed)?;
            let first = self.line == 0;
            self.line = end + 1;
            self.searched = end + 1;
            self.within_limit(first, bytes)?;
            match (line.is_empty(), first) {
                (true, true) => return Err(Refusal::EmptyLineFirst),
                (true, false) => return Ok(Some(end + 1)),
                (false, true) => K::read(line, &mut self.facts)?,
                (false, false) => self.facts.read_field(line)?,
            }
        }
        self.searched = bytes.len();
        self.within_limit(self.line == 0, bytes)?;
        Ok(None)
    }

    fn within_limit(&self, first_line: bool, bytes: &[u8]) -> Result<(), Refusal> {
        if first_line && self.searched > limits::TARGET_BYTES + limits::AROUND_TARGET_BYTES {
            return Err(K::too_long(bytes));
        }
        if self.searched > limits::HEAD_BYTES { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }
}

impl HeadScan<OfRequest> {
    /// Reads on; gives the length of the head and what it says once it is complete.
    pub(crate) fn request(&mut self, bytes: &[u8]) -> Result<Option<(usize, RequestHead)>, Refusal> {
        let Some(end) = self.advance(bytes)? else { return Ok(None) };
        let facts = std::mem::take(&mut self.facts);
        (self.line, self.searched) = (0, 0);
        let framing = facts.framing()?.unwrap_or(Framing::None);
        if facts.upgrade && (facts.length.is_some() || facts.chunked) {
            return Err(Refusal::UpgradeWithBody);
        }
        Ok(Some((end, RequestHead { framing, upgrade: facts.upgrade })))
    }
}

impl HeadScan<OfResponse> {
    /// Reads on; gives the length of the head and what it says once it is complete. `bodiless`: the request was a HEAD.
    pub(crate) fn response(&mut self, bytes: &[u8], bodiless: bool) -> Result<Option<(usize, ResponseHead)>, Refusal> {
        let Some(end) = self.advance(bytes)? else { return Ok(None) };
        let facts = std::mem::take(&mut self.facts);
        (self.line, self.searched) = (0, 0);
        let said = facts.framing()?;
        let framing = if bodiless || matches!(facts.status, 100..=199 | 204 | 304) {
            Framing::None
        } else {
            said.unwrap_or(Framing::UntilClose)
        };
        Ok(Some((end, ResponseHead { framing, status: facts.status })))
    }
}

impl Facts {
    /// How the body is framed, if the head says so.
    fn framing(&self) -> Result<Option<Framing>, Refusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Refusal::LengthBesideCoding),
            (None, true) if self.old_version => Err(Refusal::CodingInOldVersion),
            (None, true) => Ok(Some(Framing::Chunked)),
            (Some(0), false) => Ok(Some(Framing::None)),
            (Some(length), false) => Ok(Some(Framing::Length(length))),
            (None, false) => Ok(None),
        }
    }

    fn read_field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.fields += 1;
        if self.fields > limits::FIELDS {
            return Err(Refusal::TooManyFields);
        }
        // By the first letter: all but a few fields are of no interest here.
        match line.first() {
            Some(b' ' | b'\t') => Err(Refusal::FoldedField),
            Some(b'c' | b'C') => match value_of(line, b"content-length")? {
                Some(value) => self.read_length(value),
                None => self.count_cookies(line),
            },
            Some(b't' | b'T') => match value_of(line, b"transfer-encoding")? {
                Some(value) => self.read_coding(value),
                None => Ok(()),
            },
            Some(b'u' | b'U') => {
                self.upgrade |= line.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"upgrade:"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count_cookies(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if let Some((name, value)) = line.split_at_checked(b"cookie:".len())
            && name.eq_ignore_ascii_case(b"cookie:")
        {
            self.cookies += value.len();
        }
        if self.cookies > limits::COOKIE_BYTES { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }

    fn read_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let length = digits(value).ok_or(Refusal::BadLength)?;
        if self.length.replace(length).is_some() { Err(Refusal::TwoLengths) } else { Ok(()) }
    }

    fn read_coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let once = !std::mem::replace(&mut self.chunked, true);
        if once && value.eq_ignore_ascii_case(b"chunked") { Ok(()) } else { Err(Refusal::BadCoding) }
    }
}

/// The value of a field if it has this name, without the spaces around. A name that differs in its signs only, which
/// some servers read as the same one, is refused.
fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Result<Option<&'l [u8]>, Refusal> {
    let Some((given, rest)) = line.split_at_checked(name.len()) else { return Ok(None) };
    if !may_be_read_as(given, name) {
        return Ok(None);
    }
    match rest.split_first() {
        Some((b':', value)) if given.eq_ignore_ascii_case(name) => Ok(Some(trim(value))),
        Some((b':', _)) => Err(Refusal::FramingTwin),
        // A longer name, or one that the library refuses.
        _ => Ok(None),
    }
}

/// Whether some servers read a field's name as `name`, which is in lower case: it differs in its signs at most.
pub(crate) fn may_be_read_as(given: &[u8], name: &[u8]) -> bool {
    let plain = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    given.iter().map(plain).eq(name.iter().copied())
}

/// Without spaces and tabs around, and nothing else (RFC 9110, section 5.6.3).
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(inner).unwrap_or(value.len());
    let end = value.iter().rposition(inner).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// A length in plain digits. A leading zero is refused: there are servers that read `010` as eight.
pub(crate) fn digits(value: &[u8]) -> Option<u64> {
    // 18 digits are below 2^63, which some servers cannot count beyond.
    let plausible = (1..=18).contains(&value.len()) && (value.len() == 1 || value.first() != Some(&b'0'));
    if !plausible || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

impl FirstLine for OfRequest {
    fn read(line: &[u8], facts: &mut Facts) -> Result<(), Refusal> {
        facts.old_version = match line.rsplit(|byte| *byte == b' ').next() {
            Some(b"HTTP/1.1") => false,
            Some(b"HTTP/1.0") => true,
            Some(version) if version.starts_with(b"HTTP/") => return Err(Refusal::Version),
            _ => return Err(Refusal::BadRequestLine),
        };
        // A fragment is for the client alone; the library would drop it, and another server might not.
        if memchr(b'#', line).is_some() {
            return Err(Refusal::BadRequestLine);
        }
        let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if matches!(method, b"CONNECT" | b"TRACE") {
            return Err(Refusal::Method);
        }
        let target = line.len().saturating_sub(method.len() + b"  HTTP/1.1".len());
        if target > limits::TARGET_BYTES { Err(Refusal::TargetTooLong) } else { Ok(()) }
    }

    fn too_long(bytes: &[u8]) -> Refusal {
        let has_method = bytes.iter().take(limits::AROUND_TARGET_BYTES).any(|byte| *byte == b' ');
        if has_method { Refusal::TargetTooLong } else { Refusal::BadRequestLine }
    }
}

impl FirstLine for OfResponse {
    fn read(line: &[u8], facts: &mut Facts) -> Result<(), Refusal> {
        let (version, rest) = line.split_at_checked(b"HTTP/1.1".len()).ok_or(Refusal::BadStatusLine)?;
        facts.old_version = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Refusal::BadStatusLine),
        };
        let [b' ', status @ ..] = rest else { return Err(Refusal::BadStatusLine) };
        let (status, reason) = status.split_at_checked(3).ok_or(Refusal::BadStatusLine)?;
        if !matches!(reason.first(), None | Some(b' ')) {
            return Err(Refusal::BadStatusLine);
        }
        let status = digits(status).and_then(|status| u16::try_from(status).ok());
        facts.status = status.filter(|status| (100..1000).contains(status)).ok_or(Refusal::BadStatusLine)?;
        Ok(())
    }

    fn too_long(_: &[u8]) -> Refusal {
        Refusal::BadStatusLine
    }
}

#[cfg(test)]
mod tests;
