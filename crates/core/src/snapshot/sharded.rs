//! A map whose copies share what they have in common: a changed copy costs one shard, not the whole.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::Arc;

/// A million entries make shards of a thousand, which are copied in tens of microseconds.
const SHARDS: usize = 1024;

type Shard<K, V> = Arc<HashMap<K, V>>;

#[derive(Debug, Clone)]
pub(super) struct Sharded<K, V> {
    hasher: RandomState,
    shards: Vec<Shard<K, V>>,
    length: usize,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: vec![Shard::default(); SHARDS], length: 0 }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Sharded<K, V> {
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards.get(self.place(key))?.get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let place = self.place(&key);
        let Some(shard) = self.shards.get_mut(place) else { return };
        if Arc::make_mut(shard).insert(key, value).is_none() {
            self.length += 1;
        }
    }

    pub(super) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        let Some(shard) = self.shards.get_mut(place) else { return };
        if shard.contains_key(key) && Arc::make_mut(shard).remove(key).is_some() {
            self.length -= 1;
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.shards.iter().flat_map(|shard| shard.keys())
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flat_map(|shard| shard.values())
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
}
