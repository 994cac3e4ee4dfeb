//! WebSockets: the two connections are joined once the upstream has agreed, and not a byte earlier.
//!
//! Browsers ask for one over HTTP/1.1 (RFC 6455) or on a stream of HTTP/2 (RFC 8441); upstreams are asked over HTTP/1.1. Frames
//! are not parsed: subprotocol and extensions are between browser and upstream, and so is what they mean.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep;
use uuid::Uuid;

use crate::body::GatewayBody;
use crate::failure::Failure;
use crate::limits;
use crate::pool::Lease;
use crate::reason::Reason;
use crate::record::{Outcome, Record};

/// What a server adds to the key to show that it speaks the protocol (RFC 6455, section 1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's wish for a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    client: OnUpgrade,
    /// The client's over HTTP/1.1, drawn here over HTTP/2, which has none.
    pub(crate) key: HeaderValue,
    over: Version,
}

/// Whether a request asks for a WebSocket on a stream of HTTP/2.
pub(crate) fn is_extended_connect(request: &Request<Incoming>) -> bool {
    let protocol = || request.extensions().get::<Protocol>();
    *request.method() == Method::CONNECT && protocol().is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// Takes a wish for a WebSocket out of a request. Others (`h2c`) are not passed on: an upstream that agreed to them
/// would receive bytes that no rule of the gateway has seen.
pub(crate) fn requested(request: &mut Request<Incoming>) -> Result<Option<Upgrade>, Failure> {
    if is_extended_connect(request) {
        let key = HeaderValue::from_str(&BASE64_STANDARD.encode(Uuid::new_v4().as_bytes()));
        let key = key.map_err(|_| Failure::bad_request("no key for a WebSocket"))?;
        request.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Ok(Some(Upgrade { client: hyper::upgrade::on(request), key, over: Version::HTTP_2 }));
    }
    let headers = request.headers();
    let asked = headers.contains_key(UPGRADE) && is_websocket(headers);
    if request.version() != Version::HTTP_11 || request.method() != Method::GET || !asked {
        return Ok(None);
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key) => key.clone(),
        _ => return Err(Failure::bad_request("a WebSocket without one Sec-WebSocket-Key of 16 bytes")),
    };
    Ok(Some(Upgrade { client: hyper::upgrade::on(request), key, over: Version::HTTP_11 }))
}

/// Whether `Upgrade` and `Connection` say WebSocket, in a request or in a 101.
fn is_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter();
    let is_only = protocols.next().is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && protocols.next().is_none();
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    is_only && lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// Refuses a WebSocket that a page of another site opens. Who sends no `Origin` is no browser.
pub(crate) fn check_origin(headers: &HeaderMap, authority: &HeaderValue) -> Result<(), Failure> {
    let own = |origin: &HeaderValue| {
        let host = origin.as_bytes().strip_prefix(b"https://");
        host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_bytes()))
    };
    if headers.get_all(ORIGIN).iter().all(own) {
        return Ok(());
    }
    Err(Failure::new(Reason::ForeignOrigin, "a WebSocket opened by a page of another site"))
}

fn is_key(key: &HeaderValue) -> bool {
    BASE64_STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16)
}

fn accept_of(key: &HeaderValue) -> String {
    BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), ACCEPT_SUFFIX].concat()))
}

impl Upgrade {
    /// Whether the client asked on a stream of HTTP/2.
    pub(crate) fn over_http2(&self) -> bool {
        self.over == Version::HTTP_2
    }

    /// Whether the upstream's 101 agrees to this very WebSocket.
    pub(crate) fn check(&self, answer: &HeaderMap) -> Result<(), Failure> {
        let accepted = answer.get(SEC_WEBSOCKET_ACCEPT);
        if is_websocket(answer) && accepted.is_some_and(|accept| accept == accept_of(&self.key).as_str()) {
            return Ok(());
        }
        Err(Failure::new(Reason::UpstreamInvalid, "101 that does not agree to the WebSocket asked for"))
    }

    /// What the client is told, and both connections, to be joined once that is on its way; `response` has been
    /// [checked](Self::check) and cleaned.
    pub(crate) fn switch(self, mut response: Response<Incoming>, lease: Lease) -> (Response<GatewayBody>, Switch) {
        if self.over_http2() {
            *response.status_mut() = StatusCode::OK;
            for name in [SEC_WEBSOCKET_ACCEPT, CONTENT_LENGTH] {
                response.headers_mut().remove::<HeaderName>(name);
            }
        } else {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        let switch = Switch { client: self.client, upstream: hyper::upgrade::on(&mut response), lease };
        (response.map(|_| GatewayBody::empty()), switch)
    }
}

/// Two connections that are switching to another protocol.
pub(crate) struct Switch {
    client: OnUpgrade,
    upstream: OnUpgrade,
    lease: Lease,
}

impl Switch {
    /// Joins both connections, once each side has switched. The request stays counted until they end, and its record is
    /// written then.
    pub(crate) fn join(self, mut record: Box<Record>) {
        let Self { client, upstream, lease } = self;
        record.switched();
        // A drain waits for it as for a request, for as long as its grace lasts.
        let counted = (lease.metrics().clients.begin(), lease.metrics().websockets.begin());
        let in_flight = lease.into_in_flight();
        spawn_local(async move {
            let _counted = (counted, in_flight);
            match tokio::try_join!(client, upstream) {
                Ok((client, upstream)) => copy(client, upstream, &mut record).await,
                Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
            }
        });
    }
}

async fn copy(client: Upgraded, upstream: Upgraded, record: &mut Record) {
    let ended = Notify::new();
    let mut client = Side::new(TokioIo::new(client), &ended);
    let mut upstream = Side::new(TokioIo::new(upstream), &ended);
    let copied = relay(&mut client, &mut upstream, &ended).await;
    record.count_received(client.read);
    record.count_sent(client.written);
    match copied {
        Ok(()) => record.ended(Outcome::Complete),
        Err(error) => {
            tracing::debug!(%error, "a WebSocket ended");
            record.ended(if upstream.broke { Outcome::UpstreamBroken } else { Outcome::ClientGone });
        }
    }
}

/// Copies both ways until both sides have ended, or one has and the other takes too long.
async fn relay<C, U>(client: &mut Side<'_, C>, upstream: &mut Side<'_, U>, ended: &Notify) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let too_long = async {
        ended.notified().await;
        sleep(limits::WEBSOCKET_HALF_ENDED).await;
    };
    tokio::select! {
        copied = copy_bidirectional(client, upstream) => copied.map(drop),
        () = too_long => Err(io::Error::new(io::ErrorKind::TimedOut, "one side has ended, the other has not")),
    }
}

/// One side of joined connections: what was read from it and written to it, and whether it was the one that broke.
struct Side<'n, I> {
    io: I,
    read: u64,
    written: u64,
    broke: bool,
    /// Told when nothing more comes from it.
    ended: &'n Notify,
}

impl<'n, I> Side<'n, I> {
    const fn new(io: I, ended: &'n Notify) -> Self {
        Self { io, read: 0, written: 0, broke: false, ended }
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> Poll<io::Result<T>> {
        self.broke |= result.is_err();
        Poll::Ready(result)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Side<'_, I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut side.io).poll_read(cx, buffer));
        let count = buffer.filled().len() - before;
        side.read += count as u64;
        if count == 0 && buffer.remaining() > 0 {
            side.ended.notify_one();
        }
        side.noted(read)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Side<'_, I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let side = self.get_mut();
        let written = ready!(Pin::new(&mut side.io).poll_write(cx, buffer));
        side.written += *written.as_ref().unwrap_or(&0) as u64;
        side.noted(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let flushed = ready!(Pin::new(&mut side.io).poll_flush(cx));
        side.noted(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let shut = ready!(Pin::new(&mut side.io).poll_shutdown(cx));
        side.noted(shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_side_that_does_not_end_after_the_other_is_cut_off_and_a_silent_pair_is_not() {
        let ((mut browser, client), (mut server, upstream)) = (duplex(64), duplex(64));
        let relayed = tokio::spawn(async move {
            let ended = Notify::new();
            relay(&mut Side::new(client, &ended), &mut Side::new(upstream, &ended), &ended).await
        });
        sleep(limits::WEBSOCKET_HALF_ENDED * 100).await;
        browser.write_all(b"late").await.unwrap();
        browser.shutdown().await.unwrap();
        let (mut seen, start) = (Vec::new(), Instant::now());
        server.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, b"late");
        server.write_all(b"last words").await.unwrap();
        let mut words = [0; 10];
        browser.read_exact(&mut words).await.unwrap();
        assert_eq!(&words, b"last words");
        let ended = relayed.await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= limits::WEBSOCKET_HALF_ENDED, "{:?}", start.elapsed());
    }

    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc() {
        assert_eq!(accept_of(&HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==")), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn only_pages_of_the_same_origin_and_programs_pass() {
        let authority = HeaderValue::from_static("app.example:8443");
        let check = |origins: &[&'static str]| {
            let origins = origins.iter().map(|origin| (ORIGIN, HeaderValue::from_static(origin)));
            check_origin(&origins.collect(), &authority).is_ok()
        };
        assert!(check(&[]));
        assert!(check(&["https://App.example:8443"]));
        for foreign in
            ["http://app.example:8443", "https://app.example", "https://app.example:8443.evil", "null", "", "https://"]
        {
            assert!(!check(&[foreign]), "{foreign:?}");
        }
        assert!(!check(&["https://app.example:8443", "https://evil.example"]));
    }

    #[test]
    fn a_key_is_sixteen_bytes() {
        assert!(is_key(&HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==")));
        for wrong in ["", "dGhl", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTE=", "!!!!!!!!!!!!!!!!!!!!!!=="] {
            assert!(!is_key(&HeaderValue::from_static(wrong)), "{wrong}");
        }
    }

    #[test]
    fn both_fields_must_say_websocket_and_nothing_else() {
        let of = |fields: &[(HeaderName, &'static str)]| -> HeaderMap {
            fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
        };
        assert!(is_websocket(&of(&[(CONNECTION, "keep-alive, Upgrade"), (UPGRADE, "WebSocket")])));
        for wrong in [
            &[(UPGRADE, "websocket")][..],
            &[(CONNECTION, "upgrade")],
            &[(CONNECTION, "upgrade"), (UPGRADE, "h2c")],
            &[(CONNECTION, "upgrade"), (UPGRADE, "websocket, h2c")],
            &[(CONNECTION, "close"), (UPGRADE, "websocket")],
        ] {
            assert!(!is_websocket(&of(wrong)), "{wrong:?}");
        }
    }
}
