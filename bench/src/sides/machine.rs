//! Where and with what was measured: date, machine, versions.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use adit_tests::{command, repository};

use super::{nginx, peer};

/// Today, as `2026-11-21`.
pub(crate) fn date() -> String {
    said_by(Command::new("date").args(["--utc", "+%F"]))
}

/// One sentence about the machine.
pub(crate) fn machine() -> String {
    let processor = value("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = value("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let gibibytes = memory.unwrap_or_default() as f64 / (1024.0 * 1024.0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {processor}, {gibibytes:.0} GiB, Linux {}", kernel.trim())
}

/// The versions of everything that takes part.
pub(crate) fn versions() -> Vec<String> {
    let mut frp = Command::new(peer::built("ADIT_BENCH_FRPS"));
    let mut chisel = Command::new(peer::built("ADIT_BENCH_CHISEL"));
    vec![
        format!("Adit {}", adit()),
        format!("nginx {}", after(&mut Command::new(nginx::program()), "-v", "nginx/")),
        format!("HAProxy {}", after(&mut Command::new(peer::haproxy_program()), "-v", "version ")),
        format!("rathole {}", after(&mut Command::new(peer::built("ADIT_BENCH_RATHOLE")), "--version", "Version:")),
        format!("frp {}", after(&mut frp, "--version", "")),
        format!("chisel {}", after(&mut chisel, "--version", "")),
        format!("wrk {}", after(&mut Command::new("wrk"), "-v", "wrk ")),
        format!("OpenSSL {}", after(&mut Command::new("openssl"), "version", "OpenSSL ")),
        format!("frp and chisel built with {}", go()),
    ]
}

/// Version and commit.
pub(crate) fn adit() -> String {
    let mut git = Command::new("git");
    let commit = said_by(git.current_dir(repository()).args(["rev-parse", "--short", "HEAD"]));
    let version = after(&mut Command::new(command::binary()), "--version", "adit ");
    if commit.is_empty() { version } else { format!("{version} (commit {commit})") }
}

/// The Go that compiled the peers, as their binaries remember it.
fn go() -> String {
    let program = peer::built("ADIT_BENCH_FRPS");
    let said = said_by(Command::new("go").arg("version").arg(&program));
    said.rsplit(' ').next().filter(|word| word.starts_with("go")).unwrap_or("an unknown Go").to_owned()
}

/// The word after `mark` in what a program says of its version, on whichever stream.
fn after(command: &mut Command, flag: &str, mark: &str) -> String {
    let text = said_by(command.arg(flag));
    let rest = text.split_once(mark).map_or("", |(_, rest)| rest);
    rest.split_whitespace().next().unwrap_or("of unknown version").to_owned()
}

fn said_by(command: &mut Command) -> String {
    let Ok(output) = command.stdin(Stdio::null()).output() else { return String::new() };
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The value of the first line `name : value` of a file.
fn value(path: impl AsRef<Path>, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
