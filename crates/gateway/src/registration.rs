//! Registration of connectors on the gateway's own port: one message in, one answer out.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use adit_tunnel::message::{self, Refused, Register, RegisterAnswer};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::StartHandshake;

use crate::core::Core;
use crate::limits;
use crate::movable::MovableStream;

/// Answers one registration.
pub(crate) async fn serve(core: &Rc<Core>, start: StartHandshake<MovableStream>, from: SocketAddr) {
    let Ok(_place) = Arc::clone(&core.shared.registrations).try_acquire_owned() else {
        return tracing::warn!(%from, "a registration was turned away: too many at a time");
    };
    match timeout(limits::REGISTRATION, answer(core, start, from)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::info!(%from, %error, "a registration broke off"),
        Err(_) => tracing::info!(%from, "a registration took too long"),
    }
}

async fn answer(core: &Rc<Core>, start: StartHandshake<MovableStream>, from: SocketAddr) -> std::io::Result<()> {
    let mut tls = start.into_stream(Arc::clone(&core.shared.tls.registration)).await?;
    let request: Register = message::read(&mut tls).await?;
    let machine = request.machine_name.clone();
    let answer = match core.shared.directory.register(request, from.ip().to_canonical()).await {
        Ok(registered) => {
            tracing::info!(%from, ?machine, connector = %registered.connector, "a connector registered");
            RegisterAnswer::Registered(registered)
        }
        Err(Refused { retry, reason }) => {
            tracing::warn!(%from, ?machine, %reason, "a registration was refused");
            RegisterAnswer::Refused(Refused { retry, reason })
        }
    };
    message::write(&mut tls, &answer).await?;
    tls.shutdown().await
}
