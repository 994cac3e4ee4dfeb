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
    let answer = answer_to(core, request, from).await;
    message::write(&mut tls, &answer).await?;
    tls.shutdown().await
}

/// What costs something comes last, and only who shows a token that the control plane knows takes one of what all may:
/// strangers who guess keep nobody out.
async fn answer_to(core: &Rc<Core>, request: Register, from: SocketAddr) -> RegisterAnswer {
    let rate = &core.shared.registration_rate;
    if let Err(too_many) = rate.take_own(from.ip(), Instant::now()) {
        return put_off(core, too_many, from);
    }
    let machine = request.machine_name.clone();
    if let Err(refused) = core.shared.directory.recognise(&request).await {
        return refuse_guess(core, refused, &machine, from);
    }
    if let Err(too_many) = rate.take_of_all(from.ip(), Instant::now()) {
        return put_off(core, too_many, from);
    }
    match register(core, request, from).await {
        Ok(registered) => {
            tracing::info!(%from, ?machine, connector = %registered.connector, "a connector registered");
            RegisterAnswer::Registered(registered)
        }
        Err(refused) => refuse(core, refused, &machine, from),
    }
}

/// Whoever guesses all day long fills no disk.
fn refuse_guess(core: &Core, refused: Refused, machine: &str, from: SocketAddr) -> RegisterAnswer {
    core.shared.metrics.registrations_refused.inc();
    if core.shared.guesses.take_turn(from.ip().to_canonical(), Instant::now()) {
        let reason = &refused.reason;
        tracing::warn!(%from, ?machine, %reason, "a registration was refused; said once a minute for an address");
    }
    RegisterAnswer::Refused(refused)
}

fn refuse(core: &Core, refused: Refused, machine: &str, from: SocketAddr) -> RegisterAnswer {
    core.shared.metrics.registrations_refused.inc();
    tracing::warn!(%from, ?machine, reason = %refused.reason, "a registration was refused");
    RegisterAnswer::Refused(refused)
}

fn put_off(core: &Core, TooMany { log }: TooMany, from: SocketAddr) -> RegisterAnswer {
    core.shared.metrics.registrations_limited.inc();
    if log {
        tracing::warn!(%from, "too many registrations: some are told to come again; said once a minute");
    }
    let reason = "too many registrations; this one is tried again".to_owned();
    RegisterAnswer::Refused(Refused { retry: Retry::Later, reason })
}

/// Asks the control plane. Only here is a place taken: strangers who connect and say nothing keep nobody out.
async fn register(core: &Rc<Core>, request: Register, from: SocketAddr) -> Result<Registered, Refused> {
    let Ok(_place) = core.shared.registrations.try_acquire() else {
        let reason = "too many registrations are under way; try again in a minute".to_owned();
        return Err(Refused { retry: Retry::Later, reason });
    };
    core.shared.directory.register(request, from.ip().to_canonical()).await
}
