//! A thousand simulations, each another: no invariant may break in any.
//!
//! What a failure prints is the command that repeats it. `ADIT_TEST_LONG` runs a hundred times as many.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use adit_simulation::simulate;

/// Simulations for each change.
const SEEDS: u64 = 1_000;

#[test]
fn no_invariant_breaks_in_a_thousand_simulations() {
    let seeds = if std::env::var_os("ADIT_TEST_LONG").is_some() { SEEDS * 100 } else { SEEDS };
    let (next, requests, answered) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let broken = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            let outcome = simulate(seed);
            requests.fetch_add(outcome.requests, Ordering::Relaxed);
            answered.fetch_add(outcome.answered, Ordering::Relaxed);
            let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
            broken.extend(
                outcome
                    .violations
                    .iter()
                    .map(|violation| format!("{violation}\n  again: cargo run --package adit-simulation -- {seed}")),
            );
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (requests, answered) = (requests.into_inner(), answered.into_inner());
    assert!(broken.is_empty(), "{} of {requests} requests:\n{}", broken.len(), broken.join("\n"));
    // A world in which nothing works breaks no invariant either.
    assert!(requests > 50 * seeds as usize && answered > requests / 2, "{answered} of {requests} were answered");
}
