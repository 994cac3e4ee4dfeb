//! Measures Adit beside other ways to do the same job, on loopback, in a few minutes.
//!
//! - `sides` (the default): Adit beside nginx, HAProxy, rathole, frp and chisel, in one run, in turn; every row beside
//!   its goal. `--only ROW,ROW` measures some rows, `--quick` shows in short rounds that they work, `--write` writes
//!   `bench/README.md`.
//! - `moves`: how long a move of a connector and a reassignment of an application take until requests follow.
//! - `failover`: how long requests wait after `kill -9` of one of two connectors.
//! - `connectors`: memory of the gateway for an idle connector, and of an idle connector's process; `--write` writes
//!   it into `bench/README.md`.
//! - `sign-in`: what a request with a session costs beside one without, and the time of an access decision; `--write`
//!   likewise.
//! - `snapshot`: what a version of the directory with 1,000,000 applications costs a gateway: its memory, a change, a look;
//!   `--write` likewise.
//! - `directory`: what the API costs on a directory of 100,000 groups and 1,000,000 applications.
//!
//! Load generator, proxies and origin share the machine, so CPU seconds for each request is the main figure;
//! requests per second depends on what else the machine does. Compare rows of one table only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot be set up must stop there and say where"
)]

mod connectors;
mod cpu;
mod directory;
mod failover;
mod memory;
mod moves;
mod process_tree;
mod report;
mod served_twice;
mod sides;
mod sign_in;
mod snapshot;

use std::process::ExitCode;

/// As `adit` has it: memory and looks depend on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let goals_hold = match words.as_slice() {
        [] => sides::measure(&[]),
        ["sides", options @ ..] => sides::measure(options),
        ["moves"] => Ok(moves::measure()),
        ["failover"] => Ok(failover::measure()),
        ["connectors", options @ ..] => connectors::measure(options),
        ["sign-in", options @ ..] => sign_in::measure(options),
        ["snapshot", options @ ..] => snapshot::measure(options),
        ["directory"] => Ok(directory::measure()),
        other => {
            let known = "sides, moves, failover, connectors, sign-in, snapshot and directory";
            Err(format!("no such measurement: {}; there are {known}", other.join(" ")))
        }
    };
    match goals_hold {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("adit-bench: {why}");
            ExitCode::from(2)
        }
    }
}
