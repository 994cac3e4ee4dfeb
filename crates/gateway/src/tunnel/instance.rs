//! Which process a connector is: each start draws an instance id, and the one that came last is the connector. An older one
//! that is still there ends what it has begun and cannot come back.
//!
//! Two that run at the same time have the same key: it was copied, or a machine was cloned. Once may be a machine that was
//! replaced; twice within an hour are two that take turns, and that is reported.

use std::collections::VecDeque;
use std::time::Duration;

use adit_core::id::TunnelId;
use tokio::time::Instant;

/// Instances that gave way, of one connector; a supervisor that starts a copy again and again makes more.
const MOST_REMEMBERED: usize = 64;

/// Two overlaps within this time are a copied key.
const ALTERNATING: Duration = Duration::from_secs(60 * 60);

/// The processes of one connector.
#[derive(Debug)]
pub(crate) struct Instances {
    current: TunnelId,
    superseded: VecDeque<TunnelId>,
    /// The last process that was alive after it gave way, by its tunnel, and when that was seen.
    overlapped: Option<(TunnelId, Instant)>,
}

/// What becomes of a connection, by its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is of the process that is the connector.
    Current,
    /// It is of one that has just started; the connections of the one before give way.
    Newest,
    /// It is of a process that gave way.
    Superseded,
}

impl Instances {
    pub(crate) const fn new(current: TunnelId) -> Self {
        Self { current, superseded: VecDeque::new(), overlapped: None }
    }

    /// Takes a connection of `instance` in.
    pub(crate) fn enter(&mut self, instance: TunnelId) -> Turn {
        if instance == self.current {
            return Turn::Current;
        }
        if self.superseded.contains(&instance) {
            return Turn::Superseded;
        }
        if self.superseded.len() == MOST_REMEMBERED {
            self.superseded.pop_front();
        }
        self.superseded.push_back(self.current);
        self.current = instance;
        Turn::Newest
    }

    /// The process of `tunnel` gave way and was found alive; whether that makes it a copied key. Its connections all say so.
    pub(crate) fn overlap(&mut self, tunnel: TunnelId, now: Instant) -> bool {
        match self.overlapped.replace((tunnel, now)) {
            Some((before, at)) => before != tunnel && now.duration_since(at) < ALTERNATING,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn instance(number: u128) -> TunnelId {
        TunnelId::new(Uuid::from_u128(number))
    }

    #[test]
    fn the_newest_start_wins_and_an_older_one_cannot_return() {
        let mut instances = Instances::new(instance(1));
        assert_eq!(instances.enter(instance(1)), Turn::Current);
        assert_eq!(instances.enter(instance(2)), Turn::Newest);
        assert_eq!(instances.enter(instance(1)), Turn::Superseded);
        assert_eq!(instances.enter(instance(2)), Turn::Current, "its second connection");
        for number in 3..1000 {
            assert_eq!(instances.enter(instance(number)), Turn::Newest);
        }
        assert_eq!(instances.enter(instance(998)), Turn::Superseded);
        assert!(instances.superseded.len() <= MOST_REMEMBERED);
    }

    #[test]
    fn two_that_take_turns_are_a_copied_key_and_one_that_was_replaced_is_not() {
        let (mut instances, start) = (Instances::new(instance(1)), Instant::now());
        assert!(!instances.overlap(instance(1), start));
        assert!(!instances.overlap(instance(1), start), "its other connection");
        assert!(!instances.overlap(instance(2), start + ALTERNATING * 2));
        assert!(instances.overlap(instance(3), start + ALTERNATING * 2 + Duration::from_secs(60)));
    }
}
