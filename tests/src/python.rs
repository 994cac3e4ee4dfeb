//! Scripts of `tests/python`, run in the virtual environment that `cargo xtask setup` makes.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::command::to_its_end;
use crate::scratch::{repository, target};

/// The longest a script may take: a browser on a slow machine starts slowly.
const LIMIT: Duration = Duration::from_secs(240);

/// A program of the virtual environment.
///
/// # Panics
/// When the environment has not been set up.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let program = target().join("python/bin").join(name);
    assert!(program.exists(), "{} is missing: run `cargo xtask setup` first", program.display());
    program
}

/// A command that speaks to loopback itself, whatever the machine's proxy settings are.
pub fn without_proxy(command: &mut Command) -> &mut Command {
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.env("NO_PROXY", "*")
}

/// Runs `tests/python/SCRIPT` with `arguments`; what it printed.
///
/// # Panics
/// When it fails.
pub fn run(script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program("python"));
    // No compiled copies beside the scripts.
    command.arg("-B").arg(repository().join("tests/python").join(script)).args(arguments);
    let outcome = to_its_end(without_proxy(&mut command), LIMIT);
    assert_eq!(outcome.code, Some(0), "{script} failed\n{}\n{}", outcome.stdout, outcome.stderr);
    outcome.stdout
}
