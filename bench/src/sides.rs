//! The side-by-side run: every side in turn, three rounds, medians.

use std::time::Duration;

use adit_tests::Scratch;
use adit_tests::wrk::{Counts, Wrk};

use crate::certificate::Certificate;
use crate::cpu;
use crate::nginx::{self, LARGE, free_port};
use crate::report::{self, Bulk, Row};
use crate::side::Side;

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(1);
const SMALL_RUN: Duration = Duration::from_secs(3);
const LARGE_RUN: Duration = Duration::from_secs(2);
const SMALL_CONNECTIONS: u32 = 64;
const LARGE_CONNECTIONS: u32 = 4;

/// At least so many times the requests per CPU second of nginx with rathole.
const FLOOR_OVER_RATHOLE: f64 = 1.15;

/// At least so many times the requests per CPU second of two nginx hops.
const FLOOR_OVER_TWO_HOPS: f64 = 0.9;

/// One run of one side.
struct Run {
    counts: Counts,
    cpu: Duration,
}

/// Measures, prints the tables, and says whether the floors hold.
pub(crate) fn measure() -> bool {
    let scratch = Scratch::new();
    let folder = scratch.path();
    let port = free_port();
    let origin = nginx::origin(folder, port);
    let certificate = Certificate::make(folder);
    let sides = [
        Side::adit(port),
        Side::nginx_and_rathole(folder, port, &certificate),
        Side::two_nginx_hops(folder, port, &certificate),
        Side::direct(port, &origin),
    ];

    let small = in_turn(&sides, "1k", SMALL_CONNECTIONS, SMALL_RUN);
    let rows: Vec<Row> = sides.iter().zip(&small).map(|(side, runs)| row(side.name, runs)).collect();
    println!("\n1 KiB bodies, {SMALL_CONNECTIONS} connections, median of {ROUNDS} rounds of {SMALL_RUN:?}\n");
    report::print_rows(&rows);
    let held = report::print_floors(&rows[0], &[(&rows[1], FLOOR_OVER_RATHOLE), (&rows[2], FLOOR_OVER_TWO_HOPS)]);

    let large = in_turn(&sides, "10m", LARGE_CONNECTIONS, LARGE_RUN);
    let rows: Vec<Bulk> = sides.iter().zip(&large).map(|(side, runs)| bulk(side.name, runs)).collect();
    println!("\n10 MiB bodies, {LARGE_CONNECTIONS} connections, for information\n");
    report::print_bulk(&rows);
    held
}

/// A B C D, A B C D, ...: what the machine does meanwhile touches all sides alike.
fn in_turn(sides: &[Side], path: &str, connections: u32, duration: Duration) -> Vec<Vec<Run>> {
    for side in sides {
        let _warm = run(side, path, connections, WARM_UP);
    }
    let mut runs: Vec<Vec<Run>> = sides.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (side, runs) in sides.iter().zip(&mut runs) {
            runs.push(run(side, path, connections, duration));
        }
    }
    runs
}

fn run(side: &Side, path: &str, connections: u32, duration: Duration) -> Run {
    let before = cpu::of_trees(&side.processes);
    let counts = Wrk::new(&format!("{}{path}", side.url), connections, duration).run();
    let cpu = cpu::of_trees(&side.processes).saturating_sub(before);
    let failed = counts.refused + counts.socket_errors;
    assert_eq!(failed, 0, "{} failed {failed} requests: {counts:?}", side.name);
    Run { counts, cpu }
}

fn row(name: &'static str, runs: &[Run]) -> Row {
    Row {
        name,
        rate: median(runs, |run| run.counts.rate),
        p50: median(runs, |run| run.counts.p50.as_secs_f64() * 1e3),
        p99: median(runs, |run| run.counts.p99.as_secs_f64() * 1e3),
        cpu: median(runs, |run| run.cpu.as_secs_f64() / run.counts.requests as f64 * 1e5),
    }
}

fn bulk(name: &'static str, runs: &[Run]) -> Bulk {
    let mebibytes = (LARGE / (1024 * 1024)) as f64;
    Bulk {
        name,
        rate: median(runs, |run| run.counts.rate * mebibytes),
        cpu: median(runs, |run| run.cpu.as_secs_f64() / (run.counts.requests as f64 * mebibytes) * 1024.0),
    }
}

/// The median of one figure of the runs.
pub(crate) fn median<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
