//! One connection of a connector: what the cores need to open streams on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ConnectorGroupId, TunnelId};
use adit_tunnel::protocol;
use adit_tunnel::stream::{self, TunnelStream};
use adit_tunnel::target::{self, Offer, Shown, Target};
use adit_tunnel::unread::UnreadHere;
use arc_swap::ArcSwap;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request, StatusCode};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::stint::Stint;
use crate::limits;
use crate::serving::Load;

/// Whether a connection takes new streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ConnectionState {
    /// It does.
    Serving = 0,
    /// It says nothing; it may come back.
    Silent = 1,
    /// The connector is shutting down, or the connection is gone.
    Leaving = 2,
}

/// Why a connector was not asked.
#[derive(Debug, thiserror::Error)]
enum RedialFailed {
    #[error("{0}")]
    Carrier(#[from] h2::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// One connection of a connector to this gateway.
#[derive(Debug)]
pub(crate) struct TunnelConnection {
    pub(crate) id: u64,
    pub(crate) core: usize,
    pub(crate) identity: ConnectorIdentity,
    pub(crate) tunnel: TunnelId,
    /// What it said that tells this start of its process from others.
    pub(crate) instance: TunnelId,
    stint: ArcSwap<Stint>,
    requests: SendRequest<Bytes>,
    unread: UnreadHere,
    state: AtomicU8,
    on_trial: AtomicBool,
    /// What its connector is doing.
    pub(crate) load: Arc<Load>,
    closing: Notify,
    superseded: Notify,
}

impl TunnelConnection {
    pub(crate) fn new(
        id: u64,
        core: usize,
        identity: ConnectorIdentity,
        tunnel: TunnelId,
        instance: TunnelId,
        (requests, unread): (SendRequest<Bytes>, UnreadHere),
        load: Arc<Load>,
    ) -> Self {
        Self {
            id,
            core,
            identity,
            tunnel,
            instance,
            stint: ArcSwap::new(Stint::new(id, identity.connector, None)),
            requests,
            unread,
            state: AtomicU8::new(ConnectionState::Serving as u8),
            on_trial: AtomicBool::new(false),
            load,
            closing: Notify::new(),
            superseded: Notify::new(),
        }
    }

    /// Whether new streams may be opened here.
    pub(crate) fn takes_streams(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ConnectionState::Serving as u8
    }

    /// Whether it says nothing, and is not known to be gone.
    pub(crate) fn is_silent(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ConnectionState::Silent as u8
    }

    /// Sets the state; a connection that is leaving stays so. Returns whether anything changed.
    pub(crate) fn set_state(&self, state: ConnectionState) -> bool {
        let set = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
            (old != state as u8 && old != ConnectionState::Leaving as u8).then_some(state as u8)
        });
        if set.is_ok() && state == ConnectionState::Leaving {
            self.stint.load().end();
        }
        set.is_ok()
    }

    /// Whether the connector is on its way out.
    pub(crate) fn is_leaving(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ConnectionState::Leaving as u8
    }

    /// What is opened now belongs to this stint.
    pub(crate) fn stint(&self) -> Arc<Stint> {
        self.stint.load_full()
    }

    /// Whether it serves a group: it is not drained, and its connector has not left.
    pub(crate) fn is_in_service(&self) -> bool {
        self.stint.load().group.is_some() && !self.is_leaving()
    }

    /// Serves `group` from now on, or nobody; the stint that ends thereby.
    pub(crate) fn serve(&self, group: Option<ConnectorGroupId>) -> Option<Arc<Stint>> {
        if self.stint.load().group == group {
            return None;
        }
        let ended = self.stint.swap(Stint::new(self.id, self.identity.connector, group));
        ended.end();
        // Of one that left meanwhile nothing begins anew.
        if self.is_leaving() {
            self.stint.load().end();
        }
        Some(ended)
    }

    /// Whether it serves only where there is no other connector, until it has shown that it stays.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.on_trial.load(Ordering::Relaxed)
    }

    /// Begins or ends that.
    pub(crate) fn put_on_trial(&self, on_trial: bool) {
        self.on_trial.store(on_trial, Ordering::Relaxed);
    }

    /// Opens a stream; waits while the connector allows no more of them.
    pub(crate) async fn open(&self, target: &Target, offer: Offer, shown: &Shown) -> Result<TunnelStream, h2::Error> {
        let asked = Instant::now();
        let mut requests = self.requests.clone().ready().await?;
        Ok(stream::open(&mut requests, target, offer, shown, asked)?.counted(&self.unread))
    }

    /// Asks the connector to dial once more, and to go on serving here until this connection is closed.
    pub(crate) async fn ask_to_redial(&self) {
        let asking = async {
            let mut requests = self.requests.clone().ready().await?;
            let mut head = Request::new(());
            *head.method_mut() = Method::POST;
            *head.uri_mut() = target::in_tunnel(protocol::REDIAL_PATH).map_err(std::io::Error::other)?;
            let (answer, _) = requests.send_request(head, true)?;
            Ok::<_, RedialFailed>(answer.await?.status())
        };
        let connector = self.identity.connector;
        match timeout(limits::REDIAL, asking).await {
            Ok(Ok(StatusCode::OK)) => {}
            // It comes back when this connection is closed.
            Ok(Ok(status)) => tracing::info!(%connector, %status, "a connector does not dial a second time"),
            Ok(Err(error)) => tracing::info!(%connector, %error, "a connector could not be asked to dial once more"),
            Err(_) => tracing::info!(%connector, "a connector did not answer whether it dials once more"),
        }
    }

    /// Asks the connection's task to end it, streams and all.
    pub(crate) fn close(&self) {
        self.set_state(ConnectionState::Leaving);
        self.closing.notify_one();
    }

    /// Tells the connection's task that a newer process of the connector has come; no new stream goes here. Whether it
    /// took any until now.
    pub(crate) fn supersede(&self) -> bool {
        let took_streams = self.set_state(ConnectionState::Leaving);
        self.superseded.notify_one();
        took_streams
    }

    /// Completes once [`Self::supersede`] was called.
    pub(crate) async fn superseded(&self) {
        self.superseded.notified().await;
    }

    /// Completes once [`Self::close`] was called.
    pub(crate) async fn closing(&self) {
        self.closing.notified().await;
    }
}
