//! Deletes connectors that nobody has seen for long, whose machines are gone.
//!
//! Hours count in which this server runs: who could not connect, because it was stopped or the machine slept, was not away.

use std::sync::Arc;
use std::time::Duration;

use adit_control::{ControlPlane, Error};
use adit_core::ConnectorId;
use tokio::time::{MissedTickBehavior, interval};

/// How long inactive connectors are kept, unless it is said otherwise.
pub(crate) const INACTIVE_CONNECTORS: Kept = Kept::For(Duration::from_secs(10 * 24 * 60 * 60));

/// The shortest time for which they may be kept, and how often it is looked for them.
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// For a time.
    For(Duration),
    /// Until somebody deletes it.
    Forever,
}

/// Which connectors have tunnels.
pub(crate) type Connected = Arc<dyn Fn() -> Vec<ConnectorId> + Send + Sync>;

/// Deletes inactive connectors for as long as the server runs.
pub(crate) async fn delete_inactive_connectors(control: ControlPlane, connected: Connected, kept: Kept) {
    let Kept::For(kept) = kept else { return };
    let hours = u32::try_from(kept.as_secs().div_ceil(HOUR.as_secs())).unwrap_or(u32::MAX);
    let mut looks = interval(HOUR);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once.
    looks.tick().await;
    loop {
        looks.tick().await;
        match look(&control, &connected(), hours).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "connectors that were inactive for too long were deleted"),
            Err(error) if error.is_closed() => return,
            Err(error) => {
                tracing::warn!(%error, "inactive connectors could not be deleted; it is tried again in an hour")
            }
        }
    }
}

async fn look(control: &ControlPlane, connected: &[ConnectorId], hours: u32) -> Result<u64, Error> {
    control.note_hour(connected).await?;
    control.delete_unseen_connectors(hours).await
}
