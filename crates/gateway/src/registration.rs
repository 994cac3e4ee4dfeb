//! Registration of connectors on the gateway's own port: one message in, one answer out.

pub(crate) mod rate;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use adit_tunnel::message::{self, Refused, Register, RegisterAnswer, Registered, Retry};
use adit_tunnel::socket::TunnelSocket;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};
use tokio_rustls::StartHandshake;

use crate::core::Core;
use crate::limits;
use crate::registration::rate::TooMany;

/// Answers one registration.
pub(crate) async fn serve(core: &Rc<Core>, start: StartHandshake<TunnelSocket>, from: SocketAddr) {
    match timeout(limits::REGISTRATION, answer(core, start, from)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::info!(%from, %error, "a registration broke off"),
        Err(_) => tracing::info!(%from, "a registration took too long"),
    }
}

async fn answer(core: &Rc<Core>, start: StartHandshake<TunnelSocket>, from: SocketAddr) -> std::io::Result<()> {
    let mut tls = start.into_stream(Arc::clone(&core.shared.tls.registration)).await?;
    // Whoever says nothing takes nothing from the others.
    let request: Register = message::read(&mut tls).await?;
    if let Err(TooMany { log }) = core.shared.registration_rate.take(from.ip(), Instant::now()) {
        core.shared.metrics.registrations_limited.inc();
        if log {
            tracing::warn!(%from, "too many registrations: some are told to come again; said once a minute");
        }
        let reason = "too many registrations; this one is tried again".to_owned();
        message::write(&mut tls, &RegisterAnswer::Refused(Refused { retry: Retry::Later, reason })).await?;
        return tls.shutdown().await;
    }
    let machine = request.machine_name.clone();
    let answer = match register(core, request, from).await {
        Ok(registered) => {
            tracing::info!(%from, ?machine, connector = %registered.connector, "a connector registered");
            RegisterAnswer::Registered(registered)
        }
        Err(Refused { retry, reason }) => {
            core.shared.metrics.registrations_refused.inc();
            tracing::warn!(%from, ?machine, %reason, "a registration was refused");
            RegisterAnswer::Refused(Refused { retry, reason })
        }
    };
    message::write(&mut tls, &answer).await?;
    tls.shutdown().await
}

/// Asks the control plane. Only here is a place taken: strangers who connect and say nothing keep nobody out.
async fn register(core: &Rc<Core>, request: Register, from: SocketAddr) -> Result<Registered, Refused> {
    let Ok(_place) = core.shared.registrations.try_acquire() else {
        let reason = "too many registrations are under way; try again in a minute".to_owned();
        return Err(Refused { retry: Retry::Later, reason });
    };
    core.shared.directory.register(request, from.ip().to_canonical()).await
}
