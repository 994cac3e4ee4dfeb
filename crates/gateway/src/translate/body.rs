//! Bodies whose links are translated: which they are, what becomes of their heads, and how they pass.
//!
//! A body that comes plain is translated as it passes, in parts of a bounded size. A compressed one is collected and
//! decoded first, because whether it keeps within bounds is known only at its end, and the head that says how it is
//! compressed goes before it; one that does not keep within them is passed on untouched, head and body.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Frame;
use tokio::time::timeout;

use super::css::CssTranslator;
use super::decode::{self, Coding, Decoder, NotDecoded, PIECE};
use super::held::{Held, Holding};
use super::html::HtmlTranslator;
use super::links::PageLinks;
use crate::body::UpstreamBody;
use crate::limits;
use crate::pace::BodyError;

static CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
static DIGEST: HeaderName = HeaderName::from_static("digest");
static CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
static REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// How much of a body is translated at a time: what others on the core wait for.
const PART: usize = 16 * 1024;

/// How many parts may pass without anything to send before others get their turn.
const SILENT_PARTS: u32 = 4;

/// What has links that can be translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Css,
}

/// A body on its way to the client, translated or, where that cannot be done, as it came.
#[derive(Debug)]
pub(crate) enum Passing {
    /// As it came.
    Untouched(UpstreamBody),
    /// As it came, of which a part was read already.
    Restored(Box<RestoredBody>),
    /// Translated.
    Translated(Box<TranslatedBody>),
}

/// Translates the links of a response, if it has any; corrects its head.
///
/// # Errors
/// What broke a compressed body that was collected; nothing of the response was passed on then.
pub(crate) async fn translate(
    response: Response<UpstreamBody>,
    method: &Method,
    links: &PageLinks,
    held: &Held,
) -> Result<Response<Passing>, BodyError> {
    let Some(kind) = kind_of(&response, method) else { return Ok(response.map(Passing::Untouched)) };
    let Some(coding) = decode::coding(response.headers()) else { return Ok(response.map(Passing::Untouched)) };
    let (mut head, body) = response.into_parts();
    let source = match coding {
        None => Source::Upstream(body),
        Some(coding) => match collect(body, coding, held).await? {
            Collected::Decoded(bytes, trailers, holding) => Source::Decoded { bytes, trailers, _holding: holding },
            Collected::Untouched(body) => return Ok(Response::from_parts(head, Passing::Restored(body))),
        },
    };
    correct(&mut head.headers);
    let translated = TranslatedBody::new(source, kind, links.clone());
    Ok(Response::from_parts(head, Passing::Translated(Box::new(translated))))
}

/// Whether a response has a whole page or style sheet in a character set that contains ASCII as it is.
fn kind_of(response: &Response<UpstreamBody>, method: &Method) -> Option<Kind> {
    let headers = response.headers();
    let whole =
        !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED);
    if *method == Method::HEAD
        || !whole
        || response.body().is_end_stream()
        || headers.contains_key(CONTENT_RANGE)
        || is_file(headers)
    {
        return None;
    }
    kind_of_type(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

/// Whether the browser is told to save it: files stay what they are.
fn is_file(headers: &HeaderMap) -> bool {
    let disposition = headers.get(CONTENT_DISPOSITION).map(|value| value.as_bytes().trim_ascii_start());
    disposition.and_then(|value| value.get(..10)).is_some_and(|start| start.eq_ignore_ascii_case(b"attachment"))
}

fn kind_of_type(content_type: &str) -> Option<Kind> {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    let kind = if is("text/html") || is("application/xhtml+xml") {
        Kind::Html
    } else if is("text/css") {
        Kind::Css
    } else {
        return None;
    };
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let compatible =
        |charset: &str| ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|own| own.eq_ignore_ascii_case(charset));
    charset.is_none_or(compatible).then_some(kind)
}

/// What a head says about the very bytes of a body is no longer so; that it is the same page still is.
fn correct(headers: &mut HeaderMap) {
    for name in
        [&CONTENT_LENGTH, &CONTENT_ENCODING, &ACCEPT_RANGES, &CONTENT_MD5, &DIGEST, &CONTENT_DIGEST, &REPR_DIGEST]
    {
        headers.remove(name);
    }
    if let Some(tag) = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) {
        match HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
            Ok(weak) => headers.insert(ETAG, weak),
            Err(_) => headers.remove(ETAG),
        };
    }
}

enum Collected {
    Decoded(Bytes, Option<HeaderMap>, Holding),
    Untouched(Box<RestoredBody>),
}

/// Reads and decodes a compressed body. It stays untouched if it takes too long, too much, or is not what it says.
async fn collect(mut body: UpstreamBody, coding: Coding, held: &Held) -> Result<Collected, BodyError> {
    let mut parts = VecDeque::new();
    let mut holding = held.hold();
    let collected = timeout(limits::COLLECTING, decoded(&mut body, coding, &mut parts, &mut holding)).await;
    match collected {
        Ok(Ok(Ok((bytes, trailers)))) => Ok(Collected::Decoded(bytes, trailers, holding)),
        Ok(Ok(Err(error))) => Err(error),
        Ok(Err(NotDecoded)) | Err(_) => {
            tracing::debug!(?coding, "a compressed body is passed on untranslated");
            Ok(Collected::Untouched(Box::new(RestoredBody::new(parts, body, holding))))
        }
    }
}

type Whole = (Bytes, Option<HeaderMap>);

/// Reads all of it, and only then decodes it: what a decoder takes for itself is there for moments, however slowly the body
/// comes.
async fn decoded(
    body: &mut UpstreamBody,
    coding: Coding,
    parts: &mut VecDeque<Frame<Bytes>>,
    holding: &mut Holding,
) -> Result<Result<Whole, BodyError>, NotDecoded> {
    let mut compressed = 0;
    let mut trailers = None;
    while let Some(frame) = poll_fn(|cx| body.poll_frame(cx)).await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Ok(Err(error)),
        };
        compressed += frame.data_ref().map_or(0, Bytes::len);
        trailers = frame.trailers_ref().cloned().or(trailers);
        // Kept first: whatever is not decoded is passed on.
        parts.push_back(frame);
        if compressed > limits::DECODED_BYTES || !holding.grow_to(compressed) {
            return Err(NotDecoded);
        }
    }
    let bytes = decode_parts(coding, parts, compressed, holding).await?;
    Ok(Ok((bytes, trailers)))
}

async fn decode_parts(
    coding: Coding,
    parts: &VecDeque<Frame<Bytes>>,
    compressed: usize,
    holding: &mut Holding,
) -> Result<Bytes, NotDecoded> {
    let data = || parts.iter().filter_map(Frame::data_ref);
    let first = data().find_map(|part| part.first()).ok_or(NotDecoded)?;
    let around = compressed + coding.window(*first)?;
    let mut decoder = Decoder::new(coding);
    let mut since_pause = 0;
    if !holding.grow_to(around) {
        return Err(NotDecoded);
    }
    for piece in data().flat_map(|part| part.chunks(PIECE)) {
        if !holding.grow_to(around + decoder.feed(piece)?) {
            return Err(NotDecoded);
        }
        since_pause += piece.len();
        if since_pause >= PART {
            since_pause = 0;
            tokio::task::yield_now().await;
        }
    }
    let bytes = decoder.finish()?;
    // The rest is gone in a moment.
    holding.settle(bytes.len());
    Ok(bytes)
}

/// A body as it came, of which a part was read already. That part counts as held until it leaves.
#[derive(Debug)]
pub(crate) struct RestoredBody {
    parts: VecDeque<Frame<Bytes>>,
    body: UpstreamBody,
    holding: Holding,
}

impl RestoredBody {
    fn new(parts: VecDeque<Frame<Bytes>>, body: UpstreamBody, mut holding: Holding) -> Self {
        // What was decoded is gone.
        holding.settle(parts.iter().filter_map(Frame::data_ref).map(Bytes::len).sum());
        Self { parts, body, holding }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(part) = self.parts.pop_front() else { return self.body.poll_frame(cx) };
        self.holding.release(part.data_ref().map_or(0, Bytes::len));
        Poll::Ready(Some(Ok(part)))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.parts.is_empty() && self.body.is_end_stream()
    }
}

/// Where the text comes from.
#[derive(Debug)]
enum Source {
    Upstream(UpstreamBody),
    /// All of it is here, and counted as held.
    Decoded {
        bytes: Bytes,
        trailers: Option<HeaderMap>,
        _holding: Holding,
    },
}

#[derive(Debug)]
enum Translator {
    Html(Box<HtmlTranslator>),
    Css(CssTranslator),
    /// Nothing is translated.
    None,
}

/// A body whose links are translated as it passes.
#[derive(Debug)]
pub(crate) struct TranslatedBody {
    source: Source,
    translator: Translator,
    /// What was read and not translated.
    unread: Bytes,
    /// What was translated and not sent.
    unsent: Vec<u8>,
    trailers: Option<HeaderMap>,
    started: bool,
    ended: bool,
}

impl TranslatedBody {
    fn new(source: Source, kind: Kind, links: PageLinks) -> Self {
        let translator = match kind {
            Kind::Html => Translator::Html(Box::new(HtmlTranslator::new(links))),
            Kind::Css => Translator::Css(CssTranslator::new(links)),
        };
        Self {
            source,
            translator,
            unread: Bytes::new(),
            unsent: Vec::new(),
            trailers: None,
            started: false,
            ended: false,
        }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        for _ in 0..SILENT_PARTS {
            if !self.unsent.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(std::mem::take(&mut self.unsent))))));
            }
            if !self.unread.is_empty() {
                let part = self.unread.split_to(PART.min(self.unread.len()));
                self.translate(&part);
            } else if self.ended {
                return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            } else {
                match self.source.poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => self.take(frame),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(None) => self.end(),
                    Poll::Pending => {
                        self.hurry();
                        if self.unsent.is_empty() {
                            return Poll::Pending;
                        }
                    }
                }
            }
        }
        if self.unsent.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(std::mem::take(&mut self.unsent))))))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended && self.unread.is_empty() && self.unsent.is_empty() && self.trailers.is_none()
    }

    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.unread = data,
            Err(frame) => self.trailers = frame.into_trailers().ok(),
        }
        if !self.started && !self.unread.is_empty() {
            self.started = true;
            // UTF-16, whatever was said or not said about it.
            if self.unread.starts_with(&[0xfe, 0xff]) || self.unread.starts_with(&[0xff, 0xfe]) {
                self.translator = Translator::None;
            }
        }
    }

    fn translate(&mut self, part: &[u8]) {
        match &mut self.translator {
            Translator::Html(html) => html.feed(part, &mut self.unsent),
            Translator::Css(css) => css.feed(part, &mut self.unsent),
            Translator::None => self.unsent.extend_from_slice(part),
        }
    }

    fn hurry(&mut self) {
        if let Translator::Html(html) = &mut self.translator {
            html.hurry(&mut self.unsent);
        }
    }

    fn end(&mut self) {
        self.ended = true;
        match &mut self.translator {
            Translator::Html(html) => html.end(&mut self.unsent),
            Translator::Css(css) => css.end(&mut self.unsent),
            Translator::None => {}
        }
    }
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Upstream(body) => body.poll_frame(cx),
            Self::Decoded { bytes, trailers, .. } => {
                if !bytes.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))));
                }
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }
}
