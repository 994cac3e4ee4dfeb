//! A user of this directory itself: somebody who has a name and a password here, and needs no other identity provider.
//!
//! Rules: a user principal name is unique without regard to case, and looks like an address. What a password must be is
//! decided here too; what is kept of one is nobody's business but the store's, and is no part of a [`User`], so that no
//! list and no answer can hold it.

mod common_password;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::application::Attributes;
use crate::id::UserId;
use crate::name::{DisplayName, fold, name};
use crate::revision::Revision;

/// The longest user principal name, in characters: 64 before the `@`, 48 behind it, as in Graph.
pub const LONGEST_PRINCIPAL_NAME: usize = 113;

/// The longest part before the `@`, in characters.
const LONGEST_LOCAL_PART: usize = 64;

/// The shortest password, in characters. Length is what makes guessing hard; classes of characters are not asked for
/// (NIST SP 800-63B, section 3.1.1).
pub const SHORTEST_PASSWORD: usize = 12;

/// The longest password, in bytes: more than anybody types, little enough to hash for strangers.
pub const LONGEST_PASSWORD: usize = 256;

/// How many different characters a password has at least.
const FEWEST_DIFFERENT: usize = 4;

/// The shortest name that a password must not contain, in characters; shorter ones are in it by accident.
const SHORTEST_NAME_SOUGHT: usize = 4;

/// A text that cannot be a user principal name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPrincipalName {
    /// Not one `@` with something on both sides.
    #[error("it must have the form 'name@domain'")]
    Form,
    /// Longer than [`LONGEST_PRINCIPAL_NAME`], or its first part than 64 characters.
    #[error("it has at most 64 characters before the '@' and {LONGEST_PRINCIPAL_NAME} in all")]
    TooLong,
    /// A character that names do not have.
    #[error("the part before the '@' consists of letters, digits and . - _ ! # ^ ~ ', without a dot at an end")]
    LocalPart,
    /// Not a host name.
    #[error("the part behind the '@' is not a domain name")]
    Domain,
}

/// The name by which a user signs in, such as `ada@corp.example`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserPrincipalName(String);

impl UserPrincipalName {
    /// Checks `text`. White space around it is taken off.
    ///
    /// # Errors
    /// [`NotAPrincipalName`], the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, NotAPrincipalName> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(NotAPrincipalName::Form)?;
        if local.is_empty() || domain.is_empty() || domain.contains('@') {
            return Err(NotAPrincipalName::Form);
        }
        if local.chars().count() > LONGEST_LOCAL_PART || text.chars().count() > LONGEST_PRINCIPAL_NAME {
            return Err(NotAPrincipalName::TooLong);
        }
        let in_local = |c: char| c.is_ascii_alphanumeric() || ".-_!#^~'".contains(c);
        if !local.chars().all(in_local) || local.starts_with('.') || local.ends_with('.') {
            return Err(NotAPrincipalName::LocalPart);
        }
        if !domain.split('.').all(is_label) {
            return Err(NotAPrincipalName::Domain);
        }
        Ok(Self(text.to_owned()))
    }

    /// What is before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

name!(UserPrincipalName, NotAPrincipalName);

/// A user as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// By what it signs in; unique without regard to case.
    pub principal_name: UserPrincipalName,
    /// Its name; not unique.
    pub display_name: DisplayName,
    /// Whether it may sign in.
    pub is_enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When its password was set last.
    pub password_changed: Timestamp,
    /// The rest, opaque here.
    pub attributes: Attributes,
    /// The revision of its last change.
    pub revision: Revision,
}

/// A password that is not taken. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Too short.
    #[error("a password has at least {SHORTEST_PASSWORD} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {LONGEST_PASSWORD} bytes")]
    TooLong,
    /// Control characters cannot be typed.
    #[error("a password has no control characters")]
    ControlCharacter,
    /// The same few characters again and again.
    #[error("a password has at least {FEWEST_DIFFERENT} different characters")]
    Monotonous,
    /// The one that it shall replace.
    #[error("a new password is another one than the present")]
    Same,
    /// What is guessed first.
    #[error("a password is not made of common words, numbers and runs along the keyboard alone")]
    Common,
    /// The user's own name.
    #[error("a password does not contain the name of its user")]
    ContainsName,
}

/// Checks a password that shall be that of a user of these names.
///
/// # Errors
/// [`PasswordRefused`], the first rule that it breaks.
pub fn check_password(
    password: &str,
    principal_name: &UserPrincipalName,
    display_name: &DisplayName,
) -> Result<(), PasswordRefused> {
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(PasswordRefused::TooShort);
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(PasswordRefused::TooLong);
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordRefused::ControlCharacter);
    }
    let different: std::collections::HashSet<char> = password.chars().collect();
    if different.len() < FEWEST_DIFFERENT {
        return Err(PasswordRefused::Monotonous);
    }
    if common_password::is_common(password) {
        return Err(PasswordRefused::Common);
    }
    let folded = fold(password);
    let contains = |name: &str| name.chars().count() >= SHORTEST_NAME_SOUGHT && folded.contains(&fold(name));
    if contains(principal_name.local_part()) || contains(display_name.as_str()) {
        return Err(PasswordRefused::ContainsName);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_name_is_an_address_and_compared_without_case() {
        let name = UserPrincipalName::parse(" Ada.O'Neil@Corp.example ").unwrap();
        assert_eq!((name.as_str(), name.local_part()), ("Ada.O'Neil@Corp.example", "Ada.O'Neil"));
        assert_eq!(name.folded(), UserPrincipalName::parse("ada.o'neil@corp.EXAMPLE").unwrap().folded());
    }

    #[test]
    fn other_texts_are_no_principal_names() {
        let long = format!("{}@corp.example", "a".repeat(65));
        let wide = format!("a@{}.example", "b".repeat(110));
        for (text, reason) in [
            ("", NotAPrincipalName::Form),
            ("ada", NotAPrincipalName::Form),
            ("@corp.example", NotAPrincipalName::Form),
            ("ada@", NotAPrincipalName::Form),
            ("ada@corp@example", NotAPrincipalName::Form),
            (&long, NotAPrincipalName::TooLong),
            (&wide, NotAPrincipalName::TooLong),
            (".ada@corp.example", NotAPrincipalName::LocalPart),
            ("a b@corp.example", NotAPrincipalName::LocalPart),
            ("a/b@corp.example", NotAPrincipalName::LocalPart),
            ("a\u{0}b@corp.example", NotAPrincipalName::LocalPart),
            ("\u{430}da@corp.example", NotAPrincipalName::LocalPart),
            ("ada@corp..example", NotAPrincipalName::Domain),
            ("ada@-corp.example", NotAPrincipalName::Domain),
            ("ada@corp.example/x", NotAPrincipalName::Domain),
        ] {
            assert_eq!(UserPrincipalName::parse(text), Err(reason), "{text:?}");
        }
    }

    fn check(password: &str) -> Result<(), PasswordRefused> {
        let name = UserPrincipalName::parse("lovelace@corp.example").unwrap();
        check_password(password, &name, &DisplayName::parse("Ada").unwrap())
    }

    #[test]
    fn a_password_is_long_and_says_which_rule_it_breaks() {
        assert_eq!(check("correct horse battery"), Ok(()));
        assert_eq!(check("пароль на двоих"), Ok(()));
        assert_eq!(check("elevenchars"), Err(PasswordRefused::TooShort));
        assert_eq!(check(&"xy1!".repeat(65)), Err(PasswordRefused::TooLong));
        assert_eq!(check("correct\u{0}horse battery"), Err(PasswordRefused::ControlCharacter));
        assert_eq!(check("abababababababab"), Err(PasswordRefused::Monotonous));
        assert_eq!(check("Password1234"), Err(PasswordRefused::Common));
        assert_eq!(check("my-LOVELACE-word"), Err(PasswordRefused::ContainsName));
        assert_eq!(check("canada is large"), Ok(()), "a short name is in many words");
    }
}
