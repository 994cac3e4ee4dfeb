//! Formatting, lints, and what may be depended on.

use std::path::Path;
use std::process::Command;

use crate::step::{Failed, cargo, repository, run};
use crate::tool;

/// The features that bring the tests that `--long` alone runs ([`crate::program`]): they are compiled and linted every time.
pub(crate) const FOR_LONG_TESTS: &str = "adit-tests/keycloak,adit-identity/vectors";

/// `cargo xtask lint`.
pub(crate) fn run_all() -> Result<(), Failed> {
    tool::components()?;
    formatting()?;
    run(&mut clippy())?;
    run(&mut without_features())?;
    let deny = tool::cargo_deny()?;
    run(Command::new(deny).current_dir(repository()).args(["check", "bans", "licenses", "sources"]))
}

/// Whether every file is formatted.
pub(crate) fn formatting() -> Result<(), Failed> {
    run(&mut cargo(&["fmt", "--all", "--check"]))
}

/// Succeeds where clippy has nothing to say.
fn clippy() -> Command {
    cargo(&["clippy", "--workspace", "--all-targets", "--features", FOR_LONG_TESTS, "--", "-D", "warnings"])
}

/// The same of the binary without its optional parts.
fn without_features() -> Command {
    cargo(&["clippy", "--package", "adit", "--no-default-features", "--all-targets", "--", "-D", "warnings"])
}

/// Has our own crates compiled by clippy, which is rustc and says what it finds: so nothing is read twice, and no crate of others
/// once more for the lints. Two things differ: no optimisation before LLVM's, and none of the checks of raw pointers that
/// debug builds have; we have no unsafe code. (`cargo build` and the demo are rustc's alone.)
pub(crate) fn while_compiling(mut command: Command) -> Command {
    let driver = Path::new(command.get_program()).with_file_name("clippy-driver");
    command.env("RUSTC_WORKSPACE_WRAPPER", if driver.is_file() { driver } else { "clippy-driver".into() });
    command
}
