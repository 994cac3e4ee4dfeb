//! `cargo xtask bench`: builds what is measured, optimised, and runs the measurements.

use std::process::Command;

use crate::step::{Failed, cargo, run, target};
use crate::{go_peer, packages, tool};

/// Installs, builds and measures; `arguments` go to the measuring program.
pub(crate) fn run_all(arguments: &[&str]) -> Result<(), Failed> {
    let mut measure = measuring_program();
    measure.args(arguments);
    // Only the side-by-side run has peers.
    if matches!(arguments, [] | ["sides", ..]) {
        packages::install(packages::FOR_BENCH)?;
        measure.env("ADIT_BENCH_RATHOLE", tool::rathole()?);
        let built = go_peer::programs()?;
        measure.env("ADIT_BENCH_FRPS", built.frps).env("ADIT_BENCH_FRPC", built.frpc);
        measure.env("ADIT_BENCH_CHISEL", built.chisel);
    }
    run(&mut cargo(&["build", "--release", "--package", "adit", "--package", "adit-bench"]))?;
    run(&mut measure)
}

/// The measuring program, with as many open files as the system lets it have: it is a thousand clients at once.
fn measuring_program() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$(ulimit -Hn)\" && exec \"$0\" \"$@\""]);
    command.arg(target().join("release/adit-bench"));
    command
}
