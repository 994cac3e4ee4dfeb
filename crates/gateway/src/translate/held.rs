//! How much memory the compressed bodies that a core collects may take together.

use std::cell::Cell;
use std::rc::Rc;

use crate::limits;

/// The account of one core.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Rc<Cell<usize>>);

impl Held {
    /// Opens an entry, which is empty.
    pub(crate) fn hold(&self) -> Holding {
        Holding { account: self.clone(), bytes: 0 }
    }
}

/// What one body takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Holding {
    account: Held,
    bytes: usize,
}

impl Holding {
    /// Takes `bytes` in all, if that is no more than before or there is room.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let total = self.account.0.get() + more;
        if total > limits::HELD_BYTES {
            return false;
        }
        self.account.0.set(total);
        self.bytes += more;
        true
    }

    /// Takes `bytes` in all from now on, because they are there already.
    pub(crate) fn settle(&mut self, bytes: usize) {
        self.account.0.set(self.account.0.get() - self.bytes + bytes);
        self.bytes = bytes;
    }

    /// Gives back what has left.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.settle(self.bytes.saturating_sub(bytes));
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.account.0.set(self.account.0.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_what_there_is_and_give_it_back() {
        let held = Held::default();
        let (mut first, mut second) = (held.hold(), held.hold());
        assert!(first.grow_to(limits::HELD_BYTES - 10));
        assert!(first.grow_to(5), "less than before costs nothing");
        assert!(second.grow_to(10));
        assert!(!second.grow_to(11));
        drop(first);
        assert!(second.grow_to(limits::HELD_BYTES));
        drop(second);
        assert_eq!(held.0.get(), 0);
    }

    #[test]
    fn what_was_not_decoded_counts_until_it_leaves() {
        let held = Held::default();
        let mut body = held.hold();
        assert!(body.grow_to(100));
        body.settle(60);
        assert_eq!(held.0.get(), 60);
        body.release(50);
        assert_eq!(held.0.get(), 10);
        drop(body);
        assert_eq!(held.0.get(), 0);
    }
}
