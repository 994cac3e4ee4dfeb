//! Maintenance: an application that is closed for everybody for a while, with a text that says why.

use serde::{Deserialize, Serialize};

/// Whether an application is closed for maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceState {
    /// It is open.
    #[default]
    Off,
    /// It is closed: nothing is forwarded.
    On,
}

/// What an administrator tells the users of a closed application: plain text of up to [`MaintenanceText::LONGEST`]
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MaintenanceText(String);

/// A text that cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a maintenance text has 1 to {longest} characters, and no control characters", longest = MaintenanceText::LONGEST)]
pub struct NotAMaintenanceText;

impl MaintenanceText {
    /// What fits on a page that says one thing.
    pub const LONGEST: usize = 500;

    /// Checks a text; spaces around it are dropped.
    ///
    /// # Errors
    /// [`NotAMaintenanceText`] when it is empty, too long, or has control characters other than line ends.
    pub fn parse(text: &str) -> Result<Self, NotAMaintenanceText> {
        let text = text.trim();
        let shown = |c: char| c == '\n' || !c.is_control();
        let fits = !text.is_empty() && text.chars().count() <= Self::LONGEST && text.chars().all(shown);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAMaintenanceText) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MaintenanceText {
    type Error = NotAMaintenanceText;
    fn try_from(text: String) -> Result<Self, NotAMaintenanceText> {
        Self::parse(&text)
    }
}

impl From<MaintenanceText> for String {
    fn from(text: MaintenanceText) -> Self {
        text.0
    }
}

/// The maintenance of one application. The text stays while it is off, for the next time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Maintenance {
    /// Whether it is closed.
    pub state: MaintenanceState,
    /// What its users are told.
    pub text: Option<MaintenanceText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_short_and_has_nothing_but_characters() {
        assert_eq!(MaintenanceText::parse(" Back at 10.\nSorry! ").unwrap().as_str(), "Back at 10.\nSorry!");
        assert!(MaintenanceText::parse(&"\u{e9}".repeat(500)).is_ok());
        for text in ["", "  ", "a\u{7}b", "a\u{0}", "a\rb", &"x".repeat(501)] {
            assert_eq!(MaintenanceText::parse(text), Err(NotAMaintenanceText), "{text:?}");
        }
    }

    #[test]
    fn what_was_stored_before_there_was_maintenance_is_open() {
        assert_eq!(serde_json::from_str::<Maintenance>("{}").unwrap().state, MaintenanceState::Off);
    }
}
