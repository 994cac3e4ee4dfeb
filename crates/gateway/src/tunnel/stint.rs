//! A stint: the time for which a tunnel connection serves one group. It ends when the connector leaves, is drained, or is
//! moved to another group. Then nothing new is begun in it; what is under way is told where it can be, may finish within
//! the grace, and is counted until nothing is left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use adit_core::id::{ConnectorGroupId, ConnectorId};
use futures_util::task::AtomicWaker;
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
    next: AtomicU64,
    /// What breaks off the upstream connections of the stint.
    endings: Mutex<HashMap<u64, Ending>>,
}

/// How an upstream connection is broken off.
#[derive(Debug)]
enum Ending {
    /// By its task.
    Task(AbortHandle),
    /// It looks by itself.
    Told(Arc<Cut>),
}

/// Whether an upstream connection without a task of its own was broken off.
#[derive(Debug, Default)]
struct Cut {
    is_cut: AtomicBool,
    /// Who uses the connection, and waits.
    user: AtomicWaker,
}

/// An upstream connection of a stint; counted as long as it lives.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) stint: Arc<Stint>,
    number: u64,
    cut: Option<Arc<Cut>>,
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
            next: AtomicU64::new(0),
            endings: Mutex::default(),
        })
    }

    /// An upstream connection begins, which is counted in `all` as well.
    pub(crate) fn carry(self: &Arc<Self>, all: &Open) -> Carried {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Carried { stint: Arc::clone(self), number, cut: None, _counted: [all.begin(), self.streams.begin()] }
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
        let endings = std::mem::take(&mut *self.endings());
        for ending in endings.into_values() {
            match ending {
                Ending::Task(task) => task.abort(),
                Ending::Told(cut) => {
                    cut.is_cut.store(true, Ordering::Relaxed);
                    cut.user.wake();
                }
            }
        }
    }

    fn endings(&self) -> MutexGuard<'_, HashMap<u64, Ending>> {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carried {
    /// Spawns what drives it, which drops this value at its end, on the calling core.
    pub(crate) fn drive<F: Future<Output = ()> + 'static>(self, drive: impl FnOnce(Self) -> F) -> AbortHandle {
        let (stint, number) = (Arc::clone(&self.stint), self.number);
        // It does not run before this core is free again: it is noted before it can end.
        let handle = spawn_local(drive(self)).abort_handle();
        stint.endings().insert(number, Ending::Task(handle.clone()));
        handle
    }

    /// The connection has no task: whoever uses it [looks](Self::is_cut) whether it was broken off.
    pub(crate) fn without_task(mut self) -> Self {
        let cut = Arc::<Cut>::default();
        self.stint.endings().insert(self.number, Ending::Told(Arc::clone(&cut)));
        self.cut = Some(cut);
        self
    }

    /// Whether it was broken off.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.as_ref().is_some_and(|cut| cut.is_cut.load(Ordering::Relaxed))
    }

    /// Ready if it was broken off; who asks is woken when it is.
    pub(crate) fn poll_cut(&self, cx: &Context<'_>) -> Poll<()> {
        if let Some(cut) = &self.cut {
            cut.user.register(cx.waker());
        }
        if self.is_cut() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.stint.endings().remove(&self.number);
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
        assert_eq!((stint.under_way(), all.count(), stint.endings().len()), (1, 1, 1));
        stint.end();
        assert!(stint.is_over() && !cut.is_finished(), "what is under way goes on");
        stint.cut();
        local.await;
        assert_eq!((stint.under_way(), all.count()), (0, 0));
    }

    #[tokio::test]
    async fn who_uses_a_connection_without_a_task_is_woken_when_it_is_cut() {
        let stint = Stint::new(1, ConnectorId::new(Uuid::from_u128(1)), None);
        let carried = stint.carry(&Open::default()).without_task();
        let waits = tokio::spawn({
            let stint = Arc::clone(&stint);
            async move {
                std::future::poll_fn(|cx| carried.poll_cut(cx)).await;
                drop(carried);
                stint.under_way()
            }
        });
        tokio::task::yield_now().await;
        assert_eq!(stint.under_way(), 1);
        stint.cut();
        assert_eq!(waits.await.unwrap(), 0);
    }
}
