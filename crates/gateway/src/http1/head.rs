//! Heads: the request's as it is written, the answer's as it is read.
//!
//! Where an answer's head ends and how its body is framed was found before ([`crate::framing::head`]); here its lines
//! become fields, and what is no field is refused. Values are parts of the head, not copies of them.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use hyper::ext::ReasonPhrase;
use memchr::{memchr, memchr_iter};

use crate::framing::head::{Framing, trim};
use crate::framing::refusal::Refusal;
use crate::replay::RequestBody;

/// Bytes of a status line before its reason: `HTTP/1.1 200`.
const BEFORE_REASON: usize = 12;

/// A request, as it is to be sent.
#[derive(Debug)]
pub(crate) struct Question<'q> {
    pub(crate) method: &'q Method,
    /// Of which path and query count.
    pub(crate) uri: &'q Uri,
    /// All but those that are said below, and those that frame the body.
    pub(crate) fields: &'q HeaderMap,
    /// Trailers may follow the answer.
    pub(crate) takes_trailers: bool,
    /// The body waits until the upstream asks for it.
    pub(crate) asks_first: bool,
    /// The upstream may switch to another protocol.
    pub(crate) switches: bool,
    pub(crate) body: RequestBody,
}

impl Question<'_> {
    /// The head, with room for a small body.
    pub(crate) fn write(&self, framing: Framing) -> BytesMut {
        let target = self.uri.path_and_query().map_or("/", |target| target.as_str());
        let fields = self.fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let mut head = BytesMut::with_capacity(fields.sum::<usize>() + target.len() + 128);
        for part in [self.method.as_str(), " ", if target.is_empty() { "/" } else { target }, " HTTP/1.1\r\n"] {
            head.put_slice(part.as_bytes());
        }
        for (name, value) in self.fields {
            if *name != TRANSFER_ENCODING && *name != CONTENT_LENGTH {
                write_field(&mut head, name.as_str(), value.as_bytes());
            }
        }
        self.write_own_fields(&mut head, framing);
        head.put_slice(b"\r\n");
        head
    }

    fn write_own_fields(&self, head: &mut BytesMut, framing: Framing) {
        if self.asks_first {
            write_field(head, "expect", b"100-continue");
        }
        if self.takes_trailers {
            write_field(head, "te", b"trailers");
            write_field(head, "connection", b"te");
        }
        match framing {
            Framing::Length(length) => write_field(head, "content-length", length.to_string().as_bytes()),
            Framing::Chunked => write_field(head, "transfer-encoding", b"chunked"),
            // There is no body, whatever a client said of one.
            Framing::None if self.fields.contains_key(CONTENT_LENGTH) => write_field(head, "content-length", b"0"),
            Framing::None | Framing::UntilClose => {}
        }
    }
}

/// Writes one line.
pub(crate) fn write_field(out: &mut BytesMut, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The head of an answer, which is complete, and whose lines all end in CR and LF.
///
/// # Errors
/// A line is no field.
pub(crate) fn read(head: &Bytes, status: u16) -> Result<Response<()>, Refusal> {
    let first = memchr(b'\n', head).ok_or(Refusal::BadStatusLine)?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| Refusal::BadStatusLine)?;
    let reason = head.get(BEFORE_REASON..first.saturating_sub(1)).ok_or(Refusal::BadStatusLine)?;
    let reason = reason.strip_prefix(b" ").unwrap_or(reason);
    if response.status().canonical_reason().is_none_or(|usual| usual.as_bytes() != reason) {
        let reason = ReasonPhrase::try_from(reason).map_err(|_| Refusal::BadStatusLine)?;
        response.extensions_mut().insert(reason);
    }
    *response.headers_mut() = read_fields(&head.slice(first + 1..))?;
    Ok(response)
}

/// Fields, one in each line, up to the empty one.
///
/// # Errors
/// A line is no field.
pub(crate) fn read_fields(lines: &Bytes) -> Result<HeaderMap, Refusal> {
    let mut fields = HeaderMap::with_capacity(memchr_iter(b'\n', lines).count().saturating_sub(1));
    let mut start = 0;
    for end in memchr_iter(b'\n', lines) {
        let line = lines.get(start..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Refusal::BareLineFeed)?;
        start = end + 1;
        if line.is_empty() {
            break;
        }
        let colon = memchr(b':', line).ok_or(Refusal::BadField)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Refusal::BadField)?;
        let name = HeaderName::from_bytes(name).map_err(|_| Refusal::BadField)?;
        let value = trim(value.get(1..).unwrap_or_default());
        let value = HeaderValue::from_maybe_shared(lines.slice_ref(value)).map_err(|_| Refusal::BadField)?;
        fields.try_append(name, value).map_err(|_| Refusal::TooManyFields)?;
    }
    Ok(fields)
}

/// Whether the connection stays after an answer with this head (RFC 9112, section 9.3).
pub(crate) fn keeps_connection(head: &[u8], fields: &HeaderMap) -> bool {
    let said = |word: &[u8]| {
        let lines = fields.get_all(CONNECTION).iter();
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).any(|it| trim(it).eq_ignore_ascii_case(word))
    };
    !said(b"close") && (!head.starts_with(b"HTTP/1.0") || said(b"keep-alive"))
}
