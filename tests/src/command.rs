//! The `adit` binary under test, and one run of it from start to end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::process::Process;
use crate::scratch::{Scratch, repository};

/// The longest a command that ends by itself may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The binary: `ADIT_BINARY` if set, else the one of this build, brought up to date once for each test program.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("ADIT_BINARY").map_or_else(build, PathBuf::from))
}

/// Builds the binary with the profile of this test program, whose own path says which that is.
fn build() -> PathBuf {
    let here = std::env::current_exe().expect("the path of this program");
    let folder = here.ancestors().find(|path| path.ends_with("debug") || path.ends_with("release"));
    let folder = folder.expect("this program is inside a build folder");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository()).args(["build", "--quiet", "--package", "adit"]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.stdin(Stdio::null()).status().expect("cargo runs");
    assert!(built.success(), "the adit binary does not build");
    folder.join("adit")
}

/// What one run of a command gave.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Outcome {
    /// stdout of a run that must have succeeded.
    ///
    /// # Panics
    /// When it failed.
    #[must_use]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }
}

/// A command of the binary, with an environment that says nothing about the person who runs the tests.
#[must_use]
pub fn adit(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env("NO_COLOR", "1").env_remove("RUST_LOG");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ADIT_")) {
        command.env_remove(name);
    }
    command
}

/// `command`, started by another; itself if there is none.
#[must_use]
pub fn started_by(starter: &[&str], command: Command) -> Command {
    let [program, flags @ ..] = starter else { return command };
    let mut started = Command::new(program);
    started.args(flags).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => started.env(name, value),
            None => started.env_remove(name),
        };
    }
    started
}

/// Runs `adit` with `arguments` to its end.
///
/// # Panics
/// When it does not end within a minute.
#[must_use]
pub fn run(arguments: &[&str]) -> Outcome {
    to_its_end(&mut adit(arguments), LIMIT)
}

/// Runs any command to its end, within `limit`.
///
/// # Panics
/// When it cannot be started or does not end in time.
pub fn to_its_end(command: &mut Command, limit: Duration) -> Outcome {
    let scratch = Scratch::new();
    let (out, err) = (scratch.join("stdout"), scratch.join("stderr"));
    let mut process = Process::start_apart("the command", command, &out, &err);
    let status = process.finish(limit);
    let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    Outcome { code: status.code(), stdout: text(&out), stderr: text(&err) }
}

/// Sends one request with curl and gives `(status, head, body)`; `arguments` as on curl's command line.
///
/// # Panics
/// When curl itself fails.
#[must_use]
pub fn curl(arguments: &[&str]) -> (u16, String, String) {
    let scratch = Scratch::new();
    let (head, body) = (scratch.join("head"), scratch.join("body"));
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "--write-out", "%{http_code}"]);
    command.arg("--dump-header").arg(&head).arg("--output").arg(&body).args(arguments);
    let status = to_its_end(&mut command, LIMIT).succeeded().trim().parse().expect("a status");
    let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    (status, text(&head), text(&body))
}
