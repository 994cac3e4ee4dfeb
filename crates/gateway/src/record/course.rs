//! What happened between the gateway and an upstream, noted by those who send the request.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::time::Duration;

use adit_core::health::Observer;
use adit_core::id::ConnectorId;
use adit_tunnel::stream::StreamAccount;
use http::StatusCode;
use tokio::time::Instant;

use crate::sight::{Moment, Sight};

/// How often a request was sent, through whom, and how the last stream for it was opened.
#[derive(Debug, Default)]
pub(crate) struct Course {
    attempts: Cell<u32>,
    connector: Cell<Option<ConnectorId>>,
    opening: OnceCell<Arc<StreamAccount>>,
    /// What is known of the way that was taken, and since when only the upstream was waited for.
    awaited: OnceCell<(Arc<Sight>, Instant)>,
}

impl Course {
    /// The request is sent through `connector`.
    pub(crate) fn goes_through(&self, connector: ConnectorId) {
        self.attempts.set(self.attempts.get() + 1);
        self.connector.set(Some(connector));
    }

    /// A stream was opened for it; the first one counts.
    pub(crate) fn opened(&self, stream: &Arc<StreamAccount>) {
        // The first opening is what the request waited for; one that follows a failure is told by the attempts.
        let _ = self.opening.set(Arc::clone(stream));
    }

    /// Whether that stream is this one.
    pub(crate) fn was_opened(&self, stream: &Arc<StreamAccount>) -> bool {
        self.opening.get().is_some_and(|opened| Arc::ptr_eq(opened, stream))
    }

    /// The upstream's answer has come; since `asked` only it was waited for.
    pub(crate) fn was_answered_by(&self, sight: Arc<Sight>, asked: Instant) {
        // A request is answered once.
        let _ = self.awaited.set((sight, asked));
    }

    /// The answer is passed on: how long it took says how good the way is.
    pub(crate) fn answered(&self, status: StatusCode, now: Instant) {
        let Some((sight, asked)) = self.awaited.get() else { return };
        let moment = Moment::at(now);
        sight.answered(now.saturating_duration_since(*asked), moment);
        sight.ended_with(status.as_u16(), Observer::Request, moment);
    }

    /// How often the request was sent.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts.get()
    }

    /// The connector it was last sent through.
    pub(crate) const fn connector(&self) -> Option<ConnectorId> {
        self.connector.get()
    }

    /// How long the tunnel took to take the question for a stream and to carry the answer, and how long the connector took to
    /// connect to the upstream, as far as it says so.
    pub(crate) fn opening(&self) -> Option<(Duration, Option<Duration>)> {
        let account = self.opening.get()?;
        let connect = account.connected_in();
        Some((account.opened_after()?.saturating_sub(connect.unwrap_or_default()), connect))
    }
}
