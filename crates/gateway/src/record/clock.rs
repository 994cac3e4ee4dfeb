//! The wall clock of a core's records, read from the system once a second: in between, the monotonic clock that a
//! request is timed with says how far it has moved on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::time::Instant;

/// How long one reading serves; a step of the wall clock is seen after that.
const SERVES: Duration = Duration::from_secs(1);

/// Where both clocks stood when the wall clock was last read.
#[derive(Debug)]
pub(crate) struct Clock {
    monotonic: Instant,
    wall: Duration,
    /// The second that was last written, and its text: most records of a moment share it.
    second: u64,
    text: String,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { monotonic: Instant::now(), wall: wall(), second: 0, text: written(0) }
    }

    /// The wall clock at `moment`, in milliseconds since 1970.
    pub(crate) fn millis_at(&mut self, moment: Instant) -> u64 {
        u64::try_from(self.at(moment).as_millis()).unwrap_or_default()
    }

    /// The wall clock at `moment`, since 1970.
    pub(crate) fn at(&mut self, moment: Instant) -> Duration {
        let mut since = moment.saturating_duration_since(self.monotonic);
        if since >= SERVES {
            (self.monotonic, self.wall, since) = (moment, wall(), Duration::ZERO);
        }
        self.wall + since
    }

    /// The second of a wall clock time as `2026-11-20T10:15:30`, in UTC.
    pub(crate) fn text_of(&mut self, second: u64) -> &str {
        if second != self.second {
            self.second = second;
            self.text = written(second);
        }
        &self.text
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn written(second: u64) -> String {
    let timestamp = Timestamp::from_second(i64::try_from(second).unwrap_or_default()).unwrap_or_default();
    timestamp.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_moves_with_the_monotonic_one() {
        let mut clock = Clock::new();
        let start = clock.monotonic;
        let first = clock.millis_at(start);
        assert_eq!(clock.millis_at(start + Duration::from_millis(250)), first + 250);
    }

    #[test]
    fn a_second_is_written_in_utc() {
        let mut clock = Clock::new();
        assert_eq!(clock.text_of(1_795_169_730), "2026-11-20T10:15:30");
        assert_eq!(clock.text_of(0), "1970-01-01T00:00:00");
    }
}
