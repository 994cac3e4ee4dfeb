//! A client: it opens connections to gateways, sends a few requests on each, and writes down what came of them.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use turmoil::net::TcpStream;

use crate::history::{Answer, Asked, History, Place, now};
use crate::plan::{GATEWAYS, LAST_REQUEST};
use crate::upstream::{MARKER, body_for};

/// The port that gateways listen on.
pub(crate) const PORT: u16 = 443;

/// Longer than any failure of the gateway's own takes to be told.
const PATIENCE: Duration = Duration::from_secs(15);

/// One client.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) random: Rng,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) history: Arc<Mutex<History>>,
    /// Requests begun so far.
    pub(crate) begun: u64,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    /// Whether another request can be sent; a gateway may close a connection between two.
    async fn is_ready(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<http::Response<Incoming>> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
    }
}

impl Client {
    /// Asks until the time is over.
    pub(crate) async fn run(mut self) -> turmoil::Result {
        while now() < LAST_REQUEST {
            sleep(Duration::from_millis(self.random.u64(50..400))).await;
            let place = Place::any(&mut self.random);
            let gateway = self.random.usize(0..GATEWAYS);
            let requests = self.random.u32(1..5);
            self.visit(place, gateway, requests).await;
        }
        Ok(())
    }

    /// Sends some requests over one connection. Every one is written down, also where there is no connection.
    async fn visit(&mut self, place: Place, gateway: usize, requests: u32) {
        let connected = timeout(PATIENCE, self.connect(place, gateway)).await;
        let mut sender = match connected {
            Ok(Ok(sender)) => sender,
            // That the gateway did not answer is a failure too, of a request that was never sent.
            _ => {
                let asked = self.ask(place, gateway, &Method::GET);
                return self.answered(asked, Answer::NoConnection);
            }
        };
        for _ in 0..requests {
            if !sender.is_ready().await {
                return;
            }
            let method = if self.random.bool() { Method::POST } else { Method::GET };
            let asked = self.ask(place, gateway, &method);
            let (mut request, size) = self.request(place, asked, method);
            if matches!(sender, Sender::Http1(_)) {
                *request.uri_mut() = request.uri().path_and_query().expect("a path").clone().into();
            }
            let answer = match timeout(PATIENCE, exchange(&mut sender, request)).await {
                Ok(Ok((StatusCode::OK, body))) if body == body_for(asked, size).as_bytes() => Answer::Right,
                Ok(Ok((StatusCode::OK, body))) => {
                    Answer::Wrong(String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned())
                }
                Ok(Ok((status, body))) => Answer::Status(status.as_u16(), String::from_utf8_lossy(&body).into_owned()),
                Ok(Err(error)) => Answer::Broken(error.to_string()),
                Err(_) => Answer::Nothing,
            };
            let goes_on = matches!(answer, Answer::Right | Answer::Status(..));
            self.answered(asked, answer);
            if !goes_on || now() >= LAST_REQUEST {
                return;
            }
            sleep(Duration::from_millis(self.random.u64(0..300))).await;
        }
    }

    fn ask(&mut self, place: Place, gateway: usize, method: &Method) -> u64 {
        self.begun += 1;
        let marker = self.begun * 10 + self.number as u64;
        let post = *method == Method::POST;
        let asked = Asked { at: now(), marker, client: self.number, gateway, place, post, answer: None };
        self.history.lock().unwrap().asked.push(asked);
        marker
    }

    fn answered(&self, marker: u64, answer: Answer) {
        self.history.lock().unwrap().answered(marker, now(), answer);
    }

    fn request(&mut self, place: Place, marker: u64, method: Method) -> (Request<Full<Bytes>>, usize) {
        let size = if method == Method::POST { self.random.usize(0..100_000) } else { 0 };
        let slow = if self.random.u32(0..4) == 0 { "?slow" } else { "" };
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{}{slow}", place.host(), place.path()))
            .header(http::header::HOST, place.host())
            .header(MARKER, marker)
            .header("x-forwarded-for", "10.9.8.7")
            .header("x_forwarded_for", "10.9.8.7");
        (request.body(Full::new(Bytes::from(vec![b'x'; size]))).expect("a request"), size)
    }

    async fn connect(&mut self, place: Place, gateway: usize) -> io::Result<Sender> {
        let stream = TcpStream::connect((format!("gateway-{gateway}").as_str(), PORT)).await?;
        let http2 = self.random.bool();
        let mut config = (*self.tls).clone();
        config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let name = ServerName::try_from(place.host()).expect("a name");
        let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        if http2 { over_http2(tls).await } else { over_http1(tls).await }.map_err(io::Error::other)
    }
}

async fn over_http1(tls: TlsStream<TcpStream>) -> hyper::Result<Sender> {
    let (sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
    spawn_local(connection);
    Ok(Sender::Http1(sender))
}

async fn over_http2(tls: TlsStream<TcpStream>) -> hyper::Result<Sender> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await?;
    spawn_local(connection);
    Ok(Sender::Http2(sender))
}

async fn exchange(sender: &mut Sender, request: Request<Full<Bytes>>) -> hyper::Result<(StatusCode, Bytes)> {
    let response = sender.send(request).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
