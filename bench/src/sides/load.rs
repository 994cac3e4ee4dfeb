//! Load: wrk for requests that follow each other, and clients of our own, each on a thread, for everything else.

use std::thread;
use std::time::{Duration, Instant};

use adit_tests::wrk::{Counts, Wrk};

use super::side::Side;

/// One run of wrk against one side.
pub(super) struct Run {
    pub(super) counts: Counts,
    /// CPU seconds of the side.
    cpu: f64,
}

impl Run {
    /// Requests that were answered well.
    pub(super) fn answered(&self) -> f64 {
        self.counts.requests.saturating_sub(self.counts.refused) as f64
    }

    /// Requests that were not.
    pub(super) fn failed(&self) -> u64 {
        self.counts.refused + self.counts.socket_errors
    }

    /// CPU seconds for each of so many requests.
    pub(super) fn cpu_for(&self, requests: f64) -> f64 {
        self.cpu / self.answered() * requests
    }
}

/// Runs wrk with `connections` keep-alive connections.
pub(super) fn wrk(side: &Side, path: &str, connections: u32, length: Duration) -> Run {
    let before = side.cpu();
    let counts = Wrk::new(&format!("{}{path}", side.url), connections, length).run();
    Run { counts, cpu: side.cpu().saturating_sub(before).as_secs_f64() }
}

/// What clients of our own did with one side.
pub(super) struct Turns {
    /// How many there were in a second.
    pub(super) rate: f64,
    /// CPU seconds of the side for 100,000 of them.
    pub(super) cpu: f64,
}

/// Gives each of the `clients` a thread, on which `act` does its work until `length` is over and says how much it was.
pub(super) fn turns<C: Send>(
    side: &Side,
    length: Duration,
    clients: &mut [C],
    act: impl Fn(&mut C, Instant) -> u64 + Sync,
) -> Turns {
    let (before, start) = (side.cpu(), Instant::now());
    let end = start + length;
    let act = &act;
    let done: u64 = thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || act(client, end))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client of the load")).sum()
    });
    let (elapsed, cpu) = (start.elapsed(), side.cpu().saturating_sub(before));
    assert!(done > 0, "{} did nothing in {length:?}", side.kind.name());
    Turns { rate: done as f64 / elapsed.as_secs_f64(), cpu: cpu.as_secs_f64() / done as f64 * 1e5 }
}
