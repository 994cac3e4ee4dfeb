//! Connectors restart, are drained, and change groups under mixed load, and nobody notices: what is under way is finished,
//! WebSockets are told, and what is new goes to the other connector.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::Read as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use adit_tests::command::run;
use adit_tests::graph::PROFILE;
use adit_tests::http::Connection;
use adit_tests::mixed::{Kind, Mixed, Site};
use adit_tests::websocket::{self, Said};
use adit_tests::{ConnectorProcess, Directory, Upstream, long, settles};
use serde_json::json;

const HOST: &str = "localhost";

/// How long a connector may take to leave: what takes longest under way takes less than two seconds.
const DRAINED: Duration = Duration::from_secs(15);

/// How many requests must be answered right, and none wrong, from the first restart on.
fn wanted() -> usize {
    if long() { 1_000_000 } else { 20_000 }
}

/// Each test wants the whole machine.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Scene {
    connectors: [ConnectorProcess; 2],
    _upstream: Upstream,
    directory: Directory,
}

impl Scene {
    fn set() -> Self {
        Self::set_with(&[])
    }

    fn set_with(flags: &[&str]) -> Self {
        let directory = Directory::start_with(flags);
        let connectors = [directory.connector("one"), directory.connector("two")];
        let upstream = Upstream::start();
        let _application = directory.publish("served twice", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { connectors, _upstream: upstream, directory }
    }

    fn site(&self) -> Site {
        Site { gateway: self.directory.addresses().gateway, host: HOST.to_owned(), trust: self.directory.trust() }
    }

    fn metric(&self, name: &str) -> Option<i64> {
        let mut connection = Connection::plain(self.directory.addresses().metrics).ok()?;
        let text = connection.get("localhost", "/metrics").ok()?.text();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }
}

#[test]
fn connectors_restart_one_after_the_other_under_mixed_load_and_no_request_fails() {
    let _alone = alone();
    let mut scene = Scene::set();
    let load = Mixed::start(&scene.site());
    settles("everybody is at work", Duration::from_secs(30), || load.right() > 200);
    let (before, mut restarts, mut draining) = (load.right(), 0, 0);
    while load.right() - before < wanted() || restarts < 4 {
        let connector = &mut scene.connectors[restarts % 2];
        connector.process().terminate();
        settles("it has left", DRAINED, || {
            draining = draining.max(scene.metric("adit_gateway_draining_streams").unwrap_or(0));
            !scene.connectors[restarts % 2].process().is_running()
        });
        let connector = &mut scene.connectors[restarts % 2];
        assert!(connector.process().finish(DRAINED).success(), "a drained connector ends well");
        connector.restart();
        // Two of each connector.
        settles("it serves again", DRAINED, || scene.metric("adit_gateway_tunnel_connections") == Some(4));
        restarts += 1;
    }
    let tally = load.stop();
    println!("{restarts} restarts, {} answers: {:?}", tally.total(), tally.right);
    println!("{} WebSockets were told, the slowest took {:?}, {draining} draining at most", tally.told, tally.slowest);
    assert!(tally.failed.is_empty(), "{} failed: {:#?}", tally.failed.len(), tally.failed);
    assert_eq!(tally.right.len(), 7, "every kind was at work: {:?}", tally.right);
    assert!(tally.told > 0, "WebSockets of connectors that left were told");
    assert!(draining > 0, "what was under way was seen until it was done");
    assert_eq!(scene.metric("adit_gateway_draining_streams"), Some(0));
    assert!(tally.right[&Kind::Long] > 0 && tally.right[&Kind::Events] > 0);
}

#[test]
fn a_connector_is_drained_under_mixed_load_until_nothing_is_under_way_and_resumed() {
    let _alone = alone();
    let mut scene = Scene::set();
    let (graph, data) = (scene.directory.graph(), scene.directory.data_argument());
    let work =
        |connector: &ConnectorProcess| graph.get(&format!("{PROFILE}/connectors/{}/adit.work()", connector.id()));
    let load = Mixed::start(&scene.site());
    settles("both are at work", DRAINED, || {
        scene.connectors.iter().all(|one| work(one)["requestsUnderWay"].as_u64().unwrap() > 0) && load.right() > 200
    });
    for round in 0..4 {
        let [drained, other] = [&scene.connectors[round % 2], &scene.connectors[(round + 1) % 2]];
        let said = run(&["connectors", "drain", drained.name(), "--data", &data]).succeeded();
        assert!(said.contains("nothing is under way"), "{said}");
        let left = work(drained);
        assert_eq!((&left["isDrained"], left["requestsUnderWay"].as_u64()), (&json!(true), Some(0)), "{left}");
        assert_eq!(graph.status_of(drained.id()), "active", "it stays connected");
        let right = load.right();
        settles("the other one carries on", DRAINED, || load.right() > right + 200);
        assert_eq!((work(drained)["requestsUnderWay"].as_u64(), &work(other)["isDrained"]), (Some(0), &json!(false)));
        let _ = run(&["connectors", "resume", drained.id(), "--data", &data]).succeeded();
        settles("it serves again", DRAINED, || work(drained)["requestsUnderWay"].as_u64().unwrap() > 0);
    }
    // A new start undoes a drain, and a server that follows another one knows of it.
    let _ = run(&["connectors", "drain", "one", "--data", &data]).succeeded();
    let mut followed = scene.directory.take_over();
    assert!(followed.finish(DRAINED).success());
    let right = load.right();
    settles("the other one carries on", DRAINED, || load.right() > right + 200);
    let left = work(&scene.connectors[0]);
    assert_eq!((&left["isDrained"], left["requestsUnderWay"].as_u64()), (&json!(true), Some(0)), "{left}");
    scene.connectors[0].process().terminate();
    assert!(scene.connectors[0].process().finish(DRAINED).success());
    scene.connectors[0].restart();
    settles("it serves again", DRAINED, || work(&scene.connectors[0])["requestsUnderWay"].as_u64().unwrap() > 0);
    assert_eq!(work(&scene.connectors[0])["isDrained"], false);

    let tally = load.stop();
    println!("{} answers, {} WebSockets were told: {:?}", tally.total(), tally.told, tally.right);
    assert!(tally.failed.is_empty(), "{} failed: {:#?}", tally.failed.len(), tally.failed);
    assert!(tally.told > 0, "WebSockets of connectors that were drained were told");
    let nobody = run(&["connectors", "drain", "nobody", "--data", &data]);
    assert_eq!(nobody.code, Some(1), "there is no such connector: {}", nobody.stderr);
}

#[test]
fn a_connector_that_is_moved_ends_what_it_did_for_its_old_group() {
    let _alone = alone();
    let scene = Scene::set_with(&["--grace", "5s"]);
    let graph = scene.directory.graph();
    let (home, away) = (graph.group_named("Default"), graph.create_group("Elsewhere"));
    let load = Mixed::start(&scene.site());
    settles("everybody is at work", DRAINED, || load.right() > 200);
    let moved = &scene.connectors[0];
    let work = || graph.get(&format!("{PROFILE}/connectors/{}/adit.work()", moved.id()));
    for _ in 0..3 {
        settles("it is at work", DRAINED, || work()["requestsUnderWay"].as_u64().unwrap() > 0);
        graph.move_connector(moved.id(), &away);
        settles("nothing is under way for the old group", DRAINED, || work()["drainingStreams"] == 0);
        graph.move_connector(moved.id(), &home);
    }
    let tally = load.stop();
    assert!(tally.failed.is_empty(), "{} failed: {:#?}", tally.failed.len(), tally.failed);

    // What takes longer than the grace is cut.
    let mut user = scene.directory.user(HOST);
    user.write_head("GET", "/long/100000/100000", &[("host", HOST)], 0).unwrap();
    assert_eq!(user.read_head().unwrap().status, 200);
    let mut told = scene.directory.user(HOST);
    let fields = [("host", HOST), ("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
    let fields = [&fields[..], &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]].concat();
    told.write_head("GET", "/websocket", &fields, 0).unwrap();
    assert_eq!(told.read_response(false).unwrap().status, 101);
    let begun = Instant::now();
    for connector in &scene.connectors {
        graph.move_connector(connector.id(), &away);
    }
    assert_eq!(websocket::read(&mut told).unwrap(), Said::Closing(1001), "a WebSocket is told at once");
    assert!(begun.elapsed() < Duration::from_secs(25), "told after {:?}", begun.elapsed());
    let mut body = Vec::new();
    let broken = user.read_to_end(&mut body).is_err() || body.len() < 100_000;
    assert!(broken && begun.elapsed() < Duration::from_secs(25), "cut after {:?}", begun.elapsed());
}
