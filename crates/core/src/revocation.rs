//! Sessions that were ended before their time: all of somebody's, or all at an application.
//!
//! What ended them is a change of the directory, and a session says at which version of the directory it began
//! ([`Version`]), so no two clocks are compared: a session counts that began at the version of the revocation or later.
//! A gateway that has not learnt of the newest versions ends a session too many rather than one too few.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::id::{ApplicationId, NotAnId, PrincipalId};
use crate::revision::{Epoch, Revision};

/// Where in its history the directory was.
pub type Version = (Epoch, Revision);

/// No session is older, whatever is configured: revocations are forgotten a day later.
pub const LONGEST_SESSION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a revocation is kept.
pub const KEPT: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// That sessions were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Sessions that began at an earlier version are over.
    pub before: Version,
    /// When it was, in milliseconds since 1970: for access tokens alone, whose issuers know no version of the directory.
    pub at: u64,
}

/// Whose sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionsOf {
    /// Those of a user, at every application and at the sign-in host.
    Principal(PrincipalId),
    /// Those at one application.
    Application(ApplicationId),
}

/// A text that does not say whose sessions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSessions {
    /// Neither somebody's nor an application's.
    #[error("'principal' or 'application' and an id are expected")]
    Kind,
    /// No id.
    #[error(transparent)]
    Id(#[from] NotAnId),
}

impl SessionsOf {
    /// What kind of object they are of, in one word.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Principal(_) => "principal",
            Self::Application(_) => "application",
        }
    }

    /// The id of that object.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Principal(id) => id.to_string(),
            Self::Application(id) => id.to_string(),
        }
    }
}

impl fmt::Display for SessionsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

impl FromStr for SessionsOf {
    type Err = NotSessions;

    fn from_str(text: &str) -> Result<Self, NotSessions> {
        match text.split_once(' ') {
            Some(("principal", id)) => Ok(Self::Principal(id.parse()?)),
            Some(("application", id)) => Ok(Self::Application(id.parse()?)),
            _ => Err(NotSessions::Kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn whose_sessions_is_read_as_it_was_written() {
        let id = Uuid::from_u128(7);
        for of in [SessionsOf::Principal(PrincipalId::new(id)), SessionsOf::Application(ApplicationId::new(id))] {
            assert_eq!(of.to_string().parse(), Ok(of));
        }
        assert_eq!("group 7".parse::<SessionsOf>(), Err(NotSessions::Kind));
        assert!(matches!("principal 7".parse::<SessionsOf>(), Err(NotSessions::Id(_))));
    }
}
