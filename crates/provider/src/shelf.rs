//! Things that are kept in memory for a short while under a random key: sign-ins under way, codes, devices that wait.
//!
//! Only the key's hash is kept, so that whoever reads the memory cannot use it. What is taken is gone, so that of any number
//! who try at once exactly one gets it. When the shelf is full the oldest thing goes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The most things on one shelf: more sign-ins than are ever under way, a few megabytes.
const MOST: usize = 10_000;

type Hash = [u8; 32];

/// Things of one kind, which live for a time.
pub(crate) struct Shelf<V> {
    things: Mutex<HashMap<Hash, Thing<V>>>,
    lifetime: Duration,
}

struct Thing<V> {
    value: V,
    since: Instant,
}

impl<V> Shelf<V> {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { things: Mutex::new(HashMap::new()), lifetime }
    }

    /// Puts something there; the key by which it is found. `None` when the system gives no random numbers.
    pub(crate) fn put(&self, value: V, now: Instant) -> Option<String> {
        let key = random_key()?;
        self.put_under(&key, value, now);
        Some(key)
    }

    /// Puts something there under a key that was made elsewhere.
    pub(crate) fn put_under(&self, key: &str, value: V, now: Instant) {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        if things.len() >= MOST {
            things.retain(|_, thing| now.saturating_duration_since(thing.since) < self.lifetime);
        }
        if things.len() >= MOST {
            let oldest = things.iter().min_by_key(|(_, thing)| thing.since).map(|(hash, _)| *hash);
            oldest.and_then(|hash| things.remove(&hash));
        }
        things.insert(hash(key), Thing { value, since: now });
    }

    /// Takes it away, if it is there and its time is not over.
    pub(crate) fn take(&self, key: &str, now: Instant) -> Option<V> {
        let taken = self.things.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(key))?;
        (now.saturating_duration_since(taken.since) < self.lifetime).then_some(taken.value)
    }

    /// Takes away all that are so.
    pub(crate) fn remove_where(&self, is_so: impl Fn(&V) -> bool) {
        self.things.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, thing| !is_so(&thing.value));
    }

    /// Looks at it, or changes it, where it is.
    pub(crate) fn with<R>(&self, key: &str, now: Instant, look: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let thing = things.get_mut(&hash(key))?;
        (now.saturating_duration_since(thing.since) < self.lifetime).then(|| look(&mut thing.value))
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
        let (one, two) = (shelf.put(1, start).unwrap(), shelf.put(2, start).unwrap());
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
        let (one, two) = (shelf.put(1, start).unwrap(), shelf.put(2, start).unwrap());
        shelf.remove_where(|value| *value == 1);
        assert_eq!((shelf.take(&one, start), shelf.take(&two, start)), (None, Some(2)));
    }

    #[test]
    fn a_full_shelf_loses_its_oldest_thing() {
        let (shelf, start) = (Shelf::new(Duration::from_secs(600)), Instant::now());
        let first = shelf.put(0, start).unwrap();
        for number in 1..=MOST {
            shelf.put(number, start + Duration::from_millis(number as u64)).unwrap();
        }
        let now = start + Duration::from_secs(60);
        assert_eq!(shelf.take(&first, now), None);
        assert_eq!(shelf.things.lock().unwrap().len(), MOST);
    }
}
