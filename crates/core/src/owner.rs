//! Owners of applications: whoever may change an application with a permission that covers only what is one's own.
//!
//! An owner is known by the id that its issuer gives it, of whatever form: a user's subject or a program's client id.
//! Invariant: an [`OwnerId`] has one spelling; one that is a UUID is in lower case with hyphens, any other is taken as it
//! is, because issuers may tell names apart by case.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app_role_assignment::PrincipalKind;

/// How many owners an application can have: the limit of directory objects in Graph.
pub const MOST_OWNERS: usize = 100;

/// The longest id of an owner, in bytes; OpenID Connect allows subjects of 255.
pub const LONGEST_OWNER_ID: usize = 256;

/// A text that cannot be an owner's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an owner's id has 1 to {LONGEST_OWNER_ID} bytes and no control characters")]
pub struct NotAnOwnerId;

/// The id by which an owner's issuer knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OwnerId(String);

impl OwnerId {
    /// Checks `text`, and brings a UUID into its one spelling.
    ///
    /// # Errors
    /// [`NotAnOwnerId`] when the text is empty, too long or contains control characters.
    pub fn parse(text: &str) -> Result<Self, NotAnOwnerId> {
        if text.is_empty() || text.len() > LONGEST_OWNER_ID || text.chars().any(char::is_control) {
            return Err(NotAnOwnerId);
        }
        Ok(Uuid::try_parse(text).map_or_else(|_| Self(text.to_owned()), Self::from))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for OwnerId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.hyphenated().to_string())
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for OwnerId {
    type Error = NotAnOwnerId;
    fn try_from(text: String) -> Result<Self, NotAnOwnerId> {
        Self::parse(&text)
    }
}

impl From<OwnerId> for String {
    fn from(id: OwnerId) -> Self {
        id.0
    }
}

/// One owner of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Who it is.
    pub id: OwnerId,
    /// What kind of principal that is.
    pub kind: PrincipalKind,
    /// Its name, if one was said.
    pub name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_uuid_is_the_same_owner_however_it_is_written() {
        let plain = OwnerId::parse("0191f0a0-0000-7000-8000-00000000abcd").unwrap();
        assert_eq!(OwnerId::parse("0191F0A0-0000-7000-8000-00000000ABCD").unwrap(), plain);
        assert_eq!(OwnerId::parse("{0191f0a0-0000-7000-8000-00000000abcd}").unwrap(), plain);
        assert_eq!(plain.as_str(), "0191f0a0-0000-7000-8000-00000000abcd");
    }

    #[test]
    fn any_other_id_is_taken_as_it_is() {
        assert_eq!(OwnerId::parse("deploy-Bot@example").unwrap().as_str(), "deploy-Bot@example");
        assert_ne!(OwnerId::parse("bot").unwrap(), OwnerId::parse("Bot").unwrap());
    }

    #[test]
    fn empty_long_and_control_character_ids_are_refused() {
        let long = "x".repeat(LONGEST_OWNER_ID + 1);
        for text in ["", "a\u{0}b", "line\nbreak", &long] {
            assert_eq!(OwnerId::parse(text), Err(NotAnOwnerId), "{text:?}");
        }
        assert!(OwnerId::parse(&long[1..]).is_ok());
    }
}
