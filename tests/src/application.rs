//! Applications that nobody here wrote, as child processes on loopback: found, started, awaited.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::deadline::settles;
use crate::process::Process;

/// How long an application may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running application that listens on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Application {
    process: Process,
    port: u16,
}

impl Application {
    /// Starts `command`, which was told to listen on `port`, with its output in `log`, and waits until it does.
    ///
    /// # Panics
    /// When it ends, or does not listen in time.
    #[must_use]
    pub fn start(name: &str, command: &mut Command, port: u16, log: &Path) -> Self {
        let mut started = Self::starting(name, command, port, log);
        settles(&format!("{name} that listens"), START_LIMIT, || {
            assert!(started.process.is_running(), "{name} ended: {}", started.process.log());
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        started
    }

    /// Starts `command` likewise, and waits for nothing.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn starting(name: &str, command: &mut Command, port: u16, log: &Path) -> Self {
        Self { process: Process::start(name, command, log).with_children(), port }
    }

    /// Its URL, as an internal URL of an application.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A command of a program that comes from a Debian package, those of the administrator included.
///
/// # Panics
/// When it has not been installed.
#[must_use]
pub fn program(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
    Command::new(found.unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask setup` first")))
}

/// A port of 127.0.0.1 that nobody listens on.
///
/// # Panics
/// When the system has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
