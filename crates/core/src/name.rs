//! Names that people give: of applications, connector groups and machines.
//!
//! A name is 1 to 256 characters, has no control characters, and neither starts nor ends with white space. Two group
//! names that differ only by case are the same name: compare [`DisplayName::folded`].

use serde::{Deserialize, Serialize};

/// The longest name, in characters: the limit of directory display names in Graph.
pub const LONGEST_NAME: usize = 256;

/// A text that cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// Nothing but white space.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than [`LONGEST_NAME`].
    #[error("a name has at most {LONGEST_NAME} characters; this one has {0}")]
    TooLong(usize),
    /// Contains a control character.
    #[error("a name cannot contain control characters")]
    ControlCharacter,
    /// A machine name with characters outside letters, digits, `-`, `_` and `.`.
    #[error("a machine name consists of letters, digits, '-', '_' and '.'; '{0}' does not")]
    NotAMachineName(String),
}

/// The name of an application or a connector group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// Trims and checks `text`.
    ///
    /// # Errors
    /// [`NotAName`] when the trimmed text is empty, too long or contains control characters.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        let text = text.trim();
        let length = text.chars().count();
        if text.is_empty() {
            return Err(NotAName::Empty);
        }
        if length > LONGEST_NAME {
            return Err(NotAName::TooLong(length));
        }
        if text.chars().any(char::is_control) {
            return Err(NotAName::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The form in which texts are compared where case does not count.
#[must_use]
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// The name of the computer a connector runs on: letters, digits, `-`, `_` and `.`, at most 253 characters
/// (RFC 1123 host names, and the underscore that Windows allows).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineName(String);

impl MachineName {
    /// Trims and checks `text`.
    ///
    /// # Errors
    /// [`NotAName`] when the text is empty, longer than 253 characters, or has characters no host name has.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotAName::Empty);
        }
        if text.len() > 253 {
            return Err(NotAName::TooLong(text.len()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !text.chars().all(allowed) {
            return Err(NotAName::NotAMachineName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! name {
    ($name:ident, $refused:ident) => {
        impl $name {
            /// The name as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form in which names are compared: without case.
            #[must_use]
            pub fn folded(&self) -> String {
                $crate::name::fold(&self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $refused;
            fn try_from(text: String) -> Result<Self, $refused> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
pub(crate) use name;

name!(DisplayName, NotAName);
name!(MachineName, NotAName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_compared_without_case() {
        let name = DisplayName::parse("  Söhne & Co ").unwrap();
        assert_eq!(name.as_str(), "Söhne & Co");
        assert_eq!(name.folded(), DisplayName::parse("SÖHNE & co").unwrap().folded());
    }

    #[test]
    fn empty_long_and_control_character_names_are_refused() {
        assert_eq!(DisplayName::parse(" \t"), Err(NotAName::Empty));
        assert_eq!(DisplayName::parse(&"x".repeat(257)), Err(NotAName::TooLong(257)));
        assert_eq!(DisplayName::parse("a\u{0}b"), Err(NotAName::ControlCharacter));
        assert!(DisplayName::parse(&"x".repeat(256)).is_ok());
    }

    #[test]
    fn a_machine_name_is_a_host_name() {
        assert!(MachineName::parse("srv_01.corp.example").is_ok());
        assert!(MachineName::parse("two words").is_err());
        assert!(MachineName::parse("line\nbreak").is_err());
    }
}
