//! How many connections of clients one address may have: whoever opens very many takes places that are everybody's.
//!
//! An address that has all of its own gets connections for connectors alone, which say who they are with their first
//! bytes; and a few beyond that, none at all. Addresses that stand for many clients are not counted: this host, and the
//! proxies that the administrator trusts. One who has a network of IPv6 addresses has one place of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use adit_identity::network;
use tokio::time::Instant;

use super::Admission;
use crate::limits;

/// How often refusals are logged.
const LOGGED: Duration = Duration::from_secs(60);

/// Counts connections by address.
#[derive(Debug)]
pub(crate) struct ByAddress {
    most: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    open: HashMap<IpAddr, u32>,
    logged: Option<Instant>,
}

/// One connection of an address, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<(Arc<ByAddress>, IpAddr)>);

/// What an address may have.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) admission: Admission,
    pub(crate) place: Place,
    /// Whether a refusal is to be logged: one is, of all within a minute.
    pub(crate) log: bool,
}

impl ByAddress {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, counts: Mutex::default() })
    }

    /// One more of `from`; `stands_for_many`: an address of many clients.
    pub(crate) fn take(self: &Arc<Self>, from: IpAddr, stands_for_many: bool, now: Instant) -> Room {
        if stands_for_many || from.to_canonical().is_loopback() {
            return Room { admission: Admission::Anyone, place: Place(None), log: false };
        }
        let from = network(from);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let open = counts.open.get(&from).copied().unwrap_or_default();
        let admission = if open < self.most {
            Admission::Anyone
        } else if open < self.most.saturating_add(limits::CONNECTIONS_OF_A_CONNECTOR) {
            Admission::ConnectorsOnly
        } else {
            Admission::Nobody
        };
        let log = admission != Admission::Anyone && counts.logged.is_none_or(|last| now.duration_since(last) >= LOGGED);
        if log {
            counts.logged = Some(now);
        }
        if admission == Admission::Nobody {
            return Room { admission, place: Place(None), log };
        }
        counts.open.insert(from, open + 1);
        Room { admission, place: Place(Some((Arc::clone(self), from))), log }
    }

    fn leave(&self, from: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.open.get_mut(&from) {
            Some(open) if *open > 1 => *open -= 1,
            _ => drop(counts.open.remove(&from)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((all, from)) = self.0.take() {
            all.leave(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn take(all: &Arc<ByAddress>, from: &str) -> Room {
        all.take(address(from), false, Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_has_all_its_places_gets_none_until_one_is_free_and_others_are_not_concerned() {
        let all = ByAddress::new(2);
        let first = take(&all, "192.0.2.1");
        let _second = take(&all, "::ffff:192.0.2.1");
        assert_eq!(first.admission, Admission::Anyone);
        let third = take(&all, "192.0.2.1");
        assert_eq!((third.admission, third.log), (Admission::ConnectorsOnly, true));
        assert!(!take(&all, "192.0.2.1").log, "once a minute");
        assert_eq!(take(&all, "192.0.2.2").admission, Admission::Anyone);
        drop((first, third));
        assert_eq!(take(&all, "192.0.2.1").admission, Admission::Anyone);
        tokio::time::advance(LOGGED).await;
        let _other = take(&all, "192.0.2.1");
        assert!(take(&all, "192.0.2.1").log);
    }

    #[test]
    fn beyond_the_places_of_connectors_nobody_is_let_in_and_nothing_is_kept() {
        let all = ByAddress::new(1);
        let held: Vec<Room> = (0..=limits::CONNECTIONS_OF_A_CONNECTOR).map(|_| take(&all, "2001:db8::1")).collect();
        assert_eq!(take(&all, "2001:db8::2").admission, Admission::Nobody, "the same network");
        assert_eq!(take(&all, "2001:db8:0:1::1").admission, Admission::Anyone, "another one");
        drop(held);
        assert!(all.counts.lock().unwrap().open.is_empty());
    }

    #[test]
    fn addresses_that_stand_for_many_have_no_limit() {
        let all = ByAddress::new(1);
        for from in ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"] {
            let held: Vec<Room> = (0..100).map(|_| take(&all, from)).collect();
            assert!(held.iter().all(|room| room.admission == Admission::Anyone), "{from}");
        }
        let proxy = |_| all.take(address("192.0.2.9"), true, Instant::now());
        assert!((0..100).map(proxy).collect::<Vec<_>>().iter().all(|room| room.admission == Admission::Anyone));
    }
}
