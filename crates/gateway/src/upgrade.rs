//! WebSockets: the two connections are joined once the upstream has agreed, and not a byte earlier.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::task::spawn_local;

use crate::pool::Lease;

/// A client's wish to switch protocols.
#[derive(Debug)]
pub(crate) struct Upgrade {
    client: OnUpgrade,
    pub(crate) protocol: HeaderValue,
}

/// Takes a wish for a WebSocket out of a request. Others (`h2c`) are not passed on: an upstream that agreed to them
/// would receive bytes that no rule of the gateway has seen.
pub(crate) fn requested(request: &mut Request<Incoming>) -> Option<Upgrade> {
    let headers = request.headers();
    let protocol = headers.get(UPGRADE)?;
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let asked = lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    let is_websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    if request.version() != Version::HTTP_11 || request.method() != Method::GET || !asked || !is_websocket {
        return None;
    }
    let protocol = protocol.clone();
    Some(Upgrade { client: hyper::upgrade::on(request), protocol })
}

impl Upgrade {
    /// Joins both connections, once each side has switched. The request stays counted until they end.
    pub(crate) fn join(self, response: &mut Response<Incoming>, lease: Lease) {
        let upstream = hyper::upgrade::on(response);
        // A drain waits for it as for a request, for as long as its grace lasts.
        let client = lease.clients().begin();
        let in_flight = lease.into_in_flight();
        spawn_local(async move {
            let _in_flight = in_flight;
            let _client = client;
            match tokio::try_join!(self.client, upstream) {
                Ok((client, upstream)) => {
                    let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
                    if let Err(error) = copy_bidirectional(&mut client, &mut upstream).await {
                        tracing::debug!(%error, "a WebSocket ended");
                    }
                }
                Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
            }
        });
    }
}
