//! The project's own commands: `cargo xtask setup`, `test`, `lint` and `bench`.
//!
//! Each says what it does, installs what is missing or says what to install, and ends with an exit code that means
//! it. Nothing is skipped silently. Beside the standard library it needs next to nothing, so that it builds in seconds.

mod bench;
mod go_peer;
mod javascript;
mod lint;
mod packages;
mod program;
mod python;
mod step;
mod test;
mod tool;

use std::process::ExitCode;

use step::Failed;

const USAGE: &str = "\
cargo xtask setup           install what the tests need (Debian packages, a Python environment with Node and
                            JavaScript packages under target/)
cargo xtask test [--long]   setup, formatting, lints and every test; --long raises the counts of the fault tests
cargo xtask lint            formatting, lints, licences, bans and sources (builds cargo-deny if it is missing)
cargo xtask bench [WHAT]    measure: sides (the default; beside other proxies), moves, failover, connectors,
                            sign-in, snapshot or directory
cargo xtask bench sides [--only ROW,ROW] [--quick] [--write]
                            some rows, in short rounds that only show that it works, into bench/README.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["setup"] => setup(),
        ["test"] => test::run_all(test::Length::Short),
        ["test", "--long"] => test::run_all(test::Length::Long),
        ["lint"] => lint::run_all(),
        ["bench", rest @ ..] => bench::run_all(rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(why)) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Installs what the tests need.
fn setup() -> Result<(), Failed> {
    setup_to_build()?;
    setup_to_run()
}

/// Installs what the tests need to be built.
fn setup_to_build() -> Result<(), Failed> {
    packages::install(packages::FOR_TESTS)?;
    tool::components()
}

/// Installs what else they need to run, for which nothing is built.
fn setup_to_run() -> Result<(), Failed> {
    python::environment()?;
    javascript::packages()
}
