//! How long requests wait after `kill -9` of one of two connectors, under steady load.

use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_tests::{eventually, settles};

use crate::report::print_times;
use crate::served_twice::{Scene, failed};

const KILLS: usize = 10;

/// How long each kill is watched.
const WATCHED: Duration = Duration::from_secs(2);

/// Measures and prints; false if a request failed.
pub(crate) fn measure() -> bool {
    let mut scene = Scene::set("A");
    let (mut first, mut slowest, mut requests, mut failures) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..KILLS {
        let load = scene.load();
        sleep(Duration::from_millis(300));
        let killed = Instant::now();
        scene.connectors[round % 2].process().kill();
        sleep(WATCHED);
        let shots = load.stop();
        let after = || shots.iter().filter(|shot| shot.sent >= killed && shot.failure.is_none());
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        first.push(after().map(|shot| milliseconds(shot.ended - killed)).fold(f64::INFINITY, f64::min));
        slowest.push(after().map(|shot| milliseconds(shot.ended - shot.sent)).fold(0.0, f64::max));
        requests += shots.len();
        failures += failed(&shots);
        start_again(&mut scene, round % 2);
    }
    println!("kill -9 of one of two connectors, {requests} requests, {failures} failed");
    print_times("  first answer after the kill", &first);
    print_times("  slowest request that was sent after the kill", &slowest);
    failures == 0
}

fn start_again(scene: &mut Scene, which: usize) {
    scene.connectors[which].restart();
    let pid = scene.connectors[which].pid();
    scene.upstream.recognise(pid);
    let mut user = scene.directory.user("localhost");
    let limit = Duration::from_secs(30);
    settles("an active connector", limit, || scene.graph.status_of(scene.connectors[which].id()) == "active");
    let _ = eventually("the connector carries requests again", limit, || {
        let answer = user.get("localhost", "/who").ok()?;
        (answer.header("x-carried-by")? == pid.to_string()).then_some(())
    });
}
