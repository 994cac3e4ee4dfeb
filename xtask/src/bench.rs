//! `cargo xtask bench`: builds what is measured, optimised, and runs the measurements.

use crate::step::{Failed, cargo, run};
use crate::{packages, tool};

/// Installs, builds and measures; `arguments` go to the measuring program.
pub(crate) fn run_all(arguments: &[&str]) -> Result<(), Failed> {
    let mut measure = cargo(&["run", "--quiet", "--release", "--package", "adit-bench", "--"]);
    measure.args(arguments);
    // Only the side-by-side run has peers.
    if matches!(arguments, [] | ["sides"]) {
        packages::install(packages::FOR_BENCH)?;
        measure.env("ADIT_BENCH_RATHOLE", tool::rathole()?);
    }
    run(&mut cargo(&["build", "--release", "--package", "adit", "--package", "adit-bench"]))?;
    run(&mut measure)
}
