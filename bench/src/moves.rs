//! How long a change of the directory takes until requests follow it, under steady load.
//!
//! For each change, from the moment its answer arrived: when the first request that was sent afterwards went the new
//! way, and when the last one still went the old way.

use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_tests::load::Shot;

use crate::report::print_times;
use crate::served_twice::{Scene, failed};

const CHANGES: usize = 50;

/// How long each change is watched.
const WATCHED: Duration = Duration::from_millis(250);

/// Where requests go after a change: named by the connector's process, as answers name it.
enum Way {
    /// All to this one.
    Only(String),
    /// Some to this one.
    Also(String),
    /// None to this one.
    Never(String),
}

/// A change: when its answer arrived, and where requests go after it.
struct Change {
    answered: Instant,
    way: Way,
}

impl Way {
    /// Whether a request shows that the change has come.
    fn shows(&self, shot: &Shot) -> bool {
        match self {
            Self::Only(wanted) | Self::Also(wanted) => shot.carrier == *wanted,
            Self::Never(left) => shot.carrier != *left,
        }
    }

    /// Whether a request could not have gone so after the change.
    fn contradicts(&self, shot: &Shot) -> bool {
        match self {
            Self::Only(_) | Self::Never(_) => !self.shows(shot),
            Self::Also(_) => false,
        }
    }
}

/// Measures and prints; false if a request failed.
pub(crate) fn measure() -> bool {
    let reassigned = reassignments();
    let moved = moves();
    reassigned && moved
}

fn reassignments() -> bool {
    let scene = Scene::set("B");
    watched("reassigning the application", &scene, |round| {
        let next = (round + 1) % 2;
        scene.graph.assign_group(&scene.application, &scene.groups[next]);
        Change { answered: Instant::now(), way: Way::Only(scene.connectors[next].pid().to_string()) }
    })
}

fn moves() -> bool {
    let scene = Scene::set("B");
    let moving = &scene.connectors[1];
    watched("moving a connector", &scene, |round| {
        let joins = round % 2 == 0;
        scene.graph.move_connector(moving.id(), &scene.groups[usize::from(!joins)]);
        let carrier = moving.pid().to_string();
        Change { answered: Instant::now(), way: if joins { Way::Also(carrier) } else { Way::Never(carrier) } }
    })
}

fn watched(what: &str, scene: &Scene, change: impl Fn(usize) -> Change) -> bool {
    let load = scene.load();
    sleep(WATCHED);
    let mut changes = Vec::new();
    for round in 0..CHANGES {
        changes.push(change(round));
        sleep(WATCHED);
    }
    let shots = load.stop();
    let (first, last) = effects(&changes, &shots);
    println!("{what}, {} requests, {} failed", shots.len(), failed(&shots));
    print_times("  first request that went the new way", &first);
    print_times("  last request that still went the old way", &last);
    failed(&shots) == 0
}

/// For each change, in milliseconds: the first request the new way, the last one the old way (0 if none).
fn effects(changes: &[Change], shots: &[Shot]) -> (Vec<f64>, Vec<f64>) {
    changes
        .iter()
        .map(|change| {
            let end = change.answered + WATCHED;
            let after = || shots.iter().filter(|shot| shot.sent >= change.answered && shot.sent < end);
            let since = |shot: &Shot| (shot.sent - change.answered).as_secs_f64() * 1e3;
            let first = after().find(|shot| change.way.shows(shot)).map_or(f64::INFINITY, since);
            (first, after().filter(|shot| change.way.contradicts(shot)).map(since).fold(0.0, f64::max))
        })
        .unzip()
}
