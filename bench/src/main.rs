//! Measures Adit beside other ways to do the same job, on loopback, in a few minutes.
//!
//! - `sides` (the default): requests per second, latency and CPU time of Adit, of nginx with TLS in front of rathole
//!   with its TLS transport, of two nginx hops with TLS between them, and of no proxy at all; same run, in turn.
//! - `moves`: how long a move of a connector and a reassignment of an application take until requests follow.
//! - `failover`: how long requests wait after `kill -9` of one of two connectors.
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

mod certificate;
mod cpu;
mod directory;
mod failover;
mod moves;
mod nginx;
mod report;
mod served_twice;
mod side;
mod sides;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let floors_hold = match words.as_slice() {
        [] | ["sides"] => sides::measure(),
        ["moves"] => moves::measure(),
        ["failover"] => failover::measure(),
        ["directory"] => directory::measure(),
        other => {
            let known = "sides, moves, failover and directory";
            eprintln!("adit-bench: no such measurement: {}; there are {known}", other.join(" "));
            return ExitCode::from(2);
        }
    };
    if floors_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
