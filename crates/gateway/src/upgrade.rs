//! WebSockets: the two connections are joined once the upstream has agreed, and not a byte earlier.
//!
//! Browsers ask for one over HTTP/1.1 (RFC 6455) or on a stream of HTTP/2 (RFC 8441); upstreams are asked over HTTP/1.1.
//! Of frames only the ends are known: subprotocol and extensions are between browser and upstream, and so is what they
//! mean. Where one has to end, because its connector or the gateway leaves, it is told so ([`farewell`]).

mod farewell;
mod frames;
mod relay;

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use h2::ext::Protocol;
use http::header::{
    CONNECTION, CONTENT_LENGTH, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use uuid::Uuid;

use crate::arriving::Arriving;
use crate::body::GatewayBody;
use crate::failure::Failure;
use crate::http1::switched::Switched;
use crate::http2::stream::Http2Stream;
use crate::pool::Lease;
use crate::reason::Reason;
use crate::record::{Outcome, Record};
use crate::sign_in::leash::Leash;

/// What a server adds to the key to show that it speaks the protocol (RFC 6455, section 1.3).
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's wish for a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    client: Opening,
    /// The client's over HTTP/1.1, drawn here over HTTP/2, which has none.
    pub(crate) key: HeaderValue,
}

/// The client's side of a WebSocket, which is there once it was answered.
#[derive(Debug)]
enum Opening {
    /// Its connection.
    Http1(OnUpgrade),
    /// A stream of it.
    Http2(oneshot::Receiver<Http2Stream>),
}

/// Whether a request asks for a WebSocket on a stream of HTTP/2.
pub(crate) fn is_extended_connect(request: &Request<Arriving>) -> bool {
    let protocol = || request.extensions().get::<Protocol>();
    *request.method() == Method::CONNECT && protocol().is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// Takes a wish for a WebSocket out of a request. Others (`h2c`) are not passed on: an upstream that agreed to them
/// would receive bytes that no rule of the gateway has seen.
pub(crate) fn requested(request: &mut Request<Arriving>) -> Result<Option<Upgrade>, Failure> {
    if is_extended_connect(request) {
        let key = HeaderValue::from_str(&BASE64_STANDARD.encode(Uuid::new_v4().as_bytes()));
        let key = key.map_err(|_| Failure::bad_request("no key for a WebSocket"))?;
        request.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let stream = match request.body_mut() {
            Arriving::Socket(stream) => stream.take(),
            Arriving::Http1(_) | Arriving::Http2(_) | Arriving::Answer(_) => None,
        };
        let stream = stream.ok_or_else(|| Failure::bad_request("a WebSocket without a stream"))?;
        return Ok(Some(Upgrade { client: Opening::Http2(stream), key }));
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
    Ok(Some(Upgrade { client: Opening::Http1(hyper::upgrade::on(request)), key }))
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
    pub(crate) const fn over_http2(&self) -> bool {
        matches!(self.client, Opening::Http2(_))
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
    /// [checked](Self::check) and cleaned. They end when neither has said anything for `idle`.
    pub(crate) fn switch(
        self,
        mut response: Response<Arriving>,
        lease: Lease,
        idle: Duration,
    ) -> (Response<GatewayBody>, Switch) {
        if self.over_http2() {
            *response.status_mut() = StatusCode::OK;
            for name in [SEC_WEBSOCKET_ACCEPT, CONTENT_LENGTH] {
                response.headers_mut().remove::<HeaderName>(name);
            }
        } else {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        let (head, body) = response.into_parts();
        let upstream = match body {
            Arriving::Answer(body) => body.into_switched(),
            Arriving::Http1(_) | Arriving::Http2(_) | Arriving::Socket(_) => None,
        };
        let switch = Switch { client: self.client, upstream, lease, idle, leash: None };
        (Response::from_parts(head, GatewayBody::empty()), switch)
    }
}

/// Two connections that are switching to another protocol.
pub(crate) struct Switch {
    client: Opening,
    /// Always there, for it was a switch.
    upstream: Option<Switched>,
    lease: Lease,
    idle: Duration,
    /// What ends it early.
    leash: Option<Leash>,
}

impl Switch {
    /// The same, which ends when its request may not go on.
    pub(crate) fn held_by(self, leash: Leash) -> Self {
        Self { leash: Some(leash), ..self }
    }

    /// Joins both connections, once each side has switched. The request stays counted until they end, and its record is
    /// written then.
    pub(crate) fn join(self, mut record: Box<Record>) {
        let Self { client, upstream, lease, idle, leash } = self;
        record.switched();
        // A drain waits for it as for a request, for as long as its grace lasts.
        let counted = (lease.metrics().clients.begin(), lease.metrics().websockets.begin());
        let (in_flight, has_to_end) = lease.into_upgraded();
        spawn_local(async move {
            let _counted = (counted, in_flight);
            let Some(upstream) = upstream else { return };
            let joined = join_both(client, upstream, idle, has_to_end, &mut record);
            let ended = async {
                match leash {
                    Some(mut leash) => leash.ended().await,
                    None => std::future::pending().await,
                }
            };
            let is_cut = tokio::select! {
                () = joined => false,
                () = ended => true,
            };
            if is_cut {
                record.ended(Outcome::SessionEnded);
            }
        });
    }
}

/// Waits for the client's side, and copies until either has ended.
async fn join_both(
    client: Opening,
    upstream: Switched,
    idle: Duration,
    has_to_end: impl Future<Output = ()>,
    record: &mut Record,
) {
    match client {
        Opening::Http1(client) => match client.await.map(TokioIo::new) {
            Ok(client) => relay::copy(client, upstream, idle, has_to_end, record).await,
            Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
        },
        Opening::Http2(client) => match client.await {
            Ok(client) => relay::copy(client, upstream, idle, has_to_end, record).await,
            Err(_) => tracing::debug!("a WebSocket was not opened"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
