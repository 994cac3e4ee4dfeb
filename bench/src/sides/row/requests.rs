//! Requests for each second of CPU time: small bodies, keep-alive connections, every peer.

use std::time::Duration;

use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::load::{Run, wrk};
use crate::sides::series::{Pace, Series, in_turn};
use crate::sides::side::Kind;
use crate::sides::stage::Stage;

pub(super) const SIDES: &[Kind] =
    &[Kind::Adit, Kind::TwoNginx, Kind::NginxRathole, Kind::TwoHaproxy, Kind::Frp, Kind::NginxChisel, Kind::Direct];

const ROUNDS: usize = 3;
/// Long enough for 400 handshakes of the slowest side on a slow machine.
const WARM_UP: Duration = Duration::from_secs(3);
const LENGTH: Duration = Duration::from_secs(3);

pub(super) fn of_64(stage: &Stage, pace: Pace) -> Shown {
    let goals = [(Kind::NginxRathole, 1.8), (Kind::TwoNginx, 1.4), (Kind::Frp, 2.5)];
    measure(stage, pace, 64, &goals)
}

pub(super) fn of_400(stage: &Stage, pace: Pace) -> Shown {
    measure(stage, pace, 400, &[(Kind::NginxRathole, 2.0), (Kind::TwoNginx, 1.3)])
}

fn measure(stage: &Stage, pace: Pace, connections: u32, goals: &[(Kind, f64)]) -> Shown {
    let sides = stage.sides(SIDES);
    for side in &sides {
        let _warm = wrk(side, "1k", connections, WARM_UP);
    }
    let (rounds, length) = (pace.rounds(ROUNDS), pace.length(LENGTH));
    let runs = in_turn(&sides, rounds, |side| wrk(side, "1k", connections, length));

    let mut table = Table::new(&["side", "requests/s", "p50 ms", "p99 ms", "CPU-s per 100,000", "failed"]);
    for (side, runs) in sides.iter().zip(&runs) {
        table.row(vec![
            side.kind.name().to_owned(),
            format!("{:.0}", Series::of(runs, |run| run.counts.rate).median()),
            format!("{:.2}", Series::of(runs, |run| run.counts.p50.as_secs_f64() * 1e3).median()),
            format!("{:.2}", Series::of(runs, |run| run.counts.p99.as_secs_f64() * 1e3).median()),
            format!("{:.2}", cpu(runs).median()),
            runs.iter().map(Run::failed).sum::<u64>().to_string(),
        ]);
    }
    let of = |kind: Kind| &runs[SIDES.iter().position(|side| *side == kind).unwrap()];
    let ours = of(Kind::Adit);
    let mut findings: Vec<Finding> = goals
        .iter()
        .map(|(peer, goal)| {
            let what = format!("requests per CPU second, {connections} connections, beside {}", peer.name());
            Finding::ratio(what, &per_cpu_second(ours), &per_cpu_second(of(*peer)), Goal::AtLeast(*goal))
        })
        .collect();
    findings.push(none_failed(ours, &format!("requests of Adit that failed, {connections} connections")));
    let how = format!("wrk, {connections} keep-alive connections, 1 KiB, median of {rounds} rounds of {length:?}.");
    Shown { how, table, findings }
}

/// That nothing failed at Adit: without it, no other figure counts.
pub(super) fn none_failed(runs: &[Run], what: &str) -> Finding {
    Finding::new(what, runs.iter().map(Run::failed).sum::<u64>() as f64, "", Goal::AtMost(0.0))
}

fn cpu(runs: &[Run]) -> Series {
    Series::of(runs, |run| run.cpu_for(1e5))
}

fn per_cpu_second(runs: &[Run]) -> Series {
    Series::of(runs, |run| 1.0 / run.cpu_for(1.0))
}
