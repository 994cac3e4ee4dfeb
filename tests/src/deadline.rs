//! Waiting with a limit: no test sleeps for a fixed time and hopes.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `look` gives a value, and returns it with the time that took.
///
/// # Panics
/// When `limit` has passed; the message says what was awaited.
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return (found, start.elapsed());
        }
        assert!(start.elapsed() < limit, "{what} did not happen within {limit:?}");
        sleep(PAUSE);
    }
}

/// Waits until `look` is true; the time that took.
///
/// # Panics
/// When `limit` has passed.
pub fn settles(what: &str, limit: Duration, mut look: impl FnMut() -> bool) -> Duration {
    eventually(what, limit, || look().then_some(())).1
}
