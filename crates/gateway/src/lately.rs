//! What a core keeps because it is probably asked for again soon.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

/// How much is kept of one kind: this many, and as many that were kept before. Of the largest (the cookies of users in very many
/// groups, and what was in them) that is 15 MB for a core, and usually a tenth of it.
pub(crate) const KEPT: usize = 1024;

/// What is kept, in two halves: when one is full, the other is forgotten and takes its place. What is asked for stays.
#[derive(Debug)]
pub(crate) struct Lately<K, V> {
    young: HashMap<K, Rc<V>>,
    old: HashMap<K, Rc<V>>,
}

impl<K, V> Default for Lately<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Eq + Hash, V> Lately<K, V> {
    /// What is kept by `key`, if it is still right.
    pub(crate) fn find(&mut self, key: &K, is_right: impl Fn(&V) -> bool) -> Option<Rc<V>> {
        if let Some(kept) = self.young.get(key) {
            return is_right(kept).then(|| Rc::clone(kept));
        }
        let (key, kept) = self.old.remove_entry(key).filter(|(_, kept)| is_right(kept))?;
        self.keep(key, Rc::clone(&kept));
        Some(kept)
    }

    pub(crate) fn keep(&mut self, key: K, value: Rc<V>) {
        if self.young.len() >= KEPT && !self.young.contains_key(&key) {
            self.forget_old();
        }
        self.young.insert(key, value);
    }

    /// Forgets what was not asked for since the last call.
    pub(crate) fn forget_old(&mut self) {
        self.old = std::mem::take(&mut self.young);
    }

    /// Forgets what is not right any more.
    pub(crate) fn retain(&mut self, is_right: impl Fn(&V) -> bool) {
        self.young.retain(|_, kept| is_right(kept));
        self.old.retain(|_, kept| is_right(kept));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_an_end_and_what_is_in_use_stays() {
        let mut lately = Lately::default();
        for number in 0..10 * KEPT {
            lately.keep(number, Rc::new(number));
            if number.is_multiple_of(100) {
                assert!(lately.find(&0, |_| true).is_some(), "after {number}");
            }
            assert!(lately.len() <= 2 * KEPT);
        }
        assert!(lately.find(&1, |_| true).is_none());
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten_and_what_is_wrong_is_not_found() {
        let mut lately = Lately::default();
        lately.keep(1, Rc::new("one"));
        lately.keep(2, Rc::new("two"));
        lately.forget_old();
        assert_eq!(lately.find(&1, |_| true).as_deref(), Some(&"one"));
        assert!(lately.find(&1, |_| false).is_none());
        lately.forget_old();
        assert!(lately.find(&2, |_| true).is_none());
        lately.retain(|kept| *kept != "one");
        assert_eq!(lately.len(), 0);
    }
}
