//! Connectors and applications change groups while requests flow: no request fails, and each change takes effect at
//! once.
//!
//! What is promised is one second; these tests demand five, because they run on slow and busy machines. Exact
//! figures: `cargo xtask bench moves`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_tests::graph::Graph;
use adit_tests::http::Connection;
use adit_tests::wrk::Wrk;
use adit_tests::{ConnectorProcess, Directory, Upstream, eventually, long};

/// Five times the second that is promised.
const EFFECTIVE: Duration = Duration::from_secs(5);

/// How many requests in a row must go elsewhere before a connector counts as left alone: by chance, two connectors
/// of one group would give such a row once in 65536.
const IN_A_ROW: usize = 16;

const HOST: &str = "localhost";

/// An application served by group A; connector one in A, connector two in B.
struct Scene {
    graph: Graph,
    application: String,
    groups: [String; 2],
    connectors: [ConnectorProcess; 2],
    _upstream: Upstream,
    directory: Directory,
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let graph = directory.graph();
        let groups = [graph.create_group("A"), graph.create_group("B")];
        let connectors = [directory.connector_in("one", "A", &[]), directory.connector_in("two", "B", &[])];
        let upstream = Upstream::start();
        for connector in &connectors {
            upstream.recognise(connector.pid());
        }
        let application = directory.publish("moving", &upstream, HOST, "A");
        directory.wait_until_served(HOST);
        Self { graph, application, groups, connectors, _upstream: upstream, directory }
    }

    /// Steady load, as many connections as the promise names.
    fn load(&self) -> adit_tests::wrk::Running {
        let url = format!("{}1k", self.directory.external_url(HOST));
        Wrk::new(&url, 64, Duration::from_secs(3600)).start()
    }

    fn carried_by(&self, user: &mut Connection) -> u32 {
        let answer = user.get(HOST, "/who").expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-carried-by").unwrap().parse().expect("a connector that is known")
    }
}

/// Both tests want the whole machine.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rounds() -> usize {
    if long() { 1000 } else { 50 }
}

#[test]
fn an_application_is_reassigned_under_load_and_no_request_fails() {
    let _alone = alone();
    let scene = Scene::set();
    let load = scene.load();
    let mut user = scene.directory.user(HOST);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds() {
        let next = (round + 1) % 2;
        scene.graph.assign_group(&scene.application, &scene.groups[next]);
        let wanted = scene.connectors[next].pid();
        let (_, took) = eventually("the reassignment's effect", EFFECTIVE, || {
            (0..IN_A_ROW).all(|_| scene.carried_by(&mut user) == wanted).then_some(())
        });
        slowest = slowest.max(took);
    }
    let counts = load.stop();
    println!("slowest of {} reassignments: {slowest:?}; load: {counts:?}", rounds());
    assert_eq!((counts.refused, counts.socket_errors), (0, 0), "{counts:?}");
}

#[test]
fn a_connector_is_moved_under_load_and_no_request_fails() {
    let _alone = alone();
    let scene = Scene::set();
    let load = scene.load();
    let mut user = scene.directory.user(HOST);
    let moving = &scene.connectors[1];
    let mut slowest = Duration::ZERO;
    for round in 0..rounds() {
        let joins = round % 2 == 0;
        scene.graph.move_connector(moving.id(), &scene.groups[usize::from(!joins)]);
        let (_, took) = eventually("the move's effect", EFFECTIVE, || {
            let carried: Vec<bool> = (0..IN_A_ROW).map(|_| scene.carried_by(&mut user) == moving.pid()).collect();
            let serves = carried.iter().any(|carried| *carried);
            (serves == joins).then_some(())
        });
        slowest = slowest.max(took);
    }
    let counts = load.stop();
    println!("slowest of {} moves: {slowest:?}; load: {counts:?}", rounds());
    assert_eq!((counts.refused, counts.socket_errors), (0, 0), "{counts:?}");
}
