//! How many refusals are recorded: anybody can be refused, and each record is a write to the disk. What is more than that in
//! a minute is counted, and the log of the process says how many.
//!
//! Each kind has its own room, so that strangers who are refused do not hide somebody who is known; and nobody can fill one from
//! a single network.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use adit_identity::network;
use jiff::{SignedDuration, Timestamp};

/// The most refusals of one kind that are recorded in a minute.
pub const MOST_RECORDED_A_MINUTE: u32 = 30;

/// The most of them that come from one network.
pub const MOST_OF_A_NETWORK: u32 = 10;

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
    /// Of those, how many came from where.
    by_network: Vec<(Option<IpAddr>, u32)>,
    left_out: u64,
}

impl Refusals {
    /// Takes room for one record of what came from there; without any left the refusal is counted.
    pub(crate) fn take(&self, kind: Refusal, from: Option<IpAddr>, now: Timestamp) -> bool {
        let Some(room) = self.rooms.get(kind as usize) else { return false };
        let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
        room.turn(kind, now);
        room.since.get_or_insert(now);
        let is_recorded = room.recorded < MOST_RECORDED_A_MINUTE && room.has_share(from.map(network));
        if is_recorded {
            room.recorded += 1;
        } else {
            room.left_out = room.left_out.saturating_add(1);
        }
        is_recorded
    }

    /// Says how many were not recorded in minutes that are over.
    pub(crate) fn report(&self, now: Timestamp) {
        for (kind, room) in Refusal::ALL.into_iter().zip(&self.rooms) {
            room.lock().unwrap_or_else(PoisonError::into_inner).turn(kind, now);
        }
    }
}

impl Room {
    /// Takes one of the places that the network has; as many networks are remembered as there are records.
    fn has_share(&mut self, network: Option<IpAddr>) -> bool {
        match self.by_network.iter_mut().find(|(known, _)| *known == network) {
            Some((_, count)) if *count >= MOST_OF_A_NETWORK => return false,
            Some((_, count)) => *count += 1,
            None => self.by_network.push((network, 1)),
        }
        true
    }

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

    fn from(number: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, number]))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn so_many_are_recorded_in_a_minute_and_the_rest_is_counted_until_it_is_over() {
        let refusals = Refusals::default();
        let taken =
            |second| (0..100).filter(|number| refusals.take(Refusal::Stranger, from(*number), at(second))).count();
        assert_eq!((taken(0), taken(59)), (30, 0));
        assert_eq!(refusals.rooms[Refusal::Stranger as usize].lock().unwrap().left_out, 170);
        assert_eq!((taken(60), taken(119)), (30, 0));
        assert_eq!(taken(-5), 30, "a clock that is set back does not close it");
    }

    #[test]
    fn one_kind_does_not_use_up_the_room_of_another() {
        let refusals = Refusals::default();
        for number in 0..=255 {
            refusals.take(Refusal::Stranger, from(number), at(0));
        }
        for kind in [Refusal::Token, Refusal::BadToken, Refusal::Forbidden] {
            assert!(refusals.take(kind, from(1), at(0)), "{kind:?}");
        }
    }

    #[test]
    fn one_network_does_not_use_up_the_room_of_others() {
        let refusals = Refusals::default();
        let taken = |of: &dyn Fn(u16) -> Option<IpAddr>| {
            (0..1000).filter(|number| refusals.take(Refusal::Forbidden, of(*number), at(0))).count()
        };
        assert_eq!(taken(&|_| from(1)), 10);
        let of_a_network = |number: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, number]));
        assert_eq!(taken(&of_a_network), 10, "somebody has all of these addresses");
        assert!(refusals.take(Refusal::Forbidden, from(2), at(1)));
        assert!(!refusals.take(Refusal::Forbidden, from(1), at(59)));
        assert!(refusals.take(Refusal::Forbidden, from(1), at(60)), "a minute later");
    }

    #[test]
    fn what_was_left_out_is_reported_once_when_the_minute_is_over() {
        let refusals = Refusals::default();
        for number in 0..31 {
            refusals.take(Refusal::Forbidden, from(number), at(0));
        }
        let left_out = || refusals.rooms[Refusal::Forbidden as usize].lock().unwrap().left_out;
        refusals.report(at(59));
        assert_eq!(left_out(), 1, "not before");
        refusals.report(at(60));
        assert_eq!(left_out(), 0);
    }
}
