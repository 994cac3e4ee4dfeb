//! Connections that were no connector's, and registrations with guessed tokens, in the log: for each address one line a
//! minute. Whoever knocks all day long with a certificate that has ended fills no disk; the counters have them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often one address is written about.
const EVERY: Duration = Duration::from_secs(60);

/// Addresses that are written about within [`EVERY`]; nobody reads more.
const MOST: usize = 256;

/// The addresses that were written about a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<HashMap<IpAddr, Instant>>);

impl Complaints {
    /// Whether `from` is to be written about.
    pub(crate) fn take_turn(&self, from: IpAddr, now: Instant) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&from).is_some_and(|last| now.duration_since(*last) < EVERY) {
            return false;
        }
        if known.len() >= MOST {
            known.retain(|_, last| now.duration_since(*last) < EVERY);
        }
        if known.len() >= MOST {
            return false;
        }
        known.insert(from, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_about_once_a_minute_and_of_many_only_some_are() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        let from = |number: u32| IpAddr::from(number.to_be_bytes());
        assert!(complaints.take_turn(from(1), start));
        assert!(!complaints.take_turn(from(1), start + EVERY / 2));
        assert!(complaints.take_turn(from(1), start + EVERY));
        let written = (2..10_000).filter(|number| complaints.take_turn(from(*number), start + EVERY)).count();
        assert_eq!(written, MOST - 1);
        assert!(complaints.take_turn(from(20_000), start + EVERY * 2));
    }
}
