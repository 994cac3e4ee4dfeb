//! CPU time for each GiB of large bodies.

use std::time::Duration;

use super::requests::{SIDES, none_failed};
use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::load::{Run, wrk};
use crate::sides::nginx::LARGE;
use crate::sides::series::{Pace, Series, in_turn};
use crate::sides::side::Kind;
use crate::sides::stage::Stage;

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(1);
const LENGTH: Duration = Duration::from_secs(3);
const CONNECTIONS: u32 = 4;

/// Bodies in a GiB.
const IN_A_GIBIBYTE: f64 = (1024.0 * 1024.0 * 1024.0) / LARGE as f64;

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let sides = stage.sides(SIDES);
    for side in &sides {
        let _warm = wrk(side, "10m", CONNECTIONS, WARM_UP);
    }
    let (rounds, length) = (pace.rounds(ROUNDS), pace.length(LENGTH));
    let runs = in_turn(&sides, rounds, |side| wrk(side, "10m", CONNECTIONS, length));

    let mut table = Table::new(&["side", "MiB/s", "CPU-s per GiB", "failed"]);
    for (side, runs) in sides.iter().zip(&runs) {
        let mebibytes = (LARGE / (1024 * 1024)) as f64;
        table.row(vec![
            side.kind.name().to_owned(),
            format!("{:.0}", Series::of(runs, |run| run.counts.rate * mebibytes).median()),
            format!("{:.2}", cpu(runs).median()),
            runs.iter().map(Run::failed).sum::<u64>().to_string(),
        ]);
    }
    let of = |kind: Kind| &runs[SIDES.iter().position(|side| *side == kind).unwrap()];
    let ours = of(Kind::Adit);
    let mut findings: Vec<Finding> = [(Kind::TwoNginx, 0.7), (Kind::NginxRathole, 0.5)]
        .into_iter()
        .map(|(peer, goal)| {
            let what = format!("CPU per GiB beside {}", peer.name());
            Finding::ratio(what, &cpu(ours), &cpu(of(peer)), Goal::AtMost(goal))
        })
        .collect();
    findings.push(none_failed(ours, "large bodies of Adit that failed"));
    let how = format!("wrk, {CONNECTIONS} connections, bodies of 10 MiB, median of {rounds} rounds of {length:?}.");
    Shown { how, table, findings }
}

fn cpu(runs: &[Run]) -> Series {
    Series::of(runs, |run| run.cpu_for(IN_A_GIBIBYTE))
}
