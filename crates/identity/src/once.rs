//! What counts once, as far as this process has seen it, and is remembered for as long as it would count.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// The most numbers that are remembered; beyond that the oldest is forgotten.
const MOST: usize = 65_536;

/// Numbers that were used.
#[derive(Debug)]
pub(crate) struct Once {
    /// How long one is remembered, in milliseconds.
    kept: u64,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    numbers: HashSet<[u8; 16]>,
    by_time: VecDeque<([u8; 16], u64)>,
}

/// It was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedBefore;

impl Once {
    /// Remembers each number for `kept` milliseconds.
    pub(crate) fn new(kept: u64) -> Self {
        Self { kept, used: Mutex::default() }
    }

    /// Uses a number at `now`, in milliseconds since 1970.
    pub(crate) fn take(&self, number: [u8; 16], now: u64) -> Result<(), UsedBefore> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while used.by_time.front().is_some_and(|(_, seen)| now >= seen.saturating_add(self.kept)) {
            used.forget_oldest();
        }
        // Before there is room: the oldest may be the very number.
        if !used.numbers.insert(number) {
            return Err(UsedBefore);
        }
        if used.by_time.len() >= MOST {
            used.forget_oldest();
        }
        used.by_time.push_back((number, now));
        Ok(())
    }
}

impl Used {
    fn forget_oldest(&mut self) {
        if let Some((oldest, _)) = self.by_time.pop_front() {
            self.numbers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_once_while_it_would_count_and_the_list_does_not_grow_without_end() {
        let once = Once::new(1_000);
        let number = |number: u64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            bytes
        };
        assert_eq!(once.take(number(1), 0), Ok(()));
        assert_eq!(once.take(number(1), 999), Err(UsedBefore));
        assert_eq!(once.take(number(1), 1_000), Ok(()), "what does not count any more is forgotten");
        for other in 2..=u64::try_from(MOST).unwrap() + 1 {
            assert_eq!(once.take(number(other), 1_001), Ok(()));
        }
        assert_eq!(once.used.lock().unwrap().numbers.len(), MOST);
        assert_eq!(once.take(number(2), 1_001), Err(UsedBefore));
    }
}
