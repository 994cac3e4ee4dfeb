//! Slows down whoever tries things out: after so many attempts within a time, the next are not looked at until it is over.
//!
//! Attempts are counted by what they have in common: an address, or a name and an address together, so that nobody locks
//! out a program or a user whose name is known.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use adit_identity::network as place;

/// What is remembered at most. When there is more, those whose time is over go, and if that is not enough all do: what this
/// protects from is not worth more memory.
const MOST_KNOWN: usize = 10_000;

/// How long most attempts are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// How long wrong passwords of a name are counted.
const QUARTER_OF_AN_HOUR: Duration = Duration::from_secs(15 * 60);

/// What is counted apart, so that whoever has used up one kind of attempt has the others: a program with an old secret does
/// not keep the users behind its address from signing in, and who mistypes a device's code still has passwords to try.
pub(crate) struct Throttles {
    /// Token requests that were refused for what they showed, by the address.
    pub(crate) tokens: Throttle<IpAddr>,
    /// Wrong passwords, by the address.
    pub(crate) passwords: Throttle<IpAddr>,
    /// Wrong passwords, by the user's name and the address.
    pub(crate) names: Throttle<(String, IpAddr)>,
    /// Codes of devices that there are not, by the address.
    pub(crate) user_codes: Throttle<IpAddr>,
    /// Keys of the first administrator's link that are none, by the address.
    pub(crate) links: Throttle<IpAddr>,
    /// Sign-ins that were begun, by the address: what waits for a user takes memory.
    pub(crate) sign_ins: Throttle<IpAddr>,
    /// Devices that were begun, by the address.
    pub(crate) devices: Throttle<IpAddr>,
}

impl Throttles {
    pub(crate) fn new() -> Self {
        Self {
            tokens: Throttle::new(20, MINUTE),
            passwords: Throttle::new(20, MINUTE),
            names: Throttle::new(10, QUARTER_OF_AN_HOUR),
            user_codes: Throttle::new(20, MINUTE),
            links: Throttle::new(20, MINUTE),
            // An office behind one address begins that many.
            sign_ins: Throttle::new(120, MINUTE),
            devices: Throttle::new(120, MINUTE),
        }
    }
}

/// Counts attempts.
pub(crate) struct Throttle<K> {
    known: Mutex<HashMap<K, Attempts>>,
    most: u32,
    window: Duration,
}

struct Attempts {
    since: Instant,
    count: u32,
}

impl<K: Eq + Hash> Throttle<K> {
    /// After `most` attempts within `window` there are no more.
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        Self { known: Mutex::new(HashMap::new()), most, window }
    }

    /// How many seconds `who` has to wait, if it has.
    pub(crate) fn wait(&self, who: &K, now: Instant) -> Option<u64> {
        self.wait_in(&self.known.lock().unwrap_or_else(PoisonError::into_inner), who, now)
    }

    /// Takes an attempt before it is known what comes of it, so that any number at once are counted; or how many seconds
    /// `who` has to wait.
    pub(crate) fn take(&self, who: K, now: Instant) -> Option<u64> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = self.wait_in(&known, &who, now);
        if waits.is_none() {
            self.count_in(&mut known, who, now);
        }
        waits
    }

    /// Gives an attempt back that was none.
    pub(crate) fn give_back(&self, who: &K) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempts) = known.get_mut(who) {
            attempts.count = attempts.count.saturating_sub(1);
        }
    }

    /// Counts an attempt.
    pub(crate) fn count(&self, who: K, now: Instant) {
        self.count_in(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner), who, now);
    }

    fn wait_in(&self, known: &HashMap<K, Attempts>, who: &K, now: Instant) -> Option<u64> {
        let attempts = known.get(who)?;
        let left = self.window.checked_sub(now.saturating_duration_since(attempts.since))?;
        (attempts.count >= self.most).then(|| left.as_secs().max(1))
    }

    fn count_in(&self, known: &mut HashMap<K, Attempts>, who: K, now: Instant) {
        if known.len() >= MOST_KNOWN {
            known.retain(|_, attempts| now.saturating_duration_since(attempts.since) < self.window);
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
        }
        let attempts = known.entry(who).or_insert(Attempts { since: now, count: 0 });
        if now.saturating_duration_since(attempts.since) >= self.window {
            *attempts = Attempts { since: now, count: 0 };
        }
        attempts.count = attempts.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        place(text.parse().unwrap())
    }

    fn throttle() -> Throttle<IpAddr> {
        Throttle::new(20, Duration::from_secs(60))
    }

    #[test]
    fn after_so_many_attempts_one_waits_until_the_time_is_over_and_others_do_not() {
        let (throttle, start) = (throttle(), Instant::now());
        for _ in 0..20 {
            assert_eq!(throttle.wait(&at("192.0.2.1"), start), None);
            throttle.count(at("192.0.2.1"), start);
        }
        assert_eq!(throttle.wait(&at("192.0.2.1"), start), Some(60));
        assert_eq!(throttle.wait(&at("::ffff:192.0.2.1"), start), Some(60), "in its other spelling");
        assert_eq!(throttle.wait(&at("192.0.2.2"), start), None);
        let later = start + Duration::from_millis(60_001);
        assert_eq!(throttle.wait(&at("192.0.2.1"), later), None);
        throttle.count(at("192.0.2.1"), later);
        assert_eq!(throttle.wait(&at("192.0.2.1"), later), None, "it starts anew");
    }

    #[test]
    fn attempts_that_are_under_way_count_and_those_given_back_do_not() {
        let (throttle, start, who) = (throttle(), Instant::now(), at("192.0.2.1"));
        for _ in 0..20 {
            assert_eq!(throttle.take(who, start), None);
        }
        assert_eq!(throttle.take(who, start), Some(60), "none of the twenty is over");
        throttle.give_back(&who);
        assert_eq!(throttle.take(who, start), None);
        assert_eq!(throttle.take(who, start), Some(60));
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one() {
        let (throttle, start) = (throttle(), Instant::now());
        for number in 0..20 {
            throttle.count(at(&format!("2001:db8:1:2::{number:x}")), start);
        }
        assert!(throttle.wait(&at("2001:db8:1:2:ffff::1"), start).is_some());
        assert_eq!(throttle.wait(&at("2001:db8:1:3::1"), start), None);
    }

    #[test]
    fn it_remembers_so_many_and_no_more() {
        let (throttle, start) = (throttle(), Instant::now());
        for number in 0..(3 * MOST_KNOWN as u32) {
            throttle.count(IpAddr::from(number.to_be_bytes()), start);
        }
        assert!(throttle.known.lock().unwrap().len() <= MOST_KNOWN);
    }
}
