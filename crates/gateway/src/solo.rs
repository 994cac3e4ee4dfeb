//! A gateway on the calling task: one core, no thread, no socket. Connections are brought to it.
//!
//! It is for where time and network are not the system's, as in a simulation. What serves a connection is the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use adit_tunnel::connection::{ByteStream, Parked};
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::admission::Admission;
use crate::core::{self, CoreCommand, Shared};
use crate::gateway::{Gateway, Settings, StartError};

/// Where connections are brought to.
#[derive(Clone)]
pub struct Entrance(Arc<Shared>);

impl Entrance {
    /// Brings a connection of a client or a connector that comes `from` there.
    pub async fn admit(&self, connection: impl ByteStream + 'static, from: SocketAddr) {
        let Some(core) = self.0.cores.first() else { return };
        let Some(admitted) = self.0.let_in(from, Admission::Anyone) else { return };
        core.connections.fetch_add(1, Ordering::Relaxed);
        let connection = Parked::Other(Box::new(connection));
        self.0.hand_over(0, CoreCommand::Connection(connection, from, admitted)).await;
    }
}

impl Gateway {
    /// Starts a gateway with one core on the calling task's [`tokio::task::LocalSet`]; `settings.cores` does not count.
    /// `address` is where it says that it is.
    ///
    /// # Errors
    /// [`StartError`]; nothing is served then.
    pub fn start_solo(
        address: SocketAddr,
        settings: Settings,
        registry: &mut Registry,
    ) -> Result<(Self, Entrance), StartError> {
        let settings = Settings { cores: std::num::NonZeroUsize::MIN, ..settings };
        let (mut gateway, receivers, front) = Self::make(address, settings, registry)?;
        for (index, receiver) in receivers.into_iter().enumerate() {
            spawn_local(core::serve(index, Arc::clone(gateway.shared()), receiver));
        }
        let (stop_accepting, stopped) = oneshot::channel::<()>();
        gateway.accepts_until(stop_accepting);
        spawn_local(front.attend(async move { drop(stopped.await) }));
        let entrance = Entrance(Arc::clone(gateway.shared()));
        Ok((gateway, entrance))
    }
}
