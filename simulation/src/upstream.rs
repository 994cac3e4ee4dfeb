//! A private application: it answers each request with the request's marker, and writes down who brought it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;
use turmoil::net::TcpListener;

use crate::history::{Exchange, History, now};

/// The port that upstreams listen on.
pub(crate) const PORT: u16 = 8080;

/// The field by which a request is recognised everywhere.
pub(crate) const MARKER: &str = "x-marker";

/// Serves until the host ends.
pub(crate) async fn serve(number: usize, history: Arc<Mutex<History>>) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, from) = listener.accept().await?;
        let machine = turmoil::reverse_lookup(from.ip()).unwrap_or_default();
        let history = Arc::clone(&history);
        spawn_local(async move {
            let service = service_fn(|request| answer(number, &machine, &history, request));
            // What ends a connection is for the other end to notice.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    upstream: usize,
    machine: &str,
    history: &Mutex<History>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = |name: &str| {
        let values = request.headers().get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect::<Vec<_>>().join(", ")
    };
    let spoofed = request.headers().keys().find(|name| name.as_str().contains('_')).map(ToString::to_string);
    let exchange = Exchange {
        at: now(),
        marker: text(MARKER).parse().unwrap_or_default(),
        upstream,
        machine: machine.to_owned(),
        forwarded_for: text("x-forwarded-for"),
        spoofed,
    };
    let marker = exchange.marker;
    history.lock().unwrap().exchanges.push(exchange);
    let slow = request.uri().query() == Some("slow");
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if slow {
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    Ok(Response::new(Full::new(Bytes::from(body_for(marker, body.len())))))
}

/// What a request with this marker and so many bytes of body is answered.
pub(crate) fn body_for(marker: u64, received: usize) -> String {
    let size = usize::try_from(marker % 40_000).unwrap_or_default();
    let mut body = format!("{marker} received {received} ");
    while body.len() < size {
        body.push_str(&marker.to_string());
    }
    body
}
