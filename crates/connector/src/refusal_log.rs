//! What this connector refused to dial, in its log: for each application at once and then once a minute at most. A
//! gateway that asks for what it may not have cannot fill a disk with it.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use adit_tunnel::target::Target;

use adit_core::ApplicationId;

/// How often a refusal is logged for one application.
const EVERY: Duration = Duration::from_secs(60);

/// Applications that are logged within [`EVERY`]; an operator reads no more.
const MOST: usize = 256;

/// Refusals that were logged a moment ago.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    logged: Mutex<HashMap<ApplicationId, Logged>>,
}

#[derive(Debug)]
struct Logged {
    at: Instant,
    unsaid: u64,
}

impl RefusalLog {
    /// Logs that `target` was not dialled, unless that was said a moment ago.
    pub(crate) fn note(&self, target: &Target, refused: &dyn Display) {
        if let Some(before) = self.take_turn(target.application, Instant::now()) {
            tracing::warn!(application = %target.application, host = %target.host, port = target.port, %refused, before, "a target was not dialled");
        }
    }

    /// Whether it is time for another line: how many were left out since the last one.
    fn take_turn(&self, application: ApplicationId, now: Instant) -> Option<u64> {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = logged.get_mut(&application) {
            if now.duration_since(last.at) < EVERY {
                last.unsaid += 1;
                return None;
            }
            let before = last.unsaid;
            *last = Logged { at: now, unsaid: 0 };
            return Some(before);
        }
        if logged.len() >= MOST {
            logged.retain(|_, last| now.duration_since(last.at) < EVERY);
        }
        (logged.len() < MOST).then(|| {
            logged.insert(application, Logged { at: now, unsaid: 0 });
            0
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_refusal_is_said_once_a_minute_and_a_flood_of_them_is_bounded() {
        let (log, start) = (RefusalLog::default(), Instant::now());
        let application = |number| ApplicationId::new(Uuid::from_u128(number));
        assert_eq!(log.take_turn(application(1), start), Some(0));
        for _ in 0..9 {
            assert_eq!(log.take_turn(application(1), start + EVERY / 2), None);
        }
        assert_eq!(log.take_turn(application(1), start + EVERY), Some(9), "and it says how many were left out");
        let lines = (2..10_000).filter(|number| log.take_turn(application(*number), start + EVERY).is_some()).count();
        assert_eq!(lines, MOST - 1);
        assert_eq!(log.take_turn(application(20_000), start + EVERY * 2), Some(0));
    }
}
