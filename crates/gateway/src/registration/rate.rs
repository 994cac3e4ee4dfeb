//! How many registrations are answered: so many a minute from one address, and so many in all. The first is asked before
//! anything is looked up, so that guessing tokens is not quick; the second counts only what costs something, signatures and
//! writes: machines that show nothing but invented tokens take nothing of it from those that have a real one.
//!
//! Each address has a bucket that fills evenly; what it holds at most is a minute's worth. Addresses are forgotten when
//! their bucket is full again, and of more than [`MOST_ADDRESSES`] at a time none is let in that is new: then somebody
//! has a network of them, and whoever is new waits for a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adit_identity::network;
use tokio::time::Instant;

use crate::limits::ClientLimits;

/// Addresses that are remembered.
const MOST_ADDRESSES: usize = 4096;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts registrations.
#[derive(Debug)]
pub(crate) struct RegistrationRate {
    per_address: u32,
    total: u32,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    all: Option<Bucket>,
    by_address: HashMap<IpAddr, Bucket>,
    /// When a refusal was logged last.
    logged: Option<Instant>,
}

/// What is left of a minute's worth.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// A registration comes too soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Whether it is to be logged: one is, of all within a minute.
    pub(crate) log: bool,
}

impl RegistrationRate {
    pub(crate) fn new(limits: &ClientLimits) -> Self {
        Self { per_address: limits.registrations_per_address, total: limits.registrations, buckets: Mutex::default() }
    }

    /// Takes one registration of those of `from`.
    pub(crate) fn take_own(&self, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(from);
        if buckets.by_address.len() >= MOST_ADDRESSES && !buckets.by_address.contains_key(&address) {
            buckets.by_address.retain(|_, bucket| !bucket.is_full(self.per_address, now));
        }
        let has_room = buckets.by_address.len() < MOST_ADDRESSES || buckets.by_address.contains_key(&address);
        let taken = has_room && {
            let full = Bucket::full(self.per_address, now);
            take(buckets.by_address.entry(address).or_insert(full), self.per_address, now)
        };
        if taken { Ok(()) } else { Err(buckets.refuse(now)) }
    }

    /// Takes one of those of all, for `from`, whose own was taken. Where all together ask too often, no address loses what
    /// it has.
    pub(crate) fn take_of_all(&self, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if take(buckets.all.get_or_insert(Bucket::full(self.total, now)), self.total, now) {
            return Ok(());
        }
        if let Some(own) = buckets.by_address.get_mut(&network(from)) {
            own.left = (own.left + 1.0).min(f64::from(self.per_address));
        }
        Err(buckets.refuse(now))
    }
}

impl Buckets {
    fn refuse(&mut self, now: Instant) -> TooMany {
        let log = self.logged.is_none_or(|last| now.duration_since(last) >= MINUTE);
        if log {
            self.logged = Some(now);
        }
        TooMany { log }
    }
}

impl Bucket {
    fn full(most: u32, at: Instant) -> Self {
        Self { left: f64::from(most), at }
    }

    fn filled(self, most: u32, now: Instant) -> f64 {
        let grown = now.duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64() * f64::from(most);
        (self.left + grown).min(f64::from(most))
    }

    fn is_full(self, most: u32, now: Instant) -> bool {
        self.filled(most, now) >= f64::from(most)
    }
}

fn take(bucket: &mut Bucket, most: u32, now: Instant) -> bool {
    let left = bucket.filled(most, now);
    let taken = left >= 1.0;
    *bucket = Bucket { left: if taken { left - 1.0 } else { left }, at: now };
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_address: u32, total: u32) -> RegistrationRate {
        RegistrationRate::new(&ClientLimits {
            registrations_per_address: per_address,
            registrations: total,
            ..ClientLimits::default()
        })
    }

    /// Both, as one that shows a real token takes them.
    fn take_both(rate: &RegistrationRate, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        rate.take_own(from, now).and_then(|()| rate.take_of_all(from, now))
    }

    fn taken(rate: &RegistrationRate, from: &str, times: usize, now: Instant) -> usize {
        (0..times).filter(|_| take_both(rate, from.parse().unwrap(), now).is_ok()).count()
    }

    #[test]
    fn an_address_that_asks_too_often_leaves_the_others_their_share() {
        let (rate, start) = (rate(10, 100), Instant::now());
        assert_eq!(taken(&rate, "203.0.113.1", 1000, start), 10);
        assert_eq!(taken(&rate, "::ffff:203.0.113.1", 5, start), 0, "another spelling of it");
        assert_eq!(taken(&rate, "203.0.113.2", 1000, start), 10);
        assert_eq!(taken(&rate, "2001:db8::1", 1000, start), 10);
        assert_eq!(taken(&rate, "2001:db8::2:3", 1000, start), 0, "a neighbour in the same network");
        assert_eq!(taken(&rate, "203.0.113.1", 1000, start + MINUTE / 2), 5, "half a minute, half of them");
    }

    #[test]
    fn invented_tokens_of_many_addresses_take_nothing_from_who_has_a_real_one() {
        let (rate, start) = (rate(60, 600), Instant::now());
        for host in 0..100_u32 {
            let from = IpAddr::from(host.to_be_bytes());
            assert_eq!((0..1000).filter(|_| rate.take_own(from, start).is_ok()).count(), 60, "each has its own limit");
        }
        assert_eq!(taken(&rate, "203.0.113.1", 1000, start), 60);
    }

    #[test]
    fn a_network_of_addresses_meets_the_total_and_the_memory_is_bounded() {
        let (rate, start) = (rate(10, 100), Instant::now());
        let from = |number: u32| IpAddr::from(number.to_be_bytes());
        assert_eq!((0..10_000).filter(|number| take_both(&rate, from(*number), start).is_ok()).count(), 100);
        assert!(rate.buckets.lock().unwrap().by_address.len() <= MOST_ADDRESSES);
        let later = start + MINUTE * 2;
        assert_eq!((50_000..50_200).filter(|number| take_both(&rate, from(*number), later).is_ok()).count(), 100);
    }

    #[test]
    fn while_all_together_ask_too_often_no_address_loses_what_it_has() {
        let (rate, start) = (rate(5, 10), Instant::now());
        assert_eq!(taken(&rate, "203.0.113.1", 5, start) + taken(&rate, "203.0.113.2", 5, start), 10);
        assert_eq!(taken(&rate, "203.0.113.3", 100, start), 0);
        let once_there_is_one = start + MINUTE / 2;
        assert_eq!(taken(&rate, "203.0.113.3", 100, once_there_is_one), 5, "all of its own, of the five of all");
    }

    #[test]
    fn one_refusal_a_minute_is_logged() {
        let (rate, start) = (rate(1, 100), Instant::now());
        let from = "203.0.113.1".parse().unwrap();
        take_both(&rate, from, start).unwrap();
        assert_eq!(take_both(&rate, from, start), Err(TooMany { log: true }));
        for _ in 0..9 {
            assert_eq!(take_both(&rate, from, start), Err(TooMany { log: false }));
        }
    }
}
