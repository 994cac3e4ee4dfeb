//! Connectors whose tunnels come and go: one that was lost twice within a minute gets requests again only when it has
//! shown that it stays, and its comings and goings are logged once a minute.
//!
//! Leaving in order is no loss, and neither is being revoked.

use std::collections::HashMap;

use adit_core::connector::ConnectorIdentity;
use tokio::time::Instant;

use crate::limits;

/// The losses of all connectors that had one lately.
#[derive(Debug, Default)]
pub(super) struct Stability(HashMap<ConnectorIdentity, Losses>);

#[derive(Debug)]
struct Losses {
    last: Instant,
    before: Option<Instant>,
    /// Since it was last logged.
    unlogged: u32,
    logged: Option<Instant>,
}

impl Stability {
    /// A connector has no connection any more that takes requests, and did not leave. How many losses are to be logged,
    /// this one included, if it is time to.
    pub(super) fn lost(&mut self, connector: ConnectorIdentity, now: Instant) -> Option<u32> {
        let first = Losses { last: now, before: None, unlogged: 0, logged: None };
        let again = |losses: &mut Losses| losses.before = Some(std::mem::replace(&mut losses.last, now));
        let losses = self.0.entry(connector).and_modify(again).or_insert(first);
        losses.unlogged += 1;
        let due = losses.logged.is_none_or(|logged| now.duration_since(logged) >= limits::FLAP_LOGGED);
        if !due {
            return None;
        }
        losses.logged = Some(now);
        Some(std::mem::take(&mut losses.unlogged))
    }

    /// Whether it was lost twice lately: it has to prove itself when it comes back.
    pub(super) fn flaps(&self, connector: ConnectorIdentity, now: Instant) -> bool {
        let before = self.0.get(&connector).and_then(|losses| losses.before);
        before.is_some_and(|before| now.duration_since(before) < limits::FLAP)
    }

    /// Forgets those that have been steady for long, and those that `knows` does not.
    pub(super) fn tidy(&mut self, now: Instant, knows: impl Fn(ConnectorIdentity) -> bool) {
        let recent = |losses: &Losses| now.duration_since(losses.last) < limits::FLAP;
        self.0.retain(|connector, losses| recent(losses) && knows(*connector));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use adit_core::connector::KeyGeneration;
    use adit_core::id::ConnectorId;
    use uuid::Uuid;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn identity(number: u128) -> ConnectorIdentity {
        ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(number)), generation: KeyGeneration(1) }
    }

    #[test]
    fn only_who_is_lost_twice_within_a_minute_flaps() {
        let (mut stability, start) = (Stability::default(), Instant::now());
        stability.lost(identity(1), start);
        assert!(!stability.flaps(identity(1), start + SECOND), "once is no pattern");
        stability.lost(identity(1), start + SECOND * 30);
        assert!(stability.flaps(identity(1), start + SECOND * 31) && !stability.flaps(identity(2), start));
        assert!(!stability.flaps(identity(1), start + limits::FLAP), "it was steady since");
        stability.lost(identity(2), start);
        stability.lost(identity(2), start + limits::FLAP * 2);
        assert!(!stability.flaps(identity(2), start + limits::FLAP * 2), "that was long ago");
    }

    #[test]
    fn a_connector_that_flaps_each_two_seconds_is_logged_once_a_minute_with_how_often() {
        let (mut stability, start) = (Stability::default(), Instant::now());
        let logged: Vec<u32> = (0..61).filter_map(|n| stability.lost(identity(1), start + SECOND * 2 * n)).collect();
        assert_eq!(logged, [1, 30, 30]);
    }

    #[test]
    fn what_was_steady_for_long_or_is_unknown_is_forgotten() {
        let (mut stability, start) = (Stability::default(), Instant::now());
        for number in 1..=3 {
            stability.lost(identity(number), start + SECOND * 10 * u32::try_from(number).unwrap());
        }
        stability.tidy(start + limits::FLAP + SECOND * 15, |connector| connector != identity(3));
        assert_eq!(stability.0.keys().copied().collect::<Vec<_>>(), [identity(2)]);
    }
}
