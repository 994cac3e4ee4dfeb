//! Tests that run once more in namespaces of the system's: what they do to networks or file systems happens to nobody else.

use std::process::Command;
use std::time::Duration;

use crate::command::to_its_end;

/// Set for the test that runs inside.
const INSIDE: &str = "TEST_RUNS_IN_A_NAMESPACE_OF_ITS_OWN";

/// The longest that a test inside may take; the long counts included.
const LIMIT: Duration = Duration::from_secs(3600);

/// Runs the calling test, by its name, once more in a new namespace of that kind (an option of `unshare`), begun by `script`,
/// which has to go on as `exec "$0" "$@"`; `true` there. Outside, it passes if it passed there.
///
/// # Panics
/// When it failed inside, or the system gives no such namespace.
#[must_use]
pub fn is_inside(test: &str, kind: &str, script: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let this = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args([kind, "sh", "-c", script]).arg(this).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let outcome = to_its_end(&mut command, LIMIT);
    println!("{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.code, Some(0), "{test} failed in its own namespace");
    assert!(outcome.stdout.contains("1 passed"), "{test} did not run in its own namespace");
    false
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` runs");
    id.stdout.trim_ascii() == b"0"
}
