//! A stint: the time for which a tunnel connection serves one group. It ends when the connector leaves, is drained, or is
//! moved to another group. Then nothing new is begun in it; what is under way is told where it can be, may finish within
//! the grace, and is counted until nothing is left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_core::id::{ConnectorGroupId, ConnectorId};
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};

use crate::metrics::{Counted, Open};

/// One of them.
#[derive(Debug)]
pub(crate) struct Stint {
    /// The connection.
    pub(crate) connection: u64,
    /// Whose it is.
    pub(crate) connector: ConnectorId,
    /// Whom it serves, if anybody.
    pub(crate) group: Option<ConnectorGroupId>,
    streams: Open,
    is_over: AtomicBool,
    told: watch::Sender<bool>,
    next_task: AtomicU64,
    /// What drives the upstream connections of the stint.
    tasks: Mutex<HashMap<u64, AbortHandle>>,
}

/// An upstream connection of a stint; counted as long as it lives.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) stint: Arc<Stint>,
    task: u64,
    _counted: [Counted; 2],
}

impl Stint {
    pub(crate) fn new(connection: u64, connector: ConnectorId, group: Option<ConnectorGroupId>) -> Arc<Self> {
        Arc::new(Self {
            connection,
            connector,
            group,
            streams: Open::default(),
            is_over: AtomicBool::new(false),
            told: watch::Sender::new(false),
            next_task: AtomicU64::new(0),
            tasks: Mutex::default(),
        })
    }

    /// An upstream connection begins, which is counted in `all` as well.
    pub(crate) fn carry(self: &Arc<Self>, all: &Open) -> Carried {
        let task = self.next_task.fetch_add(1, Ordering::Relaxed);
        Carried { stint: Arc::clone(self), task, _counted: [all.begin(), self.streams.begin()] }
    }

    /// A WebSocket begins, which is an upstream connection no more.
    pub(crate) fn count(&self) -> Counted {
        self.streams.begin()
    }

    /// Upstream connections and WebSockets under way.
    pub(crate) fn under_way(&self) -> i64 {
        self.streams.count()
    }

    /// Nothing new from here on.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.told.send_replace(true);
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Completes once it has ended.
    pub(crate) async fn over(&self) {
        // It fails only when the stint is gone.
        let _ = self.told.subscribe().wait_for(|told| *told).await;
    }

    /// Breaks off what is still under way. (WebSockets were told, and have a time of their own.)
    pub(crate) fn cut(&self) {
        let tasks = std::mem::take(&mut *self.tasks());
        tasks.values().for_each(AbortHandle::abort);
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<u64, AbortHandle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carried {
    /// Spawns what drives it, which drops this value at its end, on the calling core.
    pub(crate) fn drive<F: Future<Output = ()> + 'static>(self, drive: impl FnOnce(Self) -> F) -> AbortHandle {
        let (stint, task) = (Arc::clone(&self.stint), self.task);
        // It does not run before this core is free again: it is noted before it can end.
        let handle = spawn_local(drive(self)).abort_handle();
        stint.tasks().insert(task, handle.clone());
        handle
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.stint.tasks().remove(&self.task);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::LocalSet;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn what_is_under_way_is_counted_until_it_ends_or_is_cut() {
        let stint = Stint::new(1, ConnectorId::new(Uuid::from_u128(1)), None);
        let all = Open::default();
        let local = LocalSet::new();
        let short = stint.carry(&all);
        let long = stint.carry(&all);
        let (ending, cut) = local
            .run_until(async {
                (
                    short.drive(|carried| async move { drop(carried) }),
                    long.drive(|carried| async move {
                        pending::<()>().await;
                        drop(carried)
                    }),
                )
            })
            .await;
        assert_eq!((stint.under_way(), all.count()), (2, 2));
        local.run_until(tokio::task::yield_now()).await;
        assert!(ending.is_finished());
        assert_eq!((stint.under_way(), all.count(), stint.tasks().len()), (1, 1, 1));
        stint.end();
        assert!(stint.is_over() && !cut.is_finished(), "what is under way goes on");
        stint.cut();
        local.await;
        assert_eq!((stint.under_way(), all.count()), (0, 0));
    }
}
