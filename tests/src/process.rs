//! A child process that never outlives its test.
//!
//! Output goes to a file, so that a full pipe stops nobody; its end is shown when a test fails.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The end of a log that is shown when a test fails, in lines.
const SHOWN_LINES: usize = 60;

/// `kill -9` of a process that this test started.
///
/// # Panics
/// When it cannot be sent.
pub fn kill(process: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -KILL {process}")]).status();
    assert!(status.is_ok_and(|status| status.success()), "process {process} cannot be killed");
}

/// A running child process; killed on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    has_children: bool,
}

impl Process {
    /// Starts `command` with its output in `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        Self::start_apart(name, command, log, log)
    }

    /// Starts `command` with what it prints and what it complains of in two files.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_apart(name: &str, command: &mut Command, log: &Path, complaints: &Path) -> Self {
        Self::spawn(name, command.stdin(Stdio::null()), log, complaints)
    }

    /// Starts `command`, whose input is set already, with its output in `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_with_input(name: &str, command: &mut Command, log: &Path) -> Self {
        Self::spawn(name, command, log, log)
    }

    fn spawn(name: &str, command: &mut Command, log: &Path, complaints: &Path) -> Self {
        let open = |path: &Path| File::options().create(true).append(true).open(path).expect("a log file");
        let (output, errors) = (open(log), open(complaints));
        let child = command
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child, log: complaints.to_owned(), has_children: false }
    }

    /// It has children of its own (nginx and its workers), which `kill -9` would leave behind: on drop it is asked to
    /// end first.
    #[must_use]
    pub fn with_children(mut self) -> Self {
        self.has_children = true;
        self
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`, and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// `SIGTERM`; does not wait.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name, such as `TERM`.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: the program of that name is not on every machine.
        let script = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &script]).status();
        assert!(status.is_ok_and(|status| status.success()), "{} cannot be sent SIG{name}", self.name);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub fn finish(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status;
            }
            assert!(start.elapsed() < limit, "{} still runs after {limit:?}", self.name);
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.has_children && self.is_running() {
            self.terminate();
            let start = Instant::now();
            while self.is_running() && start.elapsed() < Duration::from_secs(3) {
                sleep(Duration::from_millis(20));
            }
        }
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = lines.len().saturating_sub(SHOWN_LINES);
            eprintln!("---- the end of what {} printed\n{}\n----", self.name, lines[shown..].join("\n"));
        }
    }
}
