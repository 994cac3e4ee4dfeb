//! The control plane's listeners: HTTP/1.1 and HTTP/2, plain or over TLS, for one service.
//!
//! Limits are here, so that no handler meets a client that never finishes: on connections, handshakes, heads and
//! streams. Whoever is silent ends after a while, and earlier for those who come ([`places`]). The handlers learn where a
//! request came from as [`adit_graph::Peer`]; it is set here and nowhere else.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use adit_graph::Peer;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

pub(crate) mod operations;
mod places;
pub(crate) mod plain;

use places::{Place, Places, UnderWay};

/// Connections open at once on one listener: administration needs few, and each costs memory.
const MOST_CONNECTIONS: usize = 1024;

/// A TLS handshake takes two round trips; who needs longer is not coming.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may wait for its first request, its handshake included, and between requests, over HTTP/2 as
/// well, and how long a head may take.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// The largest head of an HTTP/2 request.
const LARGEST_HEAD: u32 = 64 * 1024;

/// Requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 100;

/// How long after a failed accept (no file descriptor left, most likely) the next is tried.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening address cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {address} cannot be listened on: {source}")]
pub(crate) struct NotListening {
    /// The setting that named the address.
    pub(crate) setting: &'static str,
    /// The address.
    pub(crate) address: SocketAddr,
    /// Why.
    pub(crate) source: io::Error,
}

/// A socket that listens already and accepts once it is served.
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Says when the listeners shall stop: true once.
pub(crate) type Stopping = watch::Receiver<bool>;

impl Bound {
    /// Takes over a socket that listens already.
    ///
    /// # Errors
    /// What the system says of it.
    pub(crate) fn of(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address in use, with its real port.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stopping` says so; then takes no new connection and lets requests under way finish within `grace`.
    pub(crate) async fn serve(self, tls: Option<TlsAcceptor>, service: Router, stopping: Stopping, grace: Duration) {
        self.serve_within(Bounds::default(), tls, service, stopping, grace).await;
    }

    async fn serve_within(
        self,
        bounds: Bounds,
        tls: Option<TlsAcceptor>,
        service: Router,
        mut stopping: Stopping,
        grace: Duration,
    ) {
        let (open, mut all_ended) = mpsc::channel(1);
        let places = Places::new(bounds.connections, HANDSHAKE_PATIENCE);
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                () = stops(&mut stopping) => break,
            };
            let Some((stream, peer, place)) = accepted else { continue };
            let (service, stopping, patience) = (service.clone(), stopping.clone(), bounds.patience);
            let connection = Connection { peer, service, stopping, place, patience, _open: open.clone() };
            tokio::spawn(connection.serve(stream, tls.clone()));
        }
        drop((self.listener, open));
        // Nothing is ever sent: it returns when the last connection has dropped its end.
        if timeout(grace, all_ended.recv()).await.is_err() {
            tracing::warn!(address = %self.address, "requests were still under way when the listener's time was up");
        }
    }
}

/// What one listener takes.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    connections: usize,
    /// For a request, the first and each further one.
    patience: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: MOST_CONNECTIONS, patience: HEAD_PATIENCE }
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Places>) -> Option<(TcpStream, SocketAddr, Arc<Place>)> {
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, places.take().await)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// One accepted connection.
struct Connection {
    peer: SocketAddr,
    service: Router,
    stopping: Stopping,
    place: Arc<Place>,
    /// For a request.
    patience: Duration,
    /// Dropped when it has ended.
    _open: mpsc::Sender<()>,
}

impl Connection {
    /// Serves until the connection ends, is silent for too long, or has to make room.
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let (peer, place, patience) = (self.peer, Arc::clone(&self.place), self.patience);
        let silent = async {
            tokio::time::sleep(patience).await;
            if place.has_asked() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.serve_all(stream, tls) => {}
            () = place.has_to_go() => tracing::debug!(%peer, "a silent connection makes room for another"),
            () = silent => tracing::debug!(%peer, "a connection had no request in time"),
        }
    }

    async fn serve_all(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // Answers are small; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return self.speak("http", stream).await };
        match timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.speak("https", stream).await,
            Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(peer = %self.peer, "a TLS handshake was not finished in time"),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, scheme: &'static str, stream: S) {
        let peer = Peer { address: self.peer.ip().to_canonical(), scheme };
        let (router, place) = (self.service.clone(), Arc::clone(&self.place));
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            let mut under_way = place.begin();
            request.extensions_mut().insert(peer.clone());
            let answered = router.clone().oneshot(request.map(Body::new));
            async move {
                let answer = answered.await;
                under_way.is_answered();
                answer.map(|answer| answer.map(|body| Body::new(Answer { body, _under_way: under_way })))
            }
        });
        let server = builder();
        let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stops(&mut self.stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = self.place.is_silent_for(self.patience) => {
                connection.as_mut().graceful_shutdown();
                // What still waits to be sent has as long again.
                timeout(self.patience, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, %error, "a connection ended early");
        }
    }
}

/// An answer's body, and its request, which ends when the library has taken all of it or nobody wants it any more. Then
/// bytes of it may still wait in the library's buffers: for [`places`] its connection is silent from there on.
struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

async fn stops(stopping: &mut Stopping) {
    // A sender that is gone says the same.
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEAD)
        .keep_alive_interval(HEAD_PATIENCE)
        .keep_alive_timeout(HANDSHAKE_PATIENCE);
    builder
}

#[cfg(test)]
mod tests;
