//! What a connector is doing at the moment, counted on all cores: requests under way, and how much of its share it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::limits;
use crate::sight::Moment;

/// The share of a connector that is in service for a while, in percent.
const WHOLE_SHARE: u32 = 100;

/// What a connector is doing, counted on all cores.
#[derive(Debug)]
pub(crate) struct Load {
    in_flight: AtomicU32,
    begun: AtomicU64,
    /// How much of its share the connector gets, in percent.
    share: AtomicU32,
    /// When it came back.
    back: AtomicU32,
}

impl Default for Load {
    fn default() -> Self {
        let zero = || AtomicU32::new(0);
        Self { in_flight: zero(), begun: AtomicU64::new(0), share: AtomicU32::new(WHOLE_SHARE), back: zero() }
    }
}

impl Load {
    /// How much of its share it gets, in percent: less than all for a while after it came back.
    pub(crate) fn share(&self) -> u32 {
        self.share.load(Ordering::Relaxed)
    }

    /// The connector takes requests again.
    pub(crate) fn is_back(&self, now: Moment) {
        self.back.store(now.millis(), Ordering::Relaxed);
        self.share.store(limits::SLOW_START_SHARE, Ordering::Relaxed);
    }

    /// Its share grows. Its connections say so from time to time, so that requests need no clock.
    pub(crate) fn grow(&self, now: Moment) {
        if self.share() < WHOLE_SHARE {
            let grown = now.since(self.back.load(Ordering::Relaxed)) / limits::SLOW_START_STEP;
            self.share.store(grown.clamp(limits::SLOW_START_SHARE, WHOLE_SHARE), Ordering::Relaxed);
        }
    }

    /// Counts one more request until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Requests that were sent through the connector since its first connection came up.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Requests under way through it, on all cores.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// One request under way through a connector.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Load>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn a_request_is_counted_until_its_guard_is_dropped() {
        let load = Arc::<Load>::default();
        let guard = load.begin();
        assert_eq!(load.in_flight(), 1);
        drop(guard);
        assert_eq!((load.in_flight(), load.begun()), (0, 1));
    }

    #[test]
    fn the_share_of_a_connector_that_is_back_grows_to_the_whole() {
        // Moments are counted from the first that anybody asked for.
        let (load, start) = (Load::default(), Instant::now() + Duration::from_secs(1));
        assert_eq!(load.share(), WHOLE_SHARE, "until it is known otherwise");
        load.is_back(Moment::at(start));
        let shares = [0, 500, 2_500, 9_999, 10_000, 60_000].map(|millis| {
            load.grow(Moment::at(start + Duration::from_millis(millis)));
            load.share()
        });
        assert_eq!(shares, [10, 10, 25, 99, 100, 100]);
    }
}
