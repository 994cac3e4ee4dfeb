//! One core of a simulated gateway: who waits, who has a place, and what it works on.
//!
//! It does one piece of work at a time. The end of a handshake goes before the beginning of the next one, as in the
//! gateway, where a turn ends with a yield to whatever else is ready.

use std::collections::VecDeque;

use adit_gateway::tunnel_limits::TUNNEL_PLACES;

use super::Dial;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// The answer to a hello.
    Answer,
    /// What follows the connector's last flight.
    Finish,
}

/// A core. Whoever was put off stays in its queues until it would be their turn.
#[derive(Debug, Default)]
pub(super) struct Core {
    waiting: VecDeque<Dial>,
    admitted: VecDeque<Dial>,
    replied: VecDeque<Dial>,
    /// Dials that are neither up nor put off.
    open: usize,
    places_taken: usize,
    most_places: usize,
    is_busy: bool,
}

impl Core {
    /// How many connections it has that are not up yet.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    /// The most that had a place at a time.
    pub(super) const fn most_under_way(&self) -> usize {
        self.most_places
    }

    pub(super) fn arrived(&mut self, dial: Dial) {
        self.open += 1;
        self.waiting.push_back(dial);
    }

    pub(super) fn replied(&mut self, dial: Dial) {
        self.replied.push_back(dial);
    }

    /// Gives the places that are free to those who wait and, as `enter` says, still do.
    pub(super) fn admit(&mut self, mut enter: impl FnMut(Dial) -> bool) {
        while self.places_taken < TUNNEL_PLACES {
            let Some(dial) = self.waiting.pop_front() else { return };
            if enter(dial) {
                self.places_taken += 1;
                self.most_places = self.most_places.max(self.places_taken);
                self.admitted.push_back(dial);
            }
        }
    }

    /// Begins the next piece of work, if it has none and there is one that, as `enter` says, is still wanted.
    pub(super) fn begin(&mut self, mut enter: impl FnMut(Work, Dial) -> bool) -> Option<(Work, Dial)> {
        if self.is_busy {
            return None;
        }
        let next = loop {
            let (work, dial) = match self.replied.pop_front() {
                Some(dial) => (Work::Finish, dial),
                None => (Work::Answer, self.admitted.pop_front()?),
            };
            if enter(work, dial) {
                break (work, dial);
            }
        };
        self.is_busy = true;
        Some(next)
    }

    pub(super) const fn worked(&mut self) {
        self.is_busy = false;
    }

    /// A dial is up, or failed.
    pub(super) const fn ended(&mut self, had_place: bool) {
        self.open = self.open.saturating_sub(1);
        if had_place {
            self.left_place();
        }
    }

    pub(super) const fn left_place(&mut self) {
        self.places_taken = self.places_taken.saturating_sub(1);
    }
}
