//! What failed, and when it is tried again: after growing pauses, which are kept so that a restart does not end them.
//!
//! Authorities count failures: Let's Encrypt takes five of a host within an hour. The pauses after a refusal stay below
//! that. Spread comes on top of the longest pause, so that many servers do not come back at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use instant_acme::{Error, Problem};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::data_folder::write_whole;

/// Why an order came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderFailed {
    /// The authority says no, or something that makes no sense: asking again soon would not help.
    #[error("{0}")]
    Refused(String),
    /// The authority cannot be reached, or has a fault itself.
    #[error("{0}")]
    Unreachable(String),
    /// The authority wants to be asked less.
    #[error("{0}")]
    TooMany(String),
    /// The account is unknown to the authority.
    #[error("{0}")]
    UnknownAccount(String),
    /// The authority does not take a single-use value that it gave out itself; as good as not asked.
    #[error("{0}")]
    BadNonce(String),
    /// Something on this side.
    #[error("{0}")]
    Ourselves(String),
}

/// The pauses at first and at most.
struct Pauses {
    first: SignedDuration,
    factor: i32,
    longest: SignedDuration,
}

/// A host whose last order failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// How many in a row.
    pub(super) failures: u32,
    /// Not before this is it tried again.
    pub(super) again: Timestamp,
    /// What was said, for a person who looks.
    pub(super) reason: String,
}

/// All of them, and the file they are kept in.
#[derive(Debug)]
pub(super) struct Failures {
    path: PathBuf,
    by_host: BTreeMap<String, Failure>,
}

impl OrderFailed {
    fn pauses(&self) -> Pauses {
        let (minutes, factor, hours) = match self {
            Self::Refused(_) => (10, 3, 12),
            Self::TooMany(_) => (60, 2, 24),
            Self::Unreachable(_) | Self::Ourselves(_) | Self::UnknownAccount(_) => (1, 2, 1),
            Self::BadNonce(_) => return Pauses { first: SignedDuration::from_secs(1), factor: 4, longest: HOUR },
        };
        Pauses { first: SignedDuration::from_mins(minutes), factor, longest: HOUR * hours }
    }

    /// As metrics name it.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::TooMany(_) => "too_many",
            Self::UnknownAccount(_) => "unknown_account",
            Self::BadNonce(_) => "bad_nonce",
            Self::Ourselves(_) => "internal",
        }
    }

    /// How long to wait after this many failures in a row; `spread` is from 0 to 1.
    pub(super) fn pause(&self, failures: u32, spread: f64) -> SignedDuration {
        let Pauses { first, factor, longest } = self.pauses();
        let grown = (1..failures).try_fold(first, |pause, _| pause.checked_mul(factor).filter(|next| *next < longest));
        let pause = grown.unwrap_or(longest).min(longest);
        pause + pause.mul_f64(spread.clamp(0.0, 1.0) / 4.0)
    }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl From<Error> for OrderFailed {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) => problem.into(),
            Error::Crypto | Error::KeyRejected => Self::Ourselves(error.to_string()),
            Error::Json(_) | Error::Str(_) | Error::Unsupported(_) | Error::InvalidUri(_) | Error::Http(_) => {
                Self::Refused(format!("the authority's answer makes no sense: {error}"))
            }
            Error::Timeout(_) => Self::Unreachable("the authority did not come to a decision in time".to_owned()),
            Error::Other(cause) => Self::Unreachable(crate::command_error::with_causes(&*cause)),
            error => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<Problem> for OrderFailed {
    fn from(problem: Problem) -> Self {
        let kind = problem.r#type.as_deref().and_then(|kind| kind.strip_prefix("urn:ietf:params:acme:error:"));
        let text = printable(&problem.to_string());
        match (kind, problem.status) {
            (Some("badNonce"), _) => Self::BadNonce(text),
            (Some("rateLimited"), _) | (_, Some(429)) => Self::TooMany(text),
            (Some("accountDoesNotExist"), _) => Self::UnknownAccount(text),
            (Some("serverInternal"), _) | (_, Some(500..=599)) => Self::Unreachable(text),
            _ => Self::Refused(text),
        }
    }
}

/// What an authority says, short and without anything that a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(500).collect()
}

impl Failures {
    /// Reads what was kept; a file that cannot be read counts as none.
    pub(super) fn load(path: &Path) -> Self {
        let kept = std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { path: path.to_owned(), by_host: kept.unwrap_or_default() }
    }

    /// The failure of a host.
    pub(super) fn of(&self, host: &str) -> Option<&Failure> {
        self.by_host.get(host)
    }

    /// How many hosts fail.
    pub(super) fn count(&self) -> usize {
        self.by_host.len()
    }

    /// Notes a failure; the host is not tried again before what this returns.
    pub(super) fn note(
        &mut self,
        host: &str,
        failed: &OrderFailed,
        busy: Option<Timestamp>,
        now: Timestamp,
    ) -> Failure {
        let failures = self.of(host).map_or(0, |before| before.failures).saturating_add(1);
        let own = now.saturating_add(failed.pause(failures, fastrand::f64())).unwrap_or(Timestamp::MAX);
        let again = busy.map_or(own, |busy| busy.max(own));
        let failure = Failure { failures, again, reason: failed.to_string() };
        self.by_host.insert(host.to_owned(), failure.clone());
        self.keep();
        failure
    }

    /// Forgets the hosts for which `gone` holds.
    pub(super) fn forget(&mut self, gone: impl Fn(&str) -> bool) {
        let before = self.by_host.len();
        self.by_host.retain(|host, _| !gone(host));
        if self.by_host.len() < before {
            self.keep();
        }
    }

    fn keep(&self) {
        let text = serde_json::to_vec_pretty(&self.by_host).unwrap_or_default();
        if let Err(error) = write_whole(&self.path, &text) {
            tracing::warn!(%error, "failures of ACME orders are not kept: a restart would try again at once");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, status: u16) -> Problem {
        Problem {
            r#type: Some(format!("urn:ietf:params:acme:error:{kind}")),
            detail: Some("no\u{1b}[2J".to_owned()),
            status: Some(status),
            subproblems: Vec::new(),
        }
    }

    #[test]
    fn pauses_grow_to_an_end_and_spread_comes_on_top() {
        let refused = OrderFailed::Refused(String::new());
        let minutes = |failures| refused.pause(failures, 0.0).as_mins();
        assert_eq!([1, 2, 3, 4, 5, 6, 99].map(minutes), [10, 30, 90, 270, 720, 720, 720]);
        assert_eq!(refused.pause(99, 1.0).as_mins(), 900);
        let within_an_hour = (1..=99).scan(0, |at, failures| {
            *at += minutes(failures);
            Some(*at)
        });
        assert!(within_an_hour.take_while(|at| *at < 60).count() + 1 < 5, "the fifth failure of an hour locks a host");
        let down = OrderFailed::Unreachable(String::new());
        assert_eq!([1, 2, 3, 7, u32::MAX].map(|failures| down.pause(failures, 0.0).as_mins()), [1, 2, 4, 60, 60]);
    }

    #[test]
    fn what_the_authority_says_decides_how_soon_it_is_asked_again() {
        for (kind, status, expected) in [
            ("badNonce", 400, "bad_nonce"),
            ("rateLimited", 429, "too_many"),
            ("accountDoesNotExist", 400, "unknown_account"),
            ("serverInternal", 500, "unreachable"),
            ("unauthorized", 403, "refused"),
            ("rejectedIdentifier", 400, "refused"),
            ("somethingNew", 503, "unreachable"),
        ] {
            let failed = OrderFailed::from(problem(kind, status));
            assert_eq!(failed.as_str(), expected, "{kind}");
            assert!(!failed.to_string().contains('\u{1b}'));
        }
    }

    #[test]
    fn a_restart_does_not_end_a_pause() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("failures.json");
        let now = Timestamp::now();
        let mut failures = Failures::load(&path);
        let refused = OrderFailed::Refused("no".to_owned());
        failures.note("a.example", &refused, None, now);
        let second = failures.note("a.example", &refused, None, now);
        assert!(second.failures == 2 && second.again >= now + SignedDuration::from_mins(30));
        let busy = now + SignedDuration::from_hours(30);
        assert_eq!(failures.note("b.example", &refused, Some(busy), now).again, busy);

        let mut again = Failures::load(&path);
        assert_eq!(again.of("a.example"), Some(&second));
        again.forget(|host| host == "a.example");
        assert_eq!(Failures::load(&path).of("a.example"), None);
        std::fs::write(&path, "damaged").unwrap();
        assert_eq!(Failures::load(&path).count(), 0);
    }
}
