//! `cargo xtask bench`: builds what is measured, optimised, and runs the measurements.

use crate::step::{Failed, cargo, run};
use crate::{packages, tool};

/// Installs, builds and measures; `arguments` go to the measuring program.
pub(crate) fn run_all(arguments: &[&str]) -> Result<(), Failed> {
    packages::install(packages::FOR_BENCH)?;
    let rathole = tool::rathole()?;
    run(&mut cargo(&["build", "--release", "--package", "adit", "--package", "adit-bench"]))?;
    let mut measure = cargo(&["run", "--quiet", "--release", "--package", "adit-bench", "--"]);
    run(measure.args(arguments).env("ADIT_BENCH_RATHOLE", rathole))
}
