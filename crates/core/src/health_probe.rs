//! Active probes of an application's upstream: what is asked, how often, and which answers are good.
//!
//! They are off unless a path is set. The other settings stay while there is none, for the next time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::request_path::{self, PathRefused};

/// What is asked for at the upstream: a path and maybe a query, as in `/health?full=1`. It is the whole path: the prefix of
/// the internal URL is not put before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProbePath(String);

/// A text that is no such path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAProbePath {
    /// It does not begin as a path of the upstream's own host.
    #[error("a probe's path begins with one '/': it is a path at the upstream, never a whole URL")]
    NotAPath,
    /// No gateway would send it.
    #[error("{0}")]
    Refused(#[source] PathRefused),
    /// A fragment, which is never sent, or a character that must be escaped.
    #[error("a probe's path has no '#', and no space, quote, control character or character outside ASCII")]
    Character,
    /// Longer than [`ProbePath::LONGEST`].
    #[error("a probe's path has at most {longest} characters", longest = ProbePath::LONGEST)]
    TooLong,
}

impl ProbePath {
    /// In bytes: more than any path that somebody types, and far less than a head may have.
    pub const LONGEST: usize = 1024;

    /// Checks a text.
    ///
    /// # Errors
    /// [`NotAProbePath`], the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, NotAProbePath> {
        // Two slashes at the start would name a host.
        if !text.starts_with('/') || text.starts_with("//") {
            return Err(NotAProbePath::NotAPath);
        }
        if text.len() > Self::LONGEST {
            return Err(NotAProbePath::TooLong);
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'`' | b'\\');
        if !text.bytes().all(plain) {
            return Err(NotAProbePath::Character);
        }
        let path = text.split_once('?').map_or(text, |(path, _)| path);
        request_path::check(path).map_err(NotAProbePath::Refused)?;
        Ok(Self(text.to_owned()))
    }

    /// The path and the query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProbePath {
    type Error = NotAProbePath;
    fn try_from(text: String) -> Result<Self, NotAProbePath> {
        Self::parse(&text)
    }
}

impl From<ProbePath> for String {
    fn from(path: ProbePath) -> Self {
        path.0
    }
}

/// A number of seconds from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u32")]
pub struct SecondsWithin<const LEAST: u32, const MOST: u32>(u32);

/// A number that is out of these bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{number} is not a number of seconds from {least} to {most}")]
pub struct NotWithin {
    number: i64,
    least: u32,
    most: u32,
}

impl<const LEAST: u32, const MOST: u32> SecondsWithin<LEAST, MOST> {
    /// Checks a number.
    ///
    /// # Errors
    /// [`NotWithin`] when it is out of bounds.
    pub fn new(number: i64) -> Result<Self, NotWithin> {
        let within = u32::try_from(number).ok().filter(|number| (LEAST..=MOST).contains(number));
        within.map(Self).ok_or(NotWithin { number, least: LEAST, most: MOST })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const LEAST: u32, const MOST: u32> TryFrom<i64> for SecondsWithin<LEAST, MOST> {
    type Error = NotWithin;
    fn try_from(number: i64) -> Result<Self, NotWithin> {
        Self::new(number)
    }
}

impl<const LEAST: u32, const MOST: u32> From<SecondsWithin<LEAST, MOST>> for u32 {
    fn from(seconds: SecondsWithin<LEAST, MOST>) -> Self {
        seconds.0
    }
}

/// How often each connector probes. More often than each five seconds would be a load of its own, and what is looked at
/// less than once an hour is not watched.
pub type ProbeInterval = SecondsWithin<5, 3600>;

/// How long a probe may take, connecting included. A minute is longer than any health page may think.
pub type ProbeTimeout = SecondsWithin<1, 60>;

/// Which statuses are good: from `least` to `most`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExpectedStatuses {
    least: u16,
    most: u16,
}

/// A text that is no range of good statuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no status from 200 to 499, and no range of them as in 200-399")]
pub struct NotStatuses(String);

impl ExpectedStatuses {
    /// Reads `200` or `200-399`. Informational answers are none, and an error of the server is never good.
    ///
    /// # Errors
    /// [`NotStatuses`] for anything else.
    pub fn parse(text: &str) -> Result<Self, NotStatuses> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let status = |text: &str| {
            let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|status| digits && (200..500).contains(status))
        };
        let range = status(least).zip(status(most)).filter(|(least, most)| least <= most);
        range.map(|(least, most)| Self { least, most }).ok_or_else(|| NotStatuses(text.to_owned()))
    }

    /// Whether `status` is one of them.
    #[must_use]
    pub const fn contains(self, status: u16) -> bool {
        self.least <= status && status <= self.most
    }
}

impl Default for ExpectedStatuses {
    /// What is not an error: a redirect to a page of sign-in is an answer as well.
    fn default() -> Self {
        Self { least: 200, most: 399 }
    }
}

impl fmt::Display for ExpectedStatuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most { write!(f, "{}", self.least) } else { write!(f, "{}-{}", self.least, self.most) }
    }
}

impl TryFrom<String> for ExpectedStatuses {
    type Error = NotStatuses;
    fn try_from(text: String) -> Result<Self, NotStatuses> {
        Self::parse(&text)
    }
}

impl From<ExpectedStatuses> for String {
    fn from(statuses: ExpectedStatuses) -> Self {
        statuses.to_string()
    }
}

/// The probes of one application; `None` is the default of each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthProbe {
    /// What is asked for. Without it nothing is probed.
    pub path: Option<ProbePath>,
    /// How often each connector probes: 30 s.
    pub interval: Option<ProbeInterval>,
    /// How long a probe may take: 5 s.
    pub timeout: Option<ProbeTimeout>,
    /// Which statuses are good: 200 to 399.
    pub statuses: Option<ExpectedStatuses>,
}

impl HealthProbe {
    /// How often each connector probes.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval.map_or(30, SecondsWithin::get).into())
    }

    /// How long a probe may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.map_or(5, SecondsWithin::get).into())
    }

    /// Which statuses are good.
    #[must_use]
    pub fn statuses(&self) -> ExpectedStatuses {
        self.statuses.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_at_the_upstream_and_never_a_url() {
        for path in ["/", "/health", "/a/b.json?full=1&x=%20", "/a;b", "/.well-known/x?q=a/../b"] {
            assert_eq!(ProbePath::parse(path).unwrap().as_str(), path);
        }
        for path in ["", "health", "http://metadata.internal/", "//metadata.internal/", "*", "?x"] {
            assert_eq!(ProbePath::parse(path), Err(NotAProbePath::NotAPath), "{path:?}");
        }
        for path in ["/a\r\nX: y", "/a\n", "/a b", "/a#b", "/\u{e9}", "/a\0", "/a\\b", "/a?x=\"", "/a\t", "/\u{7f}"] {
            assert_eq!(ProbePath::parse(path), Err(NotAProbePath::Character), "{path:?}");
        }
        assert!(matches!(ProbePath::parse("/a/../b"), Err(NotAProbePath::Refused(_))));
        assert!(matches!(ProbePath::parse("/a%0"), Err(NotAProbePath::Refused(_))));
        assert!(ProbePath::parse(&format!("/{}", "a".repeat(1023))).is_ok());
        assert_eq!(ProbePath::parse(&format!("/{}", "a".repeat(1024))), Err(NotAProbePath::TooLong));
    }

    #[test]
    fn an_interval_is_from_five_seconds_to_an_hour_and_a_timeout_from_one_to_a_minute() {
        assert_eq!(ProbeInterval::new(5).map(SecondsWithin::get), Ok(5));
        assert_eq!(ProbeTimeout::new(60).map(SecondsWithin::get), Ok(60));
        for number in [4, 3601, 0, -5, i64::MAX] {
            assert!(ProbeInterval::new(number).is_err(), "{number}");
        }
        let refused = ProbeTimeout::new(61).unwrap_err().to_string();
        assert_eq!(refused, "61 is not a number of seconds from 1 to 60");
    }

    #[test]
    fn statuses_are_one_or_a_range_without_errors_of_the_server() {
        for (text, good, bad) in
            [("200", 200, 201), ("200-399", 399, 400), ("204-204", 204, 200), ("200-401", 401, 402)]
        {
            let statuses = ExpectedStatuses::parse(text).unwrap();
            assert!(statuses.contains(good) && !statuses.contains(bad), "{text}");
        }
        for text in ["", "2", "200-", "-399", "399-200", "100-200", "200-500", "+20-300", "200-300-400", "2xx", " 200"]
        {
            assert_eq!(ExpectedStatuses::parse(text), Err(NotStatuses(text.to_owned())));
        }
        assert_eq!(ExpectedStatuses::default().to_string(), "200-399");
    }

    #[test]
    fn what_was_stored_before_there_were_probes_has_none_and_what_is_stored_is_read_again() {
        assert_eq!(serde_json::from_str::<HealthProbe>("{}").unwrap(), HealthProbe::default());
        let probe = HealthProbe {
            path: ProbePath::parse("/health").ok(),
            interval: ProbeInterval::new(60).ok(),
            timeout: None,
            statuses: ExpectedStatuses::parse("200-204").ok(),
        };
        let text = serde_json::to_string(&probe).unwrap();
        assert_eq!(serde_json::from_str::<HealthProbe>(&text).unwrap(), probe);
        assert_eq!((probe.interval().as_secs(), probe.timeout().as_secs()), (60, 5));
    }
}
