//! Things that are kept in memory for a short while under a random key: sign-ins under way, codes, devices that wait.
//!
//! Only the key's hash is kept, so that whoever reads the memory cannot use it. What is taken is gone, so that of any number
//! who try at once exactly one gets it. When the shelf is full, the neighbourhood of addresses that has most of it loses its
//! oldest thing: whoever fills it from one network takes the places of that network, and nobody else's.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The most things on one shelf: more sign-ins than are ever under way, a few megabytes.
const MOST: usize = 10_000;

type Hash = [u8; 32];

/// Things of one kind, which live for a time.
pub(crate) struct Shelf<V> {
    things: Mutex<Things<V>>,
    lifetime: Duration,
}

struct Things<V> {
    by_hash: HashMap<Hash, Thing<V>>,
    /// What each neighbourhood has there, the oldest first.
    by_place: HashMap<Option<IpAddr>, BTreeSet<(u64, Hash)>>,
    /// How many have been put there.
    count: u64,
}

struct Thing<V> {
    value: V,
    since: Instant,
    number: u64,
    place: Option<IpAddr>,
}

impl<V> Things<V> {
    fn insert(&mut self, hash: Hash, value: V, from: Option<IpAddr>, now: Instant) {
        self.remove(&hash);
        self.count += 1;
        let (number, place) = (self.count, from.map(neighbourhood));
        self.by_place.entry(place).or_default().insert((number, hash));
        self.by_hash.insert(hash, Thing { value, since: now, number, place });
    }

    fn remove(&mut self, hash: &Hash) -> Option<Thing<V>> {
        let thing = self.by_hash.remove(hash)?;
        if let Some(own) = self.by_place.get_mut(&thing.place) {
            own.remove(&(thing.number, *hash));
            if own.is_empty() {
                self.by_place.remove(&thing.place);
            }
        }
        Some(thing)
    }

    fn remove_where(&mut self, is_so: impl Fn(&Thing<V>) -> bool) {
        let gone: Vec<Hash> = self.by_hash.iter().filter(|(_, thing)| is_so(thing)).map(|(hash, _)| *hash).collect();
        for hash in gone {
            self.remove(&hash);
        }
    }

    /// Removes the oldest thing of the neighbourhood that has most.
    fn make_room(&mut self) {
        let fullest = self.by_place.values().max_by_key(|own| own.len());
        if let Some((_, oldest)) = fullest.and_then(BTreeSet::first).copied() {
            self.remove(&oldest);
        }
    }
}

impl<V> Shelf<V> {
    pub(crate) fn new(lifetime: Duration) -> Self {
        let things = Things { by_hash: HashMap::new(), by_place: HashMap::new(), count: 0 };
        Self { things: Mutex::new(things), lifetime }
    }

    /// Puts something there for whoever is at the address `from`; the key by which it is found. `None` when the system gives
    /// no random numbers.
    pub(crate) fn put(&self, value: V, from: Option<IpAddr>, now: Instant) -> Option<String> {
        let key = random_key()?;
        self.put_under(&key, value, from, now);
        Some(key)
    }

    /// Puts something there under a key that was made elsewhere.
    pub(crate) fn put_under(&self, key: &str, value: V, from: Option<IpAddr>, now: Instant) {
        let mut things = self.lock();
        if things.by_hash.len() >= MOST {
            let lifetime = self.lifetime;
            things.remove_where(|thing| now.saturating_duration_since(thing.since) >= lifetime);
        }
        if things.by_hash.len() >= MOST {
            things.make_room();
        }
        things.insert(hash(key), value, from, now);
    }

    /// Takes it away, if it is there and its time is not over.
    pub(crate) fn take(&self, key: &str, now: Instant) -> Option<V> {
        let taken = self.lock().remove(&hash(key))?;
        (now.saturating_duration_since(taken.since) < self.lifetime).then_some(taken.value)
    }

    /// Takes away all that are so.
    pub(crate) fn remove_where(&self, is_so: impl Fn(&V) -> bool) {
        self.lock().remove_where(|thing| is_so(&thing.value));
    }

    /// Looks at it, or changes it, where it is.
    pub(crate) fn with<R>(&self, key: &str, now: Instant, look: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut things = self.lock();
        let thing = things.by_hash.get_mut(&hash(key))?;
        (now.saturating_duration_since(thing.since) < self.lifetime).then(|| look(&mut thing.value))
    }

    fn lock(&self) -> MutexGuard<'_, Things<V>> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Addresses that may all be one customer's: what is routed on its own, 256 of IPv4, and 48 bits of IPv6.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            IpAddr::from([a, b, c, 0, 0, 0, 0, 0])
        }
    }
}

/// 256 random bits, as they stand in URLs.
pub(crate) fn random_key() -> Option<String> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(key))
}

/// SHA-256 of a text.
pub(crate) fn hash(text: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_what_is_too_old_too() {
        let (shelf, start) = (Shelf::new(Duration::from_secs(60)), Instant::now());
        let (one, two) = (shelf.put(1, None, start).unwrap(), shelf.put(2, None, start).unwrap());
        assert_ne!(one, two);
        assert_eq!(shelf.take("other", start), None);
        assert_eq!(shelf.with(&one, start, |value| *value += 10), Some(()));
        assert_eq!(shelf.take(&one, start + Duration::from_secs(59)), Some(11));
        assert_eq!(shelf.take(&one, start), None);
        assert_eq!(shelf.with(&two, start + Duration::from_secs(60), |_| ()), None);
        assert_eq!(shelf.take(&two, start + Duration::from_secs(60)), None);
    }

    #[test]
    fn what_is_removed_is_gone_and_the_rest_stays() {
        let (shelf, start) = (Shelf::new(Duration::from_secs(60)), Instant::now());
        let (one, two) = (shelf.put(1, None, start).unwrap(), shelf.put(2, None, start).unwrap());
        shelf.remove_where(|value| *value == 1);
        assert_eq!((shelf.take(&one, start), shelf.take(&two, start)), (None, Some(2)));
    }

    #[test]
    fn a_full_shelf_loses_its_oldest_thing() {
        let (shelf, start) = (Shelf::new(Duration::from_secs(600)), Instant::now());
        let first = shelf.put(0, None, start).unwrap();
        for number in 1..=MOST {
            shelf.put(number, None, start + Duration::from_millis(number as u64)).unwrap();
        }
        let now = start + Duration::from_secs(60);
        assert_eq!(shelf.take(&first, now), None);
        assert_eq!(shelf.lock().by_hash.len(), MOST);
        shelf.put(0, None, start + Duration::from_secs(660)).unwrap();
        assert_eq!(shelf.lock().by_hash.len(), 1, "what is too old goes first");
    }

    /// Fills a shelf twice over from the addresses that `from` gives.
    fn flooded(from: impl Fn(u16) -> IpAddr) {
        let (shelf, now) = (Shelf::new(Duration::from_secs(600)), Instant::now());
        let address = |text: &str| Some(text.parse().unwrap());
        let others = [address("192.0.2.7"), address("2001:db8:ffff::1"), None];
        let keys = others.map(|other| shelf.put(0, other, now).unwrap());
        let own = shelf.put(0, Some(from(0)), now).unwrap();
        for number in 0..u16::try_from(2 * MOST).unwrap() {
            shelf.put(1, Some(from(number)), now).unwrap();
        }
        assert_eq!(shelf.lock().by_hash.len(), MOST);
        assert_eq!(keys.map(|key| shelf.take(&key, now)), [Some(0); 3], "others keep what they have");
        assert_eq!(shelf.take(&own, now), None, "it has taken its own places");
        shelf.remove_where(|_| true);
        let things = shelf.lock();
        assert!(things.by_hash.is_empty() && things.by_place.is_empty());
    }

    #[test]
    fn whoever_fills_a_shelf_from_one_network_takes_nobody_elses_place() {
        flooded(|number| IpAddr::from([0x2001, 0xdb8, 1, number, number, 0, 0, 1]));
        flooded(|number| IpAddr::from([198, 51, 100, number.to_be_bytes()[1]]));
        flooded(|number| IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc633, 0x6400 + number % 256]));
    }
}
