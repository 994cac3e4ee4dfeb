//! Connections from browsers and programs: HTTP/1.1 or HTTP/2 over TLS, each request handed to [`crate::forward`].

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use adit_tunnel::socket::TunnelSocket;
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use crate::bond::{Bonds, Carries};
use crate::core::Core;
use crate::{forward, limits};

/// What the gateway knows of a connection's other end.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) address: IpAddr,
    /// The name that TLS was opened for, in lower case.
    pub(crate) server_name: Option<String>,
    /// The upstream connections that belong to this one.
    pub(crate) bonds: Rc<Bonds>,
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
        Some(Self { address, server_name, bonds, shown, trusted })
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

/// Serves a connection until it ends or, when the gateway drains, until its requests are done.
pub(crate) async fn serve(core: &Rc<Core>, start: StartHandshake<TunnelSocket>, from: SocketAddr) {
    let config = Arc::clone(&core.shared.tls.browser);
    let tls = match timeout(limits::HANDSHAKE, start.into_stream(config)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%from, %error, "a TLS handshake failed"),
        Err(_) => return tracing::debug!(%from, "a TLS handshake took too long"),
    };
    let session = tls.get_ref().1;
    let http2 = session.alpn_protocol() == Some(b"h2");
    let server_name = session.server_name().map(|name| name.trim_end_matches('.').to_ascii_lowercase());
    let Some(client) = Client::new(core, from, server_name, http2) else { return };
    let _counted = core.shared.metrics.clients.begin();
    if http2 {
        serve_http2(core, tls, Rc::new(client)).await;
    } else {
        serve_http1(core, tls, Rc::new(client)).await;
    }
}

macro_rules! until_done {
    ($core:expr, $connection:expr) => {{
        let mut connection = pin!($connection);
        let mut draining = $core.shared.draining.clone();
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _ = draining.wait_for(|draining| *draining) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a client connection ended");
        }
    }};
}

async fn serve_http1(core: &Rc<Core>, tls: TlsStream<TunnelSocket>, client: Rc<Client>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (core, client) = (Rc::clone(core), Rc::clone(&client));
        async move { forward::serve(&core, &client, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD)
        .max_headers(limits::FIELDS)
        .max_buf_size(limits::HEAD_BYTES)
        .serve_connection(TokioIo::new(tls), service)
        .with_upgrades();
    until_done!(core, connection);
}

async fn serve_http2(core: &Rc<Core>, tls: TlsStream<TunnelSocket>, client: Rc<Client>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (core, client) = (Rc::clone(core), Rc::clone(&client));
        async move { forward::serve(&core, &client, request).await }
    });
    let connection = http2::Builder::new(OnThisCore)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        // WebSockets (RFC 8441).
        .enable_connect_protocol()
        .keep_alive_interval(Some(limits::HTTP2_PING))
        .keep_alive_timeout(limits::HTTP2_PONG)
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(limits::HEAD_BYTES).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(tls), service);
    until_done!(core, connection);
}

/// Runs the tasks of an HTTP/2 connection on the core that accepted it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnThisCore;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for OnThisCore {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}
