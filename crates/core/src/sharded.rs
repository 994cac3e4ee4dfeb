//! A map whose copies share what they have in common: a changed copy costs one shard, not the whole, and what differs
//! between two copies of one map is found by a look at the shards that they do not share.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;

/// A million entries make shards of a thousand, which are copied in tens of microseconds.
const SHARDS: usize = 1024;

type Shard<K, V> = Arc<HashMap<K, V>>;

/// A map that is cheap to copy and to change, also with a million entries.
#[derive(Debug, Clone)]
pub struct Sharded<K, V> {
    /// The same one in all copies: by it they know that they are copies of one map.
    hasher: Arc<RandomState>,
    shards: Vec<Shard<K, V>>,
    length: usize,
}

/// What one key has in an earlier map and in a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference<'m, K, V> {
    /// The key.
    pub key: &'m K,
    /// What it had.
    pub before: Option<&'m V>,
    /// What it has.
    pub now: Option<&'m V>,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Self { hasher: Arc::new(RandomState::new()), shards: vec![Shard::default(); SHARDS], length: 0 }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Sharded<K, V> {
    /// What `key` has.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards.get(self.place(key))?.get(key)
    }

    /// Has `key` have `value`.
    pub fn insert(&mut self, key: K, value: V) {
        let place = self.place(&key);
        let Some(shard) = self.shards.get_mut(place) else { return };
        if Arc::make_mut(shard).insert(key, value).is_none() {
            self.length += 1;
        }
    }

    /// Forgets what `key` has.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        let Some(shard) = self.shards.get_mut(place) else { return };
        if shard.contains_key(key) && Arc::make_mut(shard).remove(key).is_some() {
            self.length -= 1;
        }
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.shards.iter().flat_map(|shard| shard.keys())
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    /// All keys and what they have, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// In what this differs from `before`, in no order. Of copies of one map only the shards are looked at that one of them
    /// has changed.
    pub fn since<'m>(&'m self, before: &'m Self, is_same: impl Fn(&V, &V) -> bool) -> Vec<Difference<'m, K, V>> {
        let are_copies = Arc::ptr_eq(&self.hasher, &before.hasher);
        let pairs = self.shards.iter().zip(&before.shards);
        let mut differences = Vec::new();
        for (own, old) in pairs.filter(|(own, old)| !are_copies || !Arc::ptr_eq(own, old)) {
            for (key, now) in own.iter() {
                let known = before.get(key);
                if !known.is_some_and(|known| is_same(known, now)) {
                    differences.push(Difference { key, before: known, now: Some(now) });
                }
            }
            let gone = old.iter().filter(|(key, _)| self.get(*key).is_none());
            differences.extend(gone.map(|(key, known)| Difference { key, before: Some(known), now: None }));
        }
        differences
    }

    fn place<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // The remainder fits, whatever the width of a usize.
        usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_copy_leaves_the_original_and_shares_the_rest() {
        let mut original: Sharded<u32, u32> = Sharded::default();
        for number in 0..5000 {
            original.insert(number, number);
        }
        let mut copy = original.clone();
        copy.insert(7, 70);
        copy.insert(9000, 1);
        copy.remove(&8);
        copy.remove(&9001);
        assert_eq!(
            (original.len(), original.get(&7), original.get(&8), original.get(&9000)),
            (5000, Some(&7), Some(&8), None)
        );
        assert_eq!((copy.len(), copy.get(&7), copy.get(&8), copy.get(&9000)), (5000, Some(&70), None, Some(&1)));
        assert_eq!((copy.keys().count(), copy.values().count()), (5000, 5000));
        let shared = original.shards.iter().zip(&copy.shards).filter(|(left, right)| Arc::ptr_eq(left, right)).count();
        assert!(shared >= SHARDS - 3, "{shared}");
    }
    #[test]
    fn two_maps_differ_in_the_same_whether_they_are_copies_or_were_made_apart() {
        let of = |entries: &[(u32, u32)]| {
            let mut map = Sharded::default();
            entries.iter().for_each(|(key, value)| map.insert(*key, *value));
            map
        };
        let before = of(&[(1, 1), (2, 2), (3, 3)]);
        let mut copy = before.clone();
        copy.insert(2, 20);
        copy.remove(&3);
        copy.insert(4, 4);
        copy.insert(1, 1);
        for now in [copy, of(&[(1, 1), (2, 20), (4, 4)])] {
            let mut found = now.since(&before, u32::eq);
            found.sort_by_key(|difference| difference.key);
            let found: Vec<_> = found.iter().map(|own| (*own.key, own.before.copied(), own.now.copied())).collect();
            assert_eq!(found, [(2, Some(2), Some(20)), (3, Some(3), None), (4, None, Some(4))]);
        }
        assert!(before.since(&before.clone(), u32::eq).is_empty());
    }
}
