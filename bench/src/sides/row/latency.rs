//! Latency at a modest rate that no side has trouble with.
//!
//! Each client sends by the clock. A request that had to wait for the answer before it is timed from the moment it
//! should have been sent, so that a side which stops for a while cannot hide that.

use std::thread;
use std::time::{Duration, Instant};

use adit_tests::http::Connection;

use crate::sides::finding::{Finding, Goal, Shown, Table};
use crate::sides::series::{Pace, Series, at, in_turn};
use crate::sides::side::{HOST, PROXIES, Side};
use crate::sides::stage::Stage;

const CLIENTS: u32 = 32;
const REQUESTS_A_SECOND: u32 = 640;

/// The time between two requests of one client.
const PERIOD: Duration = Duration::from_nanos(1_000_000_000 * CLIENTS as u64 / REQUESTS_A_SECOND as u64);

/// More rounds than elsewhere: the 99th percentile moves most.
const ROUNDS: usize = 5;
const LENGTH: Duration = Duration::from_secs(3);

/// Milliseconds.
struct Percentiles {
    p50: f64,
    p99: f64,
    slowest: f64,
}

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let sides = stage.sides(PROXIES);
    let (rounds, length) = (pace.rounds(ROUNDS), pace.length(LENGTH));
    let runs = in_turn(&sides, rounds, |side| run(side, length));

    let mut table = Table::new(&["side", "p50 ms", "p99 ms", "slowest ms"]);
    for (side, runs) in sides.iter().zip(&runs) {
        table.row(vec![
            side.kind.name().to_owned(),
            format!("{:.2}", Series::of(runs, |run| run.p50).median()),
            format!("{:.2}", Series::of(runs, |run| run.p99).median()),
            format!("{:.2}", Series::of(runs, |run| run.slowest).range().1),
        ]);
    }
    let (ours, theirs) = (&runs[0], &runs[1]);
    let beside = |what: &str, figure: fn(&Percentiles) -> f64| {
        let what = format!("{what} beside {}", PROXIES[1].name());
        Finding::ratio(what, &Series::of(ours, figure), &Series::of(theirs, figure), Goal::AtMost(1.0))
    };
    let findings = vec![beside("latency, p50,", |run| run.p50), beside("latency, p99,", |run| run.p99)];
    let how = format!(
        "{REQUESTS_A_SECOND} requests a second over {CLIENTS} connections by the clock, 1 KiB, median of {rounds} rounds \
         of {length:?}."
    );
    Shown { how, table, findings }
}

fn run(side: &Side, length: Duration) -> Percentiles {
    let mut connections: Vec<Connection> = (0..CLIENTS).map(|_| side.connect()).collect();
    // The first request of a connection may open connections further on; that is another row.
    connections.iter_mut().for_each(ask);
    let start = Instant::now() + PERIOD;
    let times: Vec<f64> = thread::scope(|scope| {
        let clients = connections.iter_mut().zip(0..);
        let clients = clients.map(|(connection, number)| {
            scope.spawn(move || by_the_clock(connection, start + PERIOD * number / CLIENTS, start + length))
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client of the load")).collect()
    });
    Percentiles { p50: at(&times, 0.5), p99: at(&times, 0.99), slowest: at(&times, 1.0) }
}

/// The times of one client's requests, in milliseconds.
fn by_the_clock(connection: &mut Connection, first: Instant, end: Instant) -> Vec<f64> {
    let mut times = Vec::new();
    let mut due = first;
    while due < end {
        let now = Instant::now();
        let was_late = now > due;
        thread::sleep(due.saturating_duration_since(now));
        let sent = if was_late { due } else { Instant::now() };
        ask(connection);
        times.push(sent.elapsed().as_secs_f64() * 1e3);
        due += PERIOD;
    }
    times
}

fn ask(connection: &mut Connection) {
    let answer = connection.get(HOST, "/1k").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}
