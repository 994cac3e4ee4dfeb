//! Connections from browsers and programs: HTTP/1.1 or HTTP/2 over TLS, each request handed to [`crate::forward`].

use std::cell::Cell;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use adit_identity::behind_proxies;
use adit_tunnel::socket::TunnelSocket;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use crate::admission::Place;
use crate::answer::REASON_HEADER;
use crate::arriving::Arriving;
use crate::body::GatewayBody;
use crate::bond::{Bonds, Carries};
use crate::core::{Core, drain_of};
use crate::framing::agreement::{Agreement, UntilSent};
use crate::framing::client::ClientGuard;
use crate::framing::frames::FrameGuard;
use crate::framing::pace::{Paced, PacedTasks};
use crate::http2::server::{self, Answering};
use crate::interim::Way;
use crate::{forward, limits};

/// What the HTTP library reads beyond a head of the largest size: some of what follows.
const READ_BYTES: usize = 8 * 1024;

/// What the gateway knows of a connection's other end.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) address: IpAddr,
    /// The name that TLS was opened for, in lower case.
    pub(crate) server_name: Option<String>,
    /// The upstream connections that belong to this one.
    pub(crate) bonds: Rc<Bonds>,
    /// How long the TLS handshake took, until the record of the connection's first request takes it.
    pub(crate) handshake: Cell<Option<Duration>>,
    shown: HeaderValue,
    trusted: bool,
}

impl Client {
    fn new(core: &Core, from: SocketAddr, server_name: Option<String>, http2: bool) -> Option<Self> {
        let address = from.ip().to_canonical();
        let trusted = core.shared.trusted_proxies.iter().any(|network| network.contains(&address));
        let bonds = Bonds::of(match (trusted, http2) {
            (true, _) => Carries::OfManyUsers,
            (false, true) => Carries::Beside,
            (false, false) => Carries::OneByOne,
        });
        let shown = HeaderValue::from_str(&address.to_string()).ok()?;
        Some(Self { address, server_name, bonds, handshake: Cell::new(None), shown, trusted })
    }

    /// One that nobody is, for a request that is only explained.
    pub(crate) fn imagined() -> Self {
        Self {
            address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            server_name: None,
            bonds: Bonds::of(Carries::OneByOne),
            handshake: Cell::new(None),
            shown: HeaderValue::from_static("<the client's address>"),
            trusted: false,
        }
    }

    /// Its address as text.
    pub(crate) fn shown(&self) -> &str {
        self.shown.to_str().unwrap_or_default()
    }

    /// Where a trusted proxy says that a request came from: the last address of its `X-Forwarded-For`, which is the one
    /// that it saw itself. Those before it are what others said.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.trusted {
            return None;
        }
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse().ok()
    }

    /// The address of whoever sent a request, as far as this process or a proxy that it trusts has seen it: behind several of
    /// them the nearest that is none of theirs. None where that stands for many: this host, and trusted proxies that name
    /// nobody.
    pub(crate) fn sender(&self, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
        let is_trusted = |address| trusted_proxies.iter().any(|network| network.contains(&address));
        behind_proxies(self.address, headers, is_trusted).ok().filter(|address| !address.is_loopback())
    }

    /// `X-Forwarded-For` for the upstream: the address we see, after what a trusted proxy said.
    pub(crate) fn forwarded_for(&self, headers: &HeaderMap) -> HeaderValue {
        if !self.trusted {
            return self.shown.clone();
        }
        let said: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        if said.is_empty() {
            return self.shown.clone();
        }
        HeaderValue::from_str(&format!("{}, {}", said.join(", "), self.address)).unwrap_or_else(|_| self.shown.clone())
    }
}

/// A client whose handshake is complete.
pub(crate) struct Arrived {
    tls: TlsStream<TunnelSocket>,
    client: Client,
    http2: bool,
}

/// Completes the handshake by `deadline`.
pub(crate) async fn shake_hands(
    core: &Core,
    start: StartHandshake<TunnelSocket>,
    from: SocketAddr,
    deadline: Instant,
) -> Option<Box<Arrived>> {
    let signs_in_connections = start.client_hello().server_name().is_some_and(|name| core.shared.http1_hosts.has(name));
    let configs = &core.shared.tls;
    let config = Arc::clone(if signs_in_connections { &configs.browser_http1 } else { &configs.browser });
    let begun = Instant::now();
    let mut tls = match timeout_at(deadline, start.into_stream(config)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            tracing::debug!(%from, %error, "a TLS handshake failed");
            return None;
        }
        Err(_) => {
            tracing::debug!(%from, "a TLS handshake took too long");
            return None;
        }
    };
    tls.get_mut().1.set_buffer_limit(Some(limits::CLIENT_TLS_BUFFER));
    let session = tls.get_ref().1;
    let http2 = session.alpn_protocol() == Some(b"h2");
    let server_name = session.server_name().map(|name| name.trim_end_matches('.').to_ascii_lowercase());
    let client = Client::new(core, from, server_name, http2)?;
    client.handshake.set(Some(begun.elapsed()));
    Some(Box::new(Arrived { tls, client, http2 }))
}

/// Serves the connection until it ends or, when the gateway drains, until its requests are done.
pub(crate) async fn serve(core: &Rc<Core>, arrived: Box<Arrived>, place: Place) {
    let _counted = core.shared.metrics.clients.begin();
    let Arrived { tls, client, http2 } = *arrived;
    let client = Rc::new(client);
    let served = if http2 { serve_http2(core, tls, client, place) } else { serve_http1(core, tls, client, place) };
    served.await;
}

/// What serves a connection. A connection has it for as long as it is idle, so what is large in it is in boxes of its size.
type Serving<'c> = Pin<Box<dyn Future<Output = ()> + 'c>>;

async fn draining(core: &Core) {
    drain_of(core.shared.draining.clone()).await;
}

fn serve_http1<'c>(core: &'c Rc<Core>, tls: TlsStream<TunnelSocket>, client: Rc<Client>, place: Place) -> Serving<'c> {
    let agreement = Arc::<Agreement>::default();
    let (serving, agreed) = (Rc::clone(core), Arc::clone(&agreement));
    let service = service_fn(move |request: Request<Incoming>| {
        let (core, client, agreement) = (Rc::clone(&serving), Rc::clone(&client), Arc::clone(&agreed));
        // The library keeps room for it until the connection ends: a box is there only while there is a request.
        Box::pin(async move { serve_guarded(&core, &client, &agreement, request.map(Arriving::Http1)).await })
    });
    let guarded = ClientGuard::new(tls, Arc::clone(&agreement), core.shared.client_limits).taking(place);
    // No timeout of the library: the guard has its own, which cost nothing while nobody is late.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(limits::FIELDS)
        .max_buf_size(limits::HEAD_BYTES + READ_BYTES)
        .serve_connection(TokioIo::new(guarded), service)
        .with_upgrades();
    let mut connection = Box::pin(connection);
    Box::pin(async move {
        // A request may be on its way already, and its client would not know that it was not read: it is answered, and told
        // that the connection ends. HTTP/2 tells what it has read.
        let enough = async {
            draining(core).await;
            agreement.takes_leave();
            sleep(limits::LAST_REQUEST_IN_DRAIN).await;
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = enough => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a client connection ended");
        }
    })
}

/// Answers a request, if the guard of the connection let it through.
async fn serve_guarded(
    core: &Rc<Core>,
    client: &Rc<Client>,
    agreement: &Arc<Agreement>,
    request: Request<Arriving>,
) -> Result<Response<UntilSent<GatewayBody>>, h2::Error> {
    let begun = agreement.begin(&request);
    let of_unknown_length = request.body().size_hint().exact().is_none();
    let mut response = match &begun {
        Ok(_) => {
            let way = if request.version() == Version::HTTP_11 { Way::Http1(agreement) } else { Way::Closed };
            let response = forward::serve(core, client, request, way).await?;
            poll_fn(|cx| agreement.poll_told(cx)).await;
            response
        }
        Err(refusal) => forward::turn_away(core, client, &request, refusal.into_failure())?,
    };
    // The library closes a connection on which a body was not read to its end; a client is told so (RFC 9112, section 9.6).
    // Of one in chunks it cannot be said whether it was.
    let is_own = || response.headers().contains_key(REASON_HEADER);
    let is_cut_short = begun.is_err() || (of_unknown_length || agreement.receives()) && is_own();
    // An upgraded connection has another meaning of the field, and another end.
    if is_cut_short || agreement.is_last_answer() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    agreement.answered(response.status());
    Ok(response.map(|body| UntilSent::new(body, begun.ok())))
}

fn serve_http2<'c>(core: &'c Rc<Core>, tls: TlsStream<TunnelSocket>, client: Rc<Client>, place: Place) -> Serving<'c> {
    let agreement = Arc::<Agreement>::default();
    let client_limits = core.shared.client_limits;
    let tasks = PacedTasks::new(client_limits.write_stall);
    let (serving, agreed) = (Rc::clone(core), Arc::clone(&agreement));
    let name = client.server_name.clone();
    let begin = move |request: Request<Arriving>, answering: Answering| {
        let (core, client) = (Rc::clone(&serving), Rc::clone(&client));
        let (under_way, pace) = (agreed.count(), tasks.pace());
        tasks.run(async move {
            let serve = async move |way: Way<'_>| {
                let response = forward::serve(&core, &client, request, way).await?;
                Ok(response.map(|body| Paced::new(UntilSent::new(body, Some(under_way)), pace)))
            };
            answering.answer(serve).await;
        });
    };
    let enough = async move {
        tokio::select! {
            () = draining(core) => {}
            () = agreement.idle_for(limits::HTTP2_IDLE) => {}
            () = core.shared.http1_hosts.takes_in(name.as_deref()) => {}
        }
    };
    let connection = server::serve(FrameGuard::new(tls, client_limits), begin, enough);
    Box::pin(async move {
        let _place = place;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a client connection ended");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sends_a_request_has_an_address_that_a_client_cannot_choose() {
        let name = http::HeaderName::from_static("x-forwarded-for");
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("198.51.100.1, 192.0.2.7"))]);
        let proxies = ["10.0.0.0/8".parse().unwrap(), "203.0.113.0/24".parse().unwrap()];
        let sender = |address: &str, trusted, headers: &HeaderMap| {
            let client = Client { address: address.parse().unwrap(), trusted, ..Client::imagined() };
            client.sender(headers, &proxies).map(|address| address.to_string())
        };
        assert_eq!(sender("192.0.2.9", false, &headers).as_deref(), Some("192.0.2.9"));
        assert_eq!(sender("10.0.0.1", true, &headers).as_deref(), Some("192.0.2.7"), "what the proxy saw itself");
        assert_eq!(sender("10.0.0.1", true, &HeaderMap::new()), None, "many are behind it");
        assert_eq!(sender("127.0.0.1", false, &headers), None);
    }

    #[test]
    fn behind_two_proxies_each_client_has_its_own_address() {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "203.0.113.0/24".parse().unwrap()];
        let sender = |lines: &[&'static str]| {
            let name = http::HeaderName::from_static("x-forwarded-for");
            let headers: HeaderMap = lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect();
            let client = Client { address: "10.0.0.1".parse().unwrap(), trusted: true, ..Client::imagined() };
            client.sender(&headers, &proxies).map(|address| address.to_string())
        };
        assert_eq!(sender(&["192.0.2.7, 203.0.113.5"]).as_deref(), Some("192.0.2.7"));
        assert_eq!(sender(&["198.51.100.1, 192.0.2.7, 203.0.113.5, 10.1.1.1"]).as_deref(), Some("192.0.2.7"));
        assert_eq!(sender(&["198.51.100.1", "192.0.2.7", "203.0.113.5"]).as_deref(), Some("192.0.2.7"));
        for nobody in [&["203.0.113.5"][..], &["198.51.100.1, unknown, 203.0.113.5"], &[""], &[]] {
            assert_eq!(sender(nobody), None, "{nobody:?}");
        }
    }
}
