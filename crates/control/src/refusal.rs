//! How many refusals are recorded: anybody can be refused, and each record is a write to the disk. What is more than that in
//! a minute is counted, and the log of the process says how many.
//!
//! Each kind has its own room, so that strangers who are refused do not hide somebody who is known.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The most refusals of one kind that are recorded in a minute.
pub const MOST_RECORDED_A_MINUTE: u32 = 30;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A token, at the provider's token endpoint.
    Token,
    /// A request to the API without a token.
    Stranger,
    /// A request to the API with a token that does not count.
    BadToken,
    /// A request to the API that its token does not allow.
    Forbidden,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::Token, Self::Stranger, Self::BadToken, Self::Forbidden];
}

/// The room that there is in the present minute.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    rooms: [Mutex<Room>; Refusal::ALL.len()],
}

#[derive(Debug, Default)]
struct Room {
    since: Option<Timestamp>,
    recorded: u32,
    left_out: u64,
}

impl Refusals {
    /// Takes room for one record; without any left the refusal is counted.
    pub(crate) fn take(&self, kind: Refusal, now: Timestamp) -> bool {
        let Some(room) = self.rooms.get(kind as usize) else { return false };
        let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
        room.turn(kind, now);
        if room.recorded < MOST_RECORDED_A_MINUTE {
            room.since.get_or_insert(now);
            room.recorded += 1;
            return true;
        }
        room.left_out = room.left_out.saturating_add(1);
        false
    }

    /// Says how many were not recorded in minutes that are over.
    pub(crate) fn report(&self, now: Timestamp) {
        for (kind, room) in Refusal::ALL.into_iter().zip(&self.rooms) {
            room.lock().unwrap_or_else(PoisonError::into_inner).turn(kind, now);
        }
    }
}

impl Room {
    /// Begins anew if the minute is over, or the clock was set back.
    fn turn(&mut self, kind: Refusal, now: Timestamp) {
        let Some(since) = self.since else { return };
        let age = now.duration_since(since);
        if age < MINUTE && !age.is_negative() {
            return;
        }
        let left_out = self.left_out;
        if left_out > 0 {
            tracing::warn!(
                ?kind,
                left_out,
                "more refusals in a minute than are recorded: the audit log lacks the rest"
            );
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn so_many_are_recorded_in_a_minute_and_the_rest_is_counted_until_it_is_over() {
        let refusals = Refusals::default();
        let taken = |second| (0..100).filter(|_| refusals.take(Refusal::Stranger, at(second))).count();
        assert_eq!((taken(0), taken(59)), (30, 0));
        assert_eq!(refusals.rooms[Refusal::Stranger as usize].lock().unwrap().left_out, 170);
        assert_eq!((taken(60), taken(119)), (30, 0));
        assert_eq!(taken(-5), 30, "a clock that is set back does not close it");
    }

    #[test]
    fn one_kind_does_not_use_up_the_room_of_another() {
        let refusals = Refusals::default();
        for _ in 0..1000 {
            refusals.take(Refusal::Stranger, at(0));
        }
        for kind in [Refusal::Token, Refusal::BadToken, Refusal::Forbidden] {
            assert!(refusals.take(kind, at(0)), "{kind:?}");
        }
    }

    #[test]
    fn what_was_left_out_is_reported_once_when_the_minute_is_over() {
        let refusals = Refusals::default();
        for _ in 0..31 {
            refusals.take(Refusal::Forbidden, at(0));
        }
        let left_out = || refusals.rooms[Refusal::Forbidden as usize].lock().unwrap().left_out;
        refusals.report(at(59));
        assert_eq!(left_out(), 1, "not before");
        refusals.report(at(60));
        assert_eq!(left_out(), 0);
    }
}
