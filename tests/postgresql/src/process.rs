//! The processes of a server: which there are, and signals to them.

use std::fs;
use std::process::{Command, Stdio};

/// Sends a signal to processes; those that have ended meanwhile are no failure.
pub(crate) fn send(signal: &str, processes: &[u32]) {
    let script: String = processes.iter().map(|process| format!("kill -{signal} {process} 2>/dev/null\n")).collect();
    // The shell's own `kill`: the program of that name is not on every machine.
    let status = Command::new("/bin/sh").args(["-c", &script]).stdin(Stdio::null()).status();
    assert!(status.is_ok(), "no shell can be started: {status:?}");
}

/// Whether a process has ended, also if its parent has not asked for that yet.
pub(crate) fn has_ended(process: u32) -> bool {
    state_and_parent(process).is_none_or(|(state, _)| state == "Z" || state == "X")
}

/// The processes that `parent` started.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| state_and_parent(*id).is_some_and(|(_, its)| its == parent)).collect()
}

/// The first two words that Linux says of a process after its name.
fn state_and_parent(process: u32) -> Option<(String, u32)> {
    let said = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut words = said.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}
