//! The one error of the command line: what did not happen, why, and what to do.
//!
//! Libraries have typed errors; a command turns each into a [`CommandError`] with the hints that only the command
//! knows. Exit code 2 means that flags or configuration were wrong and nothing was started or changed; every other
//! failure is 1.

use std::error::Error;
use std::fmt::Display;
use std::process::ExitCode;

/// Whose fault it is, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A flag or the configuration file is wrong; nothing was started.
    Usage,
    /// Something that was tried did not work.
    Failed,
}

/// Why a command did not do what it was asked to do.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    error: String,
    hints: Vec<String>,
}

impl CommandError {
    /// A wrong flag or configuration.
    pub(crate) fn usage(what_did_not_happen: impl Display, why: impl Display) -> Self {
        Self { kind: Kind::Usage, error: format!("{what_did_not_happen}: {why}"), hints: Vec::new() }
    }

    /// Something that was tried and did not work.
    pub(crate) fn failed(what_did_not_happen: impl Display, why: impl Display) -> Self {
        Self { kind: Kind::Failed, error: format!("{what_did_not_happen}: {why}"), hints: Vec::new() }
    }

    /// Something that was tried and did not work, by an error that already says what did not happen.
    pub(crate) fn said(error: impl Display) -> Self {
        Self { kind: Kind::Failed, error: error.to_string(), hints: Vec::new() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints the error and its hints on stderr and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.error);
        for hint in &self.hints {
            eprintln!("  try: {hint}");
        }
        match self.kind {
            Kind::Usage => ExitCode::from(2),
            Kind::Failed => ExitCode::from(1),
        }
    }
}

/// An error and everything that caused it, on one line: most libraries put the reason into the source.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let reason = source.to_string();
        if !text.contains(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("no connection")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("refused"));
        assert_eq!(with_causes(&error), "no connection: refused");
    }

    #[test]
    fn usage_exits_2_and_failure_exits_1() {
        assert_eq!(CommandError::usage("a", "b").report(), ExitCode::from(2));
        assert_eq!(CommandError::failed("a", "b").report(), ExitCode::from(1));
    }
}
