//! A running `adit connector`.

use std::path::{Path, PathBuf};

use crate::command::{adit, started_by};
use crate::process::Process;
use crate::scratch::Scratch;

/// A connector as a child process, with its data folder.
pub struct ConnectorProcess {
    name: String,
    id: String,
    flags: Vec<String>,
    // Before the folder, so that the log can still be shown when the process is dropped.
    process: Process,
    scratch: Scratch,
}

impl ConnectorProcess {
    /// Starts a connector that registers with `token`; does not wait.
    #[must_use]
    pub fn start(name: &str, token: &str, flags: &[&str]) -> Self {
        Self::start_with(&[], name, token, flags, &[])
    }

    /// The same, whose upstreams' certificates are checked against those in the file `roots`.
    #[must_use]
    pub fn start_trusting(name: &str, token: &str, roots: &Path) -> Self {
        Self::start_with(&[], name, token, &[], &[("SSL_CERT_FILE", roots)])
    }

    /// The same as [`Self::start`], by a command that starts it (`unshare` with its flags) and whose process becomes the
    /// connector's.
    #[must_use]
    pub fn start_under(starter: &[&str], name: &str, token: &str) -> Self {
        Self::start_with(starter, name, token, &[], &[])
    }

    fn start_with(starter: &[&str], name: &str, token: &str, flags: &[&str], environment: &[(&str, &Path)]) -> Self {
        let scratch = Scratch::new();
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let data = scratch.join("data").display().to_string();
        let mut command = adit(&["connector", "--token", token, "--data", &data, "--name", name]);
        command.args(&flags).envs(environment.iter().copied());
        let process = Process::start(name, &mut started_by(starter, command), &scratch.join("log"));
        Self { name: name.to_owned(), id: String::new(), flags, scratch, process }
    }

    /// The same, known in the directory as `id`.
    #[must_use]
    pub fn registered_as(self, id: String) -> Self {
        Self { id, ..self }
    }

    /// Starts another process on a copy of the connector's data folder: two machines with one key.
    ///
    /// # Panics
    /// When the folder cannot be copied.
    #[must_use]
    pub fn copy(&self) -> Self {
        let scratch = Scratch::new();
        let data = scratch.join("data");
        std::fs::create_dir(&data).expect("a folder");
        for file in ["connector-key.pem", "connector.json"] {
            std::fs::copy(self.data().join(file), data.join(file)).expect("a copy of the data folder");
        }
        let mut command = adit(&["connector", "--data", &data.display().to_string()]);
        let process = Process::start(&self.name, command.args(&self.flags), &scratch.join("log"));
        Self { name: self.name.clone(), id: self.id.clone(), flags: self.flags.clone(), process, scratch }
    }

    /// Starts the connector again from its data folder alone; the process must have ended.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same, with these flags beside its own.
    pub fn restart_with(&mut self, flags: &[&str]) {
        let data = self.data().display().to_string();
        let mut command = adit(&["connector", "--data", &data, "--name", &self.name]);
        command.args(flags);
        self.process = Process::start(&self.name, command.args(&self.flags), &self.scratch.join("log"));
    }

    /// Its id in the directory.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its machine name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.scratch.join("data")
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}
