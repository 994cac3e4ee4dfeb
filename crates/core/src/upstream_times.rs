//! How long an upstream may take, part by part; each is its own limit, and none of them holds unless it was set.
//!
//! Without a first-byte time the application's [`crate::application::UpstreamTimeout`] holds; without the others there is
//! no such limit: a long download is not cut, and a connection may take as long as the connector gives it. Only a WebSocket
//! that nobody uses ends in time.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A number of seconds from 1 to [`Seconds::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u32")]
pub struct Seconds(NonZeroU32);

/// A number that is no time of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a number of seconds from 1 to {most}", most = Seconds::MOST)]
pub struct NotSeconds(pub i64);

impl Seconds {
    /// A day: what takes longer is better not limited at all.
    pub const MOST: u32 = 24 * 60 * 60;

    /// Checks a number.
    ///
    /// # Errors
    /// [`NotSeconds`] when it is out of bounds.
    pub fn new(number: i64) -> Result<Self, NotSeconds> {
        let within = u32::try_from(number).ok().filter(|number| *number <= Self::MOST);
        within.and_then(NonZeroU32::new).map(Self).ok_or(NotSeconds(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<i64> for Seconds {
    type Error = NotSeconds;
    fn try_from(number: i64) -> Result<Self, NotSeconds> {
        Self::new(number)
    }
}

impl From<Seconds> for u32 {
    fn from(seconds: Seconds) -> Self {
        seconds.get()
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.get().into())
    }
}

/// The times of one application; `None` is the default of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpstreamTimes {
    /// Until the connection to the upstream is open, TLS included.
    pub connect: Option<Seconds>,
    /// From the last byte of the request to the head of the answer; instead of `default` and `long`.
    pub first_byte: Option<Seconds>,
    /// Between two parts of the answer's body, and between two bytes of a WebSocket, whichever way they go.
    pub idle: Option<Seconds>,
    /// From the request's head to the answer's last byte.
    pub total: Option<Seconds>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_at_least_a_second_and_at_most_a_day() {
        assert_eq!(Seconds::new(1).map(Seconds::get), Ok(1));
        assert_eq!(Seconds::new(86_400).map(Seconds::get), Ok(86_400));
        for number in [0, -1, 86_401, i64::MAX, i64::MIN] {
            assert_eq!(Seconds::new(number), Err(NotSeconds(number)));
        }
    }

    #[test]
    fn what_was_stored_before_there_were_times_has_none() {
        let stored: UpstreamTimes = serde_json::from_str("{}").unwrap();
        assert_eq!(stored, UpstreamTimes::default());
        let times = UpstreamTimes { idle: Seconds::new(30).ok(), ..UpstreamTimes::default() };
        let text = serde_json::to_string(&times).unwrap();
        assert_eq!(serde_json::from_str::<UpstreamTimes>(&text).unwrap(), times);
        assert!(serde_json::from_str::<UpstreamTimes>(r#"{"idle": 0}"#).is_err());
    }
}
