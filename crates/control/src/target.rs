//! Which object a command is about, and at which of its revisions.
//!
//! A client that has read an object can demand that nobody has changed it since. The demand is checked inside the
//! command's own transaction: of two that demand the same revision and change the object, one is refused.

use adit_core::Revision;

use crate::error::Error;

/// The revisions at which an object may be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    #[default]
    Any,
    /// Only one of these; none of them when there are none.
    OneOf(Vec<Revision>),
}

impl Expected {
    /// Checks the revision that was found.
    pub(crate) fn check(&self, found: Revision) -> Result<(), Error> {
        match self {
            Self::OneOf(revisions) if !revisions.contains(&found) => Err(Error::ChangedMeanwhile { found }),
            Self::Any | Self::OneOf(_) => Ok(()),
        }
    }
}

/// An object by its id, and the revisions at which it may be changed. An id alone is any revision of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<I> {
    /// The object.
    pub id: I,
    /// Its revisions.
    pub expected: Expected,
}

impl<I> Target<I> {
    /// The object, at `expected` only.
    #[must_use]
    pub const fn at(id: I, expected: Expected) -> Self {
        Self { id, expected }
    }
}

impl<I> From<I> for Target<I> {
    fn from(id: I) -> Self {
        Self::at(id, Expected::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_accepted_if_it_was_expected_or_nothing_was() {
        assert!(Expected::Any.check(Revision(7)).is_ok());
        assert!(Expected::OneOf(vec![Revision(3), Revision(7)]).check(Revision(7)).is_ok());
        for expected in [Expected::OneOf(vec![Revision(6)]), Expected::OneOf(vec![])] {
            assert!(matches!(expected.check(Revision(7)), Err(Error::ChangedMeanwhile { found: Revision(7) })));
        }
    }
}
