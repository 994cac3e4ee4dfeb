//! What the gateway remembers of an application while it is published: what failed last, and how each connector serves
//! it.
//!
//! A ledger outlives the snapshots: the rules of each newer one take it over, so what is remembered is bounded by what is
//! published. What failed is touched only when a request fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::Semaphore;

use crate::failure::Failure;
use crate::limits;
use crate::record::RequestId;
use crate::sights::Sights;

/// The ledger of one application.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    last_failure: ArcSwapOption<LastFailure>,
    /// When a failure was last logged, in milliseconds since 1970.
    logged: AtomicU64,
    /// The application as each connector sees it.
    pub(crate) sights: Sights,
    /// Its requests that wait for a connector.
    pub(crate) waiting: Waiting,
}

/// How many more of an application's requests may wait for a connector that is away.
#[derive(Debug)]
pub(crate) struct Waiting(Semaphore);

impl Waiting {
    pub(crate) fn places(&self) -> &Semaphore {
        &self.0
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self(Semaphore::new(limits::WAITING_OF_AN_APPLICATION))
    }
}

/// A request of the application that the gateway had to answer itself.
#[derive(Debug, Clone)]
pub(crate) struct LastFailure {
    /// In milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) request: RequestId,
    pub(crate) failure: Failure,
}

impl Ledger {
    /// A request failed. Returns whether it is time to log one: the log tells that there is trouble, the records tell
    /// each of its requests.
    pub(crate) fn failed(&self, failure: LastFailure) -> bool {
        let (at, pause) = (failure.at, u64::try_from(limits::FAILURE_LOGGED.as_millis()).unwrap_or(u64::MAX));
        self.last_failure.store(Some(Arc::new(failure)));
        let due = |logged: u64| (at >= logged.saturating_add(pause)).then_some(at);
        self.logged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
    }

    /// What failed last.
    pub(crate) fn last_failure(&self) -> Option<Arc<LastFailure>> {
        self.last_failure.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;

    fn failure(at: u64) -> LastFailure {
        LastFailure { at, request: RequestId::default(), failure: Failure::new(Reason::NoConnector, "none") }
    }

    #[test]
    fn the_last_failure_is_kept_and_only_some_are_logged() {
        let ledger = Ledger::default();
        assert!(ledger.last_failure().is_none());
        assert!(ledger.failed(failure(1_000_000)));
        assert!(!ledger.failed(failure(1_000_001)));
        assert_eq!(ledger.last_failure().unwrap().at, 1_000_001);
        assert!(ledger.failed(failure(1_000_000 + 10_000)));
    }
}
