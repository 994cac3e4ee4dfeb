//! A connection that says it is a connector's: its turn, its handshake, who it is, and to which core it goes.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use adit_core::connector::ConnectorIdentity;
use adit_tunnel::connection::Parked;
use adit_tunnel::socket::TunnelSocket;
use tokio::task::yield_now;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use super::book::CoreAssignment;
use crate::core::{Core, CoreCommand};
use crate::{limits, tls};

/// A tunnel connection whose connector is known, on its way to its core.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(super) tls: TlsStream<TunnelSocket>,
    pub(super) socket: Parked,
    pub(super) identity: ConnectorIdentity,
    pub(super) not_after: i64,
    pub(super) from: SocketAddr,
    pub(super) assignment: CoreAssignment,
}

/// Finishes the handshake and hands the connection to the core with the fewest of that connector.
pub(crate) async fn accept(core: &Rc<Core>, start: StartHandshake<TunnelSocket>, from: SocketAddr) {
    let Some(shaken) = shake_hands(core, start).await else {
        core.shared.metrics.tunnels_put_off.inc();
        return tracing::debug!(%from, "too many connectors come at once: this one comes again");
    };
    let mut tls = match shaken {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return complain(core, from, &error),
        Err(_) => return complain(core, from, &"its TLS handshake took too long"),
    };
    let certificate = tls.get_ref().1.peer_certificates().and_then(|chain| match chain {
        [own] => Some(own),
        // The CA signs connectors itself: nobody has anything between.
        _ => None,
    });
    let Some((identity, not_after)) = certificate.and_then(tls::connector_identity) else {
        return complain(core, from, &"its certificate names no connector, or is not alone");
    };
    let socket = match tls.get_mut().0.take() {
        Ok(socket) => socket,
        Err(error) => return tracing::warn!(%from, %error, "a tunnel connection could not be moved"),
    };
    let Some(assignment) = core.shared.book.assign_core(identity) else {
        return tracing::warn!(connector = %identity.connector, %from, "a connector has too many connections");
    };
    let chosen = assignment.core;
    let arrived = Arrived { tls, socket, identity, not_after, from, assignment };
    core.shared.hand_over(chosen, CoreCommand::Tunnel(Box::new(arrived))).await;
}

/// Shakes hands when there is a place for this connector and it is its turn; nothing if that took too long. A turn is no longer
/// than this side's answer to the hello, which is what costs most; who then says nothing keeps a place for a moment only.
async fn shake_hands(
    core: &Core,
    start: StartHandshake<TunnelSocket>,
) -> Option<Result<io::Result<TlsStream<TunnelSocket>>, Elapsed>> {
    let admitted =
        async { Some((core.tunnel_places.acquire().await.ok()?, core.tunnel_handshakes.acquire().await.ok()?)) };
    let (place, turn) = timeout(limits::TUNNEL_TURN, admitted).await.ok()??;
    let mut handshake = pin!(timeout(limits::HANDSHAKE, start.into_stream(Arc::clone(&core.shared.tls.tunnel))));
    let answered = poll_fn(|cx| Poll::Ready(handshake.as_mut().poll(cx))).await;
    // What else is ready comes before the next one's turn.
    yield_now().await;
    drop(turn);
    Some(match answered {
        Poll::Ready(shaken) => shaken,
        Poll::Pending => match timeout(limits::TUNNEL_PLACE, handshake.as_mut()).await {
            Ok(shaken) => shaken,
            Err(_elapsed) => {
                drop(place);
                handshake.await
            }
        },
    })
}

/// Counts a connection that is no connector's, and says so once a minute for each address.
fn complain(core: &Core, from: SocketAddr, why: &dyn std::fmt::Display) {
    core.shared.metrics.tunnels_refused.inc();
    if core.shared.complaints.take_turn(from.ip().to_canonical(), Instant::now()) {
        tracing::warn!(%from, %why, "a tunnel connection was refused; said once a minute for an address");
    }
}
