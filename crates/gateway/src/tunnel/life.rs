//! Signs of life of a tunnel connection: it is asked for one all the time, and whatever is read counts as one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::limits;

/// How long nothing was read from a connection.
pub(super) struct Silence {
    reads: Arc<AtomicU64>,
    seen: u64,
    since: Instant,
}

impl Silence {
    pub(super) fn new(reads: Arc<AtomicU64>) -> Self {
        Self { reads, seen: 0, since: Instant::now() }
    }

    /// How often something was.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn length(&mut self) -> Duration {
        let reads = self.reads.load(Ordering::Relaxed);
        if reads != self.seen {
            self.seen = reads;
            self.since = Instant::now();
        }
        self.since.elapsed()
    }
}

/// Asks for a sign of life all the time: the answer counts as a read.
pub(super) async fn keep_pinging(mut ping: h2::PingPong, heartbeats: Arc<AtomicU32>) {
    while ping.ping(h2::Ping::opaque()).await.is_ok() {
        heartbeats.fetch_add(1, Ordering::Relaxed);
        sleep(limits::PING).await;
    }
}
