//! CPU time of processes, their threads and their children, as the kernel counts it.

use std::time::Duration;

use crate::process_tree;

/// The kernel's unit in `/proc/PID/stat` (`USER_HZ`), the same on every architecture of Linux that is in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of the processes `roots` and all that they started.
pub(crate) fn of_trees(roots: &[u32]) -> Duration {
    let ticks: u64 = process_tree::of(roots).iter().map(|stat| stat.ticks).sum();
    Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND)
}
