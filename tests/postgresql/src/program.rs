//! Where the programs of PostgreSQL are, and running one to its end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian keeps them: in one folder for each version, and not on the path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A program of the server.
pub(crate) fn find(name: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let version = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let folders = versions.into_iter().map(|folder| folder.join("bin")).chain(std::env::split_paths(&path));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| format!("{name} is missing: run `cargo xtask setup`, or apt-get install postgresql"))
}

/// A program that asks a server: what it is to ask stands in its arguments, and not in the environment.
pub(crate) fn client(name: &str) -> Command {
    let mut command = Command::new(find(name).unwrap_or_else(|why| panic!("{why}")));
    for (variable, _) in std::env::vars_os().filter(|(variable, _)| variable.to_string_lossy().starts_with("PG")) {
        command.env_remove(variable);
    }
    command
}

/// What `command` prints, if it succeeds; else what it complains of.
pub(crate) fn said_by(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}
