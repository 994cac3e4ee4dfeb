//! Formatting, lints, and what may be depended on.

use std::process::Command;

use crate::step::{Failed, cargo, repository, run};
use crate::tool;

/// The features of the tests that `--long` alone runs.
pub(crate) const FOR_LONG_TESTS: &str = "adit-tests/keycloak,adit-identity/vectors";

/// `cargo xtask lint`.
pub(crate) fn run_all() -> Result<(), Failed> {
    tool::components()?;
    formatting()?;
    run(&mut clippy())?;
    without_features()?;
    let deny = tool::cargo_deny()?;
    run(Command::new(deny).current_dir(repository()).args(["check", "bans", "licenses", "sources"]))
}

/// Whether every file is formatted.
pub(crate) fn formatting() -> Result<(), Failed> {
    run(&mut cargo(&["fmt", "--all", "--check"]))
}

/// Succeeds where clippy has nothing to say.
pub(crate) fn clippy() -> Command {
    cargo(&["clippy", "--workspace", "--all-targets", "--features", FOR_LONG_TESTS, "--", "-D", "warnings"])
}

/// Whether the binary without its optional parts builds as cleanly.
fn without_features() -> Result<(), Failed> {
    run(&mut cargo(&["clippy", "--package", "adit", "--no-default-features", "--all-targets", "--", "-D", "warnings"]))
}
