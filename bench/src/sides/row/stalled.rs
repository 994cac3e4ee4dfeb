//! Clients that ask for much and read nothing, beside others that work: how much of their rate the others keep.

use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_tests::http::Connection;

use super::requests::none_failed;
use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::load::{Run, wrk};
use crate::sides::series::{Pace, Series};
use crate::sides::side::{HOST, PROXIES, Side};
use crate::sides::stage::Stage;

const READERS: usize = 80;
const CONNECTIONS: u32 = 64;
const ROUNDS: usize = 3;
const LENGTH: Duration = Duration::from_secs(2);

/// How long buffers may take to fill until nothing moves any more.
const SETTLED: Duration = Duration::from_secs(10);

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let (rounds, length) = (pace.rounds(ROUNDS), pace.length(LENGTH));
    let sides = stage.sides(PROXIES);
    let mut runs: Vec<(Vec<Run>, Vec<Run>)> = sides.iter().map(|_| (Vec::new(), Vec::new())).collect();
    for _ in 0..rounds {
        for (side, (alone, beside)) in sides.iter().zip(&mut runs) {
            let _warm = wrk(side, "1k", CONNECTIONS, Duration::from_secs(1));
            alone.push(wrk(side, "1k", CONNECTIONS, length));
            let readers: Vec<Connection> = (0..READERS).map(|_| stalled(side)).collect();
            quiet(side);
            beside.push(wrk(side, "1k", CONNECTIONS, length));
            drop(readers);
            quiet(side);
        }
    }

    let rate = |runs: &[Run]| Series::of(runs, |run| run.counts.rate);
    let p99 = |runs: &[Run]| Series::of(runs, |run| run.counts.p99.as_secs_f64() * 1e3).median();
    let mut table =
        Table::new(&["side", "requests/s alone", "beside them", "kept", "p99 ms alone", "beside them", "failed"]);
    for (side, (alone, beside)) in sides.iter().zip(&runs) {
        table.row(vec![
            side.kind.name().to_owned(),
            format!("{:.0}", rate(alone).median()),
            format!("{:.0}", rate(beside).median()),
            format!("{:.2}x", rate(beside).median() / rate(alone).median()),
            format!("{:.2}", p99(alone)),
            format!("{:.2}", p99(beside)),
            alone.iter().chain(beside).map(Run::failed).sum::<u64>().to_string(),
        ]);
    }
    let (alone, beside) = &runs[0];
    let what = format!("rate that others keep beside {READERS} stalled readers");
    let findings = vec![
        Finding::ratio(what, &rate(beside), &rate(alone), Goal::AtLeast(0.9)),
        none_failed(beside, "requests of Adit that failed beside stalled readers"),
    ];
    let how = format!(
        "{READERS} clients ask for 1 GiB and read its head only; once nothing moves any more, wrk with {CONNECTIONS} \
         connections, 1 KiB, median of {rounds} rounds of {length:?}, without them and beside them in turn."
    );
    Shown { how, table, findings }
}

/// A client that has asked and reads no more.
fn stalled(side: &Side) -> Connection {
    let mut connection = side.connect();
    connection.write_head("GET", "/endless", &[("host", HOST)], 0).expect("a request");
    let head = connection.read_head().expect("the head of an answer");
    assert_eq!(head.status, 200, "a download that begins");
    connection
}

/// Waits until the side does next to nothing for half a second.
fn quiet(side: &Side) {
    let start = Instant::now();
    while start.elapsed() < SETTLED {
        let before = side.cpu();
        sleep(Duration::from_millis(500));
        if side.cpu().saturating_sub(before) <= Duration::from_millis(20) {
            return;
        }
    }
    println!("{} was not quiet after {SETTLED:?}", side.kind.name());
}
