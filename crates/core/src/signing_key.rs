//! When the built-in provider signs with which of its keys, when it makes another one, and how long it publishes one that
//! it signs with no more.
//!
//! Pure: instants come in, what to do comes out. A new key is published a day before it signs, so that whoever keeps a copy
//! of the key set has it in time; an old one stays until nothing that it signed can still be valid.

use jiff::{SignedDuration, Timestamp};

/// How long a key signs.
pub const PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long a key is published before it signs.
pub const LEAD: SignedDuration = SignedDuration::from_hours(24);

/// How long a key is published after another one has taken over: longer than any token lives.
pub const AFTERMATH: SignedDuration = SignedDuration::from_hours(48);

/// What to do about keys that begin to sign at certain times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPlan {
    /// Which of them signs at the moment, by its place.
    pub signs: Option<usize>,
    /// Those that are published no more.
    pub outlived: Vec<usize>,
    /// Another one has to be made, and begins then.
    pub make: Option<Timestamp>,
}

/// What to do at `now` about keys that begin at these times.
#[must_use]
pub fn key_plan(begins: &[Timestamp], now: Timestamp) -> KeyPlan {
    let begun = || begins.iter().enumerate().filter(|(_, at)| **at <= now);
    let signs = begun().max_by_key(|(_, at)| **at).map(|(place, _)| place);
    let is_outlived = |own: Timestamp| begins.iter().any(|next| *next > own && after(*next, AFTERMATH) <= now);
    let outlived = begins.iter().enumerate().filter(|(_, at)| is_outlived(**at)).map(|(place, _)| place).collect();
    KeyPlan { signs, outlived, make: next(begins, signs.is_some(), now) }
}

/// When a key begins that is to be made now, if one is.
fn next(begins: &[Timestamp], is_signing: bool, now: Timestamp) -> Option<Timestamp> {
    // None, or all of them later (the clock was set back): something has to sign.
    let Some(newest) = begins.iter().max().filter(|_| is_signing) else { return Some(now) };
    let due = after(*newest, PERIOD);
    // Nobody was there to make it in time: it is published for as long as any other.
    (after(now, LEAD) >= due).then(|| due.max(after(now, LEAD)))
}

fn after(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    fn plan(begins: &[i64], now: i64) -> (Option<usize>, Vec<usize>, Option<Timestamp>) {
        let begins: Vec<Timestamp> = begins.iter().map(|at| day(*at)).collect();
        let KeyPlan { signs, outlived, make } = key_plan(&begins, day(now));
        (signs, outlived, make)
    }

    #[test]
    fn the_first_key_begins_at_once() {
        assert_eq!(plan(&[], 0), (None, vec![], Some(day(0))));
        assert_eq!(plan(&[0], 0), (Some(0), vec![], None));
    }

    #[test]
    fn the_next_key_is_published_a_day_before_it_signs() {
        assert_eq!(plan(&[0], 28), (Some(0), vec![], None));
        assert_eq!(plan(&[0], 29), (Some(0), vec![], Some(day(30))));
        assert_eq!(plan(&[0, 30], 29), (Some(0), vec![], None), "it is made once");
        assert_eq!(plan(&[0, 30], 30), (Some(1), vec![], None));
    }

    #[test]
    fn the_old_key_is_published_until_nothing_that_it_signed_is_valid() {
        assert_eq!(plan(&[30, 0], 31), (Some(0), vec![], None));
        assert_eq!(plan(&[30, 0], 32), (Some(0), vec![1], None));
    }

    #[test]
    fn after_a_long_pause_the_old_key_signs_until_the_new_one_was_published_for_a_day() {
        assert_eq!(plan(&[0], 300), (Some(0), vec![], Some(day(301))));
        assert_eq!(plan(&[0, 301], 300), (Some(0), vec![], None));
        assert_eq!(plan(&[0, 301], 303), (Some(1), vec![0], None));
    }

    #[test]
    fn keys_of_the_future_do_not_sign_and_something_does() {
        assert_eq!(plan(&[10], 0), (None, vec![], Some(day(0))));
    }
}
